"""README: its YAML passes the linter, and its commands run. test_stacks deploys its YAML."""

import shlex
import tempfile
import unittest
from pathlib import Path

from demo.environment import ROOT
from support import advice, as_template, blocks, cfn_lint, commands, language_of_blocks, run, sam


def split_commands() -> list[list[str]]:
    """README's commands, as the shell splits them, without those that test_install runs."""
    split = [words for line in commands() if (words := shlex.split(line, comments=True))]
    return [words for words in split if words[0] not in ("aws", "sha256sum")]


class Readme(unittest.TestCase):
    """Each kind of block. README has at least one of each."""

    def test_its_yaml_passes_the_linter(self) -> None:
        found = blocks("yaml", "yml")
        self.assertTrue(found, "README has no YAML")
        with tempfile.TemporaryDirectory() as directory:
            template = Path(directory, "template.yaml")
            for block in found:
                with self.subTest(block.splitlines()[0]):
                    template.write_text(as_template(block))
                    checked = cfn_lint(template)
                    self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_its_commands_run(self) -> None:
        programs = set()
        for program, *arguments in split_commands():
            programs.add(program)
            with self.subTest(command=[program, *arguments]):
                match program:
                    case "make":
                        # Other tests run most of these. Here, make reads its targets and variables.
                        done = run(["make", "--dry-run", *arguments], {})
                    case "sam":
                        # With --help it checks the other options and deploys nothing.
                        done = sam(*arguments, "--help")
                    case ".venv/bin/cfn-lint":
                        done = run([str(ROOT / program), *arguments], {})
                        self.assertEqual(done.stdout, "")
                    case _:
                        self.fail(f"this test does not know how to run {program}")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(programs, {"make", "sam", ".venv/bin/cfn-lint"})

    def test_its_mistake_is_what_the_linter_prints(self) -> None:
        [expected] = blocks("text")
        with tempfile.TemporaryDirectory() as directory:
            template = Path(directory, "minimal.yaml")
            original = (ROOT / "examples" / "minimal.yaml").read_text()
            template.write_text(original.replace("      MaxCapacity:", "      MaxCapcity:"))
            printed = cfn_lint(template).stdout.replace(directory, "examples")
        self.assertEqual(printed.strip(), expected.strip())

    def test_the_files_in_its_commands_exist(self) -> None:
        built = ".aws-sam/"
        values = [word.rpartition("=")[2] for words in split_commands() for word in words]
        files = [value for value in values if value.endswith((".json", ".yaml")) and not value.startswith(built)]
        self.assertGreater(len(files), 2)
        for file in files:
            self.assertTrue((ROOT / file).is_file(), file)

    def test_every_block_has_a_language(self) -> None:
        self.assertNotIn("", language_of_blocks())

    def test_its_advice_is_about_the_reason(self) -> None:
        mistake = 'MaxCapacity: expected a whole number, found "many"'
        self.assertEqual(len(advice(mistake)), 1)
        self.assertEqual(advice("nothing of the kind"), [])


if __name__ == "__main__":
    unittest.main()
