"""How an update fails and is rolled back on MiniStack's CloudFormation.

MiniStack sends no Update back to a resource whose physical id has changed. This module sends that Update for custom
resources; docs/UPDATES.md assumes that AWS does, too. MiniStack shows the tags of the failed update until the rollback
is complete. This module shows those before. AWS does not document the order in which it reverts resources:
`REVERTS=reverse` in the environment chooses the reverse order of the update. `FAILS` names a resource whose update
fails. The internal names are those of the pinned version.
"""

import functools
from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import _stacks, stacks

from demo.stage import LocalAws

FAILING_RESOURCE = "FailsAtTheEnd"
"""The logical id of a resource that is added for its failure."""
_ENDPOINT = "AWS::SageMaker::Endpoint"
_CUSTOM = ("Custom::", "AWS::CloudFormation::CustomResource")


def fail(aws: LocalAws, name: str) -> None:
    """Makes the update of a resource fail. SageMaker rolls back that of an endpoint. Any other fails at once."""
    update: Callable[..., Any] = stacks._update_keeping_seed
    create: Callable[..., Any] = stacks._provision_keeping_seed

    def fail_if_named(logical_id: str, *, by_sagemaker: bool) -> None:
        if logical_id != name:
            return
        if not by_sagemaker:
            asked = f"FAIL={name}" if name != FAILING_RESOURCE else "make try has added this resource"
            raise RuntimeError(f"simulated failure: {asked}")
        aws.call("LocalAws.RollBackNextEndpoint", Reason=f"simulated failure: FAIL={name}")

    def update_or_fail(kind: str, physical_id: str, old: Any, new: Any, stack: str, logical_id: str, *rest: Any) -> Any:
        if old != new:
            names = [each.get("EndpointConfigName") for each in (old, new)]
            fail_if_named(logical_id, by_sagemaker=kind == _ENDPOINT and names[0] != names[1])
        return update(kind, physical_id, old, new, stack, logical_id, *rest)

    def create_or_fail(kind: str, logical_id: str, properties: Any, stack: str) -> Any:
        if _stacks[stack]["StackStatus"].startswith("UPDATE"):
            fail_if_named(logical_id, by_sagemaker=False)
        return create(kind, logical_id, properties, stack)

    stacks._update_keeping_seed = update_or_fail
    stacks._provision_keeping_seed = create_or_fail


def install(*, reverse: bool) -> None:
    """Replaces how MiniStack reverts the resources of a failed update. The clean-up stays MiniStack's."""
    clean_up: Callable[..., Any] = stacks._roll_back_operation

    async def roll_back(name: str, stack_id: str, stack: Any, operation: Any, reason: str = "") -> None:
        if not (operation["is_update"] and operation["previous_stack"]):
            await clean_up(name, stack_id, stack, operation, reason)
            return
        stack["StackStatus"] = "UPDATE_ROLLBACK_IN_PROGRESS"
        stack["Tags"] = operation["previous_tags"]
        of_stack = functools.partial(stacks._add_event, stack_id, name, name, "AWS::CloudFormation::Stack")
        of_stack(stack["StackStatus"], physical_id=stack_id)
        before = operation["previous_stack"]["_resources"]
        reverts = list(_reverts(name, stack_id, stack, operation))
        failed = {}
        for revert in reversed(reverts) if reverse else reverts:
            logical_id, kind, physical_id, applied, previous, attributes = revert
            record = before[logical_id] if before[logical_id]["PhysicalResourceId"] == physical_id else None
            if applied == previous:
                continue
            try:
                await stacks._revert_update(stack_id, name, logical_id, *revert[1:], record)
            except Exception:
                failed[logical_id] = {
                    "PhysicalResourceId": physical_id,
                    "ResourceType": kind,
                    "RevertFrom": applied,
                    "RevertTo": previous,
                    "Attributes": attributes,
                }
        if failed:
            stack["StackStatus"] = "UPDATE_ROLLBACK_FAILED"
            stack["_rollback_failed"] = failed
            why = stack["StackStatusReason"] = stacks._rollback_failure_reason(failed)
            of_stack(stack["StackStatus"], why, stack_id)
            return
        created = [each for each in operation["created"] if _is_new(each, stack, operation)]
        await clean_up(name, stack_id, stack, {**operation, "created": created, "failed_update": None}, reason)

    stacks._roll_back_operation = roll_back


def _is_new(logical_id: str, stack: Any, operation: Any) -> bool:
    """Whether an update has made a new physical resource."""
    before = operation["previous_stack"]["_resources"].get(logical_id)
    now = stack["_resources"].get(logical_id, {}).get("PhysicalResourceId")
    return before is None or before["PhysicalResourceId"] != now or logical_id in operation["replaced_ids"]


def _reverts(name: str, stack_id: str, stack: Any, operation: Any) -> Any:
    """The changes to undo, in order: logical id, type, physical id, properties after and before, attributes."""
    before = operation["previous_stack"]["_resources"]
    for logical_id in operation["created"]:
        now = stack["_resources"][logical_id]
        kind = now["ResourceType"]
        if logical_id in before and (kind.startswith(_CUSTOM) or not _is_new(logical_id, stack, operation)):
            properties = (
                stacks._with_stack_tags(kind, each["Properties"], operation[tags] or [], name, stack_id, logical_id)
                for each, tags in ((now, "stack_tags"), (before[logical_id], "previous_tags"))
            )
            yield logical_id, kind, now["PhysicalResourceId"], *properties, now.get("Attributes", {})
    if (failed := operation["failed_update"]) and failed[3] is not None and stacks._sends_back_failed_update(failed[1]):
        yield failed
