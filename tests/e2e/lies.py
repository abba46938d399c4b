"""More lies of the proxy about the local AWS, each for a check that has to find it."""

from conformance.account import INSTANCES
from lying_proxy import Call, Lie, Members, accept, another_code, changed, refuse

_THROTTLED_OF = 4


def numbers_as_text(call: Call) -> tuple[int, Members] | None:
    """Takes text for a number."""
    if call.operation == "ListEndpoints" and isinstance(call.members.get("MaxResults"), str):
        call.members["MaxResults"] = int(call.members["MaxResults"])
    return None


def other_words(call: Call) -> tuple[int, Members] | None:
    """Gives an error another text."""
    if call.operation != "DescribeEndpointConfig":
        return None
    status, members = call.honest()
    return (status, {**members, "message": "none"}) if status != 200 else (status, members)


def few_calls(call: Call) -> tuple[int, Members] | None:
    """Throttles three of four calls about a missing endpoint."""
    if "-missing" not in str(call.members):
        return None
    call.memory["calls"] = call.memory.get("calls", 0) + 1
    return refuse("ThrottlingException") if call.memory["calls"] % _THROTTLED_OF else None


def no_schedule(call: Call) -> tuple[int, Members] | None:
    """Accepts an action without a schedule."""
    return accept() if call.operation == "PutScheduledAction" and "Schedule" not in call.members else None


def any_instance(call: Call) -> tuple[int, Members] | None:
    """Accepts a target on a burstable instance."""
    is_burstable = call.operation == "RegisterScalableTarget" and call.members["ResourceId"].endswith("/burstable")
    return accept(ScalableTargetARN="arn") if is_burstable else None


def configuration_to_come(members: Members) -> None:
    """Shows the new configuration at once."""
    if pending := members.get("PendingDeploymentSummary"):
        members["EndpointConfigName"] = pending["EndpointConfigName"]


def last_pool_first(members: Members) -> None:
    """Gives the instances to the pool that comes last."""
    for variant in members.get("ProductionVariants", []):
        for pool in variant.get("InstancePools", []):
            pool["CurrentInstanceCount"] = 1 - pool["CurrentInstanceCount"]


def any_dimension(call: Call) -> tuple[int, Members] | None:
    """Accepts a serverless variant with the dimension of instances."""
    members = call.members
    is_other = call.operation == "RegisterScalableTarget" and "-serverless/" in members["ResourceId"]
    return accept(ScalableTargetARN="arn") if is_other and members["ScalableDimension"] == INSTANCES else None


def no_serverless_update(call: Call) -> tuple[int, Members] | None:
    """Refuses each update of a serverless endpoint."""
    is_serverless = call.operation == "UpdateEndpoint" and call.members["EndpointName"].endswith("-serverless")
    return refuse("ValidationException", "deregister it") if is_serverless else None


def targets_outlive(call: Call) -> tuple[int, Members] | None:
    """Shows a target until it is deregistered, also if its endpoint is deleted before."""
    if call.operation == "DeregisterScalableTarget":
        call.memory.clear()
    if call.operation != "DescribeScalableTargets":
        return None
    reply = call.honest()
    if reply[1]["ScalableTargets"]:
        call.memory["shown"] = reply
    found: tuple[int, Members] = call.memory.get("shown", reply)
    return found


def not_managed(members: Members) -> None:
    """Shows that SageMaker does not scale the instances."""
    for variant in members.get("ProductionVariants", []):
        variant.get("ManagedInstanceScaling", {}).update(Status="DISABLED")


def no_component(call: Call) -> tuple[int, Members] | None:
    """Refuses an inference component as a target."""
    is_component = call.operation == "RegisterScalableTarget" and call.members["ResourceId"].startswith("inference")
    return refuse("ValidationException") if is_component else None


def targets_go_with_components(call: Call) -> tuple[int, Members] | None:
    """Shows no target of a deleted inference component."""
    if call.operation == "DeleteInferenceComponent":
        call.memory["deleted"] = True
    is_list = call.operation == "DescribeScalableTargets" and call.memory.get("deleted")
    return accept(ScalableTargets=[]) if is_list and "ResourceIds" in call.members else None


LIES: dict[str, Lie] = {
    "input-types": numbers_as_text,
    "error-texts": other_words,
    "request-rates": few_calls,
    "put-rules": no_schedule,
    "burstable": any_instance,
    "guardrails-shift": changed("DescribeEndpoint", configuration_to_come),
    "instance-pools": changed("DescribeEndpoint", last_pool_first),
    "update-refused-pools": another_code("UpdateEndpoint", "ResourceInUse"),
    "serverless-dimension": any_dimension,
    "serverless-update": no_serverless_update,
    "serverless-after-delete": targets_outlive,
    "managed-scaling": changed("DescribeEndpoint", not_managed),
    "component-copies": no_component,
    "component-target-left": targets_go_with_components,
    "activity-order": changed("DescribeScalingActivities", lambda members: members["ScalingActivities"].reverse()),
}
