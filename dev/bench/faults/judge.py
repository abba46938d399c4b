"""Judges observations: one rule for all systems."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST_BODY = 4096
LONGEST_ID = 1024
RIGHT, WRONG_ANSWER, LOST_ANSWER, LOST_TARGET = ("OK", "F"), ("F!", "S!"), ("H", "W"), ("L",)
NO_OWNERSHIP, OUR_HANDLER = "†", "‡"

Targets = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Expected:
    """The right behaviour in a row."""

    outcomes: frozenset[str]
    """`SUCCESS`, `FAILED`; `unanswerable`: no answer is possible; `undeliverable`: no answer is ever accepted."""
    targets: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """The system's own targets after a success, with their limits."""
    clues: tuple[str, ...] = ()
    """A useful reason contains one of these."""
    keeps_id: bool = False
    """Whether the answer must have the id of the request."""
    keeps_id_when_failed: bool = False
    """Whether a failure must have the id of the request."""
    optional: frozenset[str] = frozenset()
    """Members that the answer may lack, because the request lacks them."""
    shows: str = ""
    """Text that the data of a success must contain."""
    most_calls: int | None = None
    """How often the system may make the faulty call."""
    tests_ownership: bool = False
    """Whether only a check of the owner leaves the targets of others unchanged."""


@dataclass(frozen=True)
class Observed:
    """The observations of one system in one row."""

    request: Mapping[str, Any]
    ends: tuple[str, ...]
    """How each invocation ended: `ok`, `error`, `killed`, `exit`."""
    answer: bytes | None
    """The first accepted answer, at the request's own URL."""
    answered_at: int = 0
    """The delivery in which it was accepted, from 1."""
    elsewhere: int = 0
    """The number of answers to any other URL."""
    before: Targets = field(default_factory=dict)
    after: Targets = field(default_factory=dict)
    """The system's own targets."""
    others_before: Targets = field(default_factory=dict)
    others_after: Targets = field(default_factory=dict)
    """The targets of others."""
    left_over: Targets | None = None
    """The system's own targets after the Delete that follows a failed Create, if one was sent."""
    clean_up: str = ""
    """The answer to that Delete."""
    leaks: tuple[str, ...] = ()
    """The secrets that were found, each `… in the log` or `… in the answer`."""
    first_answer: bytes | None = None
    """The answer to the first of two successful deliveries, in a row that has two."""
    calls: int = 0
    """How often the system made the faulty call."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on one cell."""

    mark: str
    """`OK`, `F`, `F!`, `S!`, `H`, `W` or `L`."""
    why: str = ""
    """The reason of the mark, if the mark does not say it all."""
    delivery: int = 1
    leaks: tuple[str, ...] = ()
    ours: str = ""
    """`NO_OWNERSHIP` or `OUR_HANDLER` if our handler causes the mark, and not the peer that it uses."""

    @property
    def is_good(self) -> bool:
        """Whether it is `OK` or `F`, without a leak."""
        return self.mark in RIGHT and not self.leaks

    def cell(self) -> str:
        """The text of the cell in the table."""
        second = " (2nd)" if self.delivery > 1 else ""
        return f"{self.mark}{self.ours}{second}{', leak' if self.leaks else ''}"


@dataclass(frozen=True)
class Tally:
    """The number of rows of one system, by result. The first four add up to all rows."""

    right: int
    wrong_answers: int
    lost_answers: int
    lost_targets: int
    without_ownership: int
    """Those of the above whose cause is that our handler has no ownership logic."""
    by_our_handler: int
    """Those of the above with another cause in our handler."""
    leaks_in_log: int
    leaks_in_answer: int


def tally(verdicts: Iterable[Verdict]) -> Tally:
    """Counts the verdicts on one system. A leak does not change how a row counts otherwise."""
    column = list(verdicts)

    def marked(marks: tuple[str, ...]) -> int:
        return sum(verdict.mark in marks for verdict in column)

    def leaked(place: str) -> int:
        return sum(any(leak.endswith(place) for leak in verdict.leaks) for verdict in column)

    return Tally(
        right=marked(RIGHT),
        wrong_answers=marked(WRONG_ANSWER),
        lost_answers=marked(LOST_ANSWER),
        lost_targets=marked(LOST_TARGET),
        without_ownership=sum(verdict.ours == NO_OWNERSHIP for verdict in column),
        by_our_handler=sum(verdict.ours == OUR_HANDLER for verdict in column),
        leaks_in_log=leaked("in the log"),
        leaks_in_answer=leaked("in the answer"),
    )


def judge(seen: Observed, expected: Expected, *, has_ownership: bool = True, handler_fails: bool = False) -> Verdict:
    """Judges one cell.

    `has_ownership` and `handler_fails` say what our handler contributes. They change no mark, only `ours`.
    """
    mark, why = _judge(seen, expected)
    delivery = seen.answered_at if seen.answer is not None and mark in RIGHT else 1
    ours = ""
    if _changes_others(seen) and expected.tests_ownership and not has_ownership:
        ours = NO_OWNERSHIP
    elif mark not in RIGHT and handler_fails:
        ours = OUR_HANDLER
    return Verdict(mark, why, delivery, seen.leaks, ours)


def _changes_others(seen: Observed) -> bool:
    return dict(seen.others_after) != dict(seen.others_before)


def _judge(seen: Observed, expected: Expected) -> tuple[str, str]:
    if _changes_others(seen):
        told, _ = _told(seen.answer)
        return "L", f"the target of others was changed or removed{f', and the answer was {told}' if told else ''}"
    if seen.answer is None and "unanswerable" in expected.outcomes and dict(seen.after) != dict(seen.before):
        return "L", "the work was done although no answer is possible"
    if seen.elsewhere:
        return "W", "an answer was sent to another URL"
    if seen.answer is None:
        return _unanswered(seen, expected)
    if fault := _invalid(seen.answer, seen.request, expected):
        return "H", f"CloudFormation does not accept the answer: {fault}"
    body = json.loads(seen.answer)
    if seen.first_answer is not None and _told(seen.first_answer) != _told(seen.answer):
        return "S!", "the second delivery has another answer than the first"
    return (_succeeded if body["Status"] == "SUCCESS" else _failed)(seen, expected, body)


def _unanswered(seen: Observed, expected: Expected) -> tuple[str, str]:
    end = seen.ends[-1]
    if end == "ok":
        return "H", "no answer was accepted, and the invocation succeeded, so Lambda does not retry"
    if "undeliverable" in expected.outcomes:
        return "OK", ""
    if "unanswerable" not in expected.outcomes:
        ways = {"error": "an error", "exit": "the end of the process", "killed": "a kill at the time limit"}
        return "H", f"no answer; the invocations ended with {_and(ways[end] for end in seen.ends)}"
    if end == "killed":
        return "H", "it ran until it was killed at its time limit"
    return "OK", ""


def _invalid(answer: bytes, request: Mapping[str, Any], expected: Expected) -> str:
    if len(answer) > LONGEST_BODY:
        return f"it has more than {LONGEST_BODY} bytes"
    try:
        body = json.loads(answer)
    except ValueError:
        return "it is not JSON"
    if not isinstance(body, dict) or body.get("Status") not in ("SUCCESS", "FAILED"):
        return "it has no status"
    names = [name for name in ("StackId", "RequestId", "LogicalResourceId") if name not in expected.optional]
    wrong = [name for name in names if body.get(name) != request.get(name)]
    return f"{', '.join(wrong)} missing or wrong" if wrong else ""


def _succeeded(seen: Observed, expected: Expected, body: Mapping[str, Any]) -> tuple[str, str]:
    if expected.outcomes == {"undeliverable"}:
        return "S!", "an answer was accepted although no answer is possible"
    if "SUCCESS" not in expected.outcomes:
        return "S!", "SUCCESS for a request that had to be refused"
    if fault := _id_fault(body, seen.request if expected.keeps_id else None):
        return "S!", f"SUCCESS with {fault}"
    limits = {name: (target["MinCapacity"], target["MaxCapacity"]) for name, target in seen.after.items()}
    if limits != dict(expected.targets):
        return "S!", "SUCCESS, but the targets are wrong"
    if expected.shows and expected.shows not in json.dumps(body.get("Data"), ensure_ascii=False):
        return "S!", "SUCCESS with other data than the service returned"
    return "OK", ""


def _failed(seen: Observed, expected: Expected, body: Mapping[str, Any]) -> tuple[str, str]:
    if seen.left_over:
        return "L", "FAILED, and the Delete that follows leaves the target registered"
    keeps_id = expected.keeps_id or expected.keeps_id_when_failed
    if fault := _id_fault(body, seen.request if keeps_id else None):
        return "F!", f"FAILED with {fault}"
    if seen.clean_up and seen.clean_up != "SUCCESS":
        return "F!", "FAILED, and the Delete that follows also fails: the stack is stuck"
    limits = {name: (target["MinCapacity"], target["MaxCapacity"]) for name, target in seen.after.items()}
    if "FAILED" not in expected.outcomes and limits == dict(expected.targets):
        return "F!", "FAILED although the work was done"
    reason = str(body.get("Reason", ""))
    if expected.clues and not any(clue in reason for clue in expected.clues):
        return "F!", "FAILED with a reason that does not name the cause"
    if any(leak.endswith("in the answer") for leak in seen.leaks):
        return "F!", "FAILED with a secret in its reason"
    if expected.most_calls is not None and seen.calls > expected.most_calls:
        return "F", "it retried a final error"
    return "F", "" if "FAILED" in expected.outcomes else "it did not retry a transient error"


def _id_fault(body: Mapping[str, Any], given: Mapping[str, Any] | None) -> str:
    found = body.get("PhysicalResourceId")
    if not isinstance(found, str) or not found:
        return "no physical id"
    if len(found) > LONGEST_ID:
        return "a physical id that is too long"
    if given is not None and found != given.get("PhysicalResourceId"):
        return "another physical id than it was given"
    return ""


def _told(answer: bytes | None) -> tuple[str, Any]:
    try:
        body = json.loads(answer or b"{}")
        return str(body.get("Status", "")), body.get("PhysicalResourceId")
    except (AttributeError, ValueError):
        return "", None


def _and(words: Any) -> str:
    return ", then ".join(dict.fromkeys(words))
