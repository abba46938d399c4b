"""Plans an update of a stack: what SageMaker refuses, what does not scale meanwhile, what is replaced and deleted."""

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
"""The resources of a stack. A function remains only where its value comes from another resource."""

SCALING = "Custom::SageMakerScalableTarget"
GATE = "Custom::SageMakerEndpointUpdateGate"
_NATIVE = "AWS::ApplicationAutoScaling::ScalableTarget"
_NATIVE_KINDS = (_NATIVE, "AWS::ApplicationAutoScaling::ScalingPolicy")
_ENDPOINT = "AWS::SageMaker::Endpoint"
_CONFIG = "AWS::SageMaker::EndpointConfig"
_NESTED = ("AWS::CloudFormation::Stack", "AWS::Serverless::Application")
_ID_PROPERTIES = {
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
    """`ENDPOINT/VARIANT` of each target that a gate deregisters. Without a name, the endpoint has its logical id."""
    keeps_name: frozenset[str]
    """Resources that CloudFormation refuses to replace, because they keep a name of their own."""
    changed: frozenset[str]
    """The resources that are created, updated or deleted."""
    compares_all: bool
    """Whether the update has no nested stack: these are not compared."""


def compare(before: Resources, after: Resources) -> Update:
    """Finds the resources that change, including those that refer to a replaced resource."""
    before, after = ({name: _as_text(body) for name, body in each.items()} for each in (before, after))
    changed: set[str] = set()
    replaced: set[str] = set()
    while True:
        counts = len(changed), len(replaced)
        for name in before.keys() & after.keys():
            properties = _changed_properties(before, after, name, replaced)
            # The template of a nested stack may have changed.
            if properties or after[name]["Type"] in _NESTED:
                changed.add(name)
            if before[name]["Type"] != after[name]["Type"] or properties & _id_properties(after[name]["Type"]):
                replaced.add(name)
        if counts == (len(changed), len(replaced)):
            return Update(before, after, frozenset(changed), frozenset(replaced))


def plan(update: Update) -> Plan:
    """Plans an update. The lines are in the order in which things happen."""
    before, after = update.before, update.after
    endpoints = [name for name in after if _is(after, name, _ENDPOINT) and name in update.changed]
    effects = [_Effect.of(update, name) for name in endpoints]
    refused = any(effect.is_refused for effect in effects)
    lines = [line for effect in effects for line in effect.lines]
    lines += [] if refused else _replacements(update)
    lines += [line for name in dict.fromkeys((*before, *after)) if (line := _scaling(update, name, refused))]
    deregistered = {target for effect in effects for target in effect.deregistered}
    keeps_name = {name for name in update.replaced if _keeps_name(update, name)}
    lines += [
        f"CloudFormation will refuse this: it does not replace {name}, which keeps a name of its own. Remove the name"
        for name in sorted(keeps_name)
    ]
    if refused:
        lines.append("the update fails, and the rollback leaves the stack as it is now")
    elif deregistered and not any(effect.has_new_gate for effect in effects):
        lines.append(
            "if the update fails after that, the rollback restores the targets once the endpoint runs its old "
            "configuration again"
        )
    return Plan(
        lines,
        refused,
        frozenset(deregistered),
        frozenset(keeps_name),
        update.changed | before.keys() ^ after.keys(),
        compares_all=not any(body["Type"] in _NESTED for body in (*before.values(), *after.values())),
    )


@dataclass
class _Effect:
    """The effect of an update on one endpoint that it changes."""

    lines: list[str]
    is_refused: bool = False
    deregistered: tuple[str, ...] = ()
    has_new_gate: bool = False

    @staticmethod
    def of(update: Update, name: str) -> "_Effect":
        before, after = update.before, update.after
        endpoint = _endpoint(after, name)
        if name in update.replaced:
            fate = "kept" if _is_kept(after, name, "UpdateReplacePolicy") else "deleted in the clean-up"
            return _Effect([f"{endpoint} is created, and {_endpoint(before, name)} is {fate}"])
        old, new = (_variants(resources, name) for resources in (before, after))
        if old is None or new is None:
            return _Effect([f"{endpoint}: its configuration is not in the template, so its variants are not compared"])
        lines = [*_changes_of_variants(endpoint, old, new)]
        blocked = [
            variant for variant in old if variant not in new or _settings(old[variant]) != _settings(new[variant])
        ]
        passed = references(_property(after, name, "EndpointConfigName"))
        gates = [gate for gate in _gates(after, name) if gate in passed]
        targets = {resource: variant for resource, of, variant in _targets(before) if of == name and variant in blocked}
        if not blocked:
            return _Effect([*lines, f"{endpoint}: SageMaker accepts the update of variants that are scalable targets"])
        if not targets:
            told = words.joined(_named(after, name, blocked))
            owners = "" if gates else ", and SageMaker refuses the update if another stack or somebody by hand has"
            return _Effect([*lines, f"no resource of this template registers {told}{owners}"])
        told = words.joined(_named(after, name, targets.values()))
        if not gates:
            refusal = (
                f"SageMaker will refuse this: {told} is registered by {words.joined(sorted(targets))}, and no gate "
                f"deregisters {_it(targets)}. {_without_gate(after, name)}"
            )
            return _Effect([*lines, refusal], is_refused=True)
        lines += _gate_lines(update, gates[0], name, {each: targets[each] for each in sorted(targets)}, new)
        names = tuple(_named(after, name, targets.values()))
        return _Effect(lines, deregistered=names, has_new_gate=gates[0] not in before)


def _changed_properties(before: Resources, after: Resources, name: str, replaced: set[str]) -> set[str]:
    """The names of the properties of a resource that change."""
    old, new = (_comparable(resources, name) for resources in (before, after))
    return {each for each in old | new if old.get(each) != new.get(each) or references(new.get(each)) & replaced}


def _comparable(resources: Resources, name: str) -> dict[str, Any]:
    """The properties. Every spelling of an endpoint's name becomes the same text, so that only a real change counts."""
    properties = dict(_properties(resources, name))
    if resources[name]["Type"] in _ID_PROPERTIES and "EndpointName" in properties:
        endpoint = _endpoint_of(resources, properties["EndpointName"])
        properties["EndpointName"] = _name(resources, endpoint) if endpoint else properties["EndpointName"]
    return properties


@functools.cache
def _id_properties(kind: str) -> frozenset[str]:
    """The properties whose change gives a resource another physical id."""
    if kind in _ID_PROPERTIES:
        return frozenset(_ID_PROPERTIES[kind])
    try:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    except ResourceNotFoundError:
        return frozenset()
    return frozenset(path.split("/")[2] for path in schema.get("createOnlyProperties", []))


def _as_text(node: Any) -> Any:
    """A node with texts instead of numbers and booleans, as CloudFormation compares them."""
    match node:
        case dict():
            return {key: _as_text(value) for key, value in node.items()}
        case list():
            return [_as_text(value) for value in node]
        case bool():
            return str(node).lower()
        case int() | float():
            return str(int(node)) if node == int(node) else str(node)
    return node


def _is(resources: Resources, name: str, kind: str) -> bool:
    return name in resources and resources[name]["Type"] == kind


def _properties(resources: Resources, name: str) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = resources[name].get("Properties") or {}
    return properties


def _property(resources: Resources, resource: str, name: str) -> Any:
    return _properties(resources, resource).get(name)


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
    config = _property(resources, endpoint, "EndpointConfigName")
    pending = [*references(config)]
    # It may have a name as text.
    pending += [name for name in resources if isinstance(config, str) and _config_name(resources, name) == config]
    for name in pending:
        if _is(resources, name, _CONFIG):
            variants = _properties(resources, name).get("ProductionVariants")
            return {str(each.get("VariantName")): each for each in variants} if isinstance(variants, list) else None
        if _is(resources, name, GATE):
            pending += references(_properties(resources, name).get("EndpointConfigName"))
    return None


def _settings(variant: Mapping[str, Any]) -> tuple[Any, ...]:
    """The settings that SageMaker refuses to change while the variant is a scalable target: docs/UPDATES.md."""
    return variant.get("InstanceType"), variant.get("InstancePools"), "ServerlessConfig" in variant


def _capacity(variant: Mapping[str, Any]) -> str:
    return "serverless" if "ServerlessConfig" in variant else words.instances(variant)


def _changes_of_variants(endpoint: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in {**old, **new}:
        if name not in new:
            yield f"{endpoint}: variant {name} is removed"
        elif name not in old:
            yield f"{endpoint}: variant {name} is new: {_capacity(new[name])}"
        elif _settings(old[name]) != _settings(new[name]):
            yield f"{endpoint}: variant {name} changes from {_capacity(old[name])} to {_capacity(new[name])}"


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


def _gate_lines(
    update: Update, gate: str, endpoint: str, targets: Mapping[str, str], kept: Iterable[str]
) -> Iterator[str]:
    """What happens to the targets behind a gate. `kept` are the variants that the endpoint still has afterwards."""
    told = words.joined(_named(update.after, endpoint, targets.values()))
    yield f"{gate} takes a snapshot of {told}, and deregisters {_it(targets)} before the endpoint's update"
    restorers: dict[str, list[str]] = {}
    for name, variant in targets.items():
        if name in update.after and name not in update.replaced and variant in kept:
            restorers.setdefault(_restorer(update, gate, endpoint, name), []).append(variant)
    for restorer, variants in restorers.items():
        told = words.joined(_named(update.after, endpoint, variants))
        does = "does" if len({*variants}) == 1 else "do"
        if not restorer:
            yield (
                f"{told} {does} not scale after this update, because {gate} is new: its next request restores "
                f"{_it(variants)}. Add the gate in an update of its own, before this one"
            )
            continue
        yield (
            f"{told} {does} not scale from then until {restorer} restores {_it(variants)}: on AWS, for about 15 "
            "seconds plus the time of the endpoint's update"
        )
    if gate not in update.before:
        yield (
            f"{gate} is new in this update: if the update fails after that, SageMaker may refuse the rollback of the "
            "endpoint. Add the gate in an update of its own, before this one (docs/UPDATES.md)"
        )


def _restorer(update: Update, gate: str, endpoint: str, name: str) -> str:
    """What restores the target of a resource that a gate has deregistered. Empty if nothing does in this update."""
    of_target = update.after[name]["Type"] == SCALING
    if of_target and ("UpdateGate" in _properties(update.after, name) or name in update.changed):
        return name
    if gate in update.before:
        return f"{gate}, in the clean-up,"
    scalings = [each for each, of, _ in _targets(update.after) if of == endpoint and _is(update.after, each, SCALING)]
    return next((each for each in scalings if "UpdateGate" in _properties(update.after, each)), "")


def _named(resources: Resources, endpoint: str, variants: Iterable[str]) -> list[str]:
    return [f"{_name(resources, endpoint)}/{variant}" for variant in sorted({*variants})]


def _gates(resources: Resources, endpoint: str) -> list[str]:
    """The gates of an endpoint."""
    gates = [name for name in resources if _is(resources, name, GATE)]
    return [gate for gate in gates if _endpoint_of(resources, _property(resources, gate, "EndpointName")) == endpoint]


def _config_name(resources: Resources, name: str) -> Any:
    """The name of a configuration, if it has one in the template."""
    return _property(resources, name, "EndpointConfigName") if _is(resources, name, _CONFIG) else None


def _without_gate(resources: Resources, endpoint: str) -> str:
    if unused := _gates(resources, endpoint):
        return f"Set EndpointConfigName of {endpoint} to !GetAtt {unused[0]}.EndpointConfigName (docs/UPDATES.md)"
    return f"Put a {GATE} before {endpoint} (docs/UPDATES.md)"


def _replacements(update: Update) -> Iterator[str]:
    """What is replaced, and what is deleted at the end."""
    replaced = [
        name for name in update.after if name in update.replaced and update.after[name]["Type"] not in _ID_PROPERTIES
    ]
    removed = [name for name in update.before if name not in update.after]
    if replaced:
        yield f"replaced: {words.joined(replaced)}"
    deleted = [f"the former {name}" for name in replaced if not _is_kept(update.after, name, "UpdateReplacePolicy")]
    deleted += [name for name in removed if not _is_kept(update.before, name, "DeletionPolicy")]
    kept = [name for name in removed if _is_kept(update.before, name, "DeletionPolicy")]
    if deleted:
        yield f"deleted in the clean-up: {words.joined(deleted)}"
    if kept:
        yield f"no longer in the stack, and not deleted: {words.joined(kept)}"
    for name in update.after:
        if update.after[name]["Type"] in _NESTED:
            yield f"{name} is a nested stack: the plan does not compare it"


def _keeps_name(update: Update, name: str) -> bool:
    """Whether the name of a resource stays the same: `ModelName` of a model, for example.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    kind = update.after[name]["Type"]
    names = [_property(each, name, f"{kind.rpartition('::')[2]}Name") for each in (update.before, update.after)]
    return kind not in _ID_PROPERTIES and isinstance(names[0], str) and names[0] == names[1]


def _is_kept(resources: Resources, name: str, policy: str) -> bool:
    return str(resources[name].get(policy)).startswith("Retain")


def _scaling(update: Update, name: str, refused: bool) -> str:
    """What happens to the target or the policy of a scaling resource."""
    before, after = update.before, update.after
    kind = (after if name in after else before)[name]["Type"]
    if refused or (kind != SCALING and kind not in _NATIVE_KINDS):
        return ""
    if name in before and name in after and (kind != SCALING or name not in update.replaced):
        changes = [*_differences(_properties(before, name), _properties(after, name))]
        if kind != SCALING:
            return f"{name}: {', '.join(changes)}" if changes else ""
        if not changes and name not in update.changed:
            return ""
        return f"{_target(after, name)}: {', '.join(changes) or 'its properties do not change'}"
    if kind != SCALING:
        return ""
    if name in after:
        former = _property(after, name, "TakeOverFrom")
        told = f"{name} {f'takes over from {former}:' if former in before else 'registers'} {_target(after, name)}"
        return told + (f", and {_removal(update, name)} in the clean-up" if name in before else "")
    takers = [each for each in after if _is(after, each, SCALING) and _property(after, each, "TakeOverFrom") == name]
    if takers or _is_kept(before, name, "DeletionPolicy"):
        return ""
    return f"{name} {_removal(update, name)} in the clean-up"


def _removal(update: Update, name: str) -> str:
    """What the Delete of a scaling resource does. It releases what it has adopted."""
    adopts = _property(update.before, name, "AdoptExisting") == "true"
    return f"{'releases' if adopts else 'deregisters'} {_target(update.before, name)}"


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
            yield f"removed: {what}"
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
                named = [key for key in each if key.endswith("Name")][:1] if isinstance(each, dict) else []
                for key in named:
                    yield from _leaves({**each, key: {}}, *path, str(each[key]))
                if not named:
                    yield from _leaves(each, *path, f"number {index}")
        case _:
            yield path, value if isinstance(value, str) else json.dumps(value)


def _it(things: Sized) -> str:
    return "it" if len(things) == 1 else "them"
