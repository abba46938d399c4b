#!/bin/sh
# botocore's waiter for a created stack accepts a stack whose update failed.
#
# Guess: `stack_create_complete` fails at once for a stack that is UPDATE_ROLLBACK_FAILED.
# Seen:  it returns as if the stack were fine, also for UPDATE_FAILED. A stack that was created once was created.
# So:    after an update, wait with `stack_update_complete`, and read the status yourself.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check botocore==1.44.8
"$folder/venv/bin/python" - <<'PYTHON'
import datetime

import botocore.session
from botocore.exceptions import WaiterError
from botocore.stub import Stubber

session = botocore.session.get_session()
client = session.create_client(
    "cloudformation", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
)
seen = {}
for status in ("CREATE_COMPLETE", "ROLLBACK_COMPLETE", "UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"):
    for waiter in ("stack_create_complete", "stack_update_complete"):
        with Stubber(client) as stubber:
            stack = {"StackName": "s", "CreationTime": datetime.datetime(2026, 1, 1), "StackStatus": status}
            stubber.add_response("describe_stacks", {"Stacks": [stack]})
            try:
                client.get_waiter(waiter).wait(StackName="s", WaiterConfig={"Delay": 0, "MaxAttempts": 1})
                seen[waiter, status] = "success"
            except WaiterError as error:
                seen[waiter, status] = "failure" if "terminal failure" in str(error) else "waits"
        print(waiter, status, seen[waiter, status])
for status in ("UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"):
    assert seen["stack_create_complete", status] == "success", status
    assert seen["stack_update_complete", status] == "failure", status
assert seen["stack_create_complete", "ROLLBACK_COMPLETE"] == "failure"
PYTHON
