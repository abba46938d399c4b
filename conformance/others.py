"""What the checks have found on other implementations of AWS: `make conformance-others` writes it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from conformance.beliefs import ROOT

OTHERS = ROOT / "conformance" / "others.json"
HOLDS, DIFFERS, UNCLEAR = "holds", "differs", "unclear"


@dataclass(frozen=True)
class Found:
    """What a check has found on another implementation."""

    implementation: str
    version: str
    date: str
    belief: str
    state: str
    """One of `HOLDS`, `DIFFERS` and `UNCLEAR`."""
    seen: str


def others() -> list[Found]:
    """What was found last, by implementation and row."""
    return [Found(**row) for row in json.loads(OTHERS.read_text())]


def save(found: Sequence[Found]) -> None:
    """Keeps what was found."""
    OTHERS.write_text(json.dumps([asdict(row) for row in found], indent=2) + "\n")
