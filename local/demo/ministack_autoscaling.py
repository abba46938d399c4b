"""The native resource types of Application Auto Scaling for MiniStack, which lacks them: they call the local AWS.

People move over from these types, so they can be created and deleted here, but not updated.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApplicationAutoScaling.html
"""

from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import provisioners

from demo.ministack_record import RecordedAws
from demo.stage import CallError

Properties = dict[str, Any]
Made = tuple[str, dict[str, str]]
"""A physical id, and the attributes."""
Listener = Callable[[Properties, str], None]
"""A function that gets the properties of a target and its stack, before the target is created."""


class Handlers:
    """The functions that MiniStack calls for a resource type."""

    def __init__(self, aws: RecordedAws, before: Listener) -> None:
        self._aws = aws
        self._before = before

    def install(self) -> None:
        """Adds the types to those of MiniStack. The internal names are those of the pinned version."""
        known: Any = provisioners._RESOURCE_HANDLERS
        for name, create, delete in (
            ("ScalableTarget", self._register, self._deregister),
            ("ScalingPolicy", self._put_policy, self._delete_policy),
        ):
            known[f"AWS::ApplicationAutoScaling::{name}"] = {"create": create, "delete": delete}

    def _register(self, logical_id: str, properties: Properties, stack: str) -> Made:
        self._before(properties, stack)
        self._call("RegisterScalableTarget", **properties)
        parts = ("ResourceId", "ScalableDimension", "ServiceNamespace")
        return "|".join(properties[part] for part in parts), {}

    def _deregister(self, target: str, properties: Properties) -> None:
        try:
            self._aws.call("AnyScaleFrontendService.DeregisterScalableTarget", **_members(target))
        except CallError as error:
            # CloudFormation counts a resource that does not exist as deleted.
            if error.fault()["__type"] != "ObjectNotFoundException":
                raise RuntimeError(error.fault()["message"]) from error

    def _put_policy(self, logical_id: str, properties: Properties, stack: str) -> Made:
        members = {name: value for name, value in properties.items() if name != "ScalingTargetId"}
        put = self._call("PutScalingPolicy", **_members(properties["ScalingTargetId"]), **members)
        return put["PolicyARN"], {}

    def _delete_policy(self, arn: str, properties: Properties) -> None:
        name = properties["PolicyName"]
        self._call("DeleteScalingPolicy", **_members(properties["ScalingTargetId"]), PolicyName=name)

    def _call(self, operation: str, **members: Any) -> Any:
        return self._aws.call_for_resource(f"AnyScaleFrontendService.{operation}", **members)


def _members(target: str) -> dict[str, str]:
    """The members that name a target in a call, from its physical id."""
    resource, dimension, namespace = target.split("|")
    return {"ResourceId": resource, "ScalableDimension": dimension, "ServiceNamespace": namespace}
