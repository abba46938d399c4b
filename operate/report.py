"""Asks for a report until it is complete, and merges its parts."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from operate.function import Answer, FailedError, Function

Finding = Mapping[str, Any]


def parts(function: Function, say: Callable[[str], None]) -> Iterator[Answer]:
    """The parts of a report, until one has no continuation."""
    request: dict[str, str] = {}
    seen = 0
    while True:
        part = function.ask({"Report": request})
        if not isinstance(part.get("Targets"), list):
            raise FailedError(f"the answer of {function.name} is no report. Check FUNCTION: is it this function?")
        yield part
        if not (continuation := part.get("Continuation")):
            return
        if continuation == request.get("Continuation"):
            raise FailedError(f"{function.name} makes no progress: it returned the same continuation twice.")
        seen += len(part["Targets"])
        targets = "target" if seen == 1 else "targets"
        say(f"{seen} {targets} so far; the time of the invocation was up, so asking for the next part")
        request = {"Continuation": continuation}


def merged(answers: Sequence[Answer]) -> Answer:
    """One report of all parts. Each part counts its own targets, so this adds the counts."""
    first = {name: value for name, value in answers[0].items() if name != "Continuation"}
    summary: Counter[str] = Counter()
    for answer in answers:
        summary.update(answer.get("Summary", {}))
    return {
        **first,
        "Targets": [target for answer in answers for target in answer["Targets"]],
        "Snapshots": [snapshot for answer in answers for snapshot in answer.get("Snapshots", [])],
        "NotLookedAt": list(dict.fromkeys(text for answer in answers for text in answer.get("NotLookedAt", []))),
        "Summary": dict(summary),
    }


def urgent(of: Mapping[str, Any]) -> list[Finding]:
    """The findings of a target or snapshot that need attention."""
    return [finding for finding in of.get("Findings", []) if finding.get("Attention")]


def needs_attention(report: Mapping[str, Any]) -> bool:
    """Whether somebody has to act. What could not be read may need attention, too."""
    return bool(report["NotLookedAt"]) or any(map(urgent, [*report["Targets"], *report["Snapshots"]]))
