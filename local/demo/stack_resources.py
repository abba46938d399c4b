"""Reads the resources of a stack: endpoints with their configurations and gates, and scalable targets."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from demo import words
from demo.ministack_reader import VARIABLE, Template, references

Resources = Mapping[str, Template]
"""The resources of a stack. Intrinsic functions with a known value are replaced by it."""

SCALING = "Custom::SageMakerScalableTarget"
GATE = "Custom::SageMakerEndpointUpdateGate"
NATIVE_TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
NATIVE_POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
ENDPOINT = "AWS::SageMaker::Endpoint"
NESTED = ("AWS::CloudFormation::Stack", "AWS::Serverless::Application")
COMPONENT = "AWS::SageMaker::InferenceComponent"
_CONFIG = "AWS::SageMaker::EndpointConfig"
INSTANCES = "sagemaker:variant:DesiredInstanceCount"
CONCURRENCY = "sagemaker:variant:DesiredProvisionedConcurrency"
_COPIES = "sagemaker:inference-component:DesiredCopyCount"
_GENERATED = re.compile(r"-[0-9a-f]{12}(?=/)")
"""What CloudFormation on this machine adds to a logical id to name an endpoint."""


@dataclass(frozen=True)
class Target:
    """A scalable target that a resource declares."""

    name: str
    """`ENDPOINT/VARIANT` of a variant, with the logical id of an endpoint without a name. Otherwise the resource id."""
    dimension: str
    endpoint: str = ""
    """The logical id of its endpoint. Empty if the template does not have it, or the target is no variant."""
    variant: str = ""
    has_name: bool = True
    """Whether its name is known. Otherwise `name` has the resource from which the name comes."""

    @staticmethod
    def described(description: Mapping[str, Any], unnamed: Collection[str]) -> "Target":
        """The target in an input or output of Application Auto Scaling on this machine.

        `unnamed` are the logical ids of endpoints that CloudFormation names.
        """
        name = words.target(description["ResourceId"])
        without = _GENERATED.sub("", name)
        is_generated = without.partition("/")[0] in unnamed
        return Target(without if is_generated else name, description["ScalableDimension"])

    def __str__(self) -> str:
        usual = self.dimension in (INSTANCES, _COPIES)
        return self.name if usual else f"{self.name} ({self.dimension.rpartition(':')[2]})"


def is_of(resources: Resources, name: str, *kinds: str) -> bool:
    """Whether there is a resource of this name and of one of these types."""
    return name in resources and resources[name]["Type"] in kinds


def of_type(resources: Resources, *kinds: str) -> list[str]:
    """The resources of these types."""
    return [name for name in resources if resources[name]["Type"] in kinds]


def properties(resources: Resources, name: str) -> Mapping[str, Any]:
    """The properties of a resource."""
    found: Mapping[str, Any] = resources[name].get("Properties") or {}
    return found


def is_kept(resources: Resources, name: str, policy: str = "DeletionPolicy") -> bool:
    """Whether the policy of a resource is to retain it."""
    return str(resources[name].get(policy)).startswith("Retain")


def resolved(resources: Resources, node: Any) -> Any:
    """A value with what is known of the resources that it refers to. Equal values become the same, in any spelling."""
    match node:
        case {"Ref": str(name)}:
            known = _attribute(resources, name, "")
            return node if known is None else known
        case {"Fn::GetAtt": [str(name), str(of)]}:
            known = _attribute(resources, name, of)
            return node if known is None else known
        case {"Fn::GetAtt": str(text)}:
            return resolved(resources, {"Fn::GetAtt": text.split(".", 1)})
        case {"Fn::Sub": [str(text), dict(given)]}:
            return _text(VARIABLE.sub(lambda found: _variable(resources, found, given), text))
        case {"Fn::Sub": str(text)}:
            return _text(VARIABLE.sub(lambda found: _variable(resources, found, {}), text))
        case {"Fn::Join": [str(separator), list(parts)]}:
            texts = [_as_variable(resolved(resources, part)) for part in parts]
            return _text(separator.join(map(str, texts))) if None not in texts else node
        case dict():
            return {key: resolved(resources, value) for key, value in node.items()}
        case list():
            return [resolved(resources, each) for each in node]
    return node


def _attribute(resources: Resources, name: str, of: str) -> Any:
    """What `!Ref` (without a name) or `!GetAtt` of a resource is. `None` if that is not known before it is created."""
    given = properties(resources, name) if name in resources else {}
    if is_of(resources, name, GATE) and of in ("EndpointName", "EndpointConfigName"):
        return resolved(resources, given.get(of))
    if is_of(resources, name, ENDPOINT) and of == "EndpointName":
        known = endpoint_name(resources, name)
        return known if known != name else None
    if is_of(resources, name, _CONFIG, COMPONENT) and of == f"{resources[name]['Type'].rpartition('::')[2]}Name":
        return own if isinstance(own := resolved(resources, given.get(of)), str) else None
    if is_of(resources, name, NATIVE_TARGET) and not of:
        parts = (given.get(each) for each in ("ResourceId", "ScalableDimension", "ServiceNamespace"))
        texts = [_as_variable(resolved(resources, part)) for part in parts]
        return _text("|".join(map(str, texts))) if None not in texts else None
    return None


def _variable(resources: Resources, found: re.Match[str], given: Mapping[str, Any]) -> str:
    """What stands for a variable of `Fn::Sub`."""
    name, _, of = found[1].partition(".")
    value = given.get(found[1], {"Fn::GetAtt": [name, of]} if of else {"Ref": name})
    return _as_variable(resolved(resources, value)) or found[0]


def _as_variable(value: Any) -> str | None:
    """A resolved value as a part of the text of `Fn::Sub`."""
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, of]}:
            return f"${{{name}.{of}}}"
        case {"Fn::Sub": str(text)}:
            return text
    return None


def _text(text: str) -> Any:
    """A text with variables as the simplest function."""
    if only := VARIABLE.fullmatch(text):
        name, _, of = only[1].partition(".")
        return {"Fn::GetAtt": [name, of]} if of else {"Ref": name}
    return {"Fn::Sub": text} if VARIABLE.search(text) else text


def shown(value: Any) -> str:
    """A value, or the resource that it refers to."""
    if isinstance(value, str):
        return value
    return next(iter(sorted(references(value))), json.dumps(value))


def endpoint_name(resources: Resources, endpoint: str) -> str:
    """The name of an endpoint. Without one, the text in a gate that it passes through, or its logical id."""
    own = properties(resources, endpoint).get("EndpointName")
    names = [resolved(resources, own)] if own else []
    names += [properties(resources, gate).get("EndpointName") for gate in config_of(resources, endpoint)[1] if not own]
    return next((name.rpartition("/")[2] for name in names if isinstance(name, str)), endpoint)


def unnamed_endpoints(resources: Resources) -> list[str]:
    """The endpoints that CloudFormation names."""
    return [name for name in of_type(resources, ENDPOINT) if "EndpointName" not in properties(resources, name)]


def named_by_gate(resources: Resources) -> list[str]:
    """The endpoints that CloudFormation names, and whose names are text in a gate."""
    return [name for name in unnamed_endpoints(resources) if endpoint_name(resources, name) != name]


def endpoint_of(resources: Resources, value: Any) -> str:
    """The logical id of the endpoint that a value names. Empty if the template does not have it."""
    named = references(value)
    through_gate = [gate for gate in named if is_of(resources, gate, GATE)]
    names = [value, *(properties(resources, gate).get("EndpointName") for gate in through_gate)]
    texts = [str(each).rpartition("/")[2].lower() for each in names]
    for endpoint in of_type(resources, ENDPOINT):
        if endpoint in named or endpoint_name(resources, endpoint).lower() in texts:
            return endpoint
    return ""


def gates_of(resources: Resources, endpoint: str) -> list[str]:
    """The gates of an endpoint."""
    gates = of_type(resources, GATE)
    return [
        gate for gate in gates if endpoint_of(resources, properties(resources, gate).get("EndpointName")) == endpoint
    ]


def config_of(resources: Resources, name: str) -> tuple[str, list[str]]:
    """The configuration that an endpoint or a gate names by a reference or as text, and the gates on the way to it.

    The configuration is empty if the template does not have it.
    """
    passed: list[str] = []
    pending = [properties(resources, name).get("EndpointConfigName")]
    for each in pending:
        named = references(each)
        for gate in (gate for gate in of_type(resources, GATE) if gate in named and gate not in passed):
            passed.append(gate)
            pending.append(properties(resources, gate).get("EndpointConfigName"))
        for config in of_type(resources, _CONFIG):
            own = properties(resources, config).get("EndpointConfigName")
            if config in named or (isinstance(each, str) and each == own):
                return config, passed
    return "", passed


def gates_before(resources: Resources, endpoint: str) -> list[str]:
    """The gates that know the configuration of an endpoint, and that CloudFormation updates before the endpoint."""
    config, passed = config_of(resources, endpoint)
    return [
        gate
        for gate in gates_of(resources, endpoint)
        if gate in passed or (follows(resources, endpoint, [gate]) and config_of(resources, gate)[0] == config)
    ]


def variants_of(resources: Resources, endpoint: str) -> dict[str, Any] | None:
    """The variants of the configuration that an endpoint gets, by name. `None` if they are not in the template."""
    config, _ = config_of(resources, endpoint)
    variants = properties(resources, config).get("ProductionVariants") if config else None
    if not isinstance(variants, list) or not all(isinstance(each.get("VariantName"), str) for each in variants):
        return None
    return {each["VariantName"]: each for each in variants}


def is_asynchronous(resources: Resources, endpoint: str) -> bool:
    """Whether the configuration that an endpoint gets makes it asynchronous."""
    config, _ = config_of(resources, endpoint)
    return "AsyncInferenceConfig" in properties(resources, config)


def targets(resources: Resources) -> dict[str, Target]:
    """The scalable target of each resource that declares one."""
    found = {}
    for name in of_type(resources, SCALING, NATIVE_TARGET):
        declared = resolved(resources, dict(properties(resources, name)))
        of = _of_native if is_of(resources, name, NATIVE_TARGET) else _of_scaling
        if target := of(resources, declared):
            found[name] = target
    return found


def _of_scaling(resources: Resources, declared: Mapping[str, Any]) -> Target:
    if "InferenceComponentName" in declared:
        return _of_component(resources, declared["InferenceComponentName"])
    dimension = shown(declared.get("ScalableDimension", INSTANCES))
    return _of_variant(resources, declared.get("EndpointName"), declared.get("VariantName"), dimension)


def _of_native(resources: Resources, declared: Mapping[str, Any]) -> Target | None:
    if declared.get("ServiceNamespace") != "sagemaker":
        return None
    resource_id = declared.get("ResourceId")
    dimension = shown(declared.get("ScalableDimension", ""))
    named = sorted(references(resource_id))
    if any(is_of(resources, name, COMPONENT) for name in named):
        return _of_component(resources, resource_id)
    text = _as_variable(resource_id) or ""
    if found := re.search(r"endpoint/(.+)/variant/(.+)", text):
        endpoints = [name for name in named if is_of(resources, name, ENDPOINT)]
        return _of_variant(
            resources, {"Ref": endpoints[0]} if endpoints else _text(found[1]), _text(found[2]), dimension
        )
    return Target(shown(resource_id), dimension, has_name=isinstance(resource_id, str))


def _of_component(resources: Resources, value: Any) -> Target:
    """The target of the inference component that a value names. Its ARN names it, too."""
    components = [name for name in sorted(references(value)) if is_of(resources, name, COMPONENT)]
    name = resolved(resources, {"Fn::GetAtt": [components[0], "InferenceComponentName"]}) if components else value
    return Target(f"inference-component/{shown(name)}", _COPIES, has_name=isinstance(name, str))


def _of_variant(resources: Resources, endpoint: Any, variant: Any, dimension: str) -> Target:
    of = endpoint_of(resources, endpoint)
    name = endpoint_name(resources, of) if of else shown(endpoint).rpartition("/")[2]
    has_name = isinstance(variant, str) and bool(of or isinstance(endpoint, str))
    return Target(f"{name}/{shown(variant)}", dimension, of, shown(variant), has_name)


def target_of_policy(resources: Resources, policy: str) -> Target | None:
    """The target that a native policy is on."""
    known = targets(resources)
    for name in sorted(references(properties(resources, policy).get("ScalingTargetId"))):
        if name in known:
            return known[name]
    declared = resolved(resources, dict(properties(resources, policy)))
    if isinstance(text := declared.get("ScalingTargetId"), str):
        members = ("ResourceId", "ScalableDimension", "ServiceNamespace")
        declared = dict(zip(members, text.split("|"), strict=False))
    return _of_native(resources, declared)


def policy_of(target: Target, policy: str) -> str:
    """A policy, as messages name it."""
    return f"policy {policy} of {target}"


def policies(resources: Resources) -> Iterator[tuple[str, Target, str]]:
    """The policies whose names are known: the resource that declares it, the target that it is on, its name."""
    known = targets(resources)
    for name in of_type(resources, SCALING, NATIVE_POLICY):
        declared = properties(resources, name)
        listed = declared.get("ScalingPolicies", []) if is_of(resources, name, SCALING) else [declared]
        target = known.get(name) or target_of_policy(resources, name)
        for policy in listed if isinstance(listed, list) else []:
            if target and isinstance(policy, dict) and isinstance(policy.get("PolicyName"), str):
                yield name, target, policy["PolicyName"]


def follows(resources: Resources, name: str, others: Iterable[str]) -> bool:
    """Whether CloudFormation updates a resource after one of the others, because it depends on it."""
    wanted, pending = {*others}, [name]
    for each in pending:
        if each in wanted:
            return True
        pending += [other for other in _needs(resources, each) if other not in pending]
    return False


def _needs(resources: Resources, name: str) -> Iterator[str]:
    if name in resources:
        needed = resources[name].get("DependsOn", [])
        yield from [needed] if isinstance(needed, str) else needed
        yield from references(resources[name].get("Properties") or {})
