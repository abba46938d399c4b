"""The templates are valid, and the checks of that can fail."""

import tempfile
import unittest
from pathlib import Path

from demo.environment import ROOT, VENV
from support import TEMPLATES, cfn_lint, run, sam_validate


class Templates(unittest.TestCase):
    """template.yaml and the examples."""

    def test_cfn_lint_passes(self) -> None:
        for template in TEMPLATES:
            with self.subTest(template.name):
                checked = cfn_lint(template)
                self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_sam_validate_passes(self) -> None:
        for template in TEMPLATES:
            with self.subTest(template.name):
                checked = sam_validate(template)
                self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_the_checks_can_fail(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            broken = Path(directory, "broken.yaml")
            template = (ROOT / "template.yaml").read_text()
            broken.write_text(template.replace("RetentionInDays: !Ref", "RetentionInDay: !Ref"))
            for validate in (cfn_lint, sam_validate):
                checked = validate(broken)
                self.assertNotEqual(checked.returncode, 0)
                self.assertIn("RetentionInDay", checked.stdout + checked.stderr)

    def test_quoted_times_and_accounts_survive_packaging_and_unquoted_ones_do_not(self) -> None:
        page = (ROOT / "docs/TRY.md").read_text()
        for value, written in (
            ("2030-01-01T00:00:00Z", "2030-01-01 00:00:00+00:00"),
            ("012345670123", "1402433619"),
        ):
            with self.subTest(value):
                self.assertIn(f"`{written}`", page)
                self.assertEqual(packaged(value), written)
                self.assertEqual(packaged(f'"{value}"'), f"'{value}'")


def packaged(value: str) -> str:
    """A value as `aws cloudformation package` writes it."""
    with tempfile.TemporaryDirectory() as directory:
        template = Path(directory, "template.yaml")
        template.write_text(f"Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Metadata:\n      Value: {value}\n")
        aws = [
            str(VENV / "aws"),
            "cloudformation",
            "package",
            "--s3-bucket",
            "unused",
            "--template-file",
            str(template),
        ]
        done = run(aws, {})
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("Value: ")[2].strip()


if __name__ == "__main__":
    unittest.main()
