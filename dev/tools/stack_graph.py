"""Reads the picture of a stack from its template: a box for each resource, and an arrow for each reference."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

TYPE_LABELS = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "native scalable target",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "native scaling policy",
    "AWS::CloudWatch::Alarm": "CloudWatch alarm",
    "AWS::IAM::Role": "IAM role",
    "AWS::Lambda::Permission": "Lambda permission",
    "AWS::SNS::Subscription": "SNS subscription",
    "AWS::SNS::Topic": "SNS topic",
    "AWS::SNS::TopicPolicy": "SNS topic policy",
    "AWS::SageMaker::Endpoint": "SageMaker endpoint",
    "AWS::SageMaker::EndpointConfig": "endpoint configuration",
    "AWS::SageMaker::Model": "SageMaker model",
    "Custom::SageMakerEndpointUpdateGate": "update gate",
    "Custom::SageMakerScalableTarget": "scalable target",
}
# Parameters that name a resource of a type. If the template has no such resource, it exists before the stack.
PARAMETER_TARGETS = {
    "EndpointName": ("AWS::SageMaker::Endpoint", "SageMaker endpoint"),
    "InferenceComponentName": ("AWS::SageMaker::InferenceComponent", "Inference component"),
}
FUNCTION = "Fn::ImportValue"
_SWITCHES = {"AdoptExisting": "adopts the target", "IncludeOtherStacks": "includes other stacks"}
_POLICIES = {"TargetTrackingScaling": "target tracking", "StepScaling": "step scaling"}
_UNITS = {"DesiredProvisionedConcurrency": "concurrency", "DesiredCopyCount": "copies"}


class Line(NamedTuple):
    """A line of text in a box."""

    style: str
    text: str


class Box(NamedTuple):
    """A resource."""

    style: str
    """`custom` for the function's types, `native` for other types, `outside` for resources from before the stack."""
    head: list[Line]
    inputs: list[str]
    """The properties that refer to other boxes."""
    facts: list[Line]


class Arrow(NamedTuple):
    """A reference: the property `entry` of the target refers to the source."""

    source: str
    target: str
    entry: str


def references(value: Any) -> Iterator[str]:
    """The resources and parameters that a value refers to, and `FUNCTION` for an import."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == "Ref":
                yield inner
            elif name == "Fn::GetAtt":
                yield inner[0]
            elif name == "Fn::Sub" and isinstance(inner, str):
                yield from re.findall(r"\$\{(\w+)", inner)
            elif name == FUNCTION:
                yield FUNCTION
            else:
                yield from references(inner)


def arrows(template: Any) -> list[Arrow]:
    """The references between boxes, one for each pair: that of the first property."""
    known = {*template["Resources"], *outside(template)}
    found: dict[tuple[str, str], Arrow] = {}
    for target, resource in template["Resources"].items():
        # A policy's name may contain the name of an endpoint, and is not a reference to it.
        values = {name: value for name, value in resource["Properties"].items() if name != "PolicyName"}
        depends_on = resource.get("DependsOn", [])
        values["DependsOn"] = [{"Ref": name} for name in ([depends_on] if isinstance(depends_on, str) else depends_on)]
        for entry, value in values.items():
            for source in references(value):
                if source in known:
                    found.setdefault((source, target), Arrow(source, target, entry))
    return list(found.values())


def outside(template: Any) -> dict[str, Box]:
    """Boxes for the resources that the template refers to and does not create."""
    types = {resource["Type"] for resource in template["Resources"].values()}
    heads = {
        name: (title, f"parameter {name}") for name, (kind, title) in PARAMETER_TARGETS.items() if kind not in types
    }
    heads[FUNCTION] = ("Function", "stack of template.yaml")
    used = {*references(template["Resources"])}
    return {
        name: Box("outside", [Line("id", title), Line("kind", origin)], [], [])
        for name, (title, origin) in heads.items()
        if name in used
    }


def boxes(template: Any) -> dict[str, Box]:
    """The boxes of a template, in its order, after the boxes of `outside`. `pictures.arranged` adds their inputs."""
    found = outside(template)
    for name, resource in template["Resources"].items():
        kind = resource["Type"]
        found[name] = Box(
            "custom" if kind.startswith("Custom::") else "native",
            [Line("id", name), Line("kind", TYPE_LABELS.get(kind, kind))],
            [],
            list(facts(resource["Properties"])),
        )
    return found


def facts(properties: Any) -> Iterator[Line]:
    """The properties of a resource that its picture shows."""
    if "MaxCapacity" in properties:
        dimension = properties.get("ScalableDimension", "").rpartition(":")[2]
        by_default = "copies" if "InferenceComponentName" in properties else "instances"
        yield Line("fact", f"{_UNITS.get(dimension, by_default)}: {limits(properties)}")
    yield from (Line("fact", meaning) for name, meaning in _SWITCHES.items() if properties.get(name))
    for variant in properties.get("ProductionVariants", []):
        yield Line("fact", f"variant {shown(variant['VariantName'])}")
        yield from (Line("more", shown(pool["InstanceType"])) for pool in variant.get("InstancePools", [variant]))
    for policy in properties.get("ScalingPolicies", [properties] if "PolicyType" in properties else []):
        yield from (Line("fact", shown(policy["PolicyName"])), Line("more", _POLICIES[policy["PolicyType"]]))
    for action in properties.get("ScheduledActions", []):
        yield Line("fact", f"{action['ScheduledActionName']}: {limits(action['ScalableTargetAction'])}")
        yield Line("more", ", ".join(action[name] for name in ("Schedule", "Timezone") if name in action))
    if "MetricName" in properties:
        yield Line("fact", properties["MetricName"])


def limits(properties: Any) -> str:
    """The limits that properties set."""
    low, high = (shown(properties.get(name, "")) for name in ("MinCapacity", "MaxCapacity"))
    return f"{low} to {high}" if low and high else f"min {low}" if low else f"max {high}"


def shown(value: Any) -> str:
    """A value, or the name of the parameter that has it."""
    return str(next(iter(value.values())) if isinstance(value, dict) else value)
