"""The stacks of a run: created, updated, listed, and deleted with everything that they have made."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

STEP = "step"
"""The key of a tag that each update of a stack changes."""
_LONGEST_SECONDS = 7_200
_SHORTEST_PAUSE = 0.05
_BEGIN_SECONDS = 15
"""How long a stack may show no sign of an operation that was accepted."""
_LARGEST_BODY = 51_200
"""Bytes: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html"""
_CHANGE = "_IN_PROGRESS"
_REVIEW = "REVIEW_IN_PROGRESS"
"""The status of a stack of a change set that was not executed. It does not change any more."""
_DELETED = "DELETE_COMPLETE"
_UNDELETED = "DELETE_FAILED"
_COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", _DELETED)
_CANCELLED = ("cancelled", "canceled")

Event = dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """The failure of a resource."""

    resource: str
    type: str
    reason: str

    def __str__(self) -> str:
        return f"{self.resource} ({self.type}): {self.reason}"


@dataclass(frozen=True)
class Settled:
    """A stack after an operation."""

    id: str
    status: str
    outputs: Mapping[str, str]
    events: Sequence[Event]
    """Those of the operation, oldest first."""

    @property
    def is_complete(self) -> bool:
        """Whether the operation has succeeded."""
        return self.status in _COMPLETE

    def __str__(self) -> str:
        return f"{self.status}: {self.failure or 'no reason'}"

    @property
    def failure(self) -> Failure | None:
        """The first failure of a resource that was not only cancelled."""
        for event in self.events:
            reason = event.get("ResourceStatusReason", "")
            if event["ResourceStatus"].endswith("_FAILED") and not any(word in reason for word in _CANCELLED):
                return Failure(event["LogicalResourceId"], event["ResourceType"], reason)
        return None

    def times(self, resource: str, status: str) -> list[float]:
        """When a resource had a status, in seconds since the epoch."""
        found = (event for event in self.events if event["LogicalResourceId"] == resource)
        return [event["Timestamp"].timestamp() for event in found if event["ResourceStatus"] == status]


class Stacks:
    """The stacks of an account in a Region that have our prefix and our tag."""

    def __init__(self, clients: Callable[[str], Any], tag: str, pause: float) -> None:
        """`clients` returns the client of a service."""
        self.client = clients("cloudformation")
        self._clients = clients
        self._tag = tag
        self._pause = max(pause, _SHORTEST_PAUSE)

    def create(self, name: str, template: str, run: str, step: str = "", **members: Any) -> Settled:
        """Creates a stack, and waits until it is settled. `step` is the value of the tag `STEP`, if it is not empty."""
        return self._settled(name, self.client.create_stack, self._given(name, template, run, step, members))

    def update(self, name: str, template: str, run: str, step: str = "", **members: Any) -> Settled:
        """Updates a stack, and waits until it is settled, clean-up included."""
        return self._settled(name, self.client.update_stack, self._given(name, template, run, step, members))

    def delete(self, name: str) -> Settled:
        """Deletes a stack, and waits until it is deleted, or cannot be. Empties its buckets before.

        A custom resource whose Delete has failed before is only an entry in its stack, so the stack is deleted without
        it. Resources of other types are never left behind.
        """
        stack = self._wait(self._described(name)["StackId"])
        if stack["StackStatus"] == _DELETED:
            return _after(stack, [])
        is_retry = stack["StackStatus"] == _UNDELETED
        resources = self.resources(stack["StackId"])
        for resource in resources:
            if resource["ResourceType"] == "AWS::S3::Bucket" and resource["ResourceStatus"] != _DELETED:
                self._empty(resource.get("PhysicalResourceId", ""))
        failed = [
            resource["LogicalResourceId"]
            for resource in resources
            if resource["ResourceStatus"] == _UNDELETED and resource["ResourceType"].startswith("Custom::")
        ]
        given = {"StackName": stack["StackId"], **({"RetainResources": failed} if is_retry and failed else {})}
        return self._settled(stack["StackId"], self.client.delete_stack, given)

    def resources(self, name: str) -> list[dict[str, Any]]:
        """The resources of a stack."""
        pages = self.client.get_paginator("list_stack_resources").paginate(StackName=name)
        return [item for page in pages for item in page["StackResourceSummaries"]]

    def has(self, name: str, resource: str) -> bool:
        """Whether a resource belongs to a stack, and is not deleted."""
        return any(
            item["LogicalResourceId"] == resource and not item["ResourceStatus"].startswith(_DELETED)
            for item in self.resources(name)
        )

    def ours(self, prefix: str) -> list[str]:
        """The stacks of ours whose names begin with a prefix."""
        return [stack["StackName"] for stack in self._ours(prefix)]

    def delete_all(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Deletes every stack of ours whose name begins with a prefix. Yields its name, and why it is not deleted.

        The newest stack is first: a stack may need older ones, also to be deleted.
        """
        for stack in self._ours(prefix):
            yield stack["StackName"], self._reason_left(stack["StackId"])

    def _ours(self, prefix: str) -> list[dict[str, Any]]:
        pages = self.client.get_paginator("describe_stacks").paginate()
        found = (stack for page in pages for stack in page["Stacks"] if stack["StackStatus"] != _DELETED)
        ours = [stack for stack in found if stack["StackName"].startswith(prefix) and self._has_tag(stack)]
        return sorted(ours, key=lambda stack: str(stack["CreationTime"]), reverse=True)

    def _reason_left(self, stack_id: str) -> str:
        """Deletes a stack. Returns why it is not deleted, or an empty text."""
        try:
            settled = self.delete(stack_id)
            if settled.status == _UNDELETED:
                settled = self.delete(stack_id)
        except ClientError as error:
            return str(error)
        return "" if settled.is_complete else f"it is {settled}"

    def _empty(self, bucket: str) -> None:
        buckets = self._clients("s3")
        with contextlib.suppress(buckets.exceptions.NoSuchBucket):
            for page in buckets.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for item in page.get("Contents", []):
                    buckets.delete_object(Bucket=bucket, Key=item["Key"])

    def _settled(self, stack: str, operation: Callable[..., Any], given: dict[str, Any]) -> Settled:
        known = {event["EventId"] for event in self._events(stack)}
        reply = operation(**given)
        stack = reply.get("StackId", stack)

        def events() -> list[Event]:
            return [event for event in self._events(stack) if event["EventId"] not in known]

        return _after(self._wait(stack, lambda: bool(events())), events())

    def _wait(self, stack: str, has_begun: Callable[[], bool] = lambda: True) -> dict[str, Any]:
        """Waits until a stack does not change any more."""
        deadline = time.monotonic() + _BEGIN_SECONDS
        while not has_begun() and time.monotonic() < deadline:
            time.sleep(self._pause)
        deadline = time.monotonic() + _LONGEST_SECONDS
        while _changes(found := self._found(stack)) and time.monotonic() < deadline:
            time.sleep(self._pause)
        return found

    def _found(self, stack: str) -> dict[str, Any]:
        try:
            return self._described(stack)
        except ClientError as error:
            if _is_missing(error):
                return {"StackId": stack, "StackStatus": _DELETED}
            raise

    def _described(self, stack: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.describe_stacks(StackName=stack)["Stacks"][0]
        return found

    def _events(self, stack: str) -> list[Event]:
        pages = self.client.get_paginator("describe_stack_events").paginate(StackName=stack)
        try:
            return [event for page in pages for event in page["StackEvents"]][::-1]
        except ClientError as error:
            if _is_missing(error):
                return []
            raise

    def _given(self, name: str, template: str, run: str, step: str, members: dict[str, Any]) -> dict[str, Any]:
        assert len(template.encode()) <= _LARGEST_BODY, name
        tags = [{"Key": key, "Value": value} for key, value in ((self._tag, run), (STEP, step)) if value]
        return {"StackName": name, "TemplateBody": template, "Tags": tags, **members}

    def _has_tag(self, stack: dict[str, Any]) -> bool:
        return any(tag["Key"] == self._tag for tag in stack.get("Tags", []))


def _is_missing(error: ClientError) -> bool:
    return "does not exist" in error.response["Error"].get("Message", "")


def _changes(stack: Mapping[str, Any]) -> bool:
    status: str = stack["StackStatus"]
    return status.endswith(_CHANGE) and status != _REVIEW


def _after(stack: Mapping[str, Any], events: Sequence[Event]) -> Settled:
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return Settled(stack["StackId"], stack["StackStatus"], outputs, events)


def body_of(resources: Mapping[str, Any], **sections: Any) -> str:
    """A template."""
    return json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources, **sections})
