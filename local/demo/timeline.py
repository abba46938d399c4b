"""Prints events: as lines of text for people, or as one JSON object a line for scripts."""

import contextlib
import itertools
import json
import os
import re
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from demo import words
from demo.retelling import Event

WIDTH = 118
_SECONDS, _LABEL, _NAME = 9, 9, 39
_INDENT = 3
_MARGIN = _INDENT + _SECONDS + _LABEL
_BOLD, _DIM, _RED, _GREEN, _YELLOW, _CYAN = "1", "2", "31", "32", "33", "36"
_COLOURS = re.compile(r"\x1b\[\d*m")
_TICK_SECONDS = 0.2


class Timeline:
    """Prints events to one stream."""

    def __init__(self, stream: TextIO = sys.stdout, as_json: bool = False, verbose: bool = False) -> None:
        self._stream = stream
        self._as_json = as_json
        self._verbose = verbose
        self._on_terminal = stream.isatty() and not as_json
        self._colours = self._on_terminal and not os.environ.get("NO_COLOR")
        self._steps = 0

    def tell(self, *events: Event) -> None:
        """Prints events that belong together."""
        if self._as_json:
            told = [json.dumps(event, ensure_ascii=False) for event in events]
        else:
            told = [line if self._colours else plain(line) for line in lines(events, self._verbose)]
        for line in told:
            print(line, file=self._stream, flush=True)

    def step(self, title: str, shows: str) -> None:
        """Begins a step, with one sentence about it."""
        self._steps += 1
        self.tell({"Kind": "step", "Number": self._steps, "Title": title, "Shows": shows})

    def end(self, text: str, good: bool) -> None:
        """Prints the result."""
        self.tell({"Kind": "end", "Text": text, "Good": good})

    @contextlib.contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Shows on a terminal what the program waits for, and for how long. Prints nothing elsewhere."""
        if not self._on_terminal:
            yield
            return
        done = threading.Event()

        def tick() -> None:
            begin = time.monotonic()
            while not done.wait(_TICK_SECONDS):
                self._stream.write(f"\r\x1b[K   {what} … {time.monotonic() - begin:.0f} s")
                self._stream.flush()

        ticking = threading.Thread(target=tick, daemon=True)
        ticking.start()
        try:
            yield
        finally:
            done.set()
            ticking.join()
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def plain(line: str) -> str:
    """A line without its colours."""
    return _COLOURS.sub("", line)


def lines(events: Sequence[Event], verbose: bool = False) -> Iterator[str]:
    """Formats events as coloured lines. Consecutive calls of one operation share a line; long text is cut."""
    for key, group in itertools.groupby(events, _row):
        together = list(group)
        if key[0] == "call":
            if verbose or not _is_aside(together[0]):
                yield from _call(together)
        else:
            for event in together:
                yield from _TOLD[event["Kind"]](event)
        if verbose:
            for event in together:
                yield from itertools.chain.from_iterable(_details(*named) for named in _more(event))


def _row(event: Event) -> tuple[str, ...]:
    """Consecutive events with the same key share a line."""
    if event["Kind"] != "call":
        return (event["Kind"],)
    return ("call", event["By"], event["Target"], str(event["Outcome"] == "ok"))


def _is_aside(event: Event) -> bool:
    """Whether CloudFormation only polls, or the demo creates something that another event describes."""
    return event["By"] == "assumption" or bool(event["By"] != "function" and words.only_reads(event))


def _step(event: Event) -> Iterator[str]:
    yield ""
    yield _paint(_BOLD, f"{event['Number']}. {event['Title']}")
    for line in textwrap.wrap(event["Shows"], WIDTH - _INDENT, break_on_hyphens=False):
        yield " " * _INDENT + line


def _request(event: Event) -> Iterator[str]:
    request = event["Request"]
    title = f"{request.get('RequestType')} of {request.get('LogicalResourceId')}"
    about = words.request(request)
    yield from _entry(event, "request", _BOLD, title, f": {about}" if about else "")


def _call(events: Sequence[Event]) -> Iterator[str]:
    first = events[0]
    label, colour = ("observe", _CYAN) if words.only_reads(first) else ("act", _YELLOW)
    if first["By"] != "function":
        label, colour = "assume" if first["By"] == "assumption" else "stack", _DIM
    outcomes = ", ".join(dict.fromkeys(filter(None, map(words.outcome, events))))
    failed = not words.is_expected(first)
    text = f"{words.named(first):<{_NAME}}{_cut(outcomes, WIDTH - _MARGIN - _NAME)}".rstrip()
    yield from _entry(first, label, colour, "", _paint(_RED, text) if failed else text)


def _decision(event: Event) -> Iterator[str]:
    yield from _entry(event, "decide", _BOLD, "", event["Text"])


def _remark(event: Event) -> Iterator[str]:
    yield from _entry(event, event["Kind"], _DIM, "", event["Text"])


def _answer(event: Event) -> Iterator[str]:
    answer = event["Answer"]
    good = answer["Status"] == "SUCCESS"
    text = answer["PhysicalResourceId"] if good else answer["Reason"]
    yield from _entry(event, "answer", _GREEN if good else _RED, answer["Status"], f": {text}")


def _stack(event: Event) -> Iterator[str]:
    colour = _RED if event["Failures"] else _GREEN
    yield from _entry(event, "stack", colour, event["Status"], f": {event['Name']}")
    for failure in event["Failures"]:
        yield from _entry({}, "", _RED, f"Event of {failure['Resource']}", f": {failure['Reason']}")


def _check(event: Event) -> Iterator[str]:
    yield from _entry(event, "check", _GREEN, "✓", f" {event['Text']}")


def _command(event: Event) -> Iterator[str]:
    wrapped = textwrap.wrap(
        f"$ {event['Command']}", WIDTH - _INDENT - 2, subsequent_indent="    ", break_on_hyphens=False
    )
    for line in " \\\n".join(wrapped).splitlines():
        yield " " * _INDENT + _paint(_CYAN, line)
    if event["Output"] is not None:
        for line in json.dumps(event["Output"], indent=2).splitlines():
            yield " " * _INDENT + line


def _findings(event: Event) -> Iterator[str]:
    yield from event["Text"].rstrip().splitlines()


def _end(event: Event) -> Iterator[str]:
    yield ""
    yield _paint(_GREEN if event["Good"] else _RED, event["Text"])


_TOLD = {
    "answer": _answer,
    "assume": _remark,
    "check": _check,
    "command": _command,
    "decision": _decision,
    "end": _end,
    "findings": _findings,
    "plan": _remark,
    "request": _request,
    "stack": _stack,
    "step": _step,
    "wait": _remark,
}


def _more(event: Event) -> Iterator[tuple[str, Any]]:
    """The details that only the verbose output shows, by name."""
    match event["Kind"]:
        case "request":
            request = event["Request"]
            names = ("PhysicalResourceId", "ResourceProperties", "OldResourceProperties")
            yield from ((name, request[name]) for name in names if name in request)
        case "call":
            yield from ((name, event[name]) for name in ("Input", "Output") if event.get(name))
        case "answer":
            answer = event["Answer"]
            yield from ((name, answer[name]) for name in ("PhysicalResourceId", "Reason", "Data") if name in answer)
        case "stack":
            yield from ((failure["Resource"], failure["Reason"]) for failure in event["Failures"])
        case "check":
            yield from ((each["Command"], each["Output"]) for each in event["Commands"])


def _details(name: str, value: Any) -> Iterator[str]:
    margin = " " * _MARGIN
    text = f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
    for line in textwrap.wrap(
        text,
        WIDTH,
        initial_indent=margin,
        subsequent_indent=margin + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    ):
        yield _paint(_DIM, line)


def _entry(event: Event, label: str, colour: str, title: str, text: str) -> Iterator[str]:
    """One line, or several for a long text; label and title in colour."""
    seconds = f"{event['Seconds']:.2f} s" if "Seconds" in event else ""
    margin = " " * _MARGIN
    first, *rest = textwrap.wrap(
        title + plain(text),
        WIDTH,
        initial_indent=margin,
        subsequent_indent=margin + "  ",
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    ) or [""]
    shown = text if not rest else first[_MARGIN + len(title) :]
    yield (
        " " * _INDENT
        + _paint(_DIM, f"{seconds:>{_SECONDS - 2}}  ")
        + _paint(colour, f"{label:<{_LABEL}}")
        + _paint(colour, title)
        + shown
    )
    yield from rest


def _cut(text: str, room: int) -> str:
    """The text, cut to the room on the line."""
    return text if len(text) <= room else text[: room - 1] + "…"


def _paint(colour: str, text: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if text.strip() else text
