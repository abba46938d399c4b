#!/bin/sh
# crhelper resets `Data` before each request, and keeps `NoEcho`.
#
# Guess: each answer begins afresh, so a handler that sets `NoEcho` for one resource does not change others.
# Seen:  after one request has set it, every later answer of the same process has it, for any resource and stack.
# So:    set it in every handler, to true or false.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check crhelper==2.0.12 boto3==1.44.8
AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 "$folder/venv/bin/python" - <<'PYTHON'
import json
from unittest import mock

from crhelper import CfnResource

answers = []


class Connection:
    def __init__(self, *_, **__):
        pass

    def request(self, body, **_):
        answers.append(json.loads(body))

    def getresponse(self):
        return mock.Mock(status=200, reason="OK")


class Context:
    function_name, aws_request_id, log_stream_name = "f", "r", "l"
    invoked_function_arn = "arn:aws:lambda:us-east-1:111122223333:function:f"

    @staticmethod
    def get_remaining_time_in_millis():
        return 60_000


helper = CfnResource()


@helper.create
def create(event, context):
    if event["LogicalResourceId"] == "Secret":
        helper.NoEcho = True
        helper.Data["Password"] = "a secret"


with mock.patch("crhelper.utils.HTTPSConnection", Connection):
    for name in ("Before", "Secret", "After"):
        request = {
            "RequestType": "Create",
            "RequestId": name,
            "LogicalResourceId": name,
            "ResponseURL": "https://example.com/answer",
            "StackId": f"arn:aws:cloudformation:us-east-1:111122223333:stack/{name}/id",
            "ResourceProperties": {},
        }
        helper(request, Context)
seen = [(answer["Status"], answer["LogicalResourceId"], answer["Data"], answer["NoEcho"]) for answer in answers]
print(*seen, sep="\n")
assert seen == [
    ("SUCCESS", "Before", {}, False),
    ("SUCCESS", "Secret", {"Password": "a secret"}, True),
    ("SUCCESS", "After", {}, True),
]
PYTHON
