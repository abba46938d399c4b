"""Draws each stack of examples/ as examples/pictures/NAME.svg: `make pictures`.

An arrow goes from a resource to the property that refers to it, so CloudFormation creates from left to right.
"""

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import fmean
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from awscli.customizations.cloudformation.yamlhelper import yaml_parse

from demo.environment import ROOT
from tools.layers import Layers, ordered, ranks, route, tops
from tools.stack_graph import Arrow, Box, Line, arrows, boxes

EXAMPLES = ROOT / "examples"
PICTURES = EXAMPLES / "pictures"

_HEAD, _ROW, _INSET, _PADDING, _MARGIN, _MAX_TEXT_WIDTH = 42, 17, 5, 10, 14, 168
_SIZES = {"id": 13, "kind": 11, "in": 11.5, "fact": 11.5, "rest": 11.5, "more": 11}
_INDENTS = {"rest": 8, "more": 8}
_FONTS = "-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"
# The widths of characters in hundredths of an em, no smaller than in DejaVu Sans, the widest of the usual fonts.
_WIDTHS = (("ijlI.,:;' ", 34), ("frt()-/", 42), ("mwMW+%", 99), ("ABCDEFGHJKLNOPQRSTUVXYZ", 77))
_OTHER_WIDTH, _BOLD = 64, 1.1
# The picture has a background of its own, so it looks the same on a light and on a dark page.
_STYLE = f"""\
text {{ font-family: {_FONTS}; fill: #1f2328 }}
{" ".join(f".{name} {{ font-size: {size}px }}" for name, size in _SIZES.items())}
.id {{ font-weight: bold }} .kind, .more {{ fill: #59636e }} .in {{ fill: #0550ae }}
.native rect {{ fill: #ffffff; stroke: #818b98 }} .native path {{ stroke: #d1d9e0 }}
.custom rect {{ fill: #ddf4ff; stroke: #0969da }} .custom path {{ stroke: #9cd2f7 }}
.outside rect {{ fill: #f6f8fa; stroke: #818b98 }} .outside rect, .early {{ stroke-dasharray: 5 3 }}
.arrow {{ fill: none; stroke: #59636e; stroke-width: 1.3; marker-end: url(#tip) }}"""
_TIP = (
    '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto" '
    'markerUnits="userSpaceOnUse"><path d="M 0 0 L 8 4 L 0 8 z" fill="#59636e"/></marker>'
)


class Place(NamedTuple):
    """The position and size of a box."""

    left: int
    top: int
    width: int
    height: int


class Arrangement(NamedTuple):
    """The boxes and arrows of a picture, and their order."""

    boxes: dict[str, Box]
    routes: dict[Arrow, list[str]]
    rank: dict[str, int]
    order: Layers


class Picture(NamedTuple):
    """The coordinates of a picture."""

    places: dict[str, Place]
    curves: dict[Arrow, str]
    width: int
    height: int


def width(line: Line) -> float:
    """The width of a line in the widest of the usual fonts."""
    ems = sum(next((wide for some, wide in _WIDTHS if char in some), _OTHER_WIDTH) for char in line.text) / 100
    return _INDENTS.get(line.style, 0) + ems * _SIZES[line.style] * (_BOLD if line.style == "id" else 1)


def wrapped(line: Line) -> list[Line]:
    """Breaks a line after spaces and before capitals, so that no part is wider than `_MAX_TEXT_WIDTH`."""
    rest = "rest" if line.style == "fact" else line.style
    parts = [Line(line.style, "")]
    for word in re.findall(r".+?(?: |$|(?<=[a-z])(?=[A-Z]))", line.text):
        longer = parts[-1]._replace(text=parts[-1].text + word)
        if parts[-1].text and width(longer) > _MAX_TEXT_WIDTH:
            parts.append(Line(rest, word))
        else:
            parts[-1] = longer
    return parts


def sections(box: Box) -> list[list[Line]]:
    """The lines below the head of a box, in the parts that it has."""
    inputs = [Line("in", entry) for entry in box.inputs]
    return [part for part in (inputs, [short for line in box.facts for short in wrapped(line)]) if part]


def box_width(box: Box) -> int:
    """The width that the text of a box needs."""
    return 2 * _PADDING + round(max(width(line) for part in [box.head, *sections(box)] for line in part))


def box_height(box: Box) -> int:
    """The height that the text of a box needs."""
    return _HEAD + sum(2 * _INSET + _ROW * len(part) for part in sections(box))


def entry_y(box: Box, entry: str) -> float:
    """How far below the upper edge of a box the arrows to a property end."""
    return _HEAD + _INSET + _ROW * (box.inputs.index(entry) + 0.5)


def exit_y(box: Box) -> float:
    """How far below the upper edge of a box its arrows begin: level with those that end there."""
    return fmean(entry_y(box, entry) for entry in box.inputs) if box.inputs else _HEAD / 2


def arranged(template: Any) -> Arrangement:
    """The boxes of a template in layers from left to right, with as few crossings of arrows as possible."""
    found, references = boxes(template), arrows(template)
    rank = ranks(found, [arrow[:2] for arrow in references], [name for name in found if found[name].style == "outside"])
    routes = {arrow: route(arrow.source, arrow.target, rank) for arrow in references}
    order = ordered(rank, routes.values())
    row = {name: index for layer in order for index, name in enumerate(layer)}
    # The properties of a box are in the order of the places that their arrows come from, so these do not cross.
    entries = sorted(references, key=lambda arrow: row[routes[arrow][-2]])
    inputs = {name: dict.fromkeys(arrow.entry for arrow in entries if arrow.target == name) for name in found}
    return Arrangement({name: box._replace(inputs=[*inputs[name]]) for name, box in found.items()}, routes, rank, order)


def picture(arrangement: Arrangement) -> Picture:
    """Assigns coordinates to the boxes and arrows."""
    drawn, routes, rank, order = arrangement
    begins = {name: exit_y(box) for name, box in drawn.items()}
    ends = {hop: 0.0 for path in routes.values() for hop in pairwise(path)}
    ends |= {(path[-2], path[-1]): entry_y(drawn[arrow.target], arrow.entry) for arrow, path in routes.items()}
    heights = {name: box_height(box) for name, box in drawn.items()}
    top = {name: _MARGIN + down for name, down in tops(order, heights, begins, ends).items()}
    widths = [max(box_width(drawn[name]) for name in layer if name in drawn) for layer in order]
    # With more layers, columns are closer, so that the picture fits a page of GitHub.
    between = max(28, 76 - 10 * len(order))
    lefts = [*accumulate((wide + between for wide in widths), initial=_MARGIN)]
    places = {name: Place(lefts[rank[name]], top[name], widths[rank[name]], heights[name]) for name in drawn}
    curves = {}
    for arrow, path in routes.items():
        levels = [top[arrow.source] + begins[arrow.source], *(top[b] + ends[a, b] for a, b in pairwise(path))]
        columns = range(rank[arrow.source], rank[arrow.target] + 1)
        curves[arrow] = curve(levels, [(lefts[column], lefts[column] + widths[column]) for column in columns])
    lowest = max(top[name] + heights.get(name, 0) for name in top)
    return Picture(places, curves, lefts[-1] - between + _MARGIN, lowest + _MARGIN)


def curve(levels: Sequence[float], columns: Sequence[tuple[int, int]]) -> str:
    """The path of an arrow: level across the columns of boxes, curved between them."""
    path = f"M {columns[0][1]} {levels[0]:g}"
    for (start, end), ((_, right), (left, far)) in zip(pairwise(levels), pairwise(columns), strict=True):
        middle = (right + left) / 2
        path += f" C {middle:g} {start:g} {middle:g} {end:g} {left} {end:g} H {far}"
    return path.rpartition(" H ")[0]


def svg(name: str, template: Any) -> str:
    """The picture as a file."""
    arrangement = arranged(template)
    places, curves, wide, high = picture(arrangement)
    drawn = arrangement.boxes
    summary = " ".join([*template["Description"].split(), description(arrangement)])
    size, view = f'width="{wide}" height="{high}"', f'viewBox="0 0 {wide} {high}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view} role="img" aria-labelledby="t d">',
            f'<title id="t">The stack of {name}.yaml</title>',
            f'<desc id="d">{escape(summary)}</desc>',
            f"<style>\n{_STYLE}\n</style>",
            f"<defs>{_TIP}</defs>",
            f'<rect {size} rx="8" fill="#f6f8fa"/>',
            *(
                f'<path class="arrow{" early" * (drawn[arrow.source].style == "outside")}" d="{path}"/>'
                for arrow, path in curves.items()
            ),
            *(box_svg(box, places[name]) for name, box in drawn.items()),
            "</svg>",
            "",
        ]
    )


def box_svg(box: Box, place: Place) -> str:
    """The rectangle of a box, its text, and a line above each part."""
    left, top, wide, high = place
    name, kind = box.head
    rows = [f'<rect x="{left}" y="{top}" width="{wide}" height="{high}" rx="6"/>']
    rows += [text_svg(name, left, top + 18), text_svg(kind, left, top + 33)]
    top += _HEAD
    for part in sections(box):
        rows.append(f'<path d="M {left} {top} h {wide}"/>')
        rows += [text_svg(line, left, top + _INSET + _ROW * index + 12.5) for index, line in enumerate(part)]
        top += 2 * _INSET + _ROW * len(part)
    return f'<g class="{box.style}">\n' + "\n".join(rows) + "\n</g>"


def text_svg(line: Line, left: int, y: float) -> str:
    """A line of text in a box that begins at `left`."""
    x = left + _PADDING + _INDENTS.get(line.style, 0)
    return f'<text class="{line.style}" x="{x}" y="{y:g}">{escape(line.text.rstrip())}</text>'


def description(arrangement: Arrangement) -> str:
    """Describes the picture in words, for screen readers."""
    told = []
    for name, box in arrangement.boxes.items():
        into = [f"{arrow.target}.{arrow.entry}" for arrow in arrangement.routes if arrow.source == name]
        arrow_to = f"; arrows to {', '.join(into)}" if into else ""
        told.append(f"{', '.join(line.text for line in [*box.head, *box.facts])}{arrow_to}.")
    return " ".join(told)


def pictures() -> dict[str, str]:
    """The picture of each template, by its name."""
    files = sorted(EXAMPLES.glob("*.yaml"))
    return {file.stem: svg(file.stem, yaml_parse(file.read_text())) for file in files}


def main() -> None:
    """Writes the pictures, and removes those whose template is gone."""
    drawn = pictures()
    PICTURES.mkdir(exist_ok=True)
    for file in PICTURES.glob("*.svg"):
        if file.stem not in drawn:
            file.unlink()
    for name, content in drawn.items():
        (PICTURES / f"{name}.svg").write_text(content)


if __name__ == "__main__":
    main()
