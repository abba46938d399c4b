"""The package is installed with the commands of README and docs/ACCOUNTS.md, and scales an endpoint."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from demo.aws_cli import endpoint_commands
from demo.environment import ROOT, VENV
from demo.world import World
from support import README, blocks, programs, release_build, run, scratch
from tools import package

_NAME = f"sagemaker-scaling-{package.HOST}"
_BUCKET = "my-bucket"


def scripts(page: Path, title: str) -> list[str]:
    """The blocks of commands in a section, for this machine's architecture and the bucket of the tests."""
    found = blocks("sh", page=page, title=title)
    return [script.replace("arm64", package.HOST).replace("MY_BUCKET", _BUCKET) for script in found]


class Install(unittest.TestCase):
    """The package that `make package` wrote to the folder `PACKAGES`. Otherwise one with the program of `sam build`."""

    archive: Path
    world: World

    @classmethod
    def setUpClass(cls) -> None:
        resources = contextlib.ExitStack()
        cls.addClassCleanup(resources.close)
        if made := os.environ.get("PACKAGES"):
            cls.archive = ROOT / made / f"{_NAME}.tar.gz"
            assert cls.archive.is_file(), f"there is no {cls.archive}; run make package"
        else:
            folder = Path(resources.enter_context(tempfile.TemporaryDirectory()), package.HOST)
            package.lay_out(release_build("install"), package.HOST, folder, [ROOT / "LICENSE", README])
            cls.archive = package.pack(folder)
        cls.world = resources.enter_context(World(programs()))
        for command in (f"aws s3api create-bucket --bucket {_BUCKET}", *endpoint_commands("prod", "AllTraffic")):
            cls.world.cli.run(command)

    def setUp(self) -> None:
        self.downloads = scratch(self)
        for file in (self.archive, self.archive.with_name(f"{self.archive.name}.sha256")):
            shutil.copy(file, self.downloads)

    def run_here(self, *lines: str) -> subprocess.CompletedProcess[str]:
        """Runs shell commands in the folder of the downloads, with the AWS CLI of the tests."""
        path = {"PATH": f"{VENV}{os.pathsep}{os.environ['PATH']}"}
        environment = {**self.world.environment, **path}
        return run(["bash", "-euc", "\n".join(lines)], environment, folder=self.downloads)

    def succeed(self, *lines: str) -> str:
        """Runs shell commands that must succeed, and returns their output."""
        done = self.run_here(*lines)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def scale(self, export: str) -> None:
        """Deploys a stack that uses the function of an export, checks the target, and deletes the stack."""
        self.succeed(
            f"aws cloudformation deploy --template-file '{ROOT}/examples/minimal.yaml' --stack-name scaling"
            f" --parameter-overrides EndpointName=prod VariantName=AllTraffic ExportName={export}"
        )
        [target] = self.world.targets()
        self.assertEqual(
            (target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]),
            ("endpoint/prod/variant/AllTraffic", 1, 4),
        )
        self.assertEqual(self.world.stacks.delete("scaling").status, "DELETE_COMPLETE")
        self.assertEqual(self.world.targets(), [])

    def test_the_commands_of_readme_install_a_function_that_scales(self) -> None:
        self.succeed(scripts(README, "Install it")[0])
        self.scale("sagemaker-scaling-ServiceToken")

    def test_a_changed_package_is_neither_unpacked_nor_deployed(self) -> None:
        (self.downloads / _NAME).mkdir()
        (self.downloads / _NAME / "template.yaml").write_text("An earlier version, which must not be deployed now")
        with (self.downloads / self.archive.name).open("ab") as archive:
            archive.write(b"more")
        done = self.run_here(scripts(README, "Install it")[0])
        self.assertIn("FAILED", done.stdout)
        self.assertEqual([file.name for file in (self.downloads / _NAME).iterdir()], ["template.yaml"])
        self.assertFalse((self.downloads / "packaged.yaml").exists())

    def test_every_file_of_the_package_has_a_checksum(self) -> None:
        told = self.succeed(f"tar -xzf {self.archive.name}", f"cd {_NAME}", f"sha256sum --check {package.CHECKSUMS}")
        checked = {line.partition(": OK")[0] for line in told.splitlines()}
        files = {file.name for file in (self.downloads / _NAME).iterdir()}
        self.assertEqual(checked, files - {package.CHECKSUMS})
        expected = {"LICENSE", "README.md", "bootstrap.zip", "stack-set.json", "template.yaml", package.CHECKSUMS}
        if "PACKAGES" in os.environ:
            expected |= {"THIRD-PARTY-LICENSES.txt", "sbom.json", "toolchain.txt"}
        self.assertEqual(files, expected)

    def test_the_template_for_stack_sets_deploys_a_function_that_scales(self) -> None:
        upload, *of_stack_sets = scripts(ROOT / "docs" / "ACCOUNTS.md", "Every account of an organization")
        for region in ("us-east-1", "eu-central-1"):
            self.world.cli.run(f"aws s3api create-bucket --bucket {_BUCKET}-{region}")
        self.succeed(f"tar -xzf {self.archive.name}", upload)
        # MiniStack has no StackSets. Each stack of a set gets the set's template and parameters.
        [parameters] = re.findall("--parameters (.*)$", of_stack_sets[0], re.MULTILINE)
        self.succeed(
            f"aws cloudformation create-stack --stack-name member --template-body file://{_NAME}/stack-set.json"
            f" --capabilities CAPABILITY_IAM --parameters {parameters} ParameterKey=ExportName,ParameterValue=other",
            "aws cloudformation wait stack-create-complete --stack-name member",
        )
        self.scale("other")
        for command in of_stack_sets:
            # With this option, the CLI checks the others, and sends nothing.
            self.succeed(f"{command.rstrip()} --generate-cli-skeleton output")


if __name__ == "__main__":
    unittest.main()
