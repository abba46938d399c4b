"""Draws three steps of the demo as on a terminal: `make screen`, from the output of `python -m demo --json`."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from demo.environment import ROOT
from demo.retelling import Event
from demo.timeline import WIDTH, lines, plain

_FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
RECORDING = ROOT / "tests" / "e2e" / "demo.jsonl"
PICTURE = ROOT / "docs" / "demo.svg"
# A Create, a mistake, and an update with the gate.
_STEPS = (3, 7, 12)
_SPAN = re.compile(r"\x1b\[(\d+)m(.*?)\x1b\[0m|([^\x1b]+)")
_STYLES = {
    "1": "font-weight:bold;fill:#f0f6fc",
    "2": "fill:#8b949e",
    "31": "fill:#ff7b72",
    "32": "fill:#7ee787",
    "33": "fill:#e3b341",
    "36": "fill:#79c0ff",
}
_COLUMN, _ROW, _MARGIN = 7.8, 18, 14


def recorded(file: Path = RECORDING) -> list[Event]:
    """The recorded events of the steps in the picture."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def chosen(told: Iterable[Event]) -> list[Event]:
    """The events of the steps in the picture."""
    step, kept = 0, []
    for event in told:
        step = event.get("Number", step)
        if step in _STEPS:
            kept.append(event)
    return kept


def svg(screen: Sequence[str]) -> str:
    """Coloured lines as a picture."""
    width, height = 2 * _MARGIN + round(WIDTH * _COLUMN), 2 * _MARGIN + len(screen) * _ROW
    rules = "\n".join(f".c{code} {{ {style} }}" for code, style in _STYLES.items())
    rows = [
        f'<text y="{_MARGIN + _ROW * place + 13}">{_spans(line)}</text>' for place, line in enumerate(screen) if line
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            "<title>Three steps of make demo on a terminal</title>",
            "<style>",
            f"text {{ font: 13px {_FONTS}; fill: #c9d1d9; white-space: pre }}",
            rules,
            "</style>",
            f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>',
            *rows,
            "</svg>",
            "",
        ]
    )


def _spans(line: str) -> str:
    """The pieces of a line, each with its column, because the widths of fonts differ."""
    column, spans = 0, []
    for code, coloured, bare in _SPAN.findall(line):
        text = coloured or bare
        # One span for each run of words, so that columns are aligned in any font.
        for word in re.finditer(r"\S+(?: \S+)*", text):
            x = f"{_MARGIN + (column + word.start()) * _COLUMN:g}"
            style = f' class="c{code}"' if code else ""
            spans.append(f'<tspan x="{x}"{style}>{escape(word.group())}</tspan>')
        column += len(plain(text))
    return "".join(spans)


def picture(told: Sequence[Event]) -> str:
    """The picture of events."""
    return svg(list(lines(told))[1:])


def main() -> None:
    """Reads events from standard input, records those of the chosen steps, and draws them."""
    told = chosen(json.loads(line) for line in sys.stdin)
    RECORDING.write_text("".join(json.dumps(event, ensure_ascii=False) + "\n" for event in told))
    PICTURE.write_text(picture(told))


if __name__ == "__main__":
    main()
