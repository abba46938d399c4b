"""`make deny` finds planted mistakes. `make test` runs it on the real dependencies."""

import json
import subprocess
import tempfile
import unittest
from typing import Any

from demo.environment import ROOT
from support import run

# On a new machine, it installs the checker first.
_DENY_SECONDS = 1_200


class Dependencies(unittest.TestCase):
    """The metadata of the workspace, with one changed crate."""

    def setUp(self) -> None:
        command = ["cargo", "metadata", "--format-version", "1", "--locked"]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        self.metadata: dict[str, Any] = json.loads(told)
        [self.crate] = [package for package in self.metadata["packages"] if package["name"] == "strsim"]

    def test_a_licence_that_is_not_allowed_is_found(self) -> None:
        self.crate["license"] = "GPL-3.0-only"
        self.check("licenses", "error[rejected]")

    def test_a_banned_crate_is_found(self) -> None:
        self.crate["name"] = "aws-lc-rs"
        self.check("bans", "error[banned]")

    def test_a_crate_from_git_is_found(self) -> None:
        self.crate["source"] = "git+https://example.com/strsim#0123456789abcdef0123456789abcdef01234567"
        self.check("sources", "error[source-not-allowed]")

    def check(self, failed: str, error: str) -> None:
        """Whether only this check fails, with this error."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(self.metadata, file)
            file.flush()
            command = ["make", "--silent", "deny", f"METADATA={file.name}"]
            checked = run(command, {}, _DENY_SECONDS)
        told = checked.stdout + checked.stderr
        self.assertNotEqual(checked.returncode, 0, told)
        self.assertIn(error, told)
        self.assertEqual(
            [check for check in ("bans", "licenses", "sources") if f"{check} FAILED" in told], [failed], told
        )


if __name__ == "__main__":
    unittest.main()
