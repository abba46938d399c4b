"""A template as its author has it: checked, read, and made ready for the stage, where AWS is another account."""

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
"""What the function is exported as on the stage."""
_OUR_TYPES = "Custom::SageMaker"
_SCALING_TYPES = (_OUR_TYPES, "AWS::ApplicationAutoScaling::")
_CFN_LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"
_CFN_LINT_ERRORS = 2


@dataclass(frozen=True)
class Ready:
    """What is deployed."""

    title: str
    body: str
    parameters: dict[str, str]
    stored: dict[str, str]
    """What parameters name in Parameter Store."""
    remarks: list[str]
    """In what it differs from the author's."""
    ours: frozenset[str]
    """The resources that ask the function."""
    retains: bool
    """Whether something that scales outlives the stack."""


def command(file: str, given: Mapping[str, str], *missing: str) -> str:
    """What to type to try a template."""
    values = [*(f"{name}={shlex.quote(value)}" for name, value in given.items()), *(f"{name}=…" for name in missing)]
    return f'make try TEMPLATE={file} PARAMETERS="{" ".join(values)}"'


def lint(file: str) -> tuple[str, bool]:
    """What cfn-lint says of a template with the rule of this repository, and whether a mistake is among it."""
    rules = str(ROOT / "schema" / "rules")
    linting = [sys.executable, "-c", _CFN_LINT, "--append-rules", rules, "--template", file]
    done = subprocess.run(linting, capture_output=True, text=True, check=False)
    if not done.stdout and done.returncode != 0:
        raise UnsuccessfulError(f"cfn-lint failed: {done.stderr.strip()}")
    return done.stdout, bool(done.returncode & _CFN_LINT_ERRORS)


def parameters(text: str) -> dict[str, str]:
    """`Name=value`, separated by blanks; a value may stand in quotes."""
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
    """A template that cfn-lint has nothing against."""

    def __init__(self, file: str) -> None:
        # Importing it takes a second, which the demo does not need.
        from cfnlint.decode import decode  # noqa: PLC0415

        self._file = Path(file)
        self._template: dict[str, Any] = decode(file)[0]
        self._declared: dict[str, Any] = self._template.get("Parameters", {})
        # A loop of AWS::LanguageExtensions is a list.
        self._resources = {name: each for name, each in self._template["Resources"].items() if isinstance(each, dict)}
        self._ours = {
            name: each.get("Properties", {})
            for name, each in self._resources.items()
            if each.get("Type", "").startswith(_OUR_TYPES)
        }

    def check(self, given: Mapping[str, str]) -> None:
        """Whether each parameter that is given is one, and each that needs a value is given one."""
        for name in given:
            if name not in self._declared:
                nearest = "".join(f"; did you mean {each}?" for each in get_close_matches(name, self._declared, 1))
                raise UnsuccessfulError(f"The template has no parameter {name}{nearest or '.'}")
        tokens = {_reference(properties.get("ServiceToken")) for properties in self._ours.values()}
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
        """The template for the stage: whatever its ServiceTokens are elsewhere, here they are the function."""
        parameters, remarks = dict(given), []
        for name, properties in self._ours.items():
            token = properties.get("ServiceToken")
            if self._leads_somewhere(token, given):
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
            ours=frozenset(self._ours),
            retains=any(
                str(each.get("DeletionPolicy")).startswith("Retain") and each.get("Type", "").startswith(_SCALING_TYPES)
                for each in self._resources.values()
            ),
        )

    def _in_parameter_store(self, given: Mapping[str, str]) -> list[str]:
        """What is to be looked up there, such as the version of the CDK's own stack."""
        return [
            str(given.get(name, each.get("Default")))
            for name, each in self._declared.items()
            if each["Type"].startswith("AWS::SSM::Parameter::Value<")
        ]

    def _leads_somewhere(self, token: Any, given: Mapping[str, str]) -> bool:
        """Whether a ServiceToken is the function's export, or of the template itself."""
        if not isinstance(token, dict):
            return False
        imported = token.get("Fn::ImportValue")
        if parameter := _reference(imported):
            imported = given.get(parameter, self._declared.get(parameter, {}).get("Default"))
        return imported == _EXPORT or "Fn::GetAtt" in token


def _date(value: date) -> str:
    """What YAML takes for a date, such as the version of a policy, as CloudFormation takes it."""
    return value.isoformat().replace("+00:00", "Z")


def _reference(value: Any) -> str:
    """The name in a `!Ref`; of anything else none."""
    return str(value.get("Ref", "")) if isinstance(value, dict) else ""
