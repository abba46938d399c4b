"""Tells the local AWS the stacks of MiniStack, with their resources. The function asks the local AWS for them.

MiniStack itself describes a resource without the statuses of an operation in progress, has other error messages than
AWS, and finds no stack by the physical id of a resource. The internal names are those of the pinned version.
"""

from typing import Any

from ministack.services.cloudformation import _stack_events, _stacks, changesets, handlers, stacks

from demo.stage import LocalAws

_STACK = "AWS::CloudFormation::Stack"


class Mirror:
    """Follows the events of MiniStack's stacks."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._told: dict[tuple[str, str], tuple[str, str]] = {}
        """The status and the physical id of each resource, by stack and logical id."""

    def install(self) -> None:
        """Wraps the functions that record events and that delete resources."""
        add: Any = stacks._add_event
        delete: Any = stacks._delete_resource

        def add_and_tell(stack: str, *rest: Any, **named: Any) -> None:
            add(stack, *rest, **named)
            event = _stack_events[stack][-1]
            logical_id, kind, status = (event[name] for name in ("LogicalResourceId", "ResourceType", "ResourceStatus"))
            if logical_id == event["StackName"] and kind == _STACK:
                self._tell_stack(stack, event["StackName"], status)
            else:
                self._tell_resource(stack, logical_id, kind, status, event["PhysicalResourceId"])

        def tell_and_delete(kind: str, physical_id: str, properties: Any, name: str, logical_id: str) -> Any:
            # In the clean-up after an update, MiniStack records no event of this.
            self._tell_resource(_stacks[name]["StackId"], logical_id, kind, "DELETE_IN_PROGRESS", physical_id)
            return delete(kind, physical_id, properties, name, logical_id)

        for module in (stacks, handlers, changesets):
            module._add_event = add_and_tell
        stacks._delete_resource = tell_and_delete

    def _tell_stack(self, stack: str, name: str, status: str) -> None:
        told: dict[str, Any] = {"StackId": stack, "StackStatus": status}
        if not status.endswith("_IN_PROGRESS") and status != "DELETE_COMPLETE":
            # Events do not tell which resources a clean-up or a rollback leaves.
            held = _stacks[name].get("_resources", {})
            told["Resources"] = [self._held(stack, logical_id, held[logical_id]) for logical_id in held]
            for resource in [(of, logical_id) for of, logical_id in self._told if of == stack]:
                if resource[1] not in held:
                    del self._told[resource]
        self._aws.call("LocalAws.SetStack", **told)

    def _held(self, stack: str, logical_id: str, record: dict[str, Any]) -> dict[str, str]:
        status, physical_id = self._told.get((stack, logical_id), ("", ""))
        if physical_id != record["PhysicalResourceId"]:
            status, physical_id = record["ResourceStatus"], record["PhysicalResourceId"]
            self._told[stack, logical_id] = status, physical_id
        return _told(logical_id, record["ResourceType"], status, physical_id)

    def _tell_resource(self, stack: str, logical_id: str, kind: str, status: str, physical_id: str) -> None:
        before, known_id = self._told.get((stack, logical_id), ("CREATE_IN_PROGRESS", ""))
        # CloudFormation's record keeps the new resource while the one that it has replaced is deleted.
        if status.startswith("DELETE") and known_id and physical_id != known_id:
            return
        # MiniStack records each change in an update as an update.
        if before == "CREATE_IN_PROGRESS":
            status = status.replace("UPDATE_", "CREATE_")
        physical_id = physical_id or known_id
        self._told[stack, logical_id] = status, physical_id
        self._aws.call("LocalAws.SetStackResource", StackId=stack, **_told(logical_id, kind, status, physical_id))


def _told(logical_id: str, kind: str, status: str, physical_id: str) -> dict[str, str]:
    """The members of a test control that describe a resource. An empty physical id is none."""
    described = {"LogicalResourceId": logical_id, "ResourceType": kind, "ResourceStatus": status}
    return {**described, "PhysicalResourceId": physical_id} if physical_id else described
