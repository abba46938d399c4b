"""More lies of the proxy about the local AWS, each for a check that has to find it."""

from lying_proxy import Call, Lie, Members, accept, changed, refuse

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
    """Throttles all calls about a missing endpoint but each fourth."""
    if "-missing" not in str(call.members):
        return None
    call.memory["calls"] = call.memory.get("calls", 0) + 1
    return refuse("ThrottlingException") if call.memory["calls"] % _THROTTLED_OF else None


def no_schedule(call: Call) -> tuple[int, Members] | None:
    """Accepts an action without a schedule."""
    return accept() if call.operation == "PutScheduledAction" and "Schedule" not in call.members else None


LIES: dict[str, Lie] = {
    "input-types": numbers_as_text,
    "error-texts": other_words,
    "request-rates": few_calls,
    "put-rules": no_schedule,
    "activity-order": changed("DescribeScalingActivities", lambda members: members["ScalingActivities"].reverse()),
}
