"""The list of beliefs about AWS is complete, cited by the sources, and the one that docs/BELIEFS.md shows."""

import re
import unittest
from unittest import mock

from conformance import beliefs, check, page
from conformance.beliefs import ROOT, BeliefsError, Result
from test_documents import pages

ROW = """
- id: first
  about: SageMaker
  belief: It is so.
  source: undocumented
  if_wrong: Nothing changes.
  then: It fails.
  tests: []
"""


class Rows(unittest.TestCase):
    """The list itself."""

    def test_every_test_that_a_row_names_exists(self) -> None:
        self.assertEqual(beliefs.missing_tests(beliefs.beliefs()), [])
        [row] = beliefs.beliefs(ROW.replace("[]", "[tests/handler/none.rs, 'tests/handler/gate.rs::no_such_test']"))
        missing = ["first: tests/handler/none.rs", "first: tests/handler/gate.rs::no_such_test"]
        self.assertEqual(beliefs.missing_tests([row]), missing)

    def test_a_mistake_in_a_row_is_told_with_its_id(self) -> None:
        for before, after, told in (
            ("  then: It fails.\n", "", "first: expected the fields "),
            ("Nothing changes.", '""', "first: if_wrong is empty"),
            ("undocumented", "somewhere", "first: source: expected a link"),
            ("first", "First", "First: expected an id"),
            (ROW, ROW + ROW, "first: expected an id"),
        ):
            with self.subTest(told), self.assertRaisesRegex(BeliefsError, told):
                beliefs.beliefs(ROW.replace(before, after))

    def test_results_are_of_rows(self) -> None:
        self.assertLessEqual(beliefs.results().keys(), {row.id for row in beliefs.beliefs()})


class Citations(unittest.TestCase):
    """What the sources cite."""

    def setUp(self) -> None:
        self.texts = beliefs.sources()

    def test_every_assumption_cites_a_row_and_every_row_is_cited(self) -> None:
        self.assertGreater(len(self.texts), 150)
        self.assertEqual(beliefs.uncited(self.texts), [])
        self.assertEqual(beliefs.citations(self.texts).keys(), {row.id for row in beliefs.beliefs()})

    def test_an_assumption_without_a_row_is_found_however_it_is_written(self) -> None:
        for comment in (
            "/// It is so. Assumed: the text.",
            "// Assumed; AWS says nothing.",
            "// It is so;\n    // assumed: also here.",
            "//! Assumed (belief\n//! Not-An-Id): it is so.",
            "# AWS does not\n# document it.",
            "// It is not documented which one.",
        ):
            with self.subTest(comment):
                self.assertEqual(len(beliefs.uncited({"a.rs": comment})), 1)

    def test_a_citation_may_go_over_several_lines_and_name_several_rows(self) -> None:
        text = (
            "    /// It is so. Assumed (beliefs one-row,\n    /// another): so it is; assumed (belief third): likewise."
        )
        cited = ("one-row", "another", "third")
        self.assertEqual(beliefs.uncited({"a.rs": text}), [])
        self.assertEqual(beliefs.citations({"a.rs": text}), {name: ["a.rs"] for name in cited})

    def test_an_assumption_in_a_page_links_to_its_row(self) -> None:
        for document in pages():
            text = re.sub(r"\s+", " ", document.read_text())
            assumptions = re.findall(r"(?:\[Assumed\]\(|Assumed:).{0,60}", text)
            with self.subTest(document.name):
                self.assertEqual([found for found in assumptions if "BELIEFS.md#" not in found], [])


class Page(unittest.TestCase):
    """docs/BELIEFS.md."""

    def test_it_is_what_the_list_gives(self) -> None:
        self.assertEqual(page.PAGE.read_text(), page.current(), "run `make beliefs`")

    def test_it_shows_the_last_run_of_a_row(self) -> None:
        [row] = beliefs.beliefs(ROW)
        result = Result("first", "eu-west-1", "2026-12-01", holds=False, seen="It is not so.")
        shown = page.page([row], {"first": result}, {"first": ["src/a.rs"]}, {"first": None})
        self.assertIn("| [first](#first) | undocumented | checks it | **differs**, eu-west-1, 2026-12-01 |", shown)
        self.assertIn("* AWS showed: It is not so.", shown)
        self.assertIn("* Code: [src/a.rs](../src/a.rs).", shown)
        self.assertIn("| not yet | not run yet |", page.page([row], {}, {}, {}))

    def test_it_says_why_a_row_cannot_be_checked(self) -> None:
        [row] = beliefs.beliefs(ROW)
        with mock.patch.dict(check.UNCHECKED, {"first": "It would cost too much."}):
            shown = page.page([row], {}, {}, {})
        self.assertIn("| [first](#first) | undocumented | cannot | not run yet |", shown)
        self.assertIn("* Why no run checks it: It would cost too much.", shown)

    def test_the_lines_of_its_text_are_short(self) -> None:
        lines = page.PAGE.read_text().splitlines()
        self.assertEqual([line for line in lines if len(line) > 130 and "](" not in line], [])

    def test_readme_and_design_link_to_it(self) -> None:
        for document in (ROOT / "README.md", ROOT / "docs" / "DESIGN.md"):
            self.assertIn("BELIEFS.md", document.read_text())


if __name__ == "__main__":
    unittest.main()
