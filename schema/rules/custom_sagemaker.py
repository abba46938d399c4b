"""A rule for cfn-lint: the properties of Custom::SageMaker... resources, by the schemas beside this folder.

cfn-lint --append-rules schema/rules --template template.yaml
"""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from datetime import time as time_of_day
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

# As modules: cfn-lint makes a rule of every class that it finds here.
from cfnlint import jsonschema, rules, template
from cfnlint.rules import jsonschema as schema_rules

SCHEMAS = [json.loads(file.read_text()) for file in Path(__file__).resolve().parents[1].glob("custom-*.json")]
TYPES = [schema["title"] for schema in SCHEMAS]

# The default value of the parameter ExportName of template.yaml.
EXPORT = "sagemaker-scaling-ServiceToken"
# The type of a CustomResource of the CDK without resourceType.
DEFAULT_TYPE = "AWS::CloudFormation::CustomResource"


class CustomSageMaker(schema_rules.CfnLintJsonSchema):  # type: ignore[misc]
    """Reports a property as the function would, before anything is deployed."""

    id = "E9301"
    shortdesc = "Properties of Custom::SageMaker resources"
    description = "Checks names, types and combinations of the properties of Custom::SageMaker resources"
    tags = ("resources", "sagemaker")

    def __init__(self) -> None:
        self.schemas = {f"Resources/{schema['title']}/Properties": schema for schema in SCHEMAS}
        super().__init__(keywords=[*self.schemas, f"Resources/{DEFAULT_TYPE}/Properties"], all_matches=True)

    def validate(
        self, validator: jsonschema.Validator, keywords: str, instance: Any, _: dict[str, Any]
    ) -> jsonschema.ValidationResult:
        """Checks the properties of one resource."""
        schema = self.schemas.get(keywords) or nearest_schema(instance)
        if keywords not in self.schemas and not is_of_function(validator.cfn, instance):
            return
        functions = validator.function_filter.evolve(add_cfn_lint_keyword=False)
        of_schema = self.extend_validator(validator.evolve(function_filter=functions), schema, validator.context)
        mistakes: dict[tuple[Any, ...], jsonschema.ValidationError] = {}
        for error in self._validate(of_schema, instance):
            # An unreachable branch of an Fn::If: cfn-lint has a rule of its own for it, and errs inside a combination.
            if getattr(error.rule, "id", None) == "W1028":
                continue
            if error.rule is self:
                error.message = message(schema, error)
            # A combination of invalid values is reported first, and with a better message than each value alone.
            about = error.validator if error.validator == "enum" else error.message
            mistakes.setdefault((*error.path, about), error)
        yield from mistakes.values()
        for path, text in no_values(instance):
            yield jsonschema.ValidationError(text, path=deque(path), rule=self)


class CustomSageMakerTypes(rules.CloudFormationLintRule):  # type: ignore[misc]
    """Reports a misspelt type, whose properties no rule would check."""

    id = "E9302"
    shortdesc = "Types of Custom::SageMaker resources"
    description = "Finds types that differ slightly from those of Custom::SageMaker resources"
    tags = ("resources", "sagemaker")

    def match(self, cfn: template.Template) -> list[rules.RuleMatch]:
        """Checks all resources."""
        return [
            rules.RuleMatch(["Resources", name, "Type"], f"{resource['Type']}: unknown type; did you mean {nearest}?")
            for name, resource in cfn.get_resources().items()
            for nearest in get_close_matches(str(resource.get("Type")), TYPES, 1, _ALMOST)
            if resource["Type"] != nearest
        ]


def not_text(schema: dict[str, Any]) -> Iterator[str]:
    """The names of the properties that are numbers or booleans, at every depth."""
    for name, below in schema.get("properties", {}).items():
        if below["type"][0] in ("boolean", "integer", "number"):
            yield name
        yield from not_text(below.get("items", below))


NOT_TEXT = {name for schema in SCHEMAS for name in not_text(schema)}


class CustomSageMakerScalars(rules.CloudFormationLintRule):  # type: ignore[misc]
    """Reports a value that YAML readers read differently, which only the file shows."""

    id = "E9303"
    shortdesc = "Unquoted values of Custom::SageMaker resources"
    description = "Finds values without quotes that YAML readers read differently, such as yes, 010 and 1_000"
    tags = ("resources", "sagemaker")

    def match(self, cfn: template.Template) -> Iterator[rules.RuleMatch]:
        """Checks all resources."""
        try:
            source = yaml.compose(Path(cfn.filename or "").read_text(), yaml.SafeLoader)
        except (OSError, yaml.YAMLError):
            # A template from standard input has no file, and one in JSON may have tabs. JSON has no such values.
            return
        yield from ambiguous(source)


def ambiguous(node: yaml.Node | None, name: str = "", *, checked: bool = False) -> Iterator[rules.RuleMatch]:
    """The values that YAML readers read differently, in the properties of all resources below a node."""
    if isinstance(node, yaml.MappingNode):
        members = {key.value: value for key, value in node.value}
        is_ours = getattr(members.get("Type"), "value", None) in TYPES
        for key, value in members.items():
            below = checked or (is_ours and key == "Properties")
            yield from ambiguous(value, name if str(key).startswith("Fn::") else key, checked=below)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from ambiguous(item, name, checked=checked)
    elif checked and isinstance(node, yaml.ScalarNode) and node.style is None:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        value = json.dumps(yaml.safe_load(node.value)) if kind in _USUAL else node.value
        is_same = _USUAL[kind].fullmatch(node.value) if name in NOT_TEXT and kind in _USUAL else value == node.value
        if not is_same:
            text = f'{name}: some YAML readers take {node.value} for {value}; write {value} or "{node.value}"'
            marks = (node.start_mark.line, node.start_mark.column, node.end_mark.line, node.end_mark.column)
            yield rules.RuleMatch([], text, location=marks)


_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)?([.][0-9]*)?([eE][-+]?[0-9]+)?|[-+]?[.](inf|nan)", re.IGNORECASE)
# How values of these types are usually written. All readers agree on their meaning, but not on their text.
_USUAL = {"bool": re.compile("true|false", re.IGNORECASE), "float": _NUMBER, "int": _NUMBER}


class CustomSageMakerOtherTypes(rules.CloudFormationLintRule):  # type: ignore[misc]
    """Reports a resource with the function's token and another type.

    A warning, with which `make try` goes on: it shows the function's answer.
    """

    id = "W9304"
    shortdesc = "Resources of the function with another type"
    description = "Finds custom resources whose ServiceToken is the function's, and whose type it refuses"
    tags = ("resources", "sagemaker")

    def match(self, cfn: template.Template) -> list[rules.RuleMatch]:
        """Checks all custom resources."""
        return [
            rules.RuleMatch(
                ["Resources", name, "Type"],
                f"{kind}: the function refuses this type; set Type, or resourceType in the CDK, to "
                + nearest_schema(resource.get("Properties"))["title"],
            )
            for name, resource in cfn.get_resources().items()
            if (kind := str(resource.get("Type"))).startswith(("Custom::", DEFAULT_TYPE))
            and not get_close_matches(kind, TYPES, 1, _ALMOST)
            and is_of_function(cfn, resource.get("Properties"))
        ]


def is_of_function(cfn: template.Template, properties: Any) -> bool:
    """Whether the ServiceToken is the export of the function, or that of a resource with a type of the function."""
    token = service_token(properties)
    imported = token.get("Fn::ImportValue") if isinstance(token, dict) else None
    if isinstance(imported, dict):
        defaults = {name: each.get("Default") for name, each in cfn.template.get("Parameters", {}).items()}
        text = str(imported.get("Fn::Sub", f"${{{imported.get('Ref')}}}"))
        imported = re.sub(r"\$\{(\w+)\}", lambda name: str(defaults.get(name[1])), text)
    of_function = (each.get("Properties") for each in cfn.get_resources().values() if each.get("Type") in TYPES)
    return imported == EXPORT or (token is not None and token in map(service_token, of_function))


def service_token(properties: Any) -> Any:
    """The ServiceToken, if there is one."""
    return properties.get("ServiceToken") if isinstance(properties, dict) else None


def nearest_schema(properties: Any) -> Any:
    """The schema that has most of these properties."""
    names = properties.keys() if isinstance(properties, dict) else set()
    return max(SCHEMAS, key=lambda schema: len(names & schema["properties"].keys()))


def no_values(instance: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The paths of values that cfn-lint passes over and a template cannot have, each with a message."""
    name = next((step for step in reversed(path) if isinstance(step, str) and not step.startswith("Fn::")), "")
    if instance is None:
        yield path, f"{name}: null is not a value in a template; give it one, or remove the property"
    elif isinstance(instance, date) and name.endswith("Time"):
        # YAML makes a date of it, which `aws cloudformation package` writes in another form.
        time = instance if isinstance(instance, datetime) else datetime.combine(instance, time_of_day())
        yield path, f'{name}: expected a time as text; put it in quotes: {name}: "{time.isoformat()}"'
    elif isinstance(instance, datetime):
        yield path, f"{name}: expected text; put it in quotes"
    elif isinstance(instance, dict):
        for key, value in instance.items():
            yield from no_values(value, (*path, key))
    elif isinstance(instance, list):
        for index, value in enumerate(instance):
            yield from no_values(value, (*path, index))


# The types of other custom resources are less similar.
_ALMOST = 0.93


def message(schema: Any, error: jsonschema.ValidationError) -> str:
    """The message of the schema for a violation, or that of cfn-lint."""
    if error.validator == "additionalProperties":
        unknown = str(error.path[-1])
        hints = {known.lower(): hint for known, hint in error.schema.get("hints", {}).items()}
        hint = hints.get(unknown.lower()) or "unknown property" + did_you_mean(unknown, error.schema["properties"])
        return f"{unknown}: {hint}"
    text = ""
    for step in error.schema_path:
        if isinstance(schema, dict):
            text = schema.get("errorMessage", text)
            schema = schema.get(step, schema)
    if error.validator == "required":
        return str(error.message) + (text.removeprefix("required") if text.startswith("required") else "")
    if error.validator in ("maximum", "minimum", "pattern", "type"):
        text = error.schema.get("patternErrorMessage", text)
    if text and isinstance(error.instance, (str, int, float)):
        text += f", found {error.instance!r}"
    if error.validator == "enum" and not text:
        nearest = get_close_matches(str(error.instance), map(str, error.schema["enum"]), 1)
        text = error.message + "".join(f"; did you mean {value}?" for value in nearest)
    # A message about a value names its property, as the function does.
    name = next((step for step in reversed(error.path) if isinstance(step, str)), None)
    return f"{name}: {text}" if name and text.startswith(("expected", "'")) else text or error.message


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The hint to the nearest known property, which the function gives, too."""
    likeness, nearest = max((_likeness(name.lower(), each.lower()), each) for each in known)
    return f"; did you mean {nearest}?" if likeness > _SIMILAR else ""


def _likeness(name: str, known: str) -> float:
    """How similar two names are, from 0 to 1: by their Levenshtein distance."""
    distances = list(range(len(known) + 1))
    for row, character in enumerate(name, 1):
        above, distances = distances, [row]
        for column, other in enumerate(known, 1):
            replaced = above[column - 1] + (character != other)
            distances.append(min(replaced, above[column] + 1, distances[-1] + 1))
    return 1 - distances[-1] / max(len(name), len(known))


_SIMILAR = 0.5
