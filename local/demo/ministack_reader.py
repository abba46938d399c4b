"""Reads a template as MiniStack's CloudFormation does, without deploying it.

MiniStack has no interface for this; the internal names are those of the pinned version.
"""

import logging
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ministack.core import responses
from ministack.services.cloudformation import engine, provisioners, stacks
from yaml import YAMLError

from demo import ministack_autoscaling, ministack_sagemaker
from demo.environment import ACCOUNT, REGION
from demo.ministack_record import RecordedAws
from demo.telling import UnsuccessfulError

Template = dict[str, Any]

_EXTENSIONS = "AWS::LanguageExtensions"
VARIABLE = re.compile(r"\$\{([^}!]+)\}")
"""A variable in the text of `Fn::Sub`."""

responses.set_request_account_id(ACCOUNT)
responses.set_request_region(REGION)
# For their names: nothing is created here.
_UNUSED = RecordedAws("", "reader", lambda entry: None)
ministack_sagemaker.Handlers(_UNUSED, lambda properties, stack: None).install()
ministack_autoscaling.Handlers(_UNUSED, lambda properties, stack: None).install()
# SAM's translator warns that nobody reads its metrics.
logging.getLogger("samtranslator").setLevel(logging.ERROR)


def set_location(stack_id: str) -> None:
    """Reads templates as in the account and the Region of a stack."""
    *_, region, account, _ = stack_id.split(":")
    responses.set_request_account_id(account)
    responses.set_request_region(region)


def parse(file: Path) -> Template:
    """The template in YAML or JSON, also in the reply of `aws cloudformation get-template`. Dates stay text."""
    try:
        template: Template = engine._parse_template(file.read_text())
        if isinstance(body := template.get("TemplateBody"), str):
            template = engine._parse_template(body)
        elif body:
            template = body
    except (ValueError, YAMLError) as error:
        raise _refused(f"{file}: {error}") from error
    return {"Resources": {}, **template}


def expand(template: Template, parameters: Mapping[str, str], unknown: Iterable[str]) -> Template:
    """The template without the loops and functions of `AWS::LanguageExtensions`. SAM's transform stays."""
    declared = engine.declared_transforms(template)
    if _EXTENSIONS in declared:
        template = _with_literal_names(template, Known(template, parameters, unknown))
    expanded = _transform(engine._without_transform(template, engine._SAM_TRANSFORM), parameters)
    return {**expanded, "Transform": engine._SAM_TRANSFORM} if engine._SAM_TRANSFORM in declared else expanded


def _with_literal_names(node: Any, known: "Known") -> Any:
    """A node with literals instead of functions in `Ref` and `Fn::GetAtt`, which MiniStack takes in loops only."""

    def literal(name: Any) -> Any:
        value = known.of(name)
        return value if isinstance(value, str) and "${" not in value else name

    match node:
        case {"Ref": dict(name)}:
            return {"Ref": literal(name)}
        case {"Fn::GetAtt": [name, attribute]}:
            return {"Fn::GetAtt": [literal(name), literal(attribute)]}
        case dict():
            return {key: _with_literal_names(value, known) for key, value in node.items()}
        case list():
            return [_with_literal_names(value, known) for value in node]
    return node


def without_sam(template: Template) -> Template:
    """The template with plain resources instead of SAM's."""
    return _transform(template, {})


def is_known(kind: str) -> bool:
    """Whether the CloudFormation on this machine knows a resource type. SAM's translator knows its own."""
    return kind in provisioners._RESOURCE_HANDLERS or kind.startswith(("Custom::", "AWS::Serverless::"))


def references(node: Any) -> set[str]:
    """The names that a value refers to by `Ref`, `Fn::GetAtt` and `Fn::Sub`."""
    return {name for name, _ in engine._intrinsic_references(node)}


class Known:
    """The values of a template that are known before its resources are created."""

    def __init__(
        self, template: Template, parameters: Mapping[str, str], unknown: Iterable[str], stack: str = "trial"
    ) -> None:
        """`unknown` names the parameters whose values follow from resources."""
        self._template = template
        self._stack = stack
        self._unknown = set(unknown)
        declared = {name: each for name, each in template.get("Parameters", {}).items() if name not in self._unknown}
        try:
            self._parameters = engine._resolve_parameters({"Parameters": declared}, _members(parameters))
        except ValueError as error:
            raise _refused(error) from error
        # With an unknown parameter, every condition may be true.
        self._conditions = {} if self._unknown else engine._evaluate_conditions(template, self._parameters)

    def holds(self, condition: Any) -> bool | None:
        """Whether a condition is true. `None` if that is not known."""
        holds: bool | None = self._conditions.get(condition)
        return holds

    def resources(self, deployed: Collection[str] = ()) -> dict[str, Template]:
        """The resources to deploy. Functions whose value is known before are replaced by it.

        `deployed` names resources that are deployed, whatever their condition is.
        """
        return {
            name: self._resolved(body)
            for name, body in self._template["Resources"].items()
            if "Type" in body and (name in deployed or self.holds(body.get("Condition")) is not False)
        }

    def _resolved(self, node: Any) -> Any:
        if (value := self.of(node)) is not None:
            return value
        match node:
            case {"Fn::If": [str(condition), yes, no]} if (holds := self.holds(condition)) is not None:
                return self._resolved(yes if holds else no)
            case {"Fn::Sub": str(text)}:
                return {"Fn::Sub": self._substituted(text, {})}
            case {"Fn::Sub": [str(text), dict(variables)]}:
                return {"Fn::Sub": self._substituted(text, variables)}
            case dict():
                resolved = {key: self._resolved(value) for key, value in node.items()}
                return {key: value for key, value in resolved.items() if value is not engine._NO_VALUE}
            case list():
                return [value for each in node if (value := self._resolved(each)) is not engine._NO_VALUE]
        return node

    def _substituted(self, text: str, variables: Template) -> str:
        """The text of `Fn::Sub` with the values that are known, and with the references of its variables."""

        def value(variable: re.Match[str]) -> str:
            node = variables.get(variable[1], {"Ref": variable[1]} if "." not in variable[1] else variable[0])
            known = self.of(node)
            if isinstance(known, (str, int)):
                return str(known)
            return f"${{{'.'.join(_reference(node))}}}" if variable[1] in variables else variable[0]

        return VARIABLE.sub(value, text)

    def of(self, node: Any) -> Any:
        """The value of a node. `None` if it is not known, or if the node is invalid."""
        later = {*self._template["Resources"], *self._unknown}
        mappings = self._template.get("Mappings", {})
        names = self._stack, self._stack
        try:
            return stacks._static_property(node, later, self._parameters, self._conditions, mappings, *names)
        except (ValueError, LookupError, TypeError, AttributeError):
            return None


def _reference(node: Any) -> list[str]:
    """The parts of a `Ref` or `Fn::GetAtt`."""
    match node:
        case {"Ref": name}:
            return [str(name)]
        case {"Fn::GetAtt": list(parts)}:
            return [str(part) for part in parts]
        case {"Fn::GetAtt": attribute}:
            return [str(attribute)]
    return ["?"]


def _transform(template: Template, parameters: Mapping[str, str]) -> Template:
    try:
        transformed: Template = engine._apply_transforms(template, _members(parameters))
    # SAM's translator has exceptions of its own.
    except Exception as error:
        raise _refused(error) from error
    if isinstance(transformed, engine._TransformFailed):
        raise _refused(transformed.error)
    return transformed


def _members(parameters: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in parameters.items()]


def _refused(why: object) -> UnsuccessfulError:
    return UnsuccessfulError(f"CloudFormation refuses the template. {why}")
