"""The list of beliefs about AWS is complete, and the sources cite it."""

import unittest

from conformance import beliefs
from conformance.beliefs import BeliefsError

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


if __name__ == "__main__":
    unittest.main()
