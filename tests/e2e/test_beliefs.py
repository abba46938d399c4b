"""The list of beliefs about AWS is complete."""

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


if __name__ == "__main__":
    unittest.main()
