"""Reads and checks the user's template, and adapts it to this machine."""

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from demo.environment import ROOT
from demo.telling import UnsuccessfulError

_EXPORT = "sagemaker-scaling-ServiceToken"
"""The export name of the function on this machine."""
_FUNCTION_TYPES = "Custom::SageMaker"
_SCALING_TYPES = (_FUNCTION_TYPES, "AWS::ApplicationAutoScaling::")
_CFN_LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"
_CFN_LINT_ERRORS = 2


@dataclass(frozen=True)
class Ready:
    """The template to deploy, with its parameters."""

    title: str
    body: str
    parameters: dict[str, str]
    stored: dict[str, str]
    """The values that parameters of the template refer to in Parameter Store."""
    remarks: list[str]
    """The differences from the user's template."""
    function_resources: frozenset[str]
    """The custom resources of the function."""
    retains: bool
    """Whether the template retains a target or policy."""


def command(file: str, given: Mapping[str, str], *missing: str) -> str:
    """The command that tries a template."""
    values = [*(f"{name}={shlex.quote(value)}" for name, value in given.items()), *(f"{name}=…" for name in missing)]
    return f'make try TEMPLATE={file} PARAMETERS="{" ".join(values)}"'


def lint(file: str) -> tuple[str, bool]:
    """The findings of cfn-lint with the rules of this repository, and whether one of them is an error."""
    rules = str(ROOT / "schema" / "rules")
    linting = [sys.executable, "-c", _CFN_LINT, "--append-rules", rules, "--template", file]
    done = subprocess.run(linting, capture_output=True, text=True, check=False)
    if not done.stdout and done.returncode != 0:
        raise UnsuccessfulError(f"cfn-lint failed: {done.stderr.strip()}")
    return done.stdout, bool(done.returncode & _CFN_LINT_ERRORS)


def parameters(text: str) -> dict[str, str]:
    """Parses `Name=value`, separated by blanks; a value may be quoted."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UnsuccessfulError(f"PARAMETERS cannot be read: {error}.") from error
    if strange := [word for word in words if "=" not in word]:
        raise UnsuccessfulError(
            f"PARAMETERS: {strange[0]!r} is not Name=value. Write PARAMETERS=\"Name=value Other='a b'\"."
        )
    return dict(word.split("=", 1) for word in words)


class UserTemplate:
    """A template without errors of cfn-lint."""

    def __init__(self, file: str) -> None:
        # Importing it takes a second, which the demo does not need.
        from cfnlint.decode import decode  # noqa: PLC0415

        self._file = Path(file)
        self._template: dict[str, Any] = decode(file)[0]
        self._declared: dict[str, Any] = self._template.get("Parameters", {})
        # A loop of AWS::LanguageExtensions is a list.
        self._resources = {name: each for name, each in self._template["Resources"].items() if isinstance(each, dict)}
        self._function_resources = {
            name: each.get("Properties", {})
            for name, each in self._resources.items()
            if each.get("Type", "").startswith(_FUNCTION_TYPES)
        }

    def check(self, given: Mapping[str, str]) -> None:
        """Fails if a given parameter is unknown, or a required one has no value."""
        for name in given:
            if name not in self._declared:
                nearest = "".join(f"; did you mean {each}?" for each in get_close_matches(name, self._declared, 1))
                raise UnsuccessfulError(f"The template has no parameter {name}{nearest or '.'}")
        tokens = {_reference(properties.get("ServiceToken")) for properties in self._function_resources.values()}
        missing = [
            name for name, each in self._declared.items() if "Default" not in each and name not in {*given, *tokens}
        ]
        if missing:
            told = (self._declared[name].get("Description", self._declared[name]["Type"]) for name in missing)
            raise UnsuccessfulError(
                "\n".join(
                    [
                        "These parameters have no default:",
                        *map("  {}: {}".format, missing, told),
                        f"Give them values: {command(str(self._file), given, *missing)}",
                    ]
                )
            )

    def ready(self, given: Mapping[str, str], function: str) -> Ready:
        """The template for this machine, where every ServiceToken is the function."""
        parameters, remarks = dict(given), []
        for name, properties in self._function_resources.items():
            token = properties.get("ServiceToken")
            if self._is_the_function(token, given):
                continue
            if (parameter := _reference(token)) in self._declared:
                parameters[parameter] = function
            else:
                properties["ServiceToken"] = function
            remarks.append(f"the ServiceToken of {name} is the function on this machine")
        body = json.dumps(self._template, default=_date) if remarks else self._file.read_text()
        stored = {name: name.rpartition("/")[2] for name in self._in_parameter_store(given)}
        remarks += (f"{name} in Parameter Store is {value!r}" for name, value in stored.items())
        return Ready(
            title=self._file.name,
            body=body,
            parameters=parameters,
            stored=stored,
            remarks=remarks,
            function_resources=frozenset(self._function_resources),
            retains=any(
                str(each.get("DeletionPolicy")).startswith("Retain") and each.get("Type", "").startswith(_SCALING_TYPES)
                for each in self._resources.values()
            ),
        )

    def _in_parameter_store(self, given: Mapping[str, str]) -> list[str]:
        """The names that parameters refer to in Parameter Store, such as the version of the CDK's bootstrap stack."""
        return [
            str(given.get(name, each.get("Default")))
            for name, each in self._declared.items()
            if each["Type"].startswith("AWS::SSM::Parameter::Value<")
        ]

    def _is_the_function(self, token: Any, given: Mapping[str, str]) -> bool:
        """Whether a ServiceToken is the function's export, or an attribute of a resource in the template."""
        if not isinstance(token, dict):
            return False
        imported = token.get("Fn::ImportValue")
        if parameter := _reference(imported):
            imported = given.get(parameter, self._declared.get(parameter, {}).get("Default"))
        return imported == _EXPORT or "Fn::GetAtt" in token


def _date(value: date) -> str:
    """Text for a date that YAML parsed, such as the version of a policy."""
    return value.isoformat().replace("+00:00", "Z")


def _reference(value: Any) -> str:
    """The name in a `!Ref`, or an empty text."""
    return str(value.get("Ref", "")) if isinstance(value, dict) else ""
