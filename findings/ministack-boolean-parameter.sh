#!/bin/sh
# MiniStack refuses the value `true` of a parameter that allows [true, false], and takes `True`, which it does not allow.
#
# Guess: AllowedValues that YAML reads as booleans are the texts `true` and `false`, as parameters are text in CloudFormation.
# Seen:  they are Python's `True` and `False`: `true` is refused, `True` is accepted, and so the default value is `True`.
# So:    put the booleans of a parameter in quotes; a condition that compares with `true` never holds otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ministack==1.5.33 boto3==1.43.106
AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import os
import socket
import subprocess
import sys
import time

import boto3
from botocore.exceptions import ClientError, EndpointConnectionError

TEMPLATE = """
Parameters:
  Scaling: {Type: String, Default: true, AllowedValues: [true, false]}
Resources:
  Nothing: {Type: AWS::CloudFormation::WaitConditionHandle}
Outputs:
  Scaling: {Value: !Ref Scaling}
"""

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = str(free.getsockname()[1])
server = subprocess.Popen(
    [f"{sys.argv[1]}/venv/bin/ministack"],
    cwd=sys.argv[1],
    env={**os.environ, "GATEWAY_PORT": port},
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
client = boto3.client("cloudformation", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{port}")
for _ in range(100):
    try:
        client.list_stacks()
        break
    except EndpointConnectionError:
        time.sleep(0.2)


def create(name: str, value: str | None) -> str:
    given = [] if value is None else [{"ParameterKey": "Scaling", "ParameterValue": value}]
    try:
        client.create_stack(StackName=name, TemplateBody=TEMPLATE, Parameters=given)
    except ClientError as error:
        return str(error.response["Error"]["Message"])
    for _ in range(50):
        [stack] = client.describe_stacks(StackName=name)["Stacks"]
        if stack["StackStatus"].endswith(("COMPLETE", "FAILED")):
            return stack["StackStatus"] + " " + " ".join(output["OutputValue"] for output in stack.get("Outputs", []))
        time.sleep(0.2)
    return "no end"


seen = {value: create(f"stack-{value}", value) for value in ("true", "True", None)}
server.terminate()
server.wait()
for value, what in seen.items():
    print(f"{value}: {what}")
assert "not in AllowedValues" in seen["true"], seen
assert seen["True"] == "CREATE_COMPLETE True", seen
PYTHON
