"""The same program gives the same package. `make package-check` builds twice, and test_install installs a package."""

import contextlib
import io
import json
import os
import random
import unittest
import zipfile
from pathlib import Path

from demo.environment import ROOT
from demo.package import archive
from support import cfn_lint, scratch
from tools import licences, package


class Package(unittest.TestCase):
    """The package of a file that replaces the function, because a build takes minutes."""

    def setUp(self) -> None:
        self.folder = scratch(self)

    def program(self, name: str, contents: bytes) -> Path:
        """A file with other times and permissions, as a build may write it."""
        program = self.folder / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_bytes(contents)
        return program

    def test_neither_place_nor_time_nor_mode_of_the_program_is_in_the_archive(self) -> None:
        one, other = self.program("bootstrap", b"\x7fELF" * 99), self.program("deeper/program", b"\x7fELF" * 99)
        os.utime(other, (1, 1))
        other.chmod(0o700)
        self.assertEqual(archive(one, compressed=True), archive(other, compressed=True))
        [entry] = zipfile.ZipFile(io.BytesIO(archive(other, compressed=True))).infolist()
        self.assertEqual((entry.filename, entry.external_attr >> 16), ("bootstrap", 0o100755))

    def test_the_templates_of_a_package_have_its_architecture_and_pass_the_linter(self) -> None:
        program = self.program("bootstrap", b"\x7fELF GLIBC_2.34\0")
        for architecture in package.TARGETS:
            with self.subTest(architecture):
                folder = self.folder / architecture
                made = package.lay_out(program, architecture, folder)
                files = {file.name for file in folder.iterdir()}
                self.assertEqual(files, {"bootstrap.zip", "stack-set.json", "template.yaml"})
                template = (folder / "template.yaml").read_text()
                self.assertIn(f"CodeUri: {made.name}", template)
                self.assertIn(f"Default: {architecture}", template)
                self.assertNotIn("BuildMethod", template)
                plain = json.loads((folder / "stack-set.json").read_text())
                self.assertEqual(plain["Parameters"]["Architecture"]["Default"], architecture)
                self.assertEqual(plain["Parameters"]["Architecture"]["AllowedValues"], [architecture])
                self.assertFalse({"Metadata", "Transform"} & plain.keys())
                for name in ("template.yaml", "stack-set.json"):
                    checked = cfn_lint(folder / name)
                    self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_the_package_does_not_depend_on_times_and_modes_of_files(self) -> None:
        packed = []
        for name, mode, time in (("one", 0o644, 1), ("another", 0o600, 2)):
            program = self.program(f"{name}/program", b"\x7fELF GLIBC_2.34\0")
            folder = self.folder / name / "arm64"
            package.lay_out(program, "arm64", folder, [ROOT / "LICENSE"])
            (folder / "LICENSE").chmod(mode)
            os.utime(folder / "LICENSE", (time, time))
            packed.append(package.pack(folder).read_bytes())
        self.assertEqual(packed[0], packed[1])

    def test_a_program_that_lambda_could_not_load_is_refused(self) -> None:
        program = self.program("bootstrap", b"GLIBC_2.2.5\0GLIBC_2.35\0")
        with self.assertRaisesRegex(SystemExit, r"glibc 2\.35"), contextlib.redirect_stdout(io.StringIO()):
            package.lay_out(program, "arm64", self.folder / "out")
        self.assertFalse((self.folder / "out").exists())

    def test_a_package_that_is_too_large_is_refused(self) -> None:
        program = self.program("bootstrap", random.Random(1).randbytes(package.LARGEST))
        with self.assertRaisesRegex(SystemExit, "for arm64 has 2,"):
            package.lay_out(program, "arm64", self.folder / "out")
        self.assertFalse((self.folder / "out").exists())

    def test_every_crate_in_the_function_has_its_licence(self) -> None:
        page = licences.page()
        for crate in licences.crates():
            self.assertIn(f"* {crate['name']} {crate['version']}, ", page)
        # Of a crate without a licence file, of a second file, and of a file in a folder of a crate.
        for text in ("Permission is hereby granted", "Copyright 2015-2025 Brian Smith", "the fiat-crypto authors"):
            self.assertIn(text, page)
        # No procedural macro, and nothing that only tests use.
        for text in ("* syn ", "* proptest ", "* sagemaker-scaling "):
            self.assertNotIn(text, page)
        crate = {"name": "mine", "license": "GPL-3.0-only", "manifest_path": str(self.folder / "Cargo.toml")}
        with self.assertRaisesRegex(SystemExit, "crate mine has no licence file; add the text of GPL-3.0-only"):
            licences.texts(crate)

    def test_no_path_of_this_machine_is_left_in_a_build(self) -> None:
        flags = package.flags(ROOT)["CARGO_ENCODED_RUSTFLAGS"]
        self.assertIn(f"--remap-path-prefix={ROOT}=", flags)


if __name__ == "__main__":
    unittest.main()
