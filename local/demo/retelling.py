"""Turns the recorded requests, calls and answers into events, which people and scripts read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from demo import words

Event = dict[str, Any]
"""One event; `Kind` says of which kind."""

# Shorter than the function waits before it checks with CloudFormation (src/timing.rs), longer than an answer takes.
_PAUSE_SECONDS = 1.5


def retold(news: Sequence[Mapping[str, Any]], begin: float) -> Iterator[Event]:
    """Yields requests, calls and answers in order, with seconds since `begin`, and a decision for each request."""
    request: Mapping[str, Any] | None = None
    # The events of the current request. They wait for its answer, from which the decision follows.
    pending: list[Event] = []
    for entry in news:
        seconds = {"Seconds": round(entry["Time"] - begin, 3)}
        if "Request" in entry:
            yield from pending
            request = entry["Request"]
            # The response URL is a bearer secret, even here.
            shown = {name: value for name, value in entry["Request"].items() if name != "ResponseURL"}
            pending = [{"Kind": "request", **seconds, "Request": shown}]
        elif "Answer" in entry:
            answer = {"Kind": "answer", **seconds, "Answer": entry["Answer"]}
            yield from (_with_decision(request, pending, answer) if request else [answer])
            request, pending = None, []
        elif "Continuation" in entry:
            pending.append({"Kind": "wait", **seconds, "Text": words.continued(entry["Continuation"])})
        elif "Assumed" in entry:
            yield {"Kind": "assume", **seconds, "Text": entry["Assumed"]}
        else:
            call = {name: value for name, value in entry.items() if name != "Time"}
            pending.append({"Kind": "call", **seconds, "By": "function", **call})
            if not request:
                yield pending.pop()
    yield from pending


def _with_decision(request: Mapping[str, Any], told: list[Event], answer: Event) -> Iterator[Event]:
    """The events of a request, with the decision before the first call that changes something.

    A pause between the last call and the answer gets its reason, too: the local AWS does not record the function's call
    to CloudFormation.
    """
    calls = [event for event in told if event["Kind"] == "call" and event["By"] == "function"]
    changes = (place for place, event in enumerate(told) if event in calls and not words.only_reads(event))
    place = next(changes, len(told))
    yield from told[:place]
    yield {"Kind": "decision", "Text": words.decided(request, calls, answer["Answer"])}
    yield from told[place:]
    pause = answer["Seconds"] - told[-1]["Seconds"]
    if place < len(told) and pause > _PAUSE_SECONDS:
        yield {"Kind": "wait", "Text": words.waited(pause)}
    yield answer
