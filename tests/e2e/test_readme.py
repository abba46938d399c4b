"""README's YAML is valid, and what its commands name is there. That its YAML deploys: test_stacks."""

import re
import tempfile
import textwrap
import unittest
from pathlib import Path

from test_templates import cfn_lint

from demo.environment import ROOT

README = ROOT / "README.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = ("sh", "bash", "console", "shell")
FILE = re.compile(r"(?<![\w/.:$-])(?:[\w-]+/)*[\w-]+\.(?:json|md|py|rs|sh|toml|ya?ml)\b")
REASON = re.compile(r'#\[error\(\s*"((?:[^"\\]|\\.|\\\n)*)"', re.DOTALL)
# envelope.rs is left out: its errors are about requests that CloudFormation does not make.
REASONS = ("error.rs", "parked.rs", "scalable_target/decide.rs", "update_gate/decide.rs")


def blocks(*languages: str) -> list[str]:
    """README's fenced blocks in some languages."""
    return [text for language, text in BLOCK.findall(README.read_text()) if language in languages]


def as_template(block: str) -> str:
    """A whole template as it is; resources alone as the resources of one."""
    return block if re.search("^Resources:", block, re.MULTILINE) else "Resources:\n" + textwrap.indent(block, "  ")


class Readme(unittest.TestCase):
    """Each kind of block, of which there must be some."""

    def test_yaml_is_valid(self) -> None:
        found = blocks("yaml", "yml")
        self.assertTrue(found, "README has no YAML")
        with tempfile.TemporaryDirectory() as directory:
            template = Path(directory, "template.yaml")
            for block in found:
                with self.subTest(block.splitlines()[0]):
                    template.write_text(as_template(block))
                    checked = cfn_lint(template)
                    self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_commands_name_what_exists(self) -> None:
        found = blocks(*SHELL)
        self.assertTrue(found, "README has no commands")
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        for block in found:
            for target in re.findall(r"\bmake ([a-z-]+)", block):
                self.assertIn(target, targets)
            for file in FILE.findall(block):
                self.assertTrue((ROOT / file).exists(), file)

    def test_the_two_commands_are_there(self) -> None:
        commands = "\n".join(blocks(*SHELL))
        for command in ("make demo", "make test"):
            self.assertIn(command, commands)

    def test_every_reason_is_in_the_table_of_what_to_do(self) -> None:
        table = README.read_text().partition("## When it fails")[2].partition("\n## ")[0]
        cells = [row.split(" | ")[0] for row in table.splitlines() if row.startswith("| `")]
        told = "\n".join(span for cell in cells for span in re.findall("`([^`]+)`", cell))
        reasons = [reason for file in REASONS for reason in REASON.findall((ROOT / "src" / file).read_text())]
        self.assertGreater(len(reasons), 15)
        for reason in reasons:
            words = re.split(r"\{.*?\}|[;:.,]", re.sub(r"\\\n\s*", "", reason))
            fixed = [piece.strip() for piece in words if len(piece.strip()) > 9]
            if reason != "{0}":
                with self.subTest(reason):
                    self.assertTrue(any(piece in told for piece in fixed), "README does not say what to do about it")

    def test_every_block_has_a_language(self) -> None:
        self.assertNotIn("", [language for language, _ in BLOCK.findall(README.read_text())])


if __name__ == "__main__":
    unittest.main()
