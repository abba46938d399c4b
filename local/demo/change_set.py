"""Reads a change set of AWS: what `aws cloudformation describe-change-set --include-property-values` prints.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
"""

import contextvars
import dataclasses
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from demo import ministack_reader
from demo.compare import Update, compare
from demo.ministack_reader import Template, references
from demo.stack_resources import Resources
from demo.telling import UnsuccessfulError

_UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
_ADDS = {"Add", "Import"}
"""The actions of resources that the stack does not have yet."""


def read(file: Path, before: Path, after: Path) -> Update:
    """The update that a change set makes, with the templates before and after it."""
    # The account and the Region of the stack are those of this context only.
    return contextvars.copy_context().run(_read, file, before, after)


def _read(file: Path, before: Path, after: Path) -> Update:
    try:
        described = json.loads(file.read_text())
        _check_status(file, described)
        changes = {each["ResourceChange"]["LogicalResourceId"]: each["ResourceChange"] for each in described["Changes"]}
        actions = {name: change["Action"] for name, change in changes.items()}
        stack = described["StackName"]
        ministack_reader.set_location(described["StackId"])
        given = {each["ParameterKey"]: _value(each) for each in described.get("Parameters", [])}
        contexts = {
            which: {name: _properties(change.get(f"{which}Context")) for name, change in changes.items()}
            for which in ("Before", "After")
        }
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnsuccessfulError(
            f"PLAN: {file}: expected the JSON output of aws cloudformation describe-change-set. Save it unchanged."
        ) from error
    if changes and not any(f"{which}Context" in change for which in contexts for change in changes.values()):
        raise UnsuccessfulError(f"PLAN: {file} has no values: run describe-change-set with --include-property-values.")
    old_template, new_template = ministack_reader.parse(before), ministack_reader.parse(after)
    _check_templates(changes, old_template, new_template)
    new = _with_values(_resources(new_template, given, {}, stack), contexts["After"])
    # A resource that the change set does not name stays the same. The conditions of BEFORE need the old parameters,
    # which a change set lacks: its actions show which resources the stack has.
    former = _resources(old_template, given, {name for name in actions if actions[name] not in _ADDS}, stack)
    old = {
        name: body if name in changes else new[name]
        for name, body in _with_values(former, contexts["Before"]).items()
        if actions.get(name) not in _ADDS and (name in changes or name in new)
    }
    update = compare(old, new)
    replaced = {name for name, change in changes.items() if change.get("Replacement") == "True"}
    modified = {name for name in changes if name in old and name in new}
    return dataclasses.replace(
        update, changed=update.changed | modified, replaced=update.replaced | replaced & modified
    )


def _check_status(file: Path, described: Mapping[str, Any]) -> None:
    """Fails if a change set is not complete."""
    status = described["Status"]
    if status != "CREATE_COMPLETE":
        reason = f": {described['StatusReason'].rstrip('.')}" if described.get("StatusReason") else ""
        raise UnsuccessfulError(
            f"PLAN: {file}: the change set is {status}{reason}. Make a change set that is CREATE_COMPLETE."
        )
    if described.get("NextToken"):
        raise UnsuccessfulError(f"PLAN: {file} is one page of several. Run the command without --no-paginate.")


def _check_templates(changes: Mapping[str, Any], old: Template, new: Template) -> None:
    """Fails if a template does not have what the change set changes. A transform may add resources."""
    if "Transform" in old or "Transform" in new:
        return
    for name, change in changes.items():
        for what, actions, template in (("BEFORE", _ADDS, old), ("TEMPLATE", {"Remove"}, new)):
            if change["Action"] not in actions and name not in template.get("Resources", {}):
                raise UnsuccessfulError(
                    f"PLAN: {what} has no {name}, which the change set changes. Take both templates from get-template: "
                    "BEFORE is the one without --change-set-name."
                )


def _value(parameter: Mapping[str, str]) -> str:
    return parameter.get("ResolvedValue", parameter.get("ParameterValue", ""))


def _properties(context: str | None) -> Any:
    return json.loads(context).get("Properties") if context else None


def _resources(template: Template, given: Mapping[str, str], deployed: Collection[str], stack: str) -> Resources:
    """The resources of a template with these parameters. `deployed` names those whose condition does not matter."""
    declared = template.get("Parameters", {})
    # AWS has checked the values, read those in Parameter Store, and hidden those with NoEcho. The old template may not
    # allow the new values.
    for each in declared.values():
        kind = "CommaDelimitedList" if "List" in each.get("Type", "") else "String"
        default = {"Default": each["Default"]} if "Default" in each else {}
        each.clear()
        each.update({"Type": kind, **default})
    unknown = frozenset(name for name, each in declared.items() if name not in given and "Default" not in each)
    known = {name: value for name, value in given.items() if name in declared}
    return ministack_reader.Known(ministack_reader.expand(template, known, unknown), known, unknown, stack).resources(
        deployed
    )


def _with_values(resources: Resources, told: Mapping[str, Any]) -> dict[str, Template]:
    """The resources with the values in the change set. References to other resources stay."""
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
            return {key: _merged(node.get(key, value), value, resources) for key, value in told.items()}
        case list(), list() if len(node) == len(told):
            return [_merged(each, value, resources) for each, value in zip(node, told, strict=True)]
    return node if told == _UNKNOWN else told


def _is_function(node: Mapping[str, Any]) -> bool:
    return len(node) == 1 and next(iter(node)).startswith(("Fn::", "Ref"))
