"""Builds the programs of the workspace, and packages the function for Lambda."""

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from demo.environment import ROOT

_EXECUTABLE = 0o100755 << 16
_UNIX = 3


@dataclass(frozen=True)
class Programs:
    """The paths of the built programs, as cargo reports them."""

    function: Path
    local_aws: Path


def build() -> Programs:
    """Runs `cargo build`, in the profile that the tests use too; cargo prints to the terminal.

    Package by package: together, cargo would build the function with the local AWS's features of shared packages, and
    `cargo lambda watch`, which builds the function alone, would build it all again.
    """
    return Programs(function=_build("sagemaker-scaling", "bootstrap"), local_aws=_build("local-aws", "local-aws"))


def _build(package: str, program: str) -> Path:
    command = ["cargo", "build", "--package", package, "--bin", program, "--message-format=json-render-diagnostics"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if built.returncode != 0:
        sys.exit(built.returncode)  # cargo has printed the error
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    [executable] = [message["executable"] for message in messages if message.get("executable")]
    return Path(executable)


def archive(function: Path, *, compressed: bool = False) -> bytes:
    """A Lambda package: `bootstrap`, executable. The same program always gives the same bytes."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as files:
        entry = zipfile.ZipInfo("bootstrap")
        entry.create_system = _UNIX
        entry.external_attr = _EXECUTABLE
        entry.compress_type = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
        files.writestr(entry, function.read_bytes(), compresslevel=9)
    return package.getvalue()
