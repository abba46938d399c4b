"""The tables of `make coverage` and `make mutants`, which take long and are not part of `make test`."""

import unittest

from demo.environment import ROOT
from tools import coverage, mutants


class Coverage(unittest.TestCase):
    """The table of the lines that no test runs."""

    def test_lines_are_counted_without_the_tests_beside_the_code(self) -> None:
        lines = "DA:1,5\nDA:2,0\nDA:3,0\nDA:4,1\nDA:6,0\n"
        report = f"SF:{ROOT}/src/a.rs\n{lines}end_of_record\nSF:{ROOT}/other/src/a.rs\nDA:1,0\nend_of_record\n"
        rows = coverage.table(report, {"src/a.rs": "\n\n\n\n#[cfg(test)]\nmod tests {}\n", "src/empty.rs": ""})
        self.assertEqual(rows[2:], ["| src/a.rs | 4 | 2 | 50.0 | 2-3 |", "| all | 4 | 2 | 50.0 | |"])

    def test_the_sources_are_those_of_the_function(self) -> None:
        self.assertIn("src/handler.rs", coverage.sources())
        self.assertNotIn("src/main.rs", coverage.sources())


class Mutants(unittest.TestCase):
    """The table of mutations."""

    def test_survivors_are_listed_by_name(self) -> None:
        fates = {
            "src/a.rs:1:1: x": "found",
            "src/a.rs:2:1: y": "survives",
            "src/b.rs:1:1: z": "timed out",
        }
        rows = mutants.table(fates)
        self.assertEqual(rows[0], "| file | found | timed out | does not compile | survives |")
        self.assertEqual(
            rows[2:5], ["| src/a.rs | 1 | 0 | 0 | 1 |", "| src/b.rs | 0 | 1 | 0 | 0 |", "| all | 1 | 1 | 0 | 1 |"]
        )
        self.assertEqual(rows[5:], ["", "* `src/a.rs:2:1: y`"])

    def test_every_file_of_the_scope_exists(self) -> None:
        for pattern in mutants.SCOPE:
            self.assertTrue(list(ROOT.glob(pattern)), pattern)


if __name__ == "__main__":
    unittest.main()
