"""Describes calls, requests and decisions in a few words."""

import json
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

Call = Mapping[str, Any]
"""A call as the local AWS records it: `Target`, `Input`, `Outcome`, `Output`."""

_SERVICES = {"AmazonSSM": "SSM", "AnyScaleFrontendService": "Auto Scaling"}
_OWNER = ("sagemaker-scaling:stack-id", "sagemaker-scaling:logical-id")
_FORMER = "sagemaker-scaling:former-logical-id"
_RESTORING = "sagemaker-scaling:restoring"
# CloudFormation's own properties. They are the same in every request.
_NOT_SHOWN = ("ServiceToken", "ServiceTimeout")


def operation(call: Call) -> str:
    """The name of the operation, without its service."""
    return str(call["Target"].partition(".")[2])


def named(call: Call) -> str:
    """The operation, after the usual name of its service."""
    service = call["Target"].partition(".")[0]
    return f"{_SERVICES.get(service, service)} {operation(call)}"


def only_reads(call: Call) -> bool:
    """Whether a call changes nothing."""
    return operation(call).startswith(("Describe", "Get", "List"))


def is_expected(call: Call) -> bool:
    """Whether a call succeeded, or failed because the object does not exist."""
    return call["Outcome"] == "ok" or (operation(call), call["Outcome"]) in _FAULTS


def outcome(call: Call) -> str:
    """What a call read or changed."""
    if call["Outcome"] != "ok":
        return _FAULTS.get((operation(call), call["Outcome"]), str(call["Outcome"]))
    say = _WORDS.get(operation(call))
    return say(call["Input"], call.get("Output") or {}) if say else ""


def request(event: Mapping[str, Any]) -> str:
    """The properties of a Create, the changed properties of an Update, or the resource that a Delete names."""
    if event.get("RequestType") == "Delete":
        return str(event.get("PhysicalResourceId", "")).partition("|")[0]
    given = [event.get(which, {}) for which in ("ResourceProperties", "OldResourceProperties")]
    if strange := [value for value in given if not isinstance(value, Mapping)]:
        return ", ".join(map(value_of, strange))
    new, old = ({name: value for name, value in each.items() if name not in _NOT_SHOWN} for each in given)
    if event.get("RequestType") != "Update":
        return ", ".join(f"{name} {value_of(value)}" for name, value in new.items())
    changed = [
        f"{name} {value_of(old[name])} → {value_of(value)}" if name in old else f"{name} {value_of(value)}"
        for name, value in new.items()
        if old.get(name) != value
    ]
    return ", ".join(changed + [f"no {name}" for name in old if name not in new])


def decided(event: Mapping[str, Any], calls: Sequence[Call], answer: Mapping[str, Any]) -> str:
    """The decision of the function, derived from its calls."""
    acts = [call for call in calls if not only_reads(call)]
    done = {operation(call) for call in acts}
    if answer["Status"] == "FAILED" and not acts:
        return "refuse the request and change nothing"
    if event.get("ResourceType") == "Custom::SageMakerEndpointUpdateGate":
        return _decided_by_gate(done)
    if event.get("RequestType") == "Delete":
        return _decided_by_delete(done)
    if "PutParameter" in done and "RegisterScalableTarget" not in done:
        return "the endpoint is about to roll back: keep the target as a snapshot"
    if any(_RESTORING in call["Input"].get("Tags", {}) for call in acts):
        return "restore the target from its snapshot, with what the template says"
    if any(_FORMER in call["Input"].get("Tags", {}) for call in acts):
        return "TakeOverFrom names its owner: take it over"
    if acts and operation(acts[0]) == "TagResource":
        return "it has no owner: adopt it"
    if acts and "Tags" in acts[0]["Input"]:
        was_read = any(operation(call) == "DescribeScalableTargets" for call in calls[: calls.index(acts[0])])
        return "it is not registered: register it" if was_read else "register it, unless it is registered already"
    return "this resource owns it: update it"


def _decided_by_delete(done: Set[str]) -> str:
    if "DeregisterScalableTarget" in done:
        return "this resource owns it: deregister it"
    if "TagResource" in done:
        return "its former owner exists: hand it back"
    return "it was adopted: release it" if "UntagResource" in done else "this resource does not own it: do nothing"


def _decided_by_gate(done: Set[str]) -> str:
    if "DeregisterScalableTarget" in done:
        return "the target blocks the update: take a snapshot of it and deregister it"
    if "RegisterScalableTarget" in done:
        return "restore the target from its snapshot"
    return "use the snapshots of an earlier request" if "PutParameter" in done else "nothing to do"


def waited(seconds: float) -> str:
    """Why the function waits after its last call."""
    return f"{seconds:.1f} s, then check that CloudFormation has not cancelled this request"


def continued(continuation: Mapping[str, Any]) -> str:
    """How the function waits for longer than Lambda lets it run."""
    return f"Lambda's time limit is near: invocation {continuation['Invocation']} of the function waits on"


def value_of(value: Any) -> str:
    """A property's value: text unchanged, a list by the names in it, everything else as JSON."""
    if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        return " and ".join(next((str(item[key]) for key in item if key.endswith("Name")), "…") for item in value)
    return value if isinstance(value, str) else json.dumps(value)


def joined(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def target(resource_id: str) -> str:
    """`ranking/blue` for a variant; the resource id of anything else."""
    kind, *names = resource_id.split("/")
    return f"{names[0]}/{names[2]}" if kind == "endpoint" and len(names) == 3 else resource_id


def limits(of: Mapping[str, Any]) -> str:
    """The capacities of a target."""
    return f"{of['MinCapacity']} to {of['MaxCapacity']}"


def variants(of: Sequence[Mapping[str, Any]]) -> str:
    """The variants of a configuration, with their capacity."""
    return " and ".join(f"{each['VariantName']} {'' if _is_serverless(each) else 'on '}{capacity(each)}" for each in of)


def capacity(variant: Mapping[str, Any]) -> str:
    """The instance types of a variant in a configuration, or that it has none."""
    if _is_serverless(variant):
        return "serverless"
    pools = sorted(variant.get("InstancePools", []), key=lambda pool: int(pool["Priority"]))
    return " or ".join(pool["InstanceType"] for pool in pools) or str(variant.get("InstanceType", "no instances"))


def _is_serverless(variant: Mapping[str, Any]) -> bool:
    return "ServerlessConfig" in variant


def _endpoint(given: Any, output: Any) -> str:
    names = " and ".join(variant["VariantName"] for variant in output["ProductionVariants"])
    return f"{output['EndpointName']} is {output['EndpointStatus']}, with {names}"


def _config(given: Any, output: Any) -> str:
    return f"{given['EndpointConfigName']}: {variants({**given, **output}['ProductionVariants'])}"


def _targets(given: Any, output: Any) -> str:
    found = [f"{target(each['ResourceId'])} is registered, {limits(each)}" for each in output["ScalableTargets"]]
    asked = [target(resource_id) for resource_id in given.get("ResourceIds", [])]
    return ", ".join(found) or f"{' and '.join(asked)} {'is' if len(asked) == 1 else 'are'} not registered"


def _tags(tags: Mapping[str, str]) -> str:
    stack, resource = (tags.get(key, "") for key in _OWNER)
    owner = f"owner {stack.split('/')[1] if '/' in stack else stack}/{resource}" if stack or resource else "no owner"
    return ", ".join([owner, *(key for key in tags if key not in _OWNER)])


def _register(given: Any, output: Any) -> str:
    tags = f"; {_tags(given['Tags'])}" if "Tags" in given else ""
    return f"{target(given['ResourceId'])}, {limits(given)}{tags}"


def _tag_keys(stack: Mapping[str, Any]) -> str:
    return ", ".join(tag["Key"] for tag in stack["Tags"])


def _names(plural: str) -> Callable[[Any, Any], str]:
    return lambda given, output: value_of(output[plural]) or "none"


def _update_endpoint(given: Any, output: Any) -> str:
    return f"{given['EndpointName']} to {given['EndpointConfigName']}"


_FAULTS = {
    ("DeleteParameter", "ParameterNotFound"): "there is no snapshot",
    ("DescribeEndpoint", "ValidationException"): "there is no such endpoint",
    ("DescribeInferenceComponent", "ValidationException"): "there is no such inference component",
    ("DescribeStackResource", "ValidationError"): "there is no such resource",
    ("DescribeStackResources", "ValidationError"): "there is no such stack",
    ("GetParameter", "ParameterNotFound"): "there is no snapshot",
}
_WORDS: dict[str, Callable[[Any, Any], str]] = {
    "CreateEndpoint": _update_endpoint,
    "CreateEndpointConfig": _config,
    "CreateInferenceComponent": lambda given, output: f"{given['InferenceComponentName']} on {given['EndpointName']}",
    "DeleteEndpoint": lambda given, output: str(given["EndpointName"]),
    "DeleteEndpointConfig": lambda given, output: str(given["EndpointConfigName"]),
    "DeleteInferenceComponent": lambda given, output: str(given["InferenceComponentName"]),
    "DeleteParameter": lambda given, output: "the snapshot is dropped",
    "DeregisterScalableTarget": lambda given, output: target(given["ResourceId"]),
    "DescribeEndpoint": _endpoint,
    "DescribeEndpointConfig": _config,
    "DescribeInferenceComponent": lambda given, output: (
        f"{output['InferenceComponentName']} is {output.get('InferenceComponentStatus', 'of unknown status')}"
    ),
    "DescribeScalableTargets": _targets,
    "DescribeScalingPolicies": _names("ScalingPolicies"),
    "DescribeScheduledActions": _names("ScheduledActions"),
    "DescribeStackResource": lambda given, output: (
        f"{given['LogicalResourceId']} is {output['StackResourceDetail']['ResourceStatus']}"
    ),
    "DescribeStackResources": lambda given, output: ", ".join(
        each["LogicalResourceId"] for each in output["StackResources"]
    ),
    "DescribeStacks": lambda given, output: f"the stack's tags: {_tag_keys(output['Stacks'][0]) or 'none'}",
    "GetParameter": lambda given, output: "the snapshot",
    "GetParametersByPath": lambda given, output: value_of(output["Parameters"]) or "there is no snapshot",
    "ListTagsForResource": lambda given, output: _tags(output["Tags"]),
    "PutParameter": lambda given, output: f"the snapshot, {len(given['Value'])} characters",
    "PutScalingPolicy": lambda given, output: str(given["PolicyName"]),
    "PutScheduledAction": lambda given, output: str(given["ScheduledActionName"]),
    "RegisterScalableTarget": _register,
    "TagResource": lambda given, output: _tags(given["Tags"]),
    "UntagResource": lambda given, output: ", ".join(given["TagKeys"]),
    "UpdateEndpoint": _update_endpoint,
}
