"""Finds what an update changes: which resources, which of them are replaced, and which properties differ."""

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

from demo.environment import REGION
from demo.ministack_reader import references
from demo.stack_resources import (
    GATE,
    NESTED,
    SCALING,
    Resources,
    Target,
    endpoint_name,
    endpoint_of,
    properties,
    resolved,
    targets,
)

_ID_PROPERTIES = {
    GATE: {"EndpointName", "EndpointConfigName"},
    SCALING: {"EndpointName", "InferenceComponentName", "ScalableDimension", "VariantName"},
}
"""The properties that form the physical ids of this function's resources."""
_NOT_COMPARED = ("ServiceToken", "UpdateGate")


@dataclass(frozen=True)
class Update:
    """The resources before and after an update."""

    before: Resources
    after: Resources
    changed: frozenset[str]
    """The resources that CloudFormation updates."""
    replaced: frozenset[str]
    """Those of them that get another physical id."""

    @functools.cached_property
    def targets_before(self) -> dict[str, Target]:
        """The scalable target of each resource before the update that declares one."""
        return targets(self.before)

    @functools.cached_property
    def targets_after(self) -> dict[str, Target]:
        """Those after the update."""
        return targets(self.after)

    def requests(self, name: str) -> bool:
        """Whether a resource is created or updated."""
        return name in self.after and (name not in self.before or name in self.changed)


def compare(before: Resources, after: Resources) -> Update:
    """Finds the resources that change, including those that refer to a replaced resource."""
    before, after = ({name: _as_text(body) for name, body in each.items()} for each in (before, after))
    changed: set[str] = set()
    replaced: set[str] = set()
    while True:
        counts = len(changed), len(replaced)
        for name in before.keys() & after.keys():
            different = _changed_properties(before, after, name, replaced)
            # The template of a nested stack may have changed.
            if different or after[name]["Type"] in NESTED:
                changed.add(name)
            if before[name]["Type"] != after[name]["Type"] or different & _id_properties(after[name]["Type"]):
                replaced.add(name)
        if counts == (len(changed), len(replaced)):
            return Update(before, after, frozenset(changed), frozenset(replaced))


def is_custom(kind: str) -> bool:
    """Whether a type is one of this function's, which make their physical ids themselves."""
    return kind in _ID_PROPERTIES


def changes_target(update: Update, former: str, name: str) -> bool:
    """Whether a resource that takes a target over from another one changes the target."""
    of_resource = {*_NOT_COMPARED, "AdoptExisting", "EndpointName", "ServiceTimeout", "TakeOverFrom"}
    old, new = _comparable(update.before, former), _comparable(update.after, name)
    return any(old.get(each) != new.get(each) for each in (old.keys() | new.keys()) - of_resource)


def differences(update: Update, name: str) -> Iterator[str]:
    """What differs between the properties of a scaling resource."""
    old, new = (_comparable(resources, name) for resources in (update.before, update.after))
    before, after = (dict(_leaves(each)) for each in (old, new))
    told = set()
    for path in {**before, **after}:
        if path[0] in (*_NOT_COMPARED, "EndpointName"):
            continue
        # A policy or an action that is new or removed is told once.
        item = path[:2] if len(path) > 2 else path
        has_item = [any(each[: len(item)] == item for each in leaves) for leaves in (before, after)]
        if not all(has_item) and len(path) > 2:
            if item not in told:
                yield f"{item[1]} is {'removed' if has_item[0] else 'new'}"
            told.add(item)
            continue
        what = path[-1]
        if len(path) > 2:
            place = f" {path[-2]}" if path[-2].startswith("number ") else ""
            what = f"{path[-2] if what == 'Value' else what}{place} of {path[1]}"
        if path not in after:
            yield f"{what} is removed"
        elif path not in before:
            yield f"{what} is new: {after[path]}"
        elif before[path] != after[path]:
            yield f"{what} {before[path]} → {after[path]}"


def _changed_properties(before: Resources, after: Resources, name: str, replaced: set[str]) -> set[str]:
    """The names of the properties of a resource that change."""
    old, new = (_comparable(resources, name) for resources in (before, after))
    return {each for each in old | new if old.get(each) != new.get(each) or references(new.get(each)) & replaced}


def _comparable(resources: Resources, name: str) -> dict[str, Any]:
    """The properties. Every spelling of a value becomes the same, so that only a real change counts."""
    found: dict[str, Any] = resolved(resources, dict(properties(resources, name)))
    if is_custom(resources[name]["Type"]) and "EndpointName" in found:
        endpoint = endpoint_of(resources, found["EndpointName"])
        named = endpoint_name(resources, endpoint) if endpoint else found["EndpointName"]
        found["EndpointName"] = named.rpartition("/")[2].lower() if isinstance(named, str) else named
    if "InferenceComponentName" in found and name in (known := targets(resources)):
        found["InferenceComponentName"] = known[name].name
    return found


@functools.cache
def _id_properties(kind: str) -> frozenset[str]:
    """The properties whose change gives a resource another physical id."""
    if is_custom(kind):
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
            return str(int(node)) if float(node).is_integer() else str(node)
    return node


def _leaves(value: Any, *path: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each value in properties, with its path. An object in a list goes by its name, and a tag by its key."""
    match value:
        case dict() if not any(key.startswith("Fn::") or key == "Ref" for key in value):
            for key, each in value.items():
                yield from _leaves(each, *path, key)
        case list():
            for index, each in enumerate(value, 1):
                if isinstance(each, dict) and each.keys() == {"Key", "Value"}:
                    yield from _leaves(each["Value"], f"tag {each['Key']}")
                    continue
                named = [key for key in each if key.endswith("Name")][:1] if isinstance(each, dict) else []
                for key in named:
                    yield from _leaves({**each, key: {}}, *path, str(each[key]))
                if not named:
                    yield from _leaves(each, *path, f"number {index}")
        case _:
            yield path, value if isinstance(value, str) else json.dumps(value)
