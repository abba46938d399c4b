"""Bars on a logarithmic scale, as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _LABELS, _VALUES, _ROW, _TOP = 760, 270, 70, 26, 46
_STYLE = (
    "text { font: 13px sans-serif; fill: #1f2328 } .title { font-weight: bold } "
    ".axis { fill: #59636e; font-size: 11px } "
    "line { stroke: #59636e } .grid { stroke: #d1d9e0 } rect { fill: #8c959f } .ours { fill: #1a7f37 } "
    "@media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .axis { fill: #9198a1 } line { stroke: #9198a1 } "
    ".grid { stroke: #3d444d } rect { fill: #656c76 } .ours { fill: #3fb950 } }"
)


@dataclass(frozen=True)
class Bar:
    """A median and its quartiles."""

    label: str
    low: float
    middle: float
    high: float
    ours: bool


def bars(title: str, unit: str, rows: Sequence[Bar]) -> str:
    """Draws bars. The thin line on each goes from quartile to quartile."""
    least = 10 ** math.floor(math.log10(min(row.low for row in rows)))
    most = max(row.high for row in rows)
    room = _WIDTH - _LABELS - _VALUES

    def x(value: float) -> float:
        return _LABELS + room * math.log(value / least) / math.log(most / least)

    bottom = _TOP + _ROW * len(rows)
    parts = [f'<text class="title" x="0" y="16">{escape(title)}</text>']
    tick = least
    while tick <= most:
        parts.append(f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{_TOP - 6}" y2="{bottom}"/>')
        parts.append(
            f'<text class="axis" x="{x(tick):.1f}" y="{_TOP - 12}" text-anchor="middle">{tick:g} {unit}</text>'
        )
        tick *= 10
    for number, row in enumerate(rows):
        top = _TOP + _ROW * number
        middle = top + _ROW / 2
        kind = ' class="ours"' if row.ours else ""
        parts += [
            f'<text x="{_LABELS - 8}" y="{middle + 4:.1f}" text-anchor="end">{escape(row.label)}</text>',
            f'<rect{kind} x="{_LABELS}" y="{top + 4}" width="{x(row.middle) - _LABELS:.1f}" height="{_ROW - 8}"/>',
            f'<line x1="{x(row.low):.1f}" x2="{x(row.high):.1f}" y1="{middle:.1f}" y2="{middle:.1f}"/>',
            f'<text x="{x(row.high) + 6:.1f}" y="{middle + 4:.1f}">{_number(row.middle)} {unit}</text>',
        ]
    size = f'width="{_WIDTH}" height="{bottom + 8}" viewBox="0 0 {_WIDTH} {bottom + 8}"'
    body = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<style>{_STYLE}</style>\n{body}\n</svg>\n'


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"
