"""Writes docs/BELIEFS.md from the list: `make beliefs`."""

import textwrap
from collections.abc import Callable, Mapping, Sequence

from conformance.beliefs import ROOT, UNDOCUMENTED, Belief, Result, beliefs, citations, results, sources

PAGE = ROOT / "docs" / "BELIEFS.md"
_WIDTH = 130
_HEAD = """\
# What this project believes about AWS

Nothing of this project has run on AWS yet, except where a row below says so. Many of its rules follow AWS's
documentation. Others rest on a report of a user, or on nothing. Each row of this page is such a rule. Sources cite a
row by its id. `make beliefs` writes the page from [conformance/beliefs.yaml](../conformance/beliefs.yaml).
"""


def page(rows: Sequence[Belief], found: Mapping[str, Result], cited: Mapping[str, Sequence[str]]) -> str:
    """The whole page."""
    parts = [_HEAD]
    for about in dict.fromkeys(row.about for row in rows):
        of_service = [row for row in rows if row.about == about]
        parts += [f"\n## {about}\n\n| row | source | last run on AWS |\n|---|---|---|\n"]
        parts += [_line(row, found.get(row.id)) for row in of_service]
        parts += [_details(row, found.get(row.id), cited.get(row.id, ())) for row in of_service]
    return "".join(parts)


def current() -> str:
    """The page that the list gives now."""
    return page(beliefs(), results(), citations(sources()))


def _line(row: Belief, found: Result | None) -> str:
    source = UNDOCUMENTED if row.source == UNDOCUMENTED else f"[link]({row.source})"
    run = "not run yet"
    if found:
        run = f"{'holds' if found.holds else '**differs**'}, {found.region}, {found.date}"
    return f"| [{row.id}](#{row.id}) | {source} | {run} |\n"


def _details(row: Belief, found: Result | None, cited: Sequence[str]) -> str:
    linked: Callable[[str], str] = lambda path: f"[{path}](../{path})"
    tests: dict[str, list[str]] = {}
    for test in row.tests:
        path, _, name = test.partition("::")
        tests.setdefault(path, []).append(name)
    named = [linked(path) + "".join(f" `{name}`" for name in names if name) for path, names in tests.items()]
    lines = [
        f"If it is wrong: {row.if_wrong}",
        f"What the code does then: {row.then}",
        *([f"AWS showed: {found.seen}"] if found else []),
        f"Code: {', '.join(map(linked, sorted(cited))) or 'none'}.",
        f"Tests: {', '.join(named) or 'none'}.",
    ]
    listed = "".join(_wrapped(line, "* ", "  ") for line in lines)
    return f"\n### {row.id}\n\n{_wrapped(row.belief)}\n{listed}"


def _wrapped(text: str, first: str = "", later: str = "") -> str:
    lines = textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(current())
