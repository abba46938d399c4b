"""The links of all pages lead to files and headings that exist."""

import re
import subprocess
import unittest
from pathlib import Path

from demo.environment import ROOT

LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#([^)]*))?\)")


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


if __name__ == "__main__":
    unittest.main()
