"""The stacks of a run: created, updated, listed, and deleted with everything that they have made."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

RECORDER = "-recorder"
"""How the name of the stack with the function ends. Every other stack needs it, also to be deleted."""
STEP = "step"
"""The key of a tag that each update of a stack changes."""
_LONGEST_SECONDS = 1_800
_SHORTEST_PAUSE = 0.05
_BEGIN_SECONDS = 15
"""How long a stack may show no sign of an operation that was accepted."""
_CHANGE = "_IN_PROGRESS"
_DELETED = "DELETE_COMPLETE"
_UNDELETED = "DELETE_FAILED"

Event = dict[str, Any]


@dataclass(frozen=True)
class Settled:
    """A stack after an operation."""

    status: str
    events: Sequence[Event]
    """Those of the operation, oldest first."""

    def times(self, resource: str, status: str) -> list[float]:
        """When a resource had a status, in seconds since the epoch."""
        found = (event for event in self.events if event["LogicalResourceId"] == resource)
        return [event["Timestamp"].timestamp() for event in found if event["ResourceStatus"] == status]


class Stacks:
    """The stacks of an account in a Region, as far as they are ours."""

    def __init__(self, client: Any, tag: str, pause: float) -> None:
        self.client = client
        self._tag = tag
        self._pause = max(pause, _SHORTEST_PAUSE)

    def create(self, name: str, template: str, run: str, step: str = "1", **members: Any) -> Settled:
        """Creates a stack, and waits until it is settled. `step` is the value of the tag `STEP`."""
        return self._settled(name, self.client.create_stack, self._given(name, template, run, step, members))

    def update(self, name: str, template: str, run: str, step: str, **members: Any) -> Settled:
        """Updates a stack, and waits until it is settled, clean-up included."""
        return self._settled(name, self.client.update_stack, self._given(name, template, run, step, members))

    def delete(self, name: str) -> Settled:
        """Deletes a stack, and waits until it is deleted, or cannot be."""
        stack = self._described(name)
        return self._settled(stack["StackId"], self.client.delete_stack, {"StackName": stack["StackId"]})

    def output(self, name: str, key: str) -> str:
        """An output of a stack."""
        return next(str(each["OutputValue"]) for each in self._described(name)["Outputs"] if each["OutputKey"] == key)

    def has(self, name: str, resource: str) -> bool:
        """Whether a resource belongs to a stack, and is not deleted."""
        pages = self.client.get_paginator("list_stack_resources").paginate(StackName=name)
        found = (item for page in pages for item in page["StackResourceSummaries"])
        return any(
            item["LogicalResourceId"] == resource and not item["ResourceStatus"].startswith(_DELETED) for item in found
        )

    def ours(self, prefix: str) -> list[str]:
        """The stacks of ours whose names begin with a prefix."""
        return [stack["StackName"] for stack in self._ours(prefix)]

    def delete_all(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Deletes every stack of ours whose name begins with a prefix. Yields its name, and why it is not deleted."""
        stacks = self._ours(prefix)
        for is_recorder in (False, True):
            group = [stack for stack in stacks if stack["StackName"].endswith(RECORDER) is is_recorder]
            for stack in group:
                self._wait(stack["StackId"])
                self._try(self.client.delete_stack, StackName=stack["StackId"])
            for stack in group:
                yield stack["StackName"], self._end(stack["StackId"], is_recorder=is_recorder)

    def _ours(self, prefix: str) -> list[dict[str, Any]]:
        pages = self.client.get_paginator("describe_stacks").paginate()
        found = (stack for page in pages for stack in page["Stacks"] if stack["StackStatus"] != _DELETED)
        return [stack for stack in found if stack["StackName"].startswith(prefix) and self._has_tag(stack)]

    def _end(self, stack: str, *, is_recorder: bool) -> str:
        """Waits until a stack is deleted. Returns why it is not, or an empty text.

        A custom resource whose Delete fails is only an entry in its stack, so the stack is deleted without it. The
        stack of the recorder has real resources, which are never left behind.
        """
        status = self._wait(stack, lambda: self._status(stack).startswith("DELETE_"))
        if status == _UNDELETED and not is_recorder:
            self._try(self.client.delete_stack, StackName=stack, DeletionMode="FORCE_DELETE_STACK")
            status = self._wait(stack, lambda: self._status(stack) != _UNDELETED)
        return "" if status == _DELETED else status

    def _settled(self, stack: str, operation: Callable[..., Any], given: dict[str, Any]) -> Settled:
        known = {event["EventId"] for event in self._events(stack)}
        reply = operation(**given)
        stack = reply.get("StackId", stack)

        def events() -> list[Event]:
            return [event for event in self._events(stack) if event["EventId"] not in known]

        status = self._wait(stack, lambda: bool(events()))
        return Settled(status, events())

    def _wait(self, stack: str, has_begun: Callable[[], bool] = lambda: True) -> str:
        """Waits until a stack does not change any more. Returns its status."""
        deadline = time.monotonic() + _BEGIN_SECONDS
        while not has_begun() and time.monotonic() < deadline:
            time.sleep(self._pause)
        deadline = time.monotonic() + _LONGEST_SECONDS
        while (status := self._status(stack)).endswith(_CHANGE) and time.monotonic() < deadline:
            time.sleep(self._pause)
        return status

    def _status(self, stack: str) -> str:
        try:
            return str(self._described(stack)["StackStatus"])
        except ClientError as error:
            if _is_missing(error):
                return _DELETED
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

    def _try(self, operation: Callable[..., Any], **members: Any) -> None:
        """Makes a call. What becomes of the stack tells whether it was of use."""
        try:
            operation(**members)
        except ClientError as error:
            if error.response["ResponseMetadata"].get("HTTPStatusCode") != 400:
                raise

    def _given(self, name: str, template: str, run: str, step: str, members: dict[str, Any]) -> dict[str, Any]:
        tags = [{"Key": key, "Value": value} for key, value in ((self._tag, run), (STEP, step))]
        return {"StackName": name, "TemplateBody": template, "Tags": tags, **members}

    def _has_tag(self, stack: dict[str, Any]) -> bool:
        return any(tag["Key"] == self._tag for tag in stack.get("Tags", []))


def _is_missing(error: ClientError) -> bool:
    return "does not exist" in error.response["Error"].get("Message", "")
