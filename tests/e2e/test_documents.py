"""The pages link to files that exist, and docs/SEMANTICS.md names tests that exist."""

import re
import unittest
from pathlib import Path

from demo.environment import ROOT

LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#([^)]*))?\)")
TEST = re.compile(r"^\s*(?:async )?fn (\w+)", re.MULTILINE)
HOMES = [ROOT / name for name in ("src", "src/scalable_target", "tests")]
CELL = re.compile(r"`([^`]+)`")


def anchors(page: Path) -> set[str]:
    """What a link can point to within a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_there(name: str, functions: dict[Path, set[str]]) -> bool:
    """Whether `module::test`, `module::begin…`, `module::*`, a test's name alone or a path names something."""
    if ("::" not in name and "/" in name) or name.endswith(".rs"):
        return any(found for folder in (ROOT, *HOMES) for found in folder.glob(name))
    *modules, test = name.split("::")
    begins = test.removesuffix("…").removesuffix("*")
    exact = begins == test
    for file, names in functions.items():
        in_module = not modules or all(part in file.with_suffix("").parts for part in modules[-1].split("/"))
        if in_module and any(found == begins if exact else found.startswith(begins) for found in names):
            return True
    return False


class Documents(unittest.TestCase):
    """All pages."""

    def test_links_lead_somewhere(self) -> None:
        for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
            for file, anchor in LINK.findall(page.read_text()):
                with self.subTest(page=page.name, link=file, anchor=anchor):
                    target = page.parent / file
                    self.assertTrue(target.exists())
                    if anchor and target.suffix == ".md":
                        self.assertIn(anchor, anchors(target))

    def test_every_statement_of_the_semantics_names_tests_that_are_there(self) -> None:
        files = [file for folder in ("src", "tests") for file in (ROOT / folder).rglob("*.rs")]
        functions = {file.relative_to(ROOT): set(TEST.findall(file.read_text())) for file in files}
        rows = [row for row in (ROOT / "docs/SEMANTICS.md").read_text().splitlines() if row.startswith("| ")]
        statements = [row.split(" | ") for row in rows if not row.startswith(("| statement", "| who"))]
        self.assertGreater(len(statements), 60)
        for statement, *_, proof in statements:
            names = CELL.findall(proof)
            with self.subTest(statement):
                self.assertTrue(names, "no test is named")
                for name in names:
                    self.assertTrue(is_there(name, functions), name)


if __name__ == "__main__":
    unittest.main()
