#!/bin/sh
# MiniStack lets two stacks export the same name.
#
# Guess: the second stack fails, as in CloudFormation, where an export's name is unique in an account and Region:
#        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
# Seen:  both are created. The export has the value of the second stack, and no export is left when that one is deleted.
# So:    a test with MiniStack does not find two stacks that cannot exist side by side.
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
Resources:
  Nothing: {Type: AWS::CloudFormation::WaitConditionHandle}
Outputs:
  Shared: {Value: VALUE, Export: {Name: shared}}
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


def settled(name: str) -> str:
    for _ in range(50):
        try:
            [stack] = client.describe_stacks(StackName=name)["Stacks"]
        except ClientError:
            return "gone"
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            return str(stack["StackStatus"])
        time.sleep(0.2)
    return "no end"


def exported() -> list[str]:
    return [export["Value"] for export in client.list_exports()["Exports"]]


seen = {}
for name in ("first", "second"):
    client.create_stack(StackName=name, TemplateBody=TEMPLATE.replace("VALUE", name))
    seen[name] = settled(name)
seen["exports"] = " ".join(exported())
client.delete_stack(StackName="second")
seen["second, deleted"] = settled("second")
seen["exports after that"] = " ".join(exported())
server.terminate()
server.wait()
for what, how in seen.items():
    print(f"{what}: {how}")
assert list(seen.values()) == ["CREATE_COMPLETE", "CREATE_COMPLETE", "second", "gone", ""], seen
PYTHON
