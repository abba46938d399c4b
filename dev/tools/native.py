"""Writes docs/NATIVE.md: what becomes of each property and attribute of the native resources here. `make digest`.

The native resources are those in the pinned cfn-lint's schemas. A property that is not the same in both needs a
decision below.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import cfnlint
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from demo.environment import ROOT

PAGE = ROOT / "docs" / "NATIVE.md"
SCHEMA = ROOT / "schema" / "custom-sagemakerscalabletarget.json"
ATTRIBUTES = ROOT / "src" / "model" / "attributes.rs"
TARGET, POLICY = "AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy"
OURS = "Custom::SageMakerScalableTarget"
# Where the properties of a native resource are here.
PLACES = {TARGET: "", POLICY: "ScalingPolicies."}

_FROM_THE_TARGET = "refused: the policy belongs to the resource's own target"
_ONLY_HERE = "only here: "
_REQUIRED = "the same, but required, as the service requires it"
DECISIONS: dict[str, dict[str, str]] = {
    TARGET: {
        "ResourceId": "under other names: `EndpointName` and `VariantName`, or `InferenceComponentName`",
        "RoleARN": "refused: Application Auto Scaling always uses its service-linked role for SageMaker",
        "ServiceNamespace": "refused: it is always `sagemaker`",
        "ScalableDimension": "the same, but optional, and one of SageMaker's three",
        "MinCapacity": "the same, but not negative",
        "MaxCapacity": "the same, but at least 1",
        "ScheduledActions.ScalableTargetAction": "the same, but required: an action without it does nothing",
        "Tags": "the same, but up to 47: the tags that name the owner take three of the 50",
    },
    POLICY: {
        "PredictiveScalingPolicyConfiguration": "refused: SageMaker has no predictive scaling",
        "ResourceId": _FROM_THE_TARGET,
        "ScalableDimension": _FROM_THE_TARGET,
        "ScalingTargetId": _FROM_THE_TARGET,
        "ServiceNamespace": _FROM_THE_TARGET,
        "PolicyType": "the same, but not `PredictiveScaling`",
        "StepScalingPolicyConfiguration.AdjustmentType": _REQUIRED,
        "StepScalingPolicyConfiguration.StepAdjustments": _REQUIRED,
        "TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification.PredefinedMetricType": (
            "the same, but one of SageMaker's metrics that fit the dimension"
        ),
        **dict.fromkeys(
            (
                f"TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics.{name}"
                for name in (
                    "Id",
                    "MetricStat.Metric",
                    "MetricStat.Metric.Dimensions.Name",
                    "MetricStat.Metric.Dimensions.Value",
                    "MetricStat.Stat",
                )
            ),
            _REQUIRED,
        ),
    },
    OURS: {
        "EndpointName": _ONLY_HERE + "part of the native `ResourceId`",
        "VariantName": _ONLY_HERE + "part of the native `ResourceId`",
        "InferenceComponentName": _ONLY_HERE + "part of the native `ResourceId`",
        "PropagateStackTags": _ONLY_HERE + "CloudFormation always copies the stack's tags onto the native resource",
        "AdoptExisting": _ONLY_HERE + "owns a target that exists already; the native resource records no owner",
        "TakeOverFrom": _ONLY_HERE + "names the former owner; the native resource records no owner",
        "UpdateGate": _ONLY_HERE + "see [UPDATES.md](UPDATES.md)",
        "ScalingPolicies": "under another name: resources of their own, `" + POLICY + "`",
        "ServiceToken": _ONLY_HERE + "CloudFormation's own",
        "ServiceTimeout": _ONLY_HERE + "CloudFormation's own",
    },
}
RETURNED = {
    (TARGET, "Id"): "under another name: `!Ref`, which returns the same text in both",
    (
        POLICY,
        "Arn",
    ): "under other names: `PolicyARN.` with the policy's name, or `PolicyARN` with its position; `!Ref` of the native "
    "policy is the ARN, too",
}


class Property(NamedTuple):
    """A property at any depth."""

    path: str
    schema: Any
    required: bool


def native(resource_type: str) -> Any:
    """The schema of a native resource."""
    return PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema


def properties(schema: Any, whole: Any, above: str = "") -> Iterator[Property]:
    """All properties below a schema, the outer ones first."""
    schema = resolved(schema, whole)
    for name in sorted(schema.get("properties", {})):
        below = resolved(schema["properties"][name], whole)
        yield Property(above + name, below, name in schema.get("required", []))
        yield from properties(below, whole, f"{above}{name}.")


def resolved(schema: Any, whole: Any) -> Any:
    """The schema of a value, or of the items of a list."""
    while "$ref" in schema or "items" in schema:
        schema = whole["definitions"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema["items"]
    return schema


def is_same(native: Property, ours: Property) -> bool:
    """Whether our property is required where the native one is, and has the values of the native one."""
    values, our_values = native.schema.get("enum"), ours.schema.get("enum")
    return (
        native.required == ours.required
        and (values is None) == (our_values is None)
        and set(values or ()) == set(our_values or ())
    )


def rows(resource_type: str, schema: Any, ours: dict[str, Property], decisions: dict[str, str]) -> dict[str, str]:
    """What becomes of each property of a native resource, by its path. Empty where that is not decided."""
    told: dict[str, str] = {}
    outputs = {path.rpartition("/")[2] for path in schema.get("readOnlyProperties", [])}
    for each in properties(schema, schema):
        if each.path in outputs or any(told.get(above, "").startswith("refused") for above in parents(each.path)):
            continue
        same = ours.get(PLACES[resource_type] + each.path)
        told[each.path] = decisions.get(each.path, "the same" if same and is_same(each, same) else "")
    return told


def parents(path: str) -> list[str]:
    """The paths above a path."""
    parts = path.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def own_rows(ours: dict[str, Property], native_paths: set[str], decisions: dict[str, str]) -> dict[str, str]:
    """Our properties that no native resource has under this name. Empty where the reason is missing."""
    return {path: decisions.get(path, "") for path in ours if path not in native_paths}


def our_attributes() -> list[str]:
    """What `Fn::GetAtt` returns here."""
    source = ATTRIBUTES.read_text().partition("#[cfg(test)]")[0]
    of_target = source.partition("pub fn of_target")[2].partition("\n}")[0]
    return sorted({*re.findall(r'\("(\w+)",', of_target), "ScalableTargetARN", "PolicyARN.NAME", "PolicyARN1"})


def undecided(tables: dict[str, dict[str, str]], decisions: dict[str, dict[str, str]]) -> list[str]:
    """The properties that lack a decision, and the decisions that lack a property."""
    told = []
    for resource_type, table in tables.items():
        told += [f"{resource_type}.{path}: decide what becomes of it here" for path, text in table.items() if not text]
        told += [
            f"{resource_type}.{path}: there is no such property" for path in decisions[resource_type].keys() - table
        ]
    return sorted(told)


def tables(schemas: dict[str, Any], decisions: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """The tables of all resources, from the schemas of the native ones."""
    whole = json.loads(SCHEMA.read_text())
    ours = {each.path: each for each in properties(whole, whole)}
    found = {kind: rows(kind, schema, ours, decisions[kind]) for kind, schema in schemas.items()}
    native_paths = {PLACES[kind] + path for kind, table in found.items() for path in table}
    return {**found, OURS: own_rows(ours, native_paths, decisions[OURS])}


def page(schemas: dict[str, Any]) -> str:
    """The page."""
    text = [INTRODUCTION.replace("VERSION", str(cfnlint.version.__version__))]
    found = tables(schemas, DECISIONS)
    for kind, title in ((TARGET, f"`{TARGET}`"), (POLICY, f"`{POLICY}`"), (OURS, f"Only in `{OURS}`")):
        text.append(f"## {title}\n\n| property | here |\n|---|---|\n" + table(found[kind]))
    returned = {f"`{kind}`, `{name}`": told for (kind, name), told in RETURNED.items()}
    attributes = ", ".join(f"`{name}`" for name in our_attributes())
    text.append(
        "## Attributes\n\n| attribute of the native resource | here |\n|---|---|\n"
        + "".join(f"| {name} | {told} |\n" for name, told in returned.items())
        + f"\nOnly here: {attributes}.\n"
    )
    return "\n".join(text)


def table(told: dict[str, str]) -> str:
    """The rows of a table."""
    return "".join(f"| `{path}` | {text} |\n" for path, text in told.items())


INTRODUCTION = f"""\
# The native resources, property by property

<!-- Written by `make digest` from cfn-lint's schemas and dev/tools/native.py. -->

What becomes of each property and attribute of the native resources if you move to `{OURS}`: it is the
same, has another name, or is refused. The native resources' schemas are those of cfn-lint VERSION.
[MOVING.md](MOVING.md#from-native-resources) says how to move over, and
[PROPERTIES.md](PROPERTIES.md) what each property here means.

Both have tags, policies and scheduled actions. CloudFormation always copies the stack's own tags onto a native target.
Here, [`PropagateStackTags`](SEMANTICS.md#tags-of-the-stack) does that. Owners, the wait for the endpoint, and updates
of an endpoint while it scales are only here.
"""


def main() -> None:
    """Writes the page, and tells what has to be decided."""
    schemas = {kind: native(kind) for kind in (TARGET, POLICY)}
    print("\n".join(undecided(tables(schemas, DECISIONS), DECISIONS)) or "Everything is decided.")
    PAGE.write_text(page(schemas))


if __name__ == "__main__":
    main()
