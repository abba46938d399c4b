"""A rule for cfn-lint: the properties of Custom::SageMaker... resources, by the schemas beside this folder.

cfn-lint --append-rules schema/rules --template template.yaml
"""

import json
from difflib import get_close_matches
from pathlib import Path
from typing import Any

# As modules: cfn-lint makes a rule of every class that it finds here.
from cfnlint import jsonschema, rules, template
from cfnlint.rules import jsonschema as schema_rules

SCHEMAS = [json.loads(file.read_text()) for file in Path(__file__).resolve().parents[1].glob("custom-*.json")]


class CustomSageMaker(schema_rules.CfnLintJsonSchema):  # type: ignore[misc]
    """Reports a property as the function would, before anything is deployed."""

    id = "E9301"
    shortdesc = "Properties of Custom::SageMaker resources"
    description = "Checks names, types and combinations of the properties of Custom::SageMaker resources"
    tags = ("resources", "sagemaker")

    def __init__(self) -> None:
        self.schemas = {f"Resources/{schema['title']}/Properties": schema for schema in SCHEMAS}
        super().__init__(keywords=list(self.schemas), all_matches=True)

    def validate(
        self, validator: jsonschema.Validator, keywords: str, instance: Any, _: dict[str, Any]
    ) -> jsonschema.ValidationResult:
        """Checks the properties of one resource."""
        functions = validator.function_filter.evolve(add_cfn_lint_keyword=False)
        schema = self.schemas[keywords]
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


class CustomSageMakerTypes(rules.CloudFormationLintRule):  # type: ignore[misc]
    """Reports a misspelt type, whose properties no rule would check."""

    id = "E9302"
    shortdesc = "Types of Custom::SageMaker resources"
    description = "Finds types that differ slightly from those of Custom::SageMaker resources"
    tags = ("resources", "sagemaker")

    def match(self, cfn: template.Template) -> list[rules.RuleMatch]:
        """Checks all resources."""
        known = [schema["title"] for schema in SCHEMAS]
        return [
            rules.RuleMatch(["Resources", name, "Type"], f"{resource['Type']}: unknown type; did you mean {nearest}?")
            for name, resource in cfn.get_resources().items()
            for nearest in get_close_matches(str(resource.get("Type")), known, 1, _ALMOST)
            if resource["Type"] != nearest
        ]


# The types of other custom resources are less similar.
_ALMOST = 0.9


def message(schema: Any, error: jsonschema.ValidationError) -> str:
    """The message of the schema for a violation, or that of cfn-lint."""
    if error.validator == "additionalProperties":
        nearest = get_close_matches(error.path[-1], error.schema["properties"], 1)
        return f"{error.path[-1]}: unknown property" + "".join(f"; did you mean {name}?" for name in nearest)
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
