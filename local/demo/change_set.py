"""Reads a change set of AWS: what `aws cloudformation describe-change-set --include-property-values` prints.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo import ministack_reader
from demo.ministack_reader import Template, references
from demo.plan import Resources, Update, compare
from demo.telling import UnsuccessfulError

_UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"


def read(file: Path, before: Path, after: Path) -> Update:
    """The update that a change set makes, with the templates before and after it."""
    try:
        described = json.loads(file.read_text())
        changes = {each["ResourceChange"]["LogicalResourceId"]: each["ResourceChange"] for each in described["Changes"]}
        given = {each["ParameterKey"]: _value(each) for each in described.get("Parameters", [])}
        contexts = {
            which: {name: _properties(change.get(f"{which}Context")) for name, change in changes.items()}
            for which in ("Before", "After")
        }
    except (ValueError, LookupError, TypeError) as error:
        raise UnsuccessfulError(
            f"PLAN: {file} is not what aws cloudformation describe-change-set prints: {type(error).__name__}."
        ) from error
    new = _told(_resources(after, given), contexts["After"])
    old = _told(_resources(before, given), contexts["Before"])
    # What the change set does not name stays the same, also where a parameter of the old template is not known.
    old = {name: new[name] if name in new and name not in changes else body for name, body in old.items()}
    update = compare(old, new)
    replaced = {name for name, change in changes.items() if change.get("Replacement") == "True"}
    return Update(old, new, update.changed | changes.keys() & old.keys() & new.keys(), update.replaced | replaced)


def _value(parameter: Mapping[str, str]) -> str:
    return parameter.get("ResolvedValue", parameter.get("ParameterValue", ""))


def _properties(context: str | None) -> Any:
    return json.loads(context).get("Properties") if context else None


def _resources(file: Path, given: Mapping[str, str]) -> Resources:
    """The resources of a template, as far as they are known before."""
    template = ministack_reader.parse(file)
    declared = template.get("Parameters", {})
    for each in declared.values():
        # Its value is the one that was read from Parameter Store.
        each["Type"] = "String" if "SSM" in each.get("Type", "") else each.get("Type", "String")
    unknown = frozenset(name for name, each in declared.items() if name not in given and "Default" not in each)
    known = {name: value for name, value in given.items() if name in declared}
    return ministack_reader.Known(ministack_reader.expand(template, known, unknown), known, unknown).resources()


def _told(resources: Resources, told: Mapping[str, Any]) -> dict[str, Template]:
    """The resources with the values that the change set tells. References to other resources stay."""
    return {
        name: {**body, "Properties": _merged(body.get("Properties") or {}, told[name], resources.keys())}
        if told.get(name) is not None
        else body
        for name, body in resources.items()
    }


def _merged(node: Any, told: Any, resources: Any) -> Any:
    match node, told:
        case dict(), _ if _is_function(node):
            return node if told == _UNKNOWN or references(node) & resources else told
        case dict(), dict():
            return {**node, **{key: _merged(node.get(key, value), value, resources) for key, value in told.items()}}
        case list(), list() if len(node) == len(told):
            return [_merged(each, value, resources) for each, value in zip(node, told, strict=True)]
    return node if told == _UNKNOWN else told


def _is_function(node: Mapping[str, Any]) -> bool:
    return len(node) == 1 and next(iter(node)).startswith(("Fn::", "Ref"))
