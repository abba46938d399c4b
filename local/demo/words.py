"""What a call and a request come to, in a few words."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Call = Mapping[str, Any]
"""As the local AWS records it: `Target`, `Input`, `Outcome`, `Output`."""

_SERVICES = {"AmazonSSM": "SSM", "AnyScaleFrontendService": "Auto Scaling"}
_OWNER = ("sagemaker-scaling:stack-id", "sagemaker-scaling:logical-id")
_RETURNING = "sagemaker-scaling:returning"
# CloudFormation's own properties, the same in every request.
_UNREMARKABLE = ("ServiceToken", "ServiceTimeout")


def operation(call: Call) -> str:
    """Its name without the service's."""
    return str(call["Target"].partition(".")[2])


def named(call: Call) -> str:
    """The operation, after what people call its service."""
    service = call["Target"].partition(".")[0]
    return f"{_SERVICES.get(service, service)} {operation(call)}"


def only_looks(call: Call) -> bool:
    """Whether it changes nothing."""
    return operation(call).startswith(("Describe", "Get", "List"))


def is_expected(call: Call) -> bool:
    """Whether it went well, or failed as it does where nothing is there."""
    return call["Outcome"] == "ok" or (operation(call), call["Outcome"]) in _FAULTS


def outcome(call: Call) -> str:
    """What was seen, or what was done to what."""
    if call["Outcome"] != "ok":
        return _FAULTS.get((operation(call), call["Outcome"]), str(call["Outcome"]))
    say = _WORDS.get(operation(call))
    return say(call["Input"], call.get("Output") or {}) if say else ""


def request(event: Mapping[str, Any]) -> str:
    """What a request is about: the properties of a Create, the changed ones of an Update, what a Delete names."""
    if event.get("RequestType") == "Delete":
        return str(event.get("PhysicalResourceId", "")).partition("|")[0]
    given = [event.get(which, {}) for which in ("ResourceProperties", "OldResourceProperties")]
    if strange := [value for value in given if not isinstance(value, Mapping)]:
        return ", ".join(map(value_of, strange))
    new, old = ({name: value for name, value in each.items() if name not in _UNREMARKABLE} for each in given)
    if event.get("RequestType") != "Update":
        return ", ".join(f"{name} {value_of(value)}" for name, value in new.items())
    changed = [
        f"{name} {value_of(old[name])} → {value_of(value)}" if name in old else f"{name} {value_of(value)}"
        for name, value in new.items()
        if old.get(name) != value
    ]
    return ", ".join(changed + [f"no {name}" for name in old if name not in new])


def decided(event: Mapping[str, Any], calls: Sequence[Call], answer: Mapping[str, Any]) -> str:
    """What the function made of a request, as its calls show."""
    acts = [call for call in calls if not only_looks(call)]
    done = {operation(call) for call in acts}
    if answer["Status"] == "FAILED" and not acts:
        return "refuse it; nothing is changed"
    if event.get("ResourceType") == "Custom::SageMakerEndpointUpdateGate":
        if "DeregisterScalableTarget" in done:
            return "SageMaker would refuse the update: park what is registered, then deregister it"
        if "RegisterScalableTarget" in done:
            return "bring back what is parked"
        return "nothing to do"
    if event.get("RequestType") == "Delete":
        if "DeregisterScalableTarget" in done:
            return "it is ours: deregister it"
        return "it was adopted: release it" if "UntagResource" in done else "it is not ours: leave it alone"
    if any(_RETURNING in call["Input"].get("Tags", {}) for call in acts):
        return "bring back what is parked, then make it what the template says"
    if acts and operation(acts[0]) == "TagResource":
        return "it is nobody's: take it over"
    if acts and "Tags" in acts[0]["Input"]:
        looked = any(operation(call) == "DescribeScalableTargets" for call in calls[: calls.index(acts[0])])
        return "nobody has registered it: register it" if looked else "register it, if nobody has"
    return "it is ours: register it again"


def waited(seconds: float) -> str:
    """Why the function, with nothing left to do, waits before it answers."""
    return f"{seconds:.1f} s, then check that CloudFormation has not cancelled this request"


def value_of(value: Any) -> str:
    """A property's value: text as it is, a list by the names in it, the rest as JSON."""
    if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        return " and ".join(next((str(item[key]) for key in item if key.endswith("Name")), "…") for item in value)
    return value if isinstance(value, str) else json.dumps(value)


def target(resource_id: str) -> str:
    """`ranking/blue` for a variant; the resource id of anything else."""
    kind, *names = resource_id.split("/")
    return f"{names[0]}/{names[2]}" if kind == "endpoint" and len(names) == 3 else resource_id


def limits(of: Mapping[str, Any]) -> str:
    """Capacities."""
    return f"{of['MinCapacity']} to {of['MaxCapacity']}"


def variants(of: Sequence[Mapping[str, Any]]) -> str:
    """The variants of a configuration, and what they run on."""
    return " and ".join(f"{each['VariantName']} on {each.get('InstanceType', 'demand')}" for each in of)


def _endpoint(given: Any, seen: Any) -> str:
    names = " and ".join(variant["VariantName"] for variant in seen["ProductionVariants"])
    return f"{seen['EndpointName']} is {seen['EndpointStatus']}, with {names}"


def _config(given: Any, seen: Any) -> str:
    return f"{given['EndpointConfigName']}: {variants({**given, **seen}['ProductionVariants'])}"


def _targets(given: Any, seen: Any) -> str:
    found = [f"{target(each['ResourceId'])} is registered, {limits(each)}" for each in seen["ScalableTargets"]]
    return ", ".join(found) or f"{' '.join(map(target, given.get('ResourceIds', [])))} is not registered"


def _tags(tags: Mapping[str, str]) -> str:
    stack, resource = (tags.get(key, "") for key in _OWNER)
    owner = f"owner {stack.split('/')[1] if '/' in stack else stack}/{resource}" if stack or resource else "no owner"
    return ", ".join([owner, *(key for key in tags if key not in _OWNER)])


def _register(given: Any, seen: Any) -> str:
    tags = f"; {_tags(given['Tags'])}" if "Tags" in given else ""
    return f"{target(given['ResourceId'])}, {limits(given)}{tags}"


def _names(plural: str) -> Callable[[Any, Any], str]:
    return lambda given, seen: value_of(seen[plural]) or "none"


def _update_endpoint(given: Any, seen: Any) -> str:
    return f"{given['EndpointName']} to {given['EndpointConfigName']}"


_FAULTS = {
    ("DeleteParameter", "ParameterNotFound"): "nothing is parked",
    ("DescribeEndpoint", "ValidationException"): "there is no such endpoint",
    ("DescribeInferenceComponent", "ValidationException"): "there is no such inference component",
    ("GetParameter", "ParameterNotFound"): "nothing is parked",
}
_WORDS: dict[str, Callable[[Any, Any], str]] = {
    "CreateEndpoint": _update_endpoint,
    "CreateEndpointConfig": _config,
    "DeleteEndpoint": lambda given, seen: str(given["EndpointName"]),
    "DeleteEndpointConfig": lambda given, seen: str(given["EndpointConfigName"]),
    "DeleteParameter": lambda given, seen: "the record goes",
    "DeregisterScalableTarget": lambda given, seen: target(given["ResourceId"]),
    "DescribeEndpoint": _endpoint,
    "DescribeEndpointConfig": _config,
    "DescribeInferenceComponent": lambda given, seen: (
        f"{seen['InferenceComponentName']} is {seen['InferenceComponentStatus']}"
    ),
    "DescribeScalableTargets": _targets,
    "DescribeScalingPolicies": _names("ScalingPolicies"),
    "DescribeScheduledActions": _names("ScheduledActions"),
    "GetParameter": lambda given, seen: "the record of what is parked",
    "GetParametersByPath": lambda given, seen: value_of(seen["Parameters"]) or "nothing is parked",
    "ListTagsForResource": lambda given, seen: _tags(seen["Tags"]),
    "PutParameter": lambda given, seen: f"the record, {len(given['Value'])} characters",
    "PutScalingPolicy": lambda given, seen: str(given["PolicyName"]),
    "PutScheduledAction": lambda given, seen: str(given["ScheduledActionName"]),
    "RegisterScalableTarget": _register,
    "TagResource": lambda given, seen: _tags(given["Tags"]),
    "UntagResource": lambda given, seen: ", ".join(given["TagKeys"]),
    "UpdateEndpoint": _update_endpoint,
}
