"""Places the boxes and arrows of a picture in layers. Each arrow goes to a layer further right.

An arrow over several layers has a *bend* in each layer between. A bend has its own place among the boxes of its layer,
so no arrow runs through a box. A *hop* is the part of an arrow between two neighbouring layers.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from statistics import fmean

_LEVEL_SWEEPS = 100
_GAP = 22

Hop = tuple[str, str]
Layers = Sequence[Sequence[str]]


def ranks(boxes: Collection[str], arrows: Collection[Hop], late: Collection[str]) -> dict[str, int]:
    """The layer of each box, by the longest path to it. A box of `late` is in the layer before its first target."""
    rank = dict.fromkeys(boxes, 0)
    for _ in boxes:
        for source, target in arrows:
            rank[target] = max(rank[target], rank[source] + 1)
    return rank | {name: min(rank[target] for source, target in arrows if source == name) - 1 for name in late}


def route(source: str, target: str, rank: Mapping[str, int]) -> list[str]:
    """The box where an arrow begins, its bends, and the box where it ends."""
    return [source, *(f"{source} {target} {layer}" for layer in range(rank[source] + 1, rank[target])), target]


def ordered(rank: Mapping[str, int], routes: Collection[Sequence[str]]) -> Layers:
    """Orders the boxes and bends of each layer from top to bottom, so that few hops cross."""
    bends = {bend: layer for path in routes for layer, bend in enumerate(path[1:-1], rank[path[0]] + 1)}
    all_ranks = {**rank, **bends}
    order: Layers = [
        [name for name in all_ranks if all_ranks[name] == layer] for layer in range(max(rank.values()) + 1)
    ]
    hops = [hop for path in routes for hop in pairwise(path)]
    from_the_right = _swept(order[::-1], [(target, source) for source, target in hops])[::-1]
    return _swept(from_the_right, hops)


def _swept(order: Layers, hops: Collection[Hop]) -> Layers:
    """Sorts each layer by the mean position of the boxes and bends that point to each entry."""
    place: dict[str, float] = {name: index for layer in order for index, name in enumerate(layer)}
    swept = []
    for layer in order:
        centre = {name: _mean([place[a] for a, b in hops if b == name], place[name]) for name in layer}
        swept.append(sorted(layer, key=centre.__getitem__))
        place |= {name: index for index, name in enumerate(swept[-1])}
    return swept


def tops(
    order: Layers, heights: Mapping[str, float], begins: Mapping[str, float], ends: Mapping[Hop, float]
) -> dict[str, int]:
    """The upper edge of each box and bend, such that the hops are as level as possible. A bend has no height.

    `begins` says how far below the upper edge of a box its hops begin, and `ends` where each hop ends.
    """
    top = {name: float(index) for layer in order for index, name in enumerate(layer)}
    for sweep in range(_LEVEL_SWEEPS):
        for layer in order if sweep % 2 else order[::-1]:
            wanted = [_level_top(name, top, begins, ends) for name in layer]
            top |= zip(layer, _spaced(wanted, [heights.get(name, 0) + _GAP for name in layer]), strict=True)
    highest = min(top.values())
    return {name: round(value - highest) for name, value in top.items()}


def _level_top(name: str, top: Mapping[str, float], begins: Mapping[str, float], ends: Mapping[Hop, float]) -> float:
    """The upper edge with which the hops of a box or bend are level, on average."""
    values = []
    for (a, b), end in ends.items():
        if name in (a, b):
            down = end - begins.get(a, 0)
            # A long arrow slopes at its ends, not between its bends.
            weight = 1 if {a, b} & begins.keys() else 40
            values += [top[a] - down if name == b else top[b] + down] * weight
    return _mean(values, top[name])


def _spaced(wanted: Sequence[float], heights: Sequence[float]) -> list[float]:
    """The values nearest to those wanted that are at least these heights apart: isotonic regression."""
    above = [sum(heights[:index]) for index in range(len(heights))]
    groups: list[list[float]] = []
    for value, offset in zip(wanted, above, strict=True):
        groups.append([value - offset])
        while len(groups) > 1 and fmean(groups[-2]) > fmean(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    level = [fmean(group) for group in groups for _ in group]
    return [value + offset for value, offset in zip(level, above, strict=True)]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return fmean(values) if values else otherwise
