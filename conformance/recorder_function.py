"""A Lambda function that answers the requests of custom resources, and records what each request found.

`recorder.py` deploys this file as it is. The properties of a resource say what to answer: `Id` is its physical id,
`Seconds` is how long the answer takes, but a Delete takes a few seconds at most, and `Fails` names the request types
that fail. A recording has no response URL, because everybody who has the URL can answer for the resource.
"""

import json
import os
import time
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.exceptions import ClientError

_LOOK_SECONDS = 0.5
_LONGEST_DELETE_SECONDS = 3.0
_STACKS = boto3.client("cloudformation")
_PARAMETERS = boto3.client("ssm")


def handler(event: dict[str, Any], _: Any) -> str:
    """Answers a request of CloudFormation, or makes each call once for a test event with a `Probe`."""
    if stack := event.get("Probe"):
        _STACKS.describe_stack_resource(StackName=stack, LogicalResourceId="Function")
        _STACKS.describe_stacks(StackName=stack)
        _record({"probe": stack})
        return "ready"
    given = event["ResourceProperties"]
    recording = {
        "arrived": time.time(),
        "stack": event["StackId"].split("/")[1],
        "type": event["RequestType"],
        "resource": event["LogicalResourceId"],
        "id": event.get("PhysicalResourceId", ""),
        "dated": parse_qs(urlsplit(event["ResponseURL"]).query).get("X-Amz-Date", [""])[0],
        "step": given.get("Step", ""),
        "old_step": event.get("OldResourceProperties", {}).get("Step", ""),
        "tags": _tags(event["StackId"]),
    }
    longest = _LONGEST_DELETE_SECONDS if event["RequestType"] == "Delete" else float("inf")
    statuses = _watch(event, recording["arrived"], min(float(given.get("Seconds", 0)), longest))
    succeeds = event["RequestType"] not in given.get("Fails", "").split()
    # Stored before the answer, because CloudFormation goes on right after it.
    _record({**recording, "statuses": statuses, "succeeds": succeeds, "answered": time.time()})
    _answer(event, given["Id"], succeeds=succeeds)
    return "answered"


def _watch(event: dict[str, Any], began: float, seconds: float) -> list[list[Any]]:
    """Each status that CloudFormation shows meanwhile: after how many seconds, which, and when it changed."""
    statuses: list[list[Any]] = []
    while True:
        seen = _status(event["StackId"], event["LogicalResourceId"])
        now = time.time()
        if not statuses or statuses[-1][1:] != seen:
            statuses.append([round(now - began, 3), *seen])
        left = began + seconds - now
        if left <= 0:
            return statuses
        time.sleep(min(left, _LOOK_SECONDS))


def _status(stack: str, resource: str) -> list[Any]:
    shown = _try(_STACKS.describe_stack_resource, StackName=stack, LogicalResourceId=resource)
    if isinstance(shown, str):
        return [shown, 0]
    detail = shown["StackResourceDetail"]
    return [detail["ResourceStatus"], detail["LastUpdatedTimestamp"].timestamp()]


def _tags(stack: str) -> dict[str, str]:
    shown = _try(_STACKS.describe_stacks, StackName=stack)
    if isinstance(shown, str):
        return {"error": shown}
    return {tag["Key"]: tag["Value"] for tag in shown["Stacks"][0].get("Tags", [])}


def _try(call: Callable[..., Any], **members: str) -> Any:
    """What a call returns, or the code of its error."""
    try:
        return call(**members)
    except ClientError as error:
        return str(error.response["Error"]["Code"])


def _record(recording: dict[str, Any]) -> None:
    name = f"{os.environ['RECORDINGS']}/{uuid.uuid4().hex}"
    tags = [{"Key": os.environ["TAG"], "Value": os.environ["RUN"]}]
    _PARAMETERS.put_parameter(Name=name, Value=json.dumps(recording), Type="String", Tags=tags)


def _answer(event: dict[str, Any], physical_id: str, *, succeeds: bool) -> None:
    body = {
        "Status": "SUCCESS" if succeeds else "FAILED",
        "Reason": "as its properties say",
        # Another id in the answer to a Delete is an error.
        "PhysicalResourceId": event["PhysicalResourceId"] if event["RequestType"] == "Delete" else physical_id,
        **{member: event[member] for member in ("StackId", "RequestId", "LogicalResourceId")},
    }
    request = urllib.request.Request(
        event["ResponseURL"], json.dumps(body).encode(), {"Content-Type": ""}, method="PUT"
    )
    urllib.request.urlopen(request, timeout=30).close()
