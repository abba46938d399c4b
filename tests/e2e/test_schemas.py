"""The properties of a template are checked by the schemas: with cfn-lint, and as an editor does."""

import json
import unittest
from pathlib import Path

from test_templates import cfn_lint

LINTED = Path(__file__).parent / "linted"


def expected(template: Path) -> set[tuple[int, str]]:
    """What the comments say: lines, and messages."""
    lines = enumerate(template.read_text().splitlines(), start=1)
    return {(number, line.partition(" # ")[2]) for number, line in lines if " # " in line}


def found(template: Path) -> set[tuple[int, str]]:
    """What cfn-lint says."""
    matches = json.loads(cfn_lint(template, "--format", "json").stdout)
    return {(match["Location"]["Start"]["LineNumber"], match["Message"]) for match in matches}


class Rule(unittest.TestCase):
    """The rule for cfn-lint. That it says nothing of the examples: test_templates."""

    def test_every_mistake_is_told_in_its_line(self) -> None:
        template = LINTED / "mistakes.yaml"
        self.assertEqual(found(template), expected(template))

    def test_functions_are_no_mistakes(self) -> None:
        self.assertEqual(found(LINTED / "functions.yaml"), set())


if __name__ == "__main__":
    unittest.main()
