"""Reads the list of beliefs, where sources cite them, and what runs on AWS have found."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
ROWS = ROOT / "conformance" / "beliefs.yaml"
RESULTS = ROOT / "conformance" / "results.json"
UNDOCUMENTED = "undocumented"
SOURCES = (
    "src/**/*.rs",
    "local/aws/src/**/*.rs",
    "tests/simulation/**/*.rs",
    "tests/e2e/test_function_template.py",
    "template.yaml",
)
"""The files that cite beliefs."""

# PyYAML has libyaml's loader, which is ten times as fast, on most platforms.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COMMENT = re.compile(r"\s*\n\s*(?://[/!]?|#) ?")
_CITATION = re.compile(r"\b[Aa]ssumed \(beliefs? ([a-z0-9-]+(?:, [a-z0-9-]+)*)\)")
_ASSUMPTION = re.compile(r"\bassumed(?: \(|[:;,.])[^.\n]{0,60}", re.IGNORECASE)
_UNCITED = re.compile(r"(?:does not|did not|is not|not) document(?:ed)?\b|\bundocumented\b", re.IGNORECASE)


class BeliefsError(Exception):
    """The list has a mistake. The message says which."""


@dataclass(frozen=True)
class Belief:
    """A row of the list. `beliefs.yaml` says what each field is."""

    id: str
    about: str
    belief: str
    source: str
    if_wrong: str
    then: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """What a run on AWS has found."""

    belief: str
    region: str
    date: str
    holds: bool
    seen: str


def beliefs(text: str | None = None) -> list[Belief]:
    """The list, in its order."""
    rows: list[dict[str, Any]] = yaml.load(ROWS.read_text() if text is None else text, _Loader)
    names = {field.name for field in fields(Belief)}
    found: dict[str, Belief] = {}
    for row in rows:
        name = row.get("id", "a row")
        if row.keys() != names:
            raise BeliefsError(f"{name}: expected the fields {', '.join(sorted(names))}")
        if empty := [field for field, value in row.items() if not value and field != "tests"]:
            raise BeliefsError(f"{name}: {empty[0]} is empty")
        if not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name) or name in found:
            raise BeliefsError(f"{name}: expected an id of lower-case words, which no other row has")
        if row["source"] != UNDOCUMENTED and not row["source"].startswith("https://"):
            raise BeliefsError(f"{name}: source: expected a link or `{UNDOCUMENTED}`")
        found[name] = Belief(**{**row, "tests": tuple(row["tests"])})
    return list(found.values())


def results() -> dict[str, Result]:
    """The last result of each belief that a run on AWS has checked."""
    rows: list[dict[str, Any]] = json.loads(RESULTS.read_text())
    return {row["belief"]: Result(**row) for row in rows}


def save(found: Mapping[str, Result]) -> None:
    """Keeps the results."""
    RESULTS.write_text(json.dumps([asdict(found[name]) for name in sorted(found)], indent=2) + "\n")


def sources() -> dict[str, str]:
    """The texts of the files that may cite a belief, by their path."""
    return {str(path.relative_to(ROOT)): path.read_text() for pattern in SOURCES for path in sorted(ROOT.glob(pattern))}


def citations(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """The files that cite each id."""
    cited: dict[str, list[str]] = defaultdict(list)
    for path, text in texts.items():
        ids = {name for found in _CITATION.findall(_joined(text)) for name in found.split(", ")}
        for name in ids:
            cited[name].append(path)
    return dict(cited)


def uncited(texts: Mapping[str, str]) -> list[str]:
    """Each assumption that names no belief, with its file."""
    found = []
    for path, text in texts.items():
        joined = _joined(text)
        assumed = [match[0] for match in _ASSUMPTION.finditer(joined) if not _CITATION.match(joined, match.start())]
        found += [f"{path}: {what}" for what in assumed + _UNCITED.findall(joined)]
    return found


def missing_tests(rows: Iterable[Belief]) -> list[str]:
    """The tests that rows name and that do not exist."""
    return [f"{row.id}: {test}" for row in rows for test in row.tests if not _exists(test)]


def _exists(test: str) -> bool:
    file, _, name = test.partition("::")
    path = ROOT / file
    return path.is_file() and (not name or re.search(rf"\b(fn|def) {name}\b", path.read_text()) is not None)


def _joined(text: str) -> str:
    """The text with the lines of each comment joined."""
    return _COMMENT.sub(" ", text)
