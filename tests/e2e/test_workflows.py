"""The shell steps of the release workflow, with a recorder in the place of the GitHub CLI."""

import os
import unittest
from typing import Any

import yaml

from demo.environment import ROOT
from support import run, scratch
from tools.package import TARGETS, checksum_line

_WORKFLOWS = ROOT / ".github" / "workflows"
_CHANGELOG = "# Changelog\n\n## Unreleased\n\n* later\n\n## 0.2.0\n\n### New\n\n* this\n\n## 0.1.0\n\n* earlier\n"


def job(name: str) -> dict[str, Any]:
    """A job of the release workflow."""
    found: dict[str, Any] = yaml.safe_load((_WORKFLOWS / "release.yml").read_text())["jobs"][name]
    return found


class Publish(unittest.TestCase):
    """The steps that publish both packages."""

    def setUp(self) -> None:
        self.folder = scratch(self)
        (self.folder / "CHANGELOG.md").write_text(_CHANGELOG)
        release = self.folder / "target" / "release"
        release.mkdir(parents=True)
        for architecture in ("arm64", "x86_64"):
            archive = release / f"sagemaker-scaling-{architecture}.tar.gz"
            archive.write_text(architecture)
            archive.with_name(f"{archive.name}.sha256").write_text(checksum_line(archive))
        self.release = release
        recorder = self.folder / "bin" / "gh"
        recorder.parent.mkdir()
        recorder.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > arguments\n')
        recorder.chmod(0o755)

    def publish(self, tag: str) -> bool:
        """Runs the shell steps as the runner does, until one fails."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        for step in job("publish")["steps"]:
            if "run" in step:
                folder = self.folder / step.get("working-directory", "")
                # https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
                shell = ["bash", "-e", "-c", step["run"]]
                if run(shell, {"PATH": path, "GITHUB_REF_NAME": tag}, folder=folder).returncode != 0:
                    return False
        return True

    def test_both_packages_are_published_with_the_changes_of_their_version(self) -> None:
        self.assertTrue(self.publish("v0.2.0"))
        arguments = (self.folder / "arguments").read_text().splitlines()
        self.assertEqual(arguments[:4], ["release", "create", "v0.2.0", "--verify-tag"])
        files = [f"target/release/{file.name}" for file in sorted(self.release.iterdir())]
        self.assertEqual((len(files), arguments[-4:]), (4, files))
        notes = self.folder / arguments[arguments.index("--notes-file") + 1]
        self.assertEqual(notes.read_text().strip(), "### New\n\n* this")

    def test_nothing_is_published_if_a_package_is_missing(self) -> None:
        (self.release / "sagemaker-scaling-arm64.tar.gz").unlink()
        self.assertFalse(self.publish("v0.2.0"))
        self.assertFalse((self.folder / "arguments").exists())

    def test_nothing_is_published_if_a_package_was_changed(self) -> None:
        (self.release / "sagemaker-scaling-x86_64.tar.gz").write_text("other")
        self.assertFalse(self.publish("v0.2.0"))
        self.assertFalse((self.folder / "arguments").exists())

    def test_nothing_is_published_if_the_changelog_has_no_section_for_the_version(self) -> None:
        self.assertFalse(self.publish("v0.3.0"))
        self.assertFalse((self.folder / "arguments").exists())


class Workflows(unittest.TestCase):
    """All workflows."""

    def test_the_release_fails_unless_the_tag_is_the_version(self) -> None:
        [step] = [step for step in job("check")["steps"] if "grep" in step.get("run", "")]
        [version] = [line for line in (ROOT / "Cargo.toml").read_text().splitlines() if line.startswith("version = ")]
        for tag, expected in ((f"v{version.split(chr(34))[1]}", True), ("v9.9.9", False)):
            with self.subTest(tag):
                done = run(["bash", "-e", "-c", step["run"]], {"GITHUB_REF_NAME": tag})
                self.assertEqual(done.returncode == 0, expected)

    def test_a_release_has_the_packages_of_both_architectures_or_none(self) -> None:
        made, published = job("package"), job("publish")
        self.assertEqual((made["needs"], published["needs"]), ("check", "package"))
        architectures = {machine["architecture"] for machine in made["strategy"]["matrix"]["include"]}
        self.assertEqual(architectures, TARGETS.keys())
        commands = [step["run"] for step in made["steps"] if "run" in step]
        self.assertEqual(commands, ["make package", "make package-check", "make package-install"])
        upload, download, attest = (
            next(step["with"] for step in steps["steps"] if action in step.get("uses", ""))
            for steps, action in ((made, "upload-"), (published, "download-"), (published, "attest-"))
        )
        self.assertEqual(upload["path"], "target/package/sagemaker-scaling-*")
        self.assertEqual((download["path"], download["merge-multiple"]), ("target/release", True))
        self.assertEqual(attest["subject-path"], "target/release/*.tar.gz")
        self.assertEqual(published["permissions"].keys(), {"attestations", "contents", "id-token"})

    def test_every_action_is_pinned_and_every_make_target_exists(self) -> None:
        targets = (ROOT / "Makefile").read_text()
        steps = [
            step
            for workflow in _WORKFLOWS.glob("*.yml")
            for each in yaml.safe_load(workflow.read_text())["jobs"].values()
            for step in each["steps"]
        ]
        self.assertGreater(len(steps), 10)
        for step in steps:
            with self.subTest(step):
                if "uses" in step:
                    self.assertRegex(step["uses"], r"^actions/[\w-]+@[0-9a-f]{40}$")
                elif step["run"].startswith("make "):
                    self.assertRegex(targets, rf"(?m)^{step['run'].split()[1]}:")


if __name__ == "__main__":
    unittest.main()
