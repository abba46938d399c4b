"""The templates are valid, and the checks of that can fail."""

import tempfile
import unittest
from pathlib import Path

from demo.environment import ROOT
from support import TEMPLATES, cfn_lint, sam_validate


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


if __name__ == "__main__":
    unittest.main()
