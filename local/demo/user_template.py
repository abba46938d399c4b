"""Checks the user's template, and what the command line gives for it."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from demo.adapted_template import AdaptedTemplate, Upload, Values
from demo.environment import ROOT
from demo.stack_resources import Resources
from demo.telling import UnsuccessfulError

_CFN_LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"
_CFN_LINT_ERRORS = 2
_SETTING = re.compile(r"(\{\{.*?\}\}|[^=]*)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Ready:
    """The template to deploy, with its parameters."""

    title: str
    body: str
    parameters: dict[str, str]
    remarks: list[str]
    """The differences from the user's template."""
    calls_function: bool
    """Whether it has a custom resource of the function."""
    retains: bool
    """Whether the deletion of the stack may leave a target or policy."""
    resources: Resources
    """The resources to deploy. Intrinsic functions with a known value are replaced by it."""


Named = Mapping[str, str | None]
"""Parameters or values. `None` stands for one that is missing."""


def command(**variables: str | Named) -> str:
    """The command that tries a template, with the variables that are set. An ellipsis stands for a missing value."""
    settings = ""
    for variable, named in variables.items():
        if isinstance(named, str) and named:
            settings += f" {variable}={shlex.quote(named)}"
        elif not isinstance(named, str) and named:
            words = (f"{name}={'…' if value is None else shlex.quote(value)}" for name, value in named.items())
            settings += f' {variable}="{" ".join(words)}"'
    return f"make try{settings}"


def lint(files: Sequence[str]) -> tuple[str, bool]:
    """The findings of cfn-lint with the rules of this repository, and whether one of them is an error."""
    rules = str(ROOT / "schema" / "rules")
    linting = [sys.executable, "-c", _CFN_LINT, "--append-rules", rules, "--template", *files]
    done = subprocess.run(linting, capture_output=True, text=True, check=False)
    if not done.stdout and done.returncode != 0:
        raise UnsuccessfulError(f"cfn-lint failed: {done.stderr.strip()}")
    return done.stdout, bool(done.returncode & _CFN_LINT_ERRORS)


def settings(variable: str, text: str) -> dict[str, str]:
    """Parses `Name=value`, separated by blanks; a value may be quoted."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UnsuccessfulError(f"{variable} cannot be read: {error}.") from error
    parsed = {word: _SETTING.fullmatch(word) for word in words}
    if strange := [word for word, setting in parsed.items() if not setting]:
        raise UnsuccessfulError(
            f"{variable}: {strange[0]!r} is not Name=value. Write {variable}=\"Name=value Other='a b'\"."
        )
    return {setting[1]: setting[2] for setting in parsed.values() if setting}


class UserTemplate:
    """The template that the user names, without errors of cfn-lint."""

    def __init__(self, file: str, values: Mapping[str, str], ask: Callable[[Named, Named], str] | None = None) -> None:
        """`ask` makes the command that tries the template with these parameters and values."""
        self._file = file
        self._ask = ask or (lambda given, values: command(TEMPLATE=file, PARAMETERS=given, VALUES=values))
        self._values = Values(values)
        self._adapted = AdaptedTemplate(Path(file), self._values)

    def check(self, given: Mapping[str, str], *, shares_values: bool = False) -> None:
        """Adapts the template. Fails if a name that was given is unknown, or a required value is missing.

        With `shares_values`, another template may need the values that this one does not.
        """
        declared = self._adapted.declared()
        _check_names("parameter", given, declared)
        missing = [name for name in self._adapted.required() if name not in {*given, *self._adapted.tokens()}]
        if missing:
            told = (declared[name].get("Description", declared[name]["Type"]) for name in missing)
            asked = self._ask({**given, **dict.fromkeys(missing)}, self._values.given)
            raise _lacking("These parameters have no default:", map("  {}: {}".format, missing, told), asked)
        self._adapted.adapt(given)
        if not shares_values:
            check_values(self)
        if lacking := self._values.missing():
            told = (self._values.asked[name] for name in lacking)
            asked = self._ask(given, {**self._values.given, **dict.fromkeys(lacking)})
            raise _lacking("These values are not in the template:", map("  {}: {}".format, lacking, told), asked)

    def values(self) -> Values:
        """The user's values, and which of them the template needs."""
        return self._values

    def resources(self) -> Resources:
        """The resources to deploy. Intrinsic functions with a known value are replaced by it."""
        return self._adapted.resources()

    def parameters(self) -> set[str]:
        """The names of the parameters."""
        return {*self._adapted.declared()}

    def nested(self) -> list[str]:
        """The files of the nested templates."""
        return [str(file) for file in self._adapted.nested_files()]

    def ready(self, function: str, upload: Upload, owners: Collection[str] = ()) -> Ready:
        """The template to deploy. `owners` names the resources that the stack has already."""
        levels = list(self._adapted.levels())
        tokens = {name: function for name in self._adapted.required() if name not in self._adapted.given}
        return Ready(
            title=Path(self._file).name,
            body=self._adapted.body(upload),
            parameters={**self._adapted.given, **tokens},
            remarks=[remark for level in levels for remark in level.remarks]
            + [remark for level in levels for former, remark in level.take_overs.items() if former not in owners],
            calls_function=any(level.calls_function for level in levels),
            retains=any(level.retains() for level in levels),
            resources=self.resources(),
        )


def check_values(*templates: UserTemplate) -> None:
    """Fails if none of these templates needs a value that was given."""
    needed = {name: what for template in templates for name, what in template.values().asked.items()}
    for template in templates:
        _check_names("value", template.values().given, needed)


def _lacking(what: str, names: Iterable[str], command: str) -> UnsuccessfulError:
    return UnsuccessfulError("\n".join([what, *names, f"Give them values: {command}"]))


def _check_names(what: str, given: Iterable[str], known: Mapping[str, Any]) -> None:
    for name in given:
        if name not in known:
            nearest = "".join(f"; did you mean {each}?" for each in get_close_matches(name, known, 1))
            raise UnsuccessfulError(f"The template has no {what} {name}{nearest or '.'}")
