#!/bin/sh
# A client of botocore that is throttled for long stops to retry.
#
# Guess: each call makes three attempts, the documented default, however long the service throttles.
# Seen:  the first 50 calls make three attempts. Every later call of the same client makes one. All calls of a client share
#        a quota: ten successes give back what a single throttled call uses up.
# So:    a crowd that shares a rate limit needs a retry loop of its own, or clients of their own.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check botocore==1.44.8
env -u AWS_RETRY_MODE -u AWS_MAX_ATTEMPTS "$folder/venv/bin/python" - <<'PYTHON'
import io
import time

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

time.sleep = lambda seconds: None
body = b'{"__type": "ThrottlingException", "message": "Rate exceeded"}'
attempts, throttling = 0, True


class Body(io.BytesIO):
    def stream(self, **_):
        yield self.read()


def throttle(request, **_):
    global attempts
    attempts += 1
    reply = (400, body) if throttling else (200, b"{}")
    return AWSResponse(request.url, reply[0], {"content-type": "application/x-amz-json-1.1"}, Body(reply[1]))


def attempts_of_a_call():
    global attempts
    attempts = 0
    try:
        client.describe_scalable_targets(ServiceNamespace="sagemaker")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ThrottlingException"
    return attempts


client = botocore.session.get_session().create_client(
    "application-autoscaling", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
)
client.meta.events.register("before-send", throttle)
counts = [attempts_of_a_call() for _ in range(100)]
print("attempts of 100 calls:", counts)
assert counts == [3] * 50 + [1] * 50

throttling = False
assert [attempts_of_a_call() for _ in range(10)] == [1] * 10
throttling = True
counts = [attempts_of_a_call() for _ in range(3)]
print("attempts after ten successes:", counts)
assert counts == [3, 1, 1]
PYTHON
