"""docs/START.md: its template, commands and CDK code are real, and its steps work."""

import re
import shlex
import tempfile
import unittest
from pathlib import Path

from demo.environment import ROOT, VENV
from support import StackTestCase, as_template, blocks, cfn_lint, run, sam, sam_validate

START = ROOT / "docs" / "START.md"
TEMPLATE, TRANSFORM = blocks("yaml", page=START)
CONSTRUCTS = ROOT / "constructs"
NOWHERE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}


def commands(page: Path) -> list[str]:
    """The commands of a page, each in one line."""
    return "".join(blocks("sh", page=page)).replace("\\\n", " ").splitlines()


class Texts(unittest.TestCase):
    """What the page shows."""

    def test_the_template_passes_the_linter_with_and_without_the_transform(self) -> None:
        for text in (TEMPLATE, TRANSFORM + TEMPLATE):
            with tempfile.TemporaryDirectory() as directory:
                template = Path(directory, "endpoint.yaml")
                template.write_text(text)
                self.assertEqual(as_template(text), text, "the template is whole")
                for check in (cfn_lint, sam_validate):
                    if check is cfn_lint or text.startswith(TRANSFORM):
                        checked = check(template)
                        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_its_commands_run(self) -> None:
        """The AWS CLI reads its options before it connects, and can connect to nothing."""
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "examples").symlink_to(ROOT / "examples")
            Path(directory, "endpoint.yaml").write_text(TEMPLATE)
            Path(directory, "body.json").write_text("{}")
            for line in commands(START):
                with self.subTest(line):
                    self.check(line.rpartition("| xargs -P 8 -I N ")[2], Path(directory))

    def check(self, line: str, folder: Path) -> None:
        """Checks that the options of a command exist."""
        program, *arguments = shlex.split(line)
        match program:
            case "make":
                done = run(["make", "--dry-run", *arguments], {})
                self.assertEqual(done.returncode, 0, done.stderr)
            case "sam":
                done = sam(*arguments, "--help")
                self.assertEqual(done.returncode, 0, done.stderr)
            case "aws":
                done = run([str(VENV / "python"), "-m", "awscli", *arguments], NOWHERE, folder=folder)
                self.assertRegex(done.stdout + done.stderr, "Could not connect to the endpoint URL")
            case "npx":
                self.assertIn(line, (ROOT / "examples/README.md").read_text())
            case "echo":
                self.assertEqual(arguments[1:], [">", "body.json"])
            case _:
                self.fail(f"this test does not know how to check {program}")

    def test_the_cdk_code_is_that_of_the_constructs(self) -> None:
        """`make constructs` runs both snippets, and compares their templates. This is the quick check of each name."""
        [typescript], [python] = blocks("ts", page=START), blocks("python", page=START)
        own = [line for line in typescript.splitlines() if not line.startswith("import ")]
        self.assertIn("\n".join(own).strip(), (CONSTRUCTS / "README.md").read_text())
        names = set(re.findall(r"\w+", (CONSTRUCTS / "test/app.py").read_text()))
        text = re.sub(r'"[^"]*"', "", python)
        self.assertEqual(set(re.findall(r"[A-Za-z_]\w+", text)) - names - {"config", "variant"}, set())


class Start(StackTestCase):
    """The steps of START.md."""

    def test_the_endpoint_gets_another_instance_type_while_it_scales(self) -> None:
        created = self.world.stacks.create("start", TRANSFORM + TEMPLATE)
        self.assertEqual(created.status, "CREATE_COMPLETE", created.failures())
        scaling = self.world.scaling()
        self.assertEqual(len(scaling), 2)
        self.world.news()
        updated = self.world.stacks.update("start", TRANSFORM + TEMPLATE, InstanceType="ml.m5.xlarge")
        self.assertEqual(updated.status, "UPDATE_COMPLETE", updated.failures())
        called = [str(entry.get("Target")).rpartition(".")[2] for entry in self.world.news()]
        for call in ("DeregisterScalableTarget", "RegisterScalableTarget"):
            self.assertIn(call, called)
        self.assertEqual((self.world.scaling(), self.world.snapshots()), (scaling, []))
        deleted = self.world.stacks.delete("start")
        self.assertEqual((deleted.status, self.world.targets()), ("DELETE_COMPLETE", []))


if __name__ == "__main__":
    unittest.main()
