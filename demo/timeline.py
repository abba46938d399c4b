"""Prints what happens on the stage so that it reads as a story. Colours only on a terminal that wants them."""

import json
import os
import sys
import textwrap
from collections.abc import Mapping
from typing import Any, TextIO

from demo.stacks import Settled

_WIDTH = 118
_LABEL = 28
_SERVICES = {"AmazonSSM": "Parameter Store", "AnyScaleFrontendService": "Application Auto Scaling"}
_LONGEST_INPUT = 200
_BOLD, _RED, _GREEN, _CYAN = "1", "31", "32", "36"
# CloudFormation's own properties, the same in every request.
_UNREMARKABLE = ("ServiceToken", "ServiceTimeout")


class Timeline:
    """Writes to one stream."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._colours = stream.isatty() and "NO_COLOR" not in os.environ
        self._steps = 0
        self._tells_of_cloudformation = False

    def step(self, title: str, explanation: str) -> None:
        """Begins a step of the story."""
        self._steps += 1
        self._write("")
        self._write(self._colour(_BOLD, f"{self._steps}. {title}"))
        for line in textwrap.wrap(explanation, _WIDTH - 3):
            self._write(f"   {line}")

    def request(self, event: Mapping[str, Any]) -> None:
        """A request of CloudFormation's, as the function got it."""
        self._tells_of_cloudformation = False
        self._write("")
        what = f"{event['RequestType']} of {event['LogicalResourceId']}, a {event['ResourceType']}"
        self._entry("CloudFormation → function", self._colour(_BOLD, what))
        if "PhysicalResourceId" in event:
            self._entry("", f"PhysicalResourceId: {event['PhysicalResourceId']}")
        old = event.get("OldResourceProperties", {})
        for name, value in event["ResourceProperties"].items():
            if name in _UNREMARKABLE:
                continue
            if isinstance(value, list) and old.get(name) == value:
                self._entry("", f"{name}: as before")
                continue
            was = "" if name not in old or old[name] == value else f"   (was {_text(old[name])})"
            self._entry("", f"{name}: {_text(value)}{was}")

    def call(self, call: Mapping[str, Any]) -> None:
        """A call that the function made, or CloudFormation itself."""
        service, _, operation = call["Target"].partition(".")
        outcome = "" if call["Outcome"] == "ok" else f"  ⇒ {call['Outcome']}"
        given = json.dumps({name: _shortened(value) for name, value in call["Input"].items()}, ensure_ascii=False)
        by = call.get("By", "function")
        if by != "function" and not self._tells_of_cloudformation:
            self._write("")
        self._entry(f"{by} → AWS", f"{_SERVICES.get(service, service)}: {operation} {given}{outcome}")
        self._tells_of_cloudformation = by != "function"

    def answer(self, answer: Mapping[str, Any]) -> None:
        """The function's answer, as CloudFormation got it."""
        colour = _GREEN if answer["Status"] == "SUCCESS" else _RED
        self._entry("function → CloudFormation", self._colour(colour, answer["Status"]))
        for name in ("Reason", "PhysicalResourceId"):
            if name in answer:
                self._entry("", f"{name}: {answer[name]}")
        for name, value in answer.get("Data", {}).items():
            self._entry("", f"{name}: {value}")

    def stack(self, name: str, settled: Settled) -> None:
        """How a stack ended up."""
        self._write("")
        colour = _RED if settled.failures() else _GREEN
        self._entry(f"stack {name}", f"{self._colour(colour, settled.status)}, in {settled.seconds:.1f} s")
        for resource, reason in settled.failures():
            self._entry("", f"event of {resource}: {self._colour(_RED, reason)}")

    def command(self, command: str, output: Any) -> None:
        """A command of the AWS CLI, and what it printed."""
        self._write("")
        lines = textwrap.wrap(f"$ {command}", _WIDTH - 5, subsequent_indent="    ", break_on_hyphens=False)
        for line in " \\\n".join(lines).splitlines():
            self._write("   " + self._colour(_CYAN, line))
        if output is not None:
            self._write(textwrap.indent(json.dumps(output, indent=2), "   "))

    def end(self, text: str, good: bool) -> None:
        """The last words."""
        self._write("")
        self._write(self._colour(_GREEN if good else _RED, text))

    def _entry(self, label: str, text: str) -> None:
        margin = f"   {label:<{_LABEL}}"
        lines = textwrap.wrap(text, _WIDTH, initial_indent=margin, subsequent_indent=" " * len(margin) + "  ",
                              break_long_words=False, break_on_hyphens=False)
        self._write("\n".join(lines))

    def _colour(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colours else text

    def _write(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


def _shortened(value: Any) -> Any:
    """A member of an input: a very long text, such as what a parameter holds, as its beginning."""
    is_long = isinstance(value, str) and len(value) > _LONGEST_INPUT
    return f"{value[:_LONGEST_INPUT // 2]}… ({len(value)} characters)" if is_long else value


def _text(value: Any) -> str:
    """A property's value: text as it is, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
