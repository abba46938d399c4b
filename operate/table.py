"""A report as a table for people, and a repair as a few lines."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from operate.report import Finding, needs_attention, urgent

_BOLD, _RED, _GREEN = "1", "31", "32"
_UNITS = {
    "sagemaker:variant:DesiredInstanceCount": "instances",
    "sagemaker:variant:DesiredProvisionedConcurrency": "units of concurrency",
    "sagemaker:inference-component:DesiredCopyCount": "copies",
}
_COLOURS = re.compile(r"\x1b\[\d*m")
_AGES = (("day", 86_400), ("hour", 3_600), ("minute", 60))

Row = Sequence[str]


def of_report(report: Mapping[str, Any], width: int, colours: bool = False) -> list[str]:
    """The lines of a report: first what needs attention, then a table of everything."""
    report = _printable(report)
    lines = [_paint(_BOLD, _title(report)), *_attention(report, width), *_targets(report), *_snapshots(report)]
    if report["NotLookedAt"]:
        lines += ["", _paint(_BOLD, "Could not be read")]
        for text in report["NotLookedAt"]:
            lines += _wrapped(text, width, "* ", "  ")
    colour = _RED if needs_attention(report) else _GREEN
    lines += ["", *(_paint(colour, line) for line in _wrapped(summary(report), width))]
    return _shown(lines, colours)


def of_repair(answer: Mapping[str, Any], again: str, width: int, colours: bool = False) -> list[str]:
    """The lines of a repair. `again` is the command that carries out what a dry run has shown."""
    answer = _printable(answer)
    action = answer["Action"]
    lines = [_paint(_BOLD, f"{answer['ResourceId']}, {answer['ScalableDimension']}")]
    lines += _wrapped(f"{action}: {answer['Message']}" if action != "None" else answer["Message"], width)
    if is_repairable(answer) and answer["DryRun"]:
        lines += ["This was a dry run: nothing was changed. To carry it out:", f"  {again}"]
    return _shown(lines, colours)


def is_repairable(answer: Mapping[str, Any]) -> bool:
    """Whether a repair was done, or a dry run has found what to do."""
    return answer["Action"] != "None" and bool(answer["Done"] or answer["DryRun"])


def summary(report: Mapping[str, Any]) -> str:
    """The counts of a report, without those that are zero."""
    counts = {**dict.fromkeys(_COUNTED, 0), **report["Summary"]}
    found = [
        _number(counts["Orphans"], "orphan"),
        f"{counts['Unregistered']} not registered" if counts["Unregistered"] else "",
        f"{counts['Drifted']} drifted" if counts["Drifted"] else "",
        _number(counts["FailedActivities"], "failed activity", "failed activities"),
    ]
    owned = f", {counts['Owned']} owned by stacks" if counts["Targets"] else ""
    targets = f"{_number(counts['Targets'], 'target') or 'No targets'}{owned}"
    details = ", ".join(filter(None, found))
    stale = f", {counts['StaleSnapshots']} stale" if counts["StaleSnapshots"] else ""
    snapshots = f"{_number(counts['Snapshots'], 'snapshot') or 'No snapshots'}{stale}."
    attention = sum(len(urgent(each)) for each in [*report["Targets"], *report["Snapshots"]])
    verb = "needs" if attention == 1 else "need"
    result = f"{_number(attention, 'finding')} {verb} attention." if attention else "Nothing needs attention."
    if report["NotLookedAt"]:
        result = f"{result if attention else ''} The report is not complete.".strip()
    return f"{targets}{f': {details}' if details else ''}. {snapshots} {result}"


_COUNTED = ("Targets", "Owned", "Orphans", "Unregistered", "Drifted", "Snapshots", "StaleSnapshots", "FailedActivities")


def _title(report: Mapping[str, Any]) -> str:
    # Under `make watch`, the function has no ARN, and so no account.
    place = [report["Region"], *([f"account {report['Account']}"] if report.get("Account") else [])]
    at = report["At"].replace("T", " at ").replace("Z", " UTC")
    return f"SageMaker's scalable targets in {', '.join(place)}, on {at}"


def _attention(report: Mapping[str, Any], width: int) -> Iterator[str]:
    """Each finding that needs attention: what was found, and what to do."""
    found = [
        (name, each, urgent(each))
        for kind, name in (("Targets", ""), ("Snapshots", "snapshot of "))
        for each in _sorted(report[kind])
    ]
    codes = [finding["Code"] for _, _, findings in found for finding in findings]
    label = max(map(len, codes), default=0) + 2
    for name, each, findings in found:
        if not findings:
            continue
        owner = f", of resource {owner_of(each)}" if "Owner" in each else ""
        yield ""
        if "ResourceId" in each:
            yield _paint(_BOLD, f"{name}{each['ResourceId']}") + f", {_unit(each)}{owner}"
        else:
            yield _paint(_BOLD, "a parameter that is no snapshot")
        if "Parameter" in each:
            yield f"  {each['Parameter']}"
        for finding in findings:
            [head, *rest] = _wrapped(finding["Message"], width - label - 2)
            yield f"  {_paint(_RED, finding['Code'].ljust(label))}{head}"
            steps = _wrapped(finding["Next"], width - label - 2, "→ ", "  ") if finding.get("Next") else []
            for line in (*rest, *steps):
                yield " " * (label + 2) + line


def _targets(report: Mapping[str, Any]) -> Iterator[str]:
    if not report["Targets"]:
        return
    rows = [(_short_name(each), _limits(each), owner_of(each), _state(each)) for each in _sorted(report["Targets"])]
    yield from _table(("TARGET", "LIMITS", "OWNER", "STATE"), rows)


def _snapshots(report: Mapping[str, Any]) -> Iterator[str]:
    if not report["Snapshots"]:
        return
    rows = [
        (_short_name(each), _age(each["AgeSeconds"]) if "AgeSeconds" in each else "–", owner_of(each), _state(each))
        for each in _sorted(report["Snapshots"])
    ]
    yield from _table(("SNAPSHOT OF", "AGE", "OWNER", "STATE"), rows)


def _table(heads: Row, rows: Iterable[Row]) -> Iterator[str]:
    """Columns as wide as their longest entry. Nothing is cut: people copy these names."""
    table = [heads, *rows]
    widths = [max(map(len, column)) for column in zip_longest(*table, fillvalue="")]
    yield ""
    for number, row in enumerate(table):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        yield line if number else _paint(_BOLD, line)


def _sorted(targets: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that need attention first."""
    return sorted(targets, key=lambda each: (not urgent(each), *_names(each)))


def _names(each: Mapping[str, Any]) -> tuple[str, str]:
    """The names of a target, or of the parameter of a snapshot that cannot be read: its target is not known."""
    return each.get("ResourceId") or each["Parameter"], each.get("ScalableDimension", "")


def owner_of(each: Mapping[str, Any]) -> str:
    """`STACK/LOGICAL_ID`, or a dash."""
    if not (owner := each.get("Owner")):
        return "–"
    stack_id = str(owner["StackId"])
    stack = stack_id.split("/")[1] if "/" in stack_id else stack_id
    return f"{stack}/{owner['LogicalResourceId']}{' (adopted)' if each.get('Adopted') else ''}"


def _short_name(each: Mapping[str, Any]) -> str:
    """`ranking/blue` for a variant, and the name of an inference component."""
    name, _ = _names(each)
    kind, *names = name.split("/")
    if kind == "endpoint" and len(names) == 3:
        return f"{names[0]}/{names[2]}"
    return names[0] if kind == "inference-component" and len(names) == 1 else name


def _unit(each: Mapping[str, Any]) -> str:
    dimension = str(each["ScalableDimension"])
    return _UNITS.get(dimension, dimension)


def _limits(each: Mapping[str, Any]) -> str:
    if not each.get("Registered"):
        return "not registered"
    return f"{each.get('MinCapacity', '?')} to {each.get('MaxCapacity', '?')} {_unit(each)}"


def _state(each: Mapping[str, Any]) -> str:
    return ", ".join(map(_code, each.get("Findings", []))) or "ok"


def _code(finding: Finding) -> str:
    """The code of a finding. For failed activities, also their cause and number."""
    details = [str(finding["Cause"])] if "Cause" in finding else []
    details += [f"{finding['Count']} times"] if finding.get("Count", 1) != 1 else []
    return f"{finding['Code']} ({', '.join(details)})" if details else str(finding["Code"])


def _age(seconds: float) -> str:
    return next((_number(int(seconds // of), unit) for unit, of in _AGES if seconds >= of), "less than a minute")


def _number(count: int, noun: str, plural: str = "") -> str:
    """`1 target`, `2 targets`, or nothing."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}" if count else ""


def _wrapped(text: str, width: int, first: str = "", others: str = "") -> list[str]:
    lines = textwrap.wrap(
        text,
        max(width, 20),
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [first]


def _paint(colour: str, text: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"


def _shown(lines: Iterable[str], colours: bool) -> list[str]:
    return list(lines) if colours else [_COLOURS.sub("", line) for line in lines]


def _printable(value: Any) -> Any:
    """The value without control characters: texts of AWS must not control the terminal."""
    match value:
        case str():
            return "".join(character if character.isprintable() else " " for character in value)
        case dict():
            return {name: _printable(each) for name, each in value.items()}
        case list():
            return [_printable(each) for each in value]
    return value
