"""The links of all pages lead to files and headings that exist."""

import re
import subprocess
import unittest
from pathlib import Path

from demo.environment import ROOT

FINDINGS = ROOT / "findings"
# GitHub resolves `../../releases/latest` to the releases of the repository. There is no such file.
LINK = re.compile(r"\]\((?!https?://|#|../../releases/)([^)#]+)(?:#([^)]*))?\)")


def pages() -> list[Path]:
    """Every page of the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [page for name in listed.split("\0") if name and (page := ROOT / name).is_file()]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


class Documents(unittest.TestCase):
    """The links of all pages."""

    def test_links_lead_to_files_and_headings_that_exist(self) -> None:
        found = [(page, file, anchor) for page in pages() for file, anchor in LINK.findall(page.read_text())]
        self.assertGreater(len(found), 50)
        for page, file, anchor in found:
            with self.subTest(page=str(page.relative_to(ROOT)), link=file, anchor=anchor):
                target = page.parent / file
                self.assertTrue(target.exists())
                if anchor and target.suffix == ".md":
                    self.assertIn(anchor, anchors(target))

    def test_every_finding_is_listed_with_its_pinned_packages(self) -> None:
        page = (FINDINGS / "README.md").read_text()
        scripts = sorted(FINDINGS.glob("*.sh"))
        self.assertEqual(
            sorted(re.findall(r"^\| \[(.*?)\]\(\1\)", page, re.MULTILINE)), [file.name for file in scripts]
        )
        self.assertGreaterEqual(len(scripts), 5)
        for script in scripts:
            with self.subTest(script.name):
                text = script.read_text()
                self.assertTrue(text.startswith("#!/bin/sh\n# ") and script.stat().st_mode & 0o111)
                for part in ("\n# Guess: ", "\n# Seen:  ", "\n# So:    ", "trap 'rm -rf \"$folder\"' EXIT"):
                    self.assertIn(part, text)
                installed = re.findall(r"pip\"? install --quiet --disable-pip-version-check (.*)", text)
                pins = [pin for line in installed for pin in line.split()]
                self.assertTrue(pins or "npm install" in text or "cargo run" in text)
                self.assertEqual([pin for pin in pins if "==" not in pin], [])


if __name__ == "__main__":
    unittest.main()
