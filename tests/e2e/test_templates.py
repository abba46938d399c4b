"""The templates are valid, and the checks of that can fail."""

import json
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from demo.environment import ROOT, VENV
from support import run

TEMPLATES = [ROOT / "template.yaml", *sorted((ROOT / "examples").glob("*.yaml"))]


def cfn_lint(template: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Checks a template with cfn-lint, every rule of it and of this repository."""
    rules = ["--include-checks", "I", "--append-rules", "schema/rules"]
    return run([str(VENV / "cfn-lint"), *rules, *options, "--template", str(template)], {})


def sam_validate(template: Path) -> subprocess.CompletedProcess[str]:
    """Checks a template as `sam deploy` would read it."""
    return sam("validate", "--lint", "--template-file", str(template))


def sam(*arguments: str, seconds: int = 120, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the SAM CLI."""
    with tempfile.TemporaryDirectory() as settings:
        # It asks a package index for a newer version, unless it did lately.
        Path(settings, "metadata.json").write_text(json.dumps({"lastVersionCheck": time.time()}))
        return run([str(VENV / "sam"), *arguments], {"__SAM_CLI_APP_DIR": settings, **environment}, seconds)


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
