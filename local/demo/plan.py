"""Tells what an update of a stack does, before it is deployed: what SageMaker refuses, and what stops scaling."""

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Any

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

from demo import words
from demo.environment import REGION
from demo.ministack_reader import Template, references

Resources = Mapping[str, Template]
"""The resources of a stack. In their properties, functions stand only for what other resources return."""

SCALING = "Custom::SageMakerScalableTarget"
GATE = "Custom::SageMakerEndpointUpdateGate"
_NATIVE = "AWS::ApplicationAutoScaling::ScalableTarget"
_ENDPOINT = "AWS::SageMaker::Endpoint"
_CONFIG = "AWS::SageMaker::EndpointConfig"
_NESTED = ("AWS::CloudFormation::Stack", "AWS::Serverless::Application")
_OF_ID = {
    GATE: {"EndpointName", "EndpointConfigName"},
    SCALING: {"EndpointName", "InferenceComponentName", "ScalableDimension", "VariantName"},
}
"""The properties that the physical ids of this function name."""
_NOT_COMPARED = ("ServiceTimeout", "ServiceToken", "UpdateGate")


@dataclass(frozen=True)
class Update:
    """The resources before and after an update."""

    before: Resources
    after: Resources
    changed: frozenset[str]
    """The resources that CloudFormation updates."""
    replaced: frozenset[str]
    """Those of them that get another physical id."""


@dataclass(frozen=True)
class Plan:
    """What an update does."""

    lines: list[str]
    refused: bool
    """Whether SageMaker refuses the update of an endpoint."""
    deregistered: frozenset[str]
    """The variants whose targets a gate deregisters."""
    changed: frozenset[str]
    """The resources that are created, updated or deleted."""
    is_whole: bool
    """Whether it compares everything: it does not compare nested stacks."""


def compare(before: Resources, after: Resources) -> Update:
    """Finds what changes, also through references to what is replaced."""
    changed: set[str] = set()
    replaced: set[str] = set()
    both = [name for name in after if name in before]
    while True:
        seen = len(changed), len(replaced)
        for name in both:
            touched = _touched(before, after, name, replaced)
            # The template of a nested stack may have changed.
            if touched or after[name]["Type"] in _NESTED:
                changed.add(name)
            if before[name]["Type"] != after[name]["Type"] or touched & _of_id(after[name]["Type"]):
                replaced.add(name)
        if seen == (len(changed), len(replaced)):
            return Update(before, after, frozenset(changed), frozenset(replaced))


def plan(update: Update) -> Plan:
    """Says what an update does, in the order in which it is done."""
    before, after = update.before, update.after
    lines: list[str] = []
    refused = False
    deregistered: set[str] = set()
    for name, body in after.items():
        if body["Type"] != _ENDPOINT or name not in update.changed:
            continue
        if name in update.replaced:
            lines.append(
                f"{_endpoint(after, name)} is created, and {_endpoint(before, name)} is deleted in the clean-up"
            )
            continue
        old, new = (_variants(resources, name) for resources in (before, after))
        if old is None or new is None:
            lines.append(
                f"{_endpoint(after, name)}: its configuration is not in the template, so its variants are not compared"
            )
            continue
        lines += _changes_of_variants(_endpoint(after, name), old, new)
        blocked = [variant for variant in old if variant not in new or _kind(old[variant]) != _kind(new[variant])]
        targets = {
            resource: variant
            for resource, endpoint, variant in _targets(before)
            if endpoint == name and variant in blocked
        }
        if not targets:
            lines.append(f"{_endpoint(after, name)}: SageMaker accepts the update while the variants scale")
            continue
        gates = [gate for gate in references(body["Properties"].get("EndpointConfigName")) if _is(after, gate, GATE)]
        if gates:
            deregistered |= {*targets.values()}
            lines += _by_gate(update, gates[0], name, targets, new)
        else:
            refused = True
            told = words.together(_named(after, name, targets.values()))
            lines.append(
                f"SageMaker will refuse this: {told} is registered by {words.together(sorted(targets))}, and no gate "
                f"deregisters {_it(targets)}. {_without_gate(after, name)}"
            )
    lines += _replacements(update)
    lines += [line for name in (*before, *after) if (line := _scaling(update, name))]
    lines = list(dict.fromkeys(lines))
    if refused:
        lines.append("the update fails, and the rollback leaves the stack as it is now")
    elif deregistered:
        lines.append(
            "if the update fails after that, the rollback restores the targets once the endpoint runs its current "
            "configuration again"
        )
    created_or_deleted = before.keys() ^ after.keys()
    is_whole = not any(body["Type"] in _NESTED for body in (*before.values(), *after.values()))
    return Plan(lines, refused, frozenset(deregistered), update.changed | created_or_deleted, is_whole)


def _touched(before: Resources, after: Resources, name: str, replaced: set[str]) -> set[str]:
    """The properties of a resource that change."""
    old, new = (_comparable(resources, name) for resources in (before, after))
    return {each for each in old | new if old.get(each) != new.get(each) or references(new.get(each)) & replaced}


def _comparable(resources: Resources, name: str) -> dict[str, Any]:
    """The properties, with one form for each endpoint's name in those of this function."""
    properties = dict(_properties(resources, name))
    if resources[name]["Type"] in _OF_ID and "EndpointName" in properties:
        endpoint = _endpoint_of(resources, properties["EndpointName"])
        properties["EndpointName"] = _name(resources, endpoint) if endpoint else properties["EndpointName"]
    return properties


@functools.cache
def _of_id(kind: str) -> frozenset[str]:
    """The properties whose change gives a resource another physical id."""
    if kind in _OF_ID:
        return frozenset(_OF_ID[kind])
    try:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    except ResourceNotFoundError:
        return frozenset()
    return frozenset(path.split("/")[2] for path in schema.get("createOnlyProperties", []))


def _is(resources: Resources, name: str, kind: str) -> bool:
    return name in resources and resources[name]["Type"] == kind


def _properties(resources: Resources, name: str) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = resources[name].get("Properties") or {}
    return properties


def _name(resources: Resources, endpoint: str) -> str:
    """The name of an endpoint, or its logical id if CloudFormation names it."""
    name = _properties(resources, endpoint).get("EndpointName", endpoint)
    return name if isinstance(name, str) else endpoint


def _endpoint(resources: Resources, name: str) -> str:
    return f"endpoint {_name(resources, name)}"


def _endpoint_of(resources: Resources, value: Any) -> str | None:
    """The logical id of the endpoint that a value names, if the template has it."""
    named = references(value)
    for endpoint in (name for name in resources if _is(resources, name, _ENDPOINT)):
        name = _name(resources, endpoint).lower()
        through_gate = [gate for gate in named if _is(resources, gate, GATE)]
        names = [value, *(_properties(resources, gate).get("EndpointName") for gate in through_gate)]
        if endpoint in named or name in [str(each).rpartition("/")[2].lower() for each in names]:
            return endpoint
    return None


def _variants(resources: Resources, endpoint: str) -> dict[str, Any] | None:
    """The variants of the configuration that an endpoint gets, by name. `None` if it is not in the template."""
    pending = [*references(_properties(resources, endpoint).get("EndpointConfigName"))]
    for name in pending:
        if _is(resources, name, _CONFIG):
            variants = _properties(resources, name).get("ProductionVariants")
            return {str(each.get("VariantName")): each for each in variants} if isinstance(variants, list) else None
        if _is(resources, name, GATE):
            pending += references(_properties(resources, name).get("EndpointConfigName"))
    return None


def _kind(variant: Mapping[str, Any]) -> tuple[Any, ...]:
    """What SageMaker does not let change while a variant is a scalable target: docs/UPDATES.md."""
    return variant.get("InstanceType"), variant.get("InstancePools"), "ServerlessConfig" in variant


def _changes_of_variants(endpoint: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in {**old, **new}:
        if name not in new:
            yield f"{endpoint}: variant {name} is removed"
        elif name not in old:
            yield f"{endpoint}: variant {name} is new, on {words.instances(new[name])}"
        elif _kind(old[name]) != _kind(new[name]):
            yield (
                f"{endpoint}: variant {name} changes from {words.instances(old[name])} to {words.instances(new[name])}"
            )


def _targets(resources: Resources) -> Iterator[tuple[str, str, str]]:
    """The targets of variants of endpoints in the template: the resource, the endpoint, the variant."""
    for name, body in resources.items():
        properties = _properties(resources, name)
        if body["Type"] == SCALING and "VariantName" in properties:
            endpoint = _endpoint_of(resources, properties.get("EndpointName"))
            variant = properties["VariantName"]
        elif body["Type"] == _NATIVE:
            endpoint, variant = _of_native(resources, properties.get("ResourceId"))
        else:
            continue
        if endpoint and isinstance(variant, str):
            yield name, endpoint, variant


def _of_native(resources: Resources, resource_id: Any) -> tuple[str | None, str | None]:
    """The endpoint and the variant in a `ResourceId`, which may be text, `Fn::Sub` or `Fn::Join`."""
    match resource_id:
        case {"Fn::Join": [str(separator), list(parts)]}:
            text = separator.join(part if isinstance(part, str) else "*" for part in parts)
        case _:
            text = str(resource_id)
    found = re.search(r"endpoint/(.+)/variant/([\w-]+)", text)
    if not found:
        return None, None
    named = [name for name in references(resource_id) if _is(resources, name, _ENDPOINT)]
    return (named[0] if named else _endpoint_of(resources, found[1])), found[2]


def _by_gate(
    update: Update, gate: str, endpoint: str, targets: Mapping[str, str], kept: Iterable[str]
) -> Iterator[str]:
    """What happens to the targets behind a gate. `kept` are the variants that the endpoint still has afterwards."""
    told = words.together(_named(update.after, endpoint, targets.values()))
    yield f"{gate} takes a snapshot of {told}, and deregisters {_it(targets)} before the endpoint's update"
    back = {name: variant for name, variant in targets.items() if name in update.after and variant in kept}
    if not back:
        return
    by = [name for name in back if "UpdateGate" in _properties(update.after, name)]
    by += [] if len(by) == len(back) else [f"{gate}, in the clean-up,"]
    told = words.together(_named(update.after, endpoint, back.values()))
    yield (
        f"{told} {'does' if len(back) == 1 else 'do'} not scale from then until {words.together(by)} "
        f"{'restores' if len(by) == 1 else 'restore'} {_it(back)}: on AWS, for some 20 seconds plus the time of the "
        "endpoint's update, which is minutes to an hour"
    )


def _named(resources: Resources, endpoint: str, variants: Iterable[str]) -> list[str]:
    return [f"{_name(resources, endpoint)}/{variant}" for variant in sorted({*variants})]


def _without_gate(resources: Resources, endpoint: str) -> str:
    gates = [name for name, body in resources.items() if body["Type"] == GATE]
    names = {gate: _properties(resources, gate).get("EndpointName") for gate in gates}
    if mine := [gate for gate, name in names.items() if _endpoint_of(resources, name) == endpoint]:
        return f"Set EndpointConfigName of {endpoint} to !GetAtt {mine[0]}.EndpointConfigName (docs/UPDATES.md)"
    return f"Put a {GATE} before {endpoint} (docs/UPDATES.md)"


def _replacements(update: Update) -> Iterator[str]:
    """What is replaced, and what is deleted at the end."""
    replaced = [name for name in update.after if name in update.replaced and update.after[name]["Type"] not in _OF_ID]
    removed = [name for name in update.before if name not in update.after]
    if replaced:
        yield f"replaced: {words.together(replaced)}"
    deleted = [f"the former {name}" for name in replaced if not _is_kept(update.before, name, "UpdateReplacePolicy")]
    deleted += [name for name in removed if not _is_kept(update.before, name, "DeletionPolicy")]
    kept = [name for name in removed if _is_kept(update.before, name, "DeletionPolicy")]
    if deleted:
        yield f"deleted in the clean-up: {words.together(deleted)}"
    if kept:
        yield f"no longer in the stack, and not deleted: {words.together(kept)}"
    for name in update.after:
        if update.after[name]["Type"] in _NESTED:
            yield f"{name} is a nested stack: it is played, but the plan does not compare it"


def _is_kept(resources: Resources, name: str, policy: str) -> bool:
    return str(resources[name].get(policy)).startswith("Retain")


def _scaling(update: Update, name: str) -> str:
    """What a scaling resource registers after the update."""
    is_before, is_after = (_is(resources, name, SCALING) for resources in (update.before, update.after))
    if is_before and not is_after and name not in update.after:
        return f"{name} is removed: {_target(update.before, name)} is deregistered in the clean-up"
    if not is_after:
        return ""
    if not is_before:
        return f"{name} registers {_target(update.after, name)}"
    if name in update.replaced:
        former, target = _target(update.before, name), _target(update.after, name)
        return f"{name} registers {target}, and deregisters {former} in the clean-up"
    changes = list(_differences(_properties(update.before, name), _properties(update.after, name)))
    return f"{_target(update.after, name)} afterwards: {', '.join(changes) or 'as before'}"


def _target(resources: Resources, name: str) -> str:
    properties = _properties(resources, name)
    if "InferenceComponentName" in properties:
        return f"inference component {words.value_of(properties['InferenceComponentName'])}"
    named = properties.get("EndpointName")
    endpoint = _endpoint_of(resources, named)
    of = _name(resources, endpoint) if endpoint else words.value_of(named)
    return f"{of}/{words.value_of(properties.get('VariantName'))}"


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """What differs between the properties of a scaling resource."""
    before, after = (dict(_leaves(each)) for each in (old, new))
    for path in {**before, **after}:
        if path[0] in (*_NOT_COMPARED, "EndpointName"):
            continue
        what = path[-1] if len(path) < 3 else f"{path[-1]} of {path[1]}"
        if path not in after:
            yield f"no {what}"
        elif path not in before:
            yield f"{what} {after[path]}"
        elif before[path] != after[path]:
            yield f"{what} {before[path]} → {after[path]}"


def _leaves(value: Any, *path: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each value in properties, with its path. An object in a list goes by its name, if it has one."""
    match value:
        case dict() if not any(key.startswith("Fn::") or key == "Ref" for key in value):
            for key, each in value.items():
                yield from _leaves(each, *path, key)
        case list():
            for index, each in enumerate(value, 1):
                names = [str(each[key]) for key in each if key.endswith("Name")] if isinstance(each, dict) else []
                yield from _leaves(each, *path, *names[:1] or [f"number {index}"])
        case _:
            yield path, value if isinstance(value, str) else json.dumps(value)


def _it(things: Sized) -> str:
    return "it" if len(things) == 1 else "them"
