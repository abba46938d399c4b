"""Builds the package that README installs: `make package`. Checks that builds are reproducible: `make package-check`.

Builds natively, with this machine's Rust: for arm64 you need an arm64 machine, or a linker and Rust's
target for it.
"""

import gzip
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from demo.environment import ROOT, inherited
from demo.package import archive
from tools.stack_set import stack_set_template

TARGETS = {"arm64": "aarch64-unknown-linux-gnu", "x86_64": "x86_64-unknown-linux-gnu"}
HOST = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
GLIBC = (2, 34)
"""The version in provided.al2023: https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html"""
LARGEST = 11 * 2**18
"""Bytes of a package, for each architecture. The goal of docs/BENCHMARKS.md is less."""
OUTPUT = ROOT / "target" / "package"
DOCUMENTS = [
    *(ROOT / name for name in ("LICENSE", "README.md")),
    *(ROOT / "target" / name for name in ("sbom.json", "THIRD-PARTY-LICENSES.txt")),
]
"""The other files of a package. `make sbom` and `make licences` write the last two."""
CHECKSUMS = "SHA256SUMS"
CARGO_HOME = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))


def flags(root: Path) -> dict[str, str]:
    """The environment of a build whose result contains no path of this machine."""
    prefixes = {root: "/function", CARGO_HOME: "/cargo"}
    # They replace the user's flags, which would change the bytes.
    return {
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(f"--remap-path-prefix={path}={name}" for path, name in prefixes.items()),
        "CFLAGS": " ".join(f"-ffile-prefix-map={path}={name}" for path, name in prefixes.items()),
        "SOURCE_DATE_EPOCH": "0",
    }


def build(root: Path, architecture: str) -> Path:
    """Builds the function of a source tree."""
    target = TARGETS[architecture]
    # A folder of its own, because the programs in the usual one were built with other flags.
    folder = root / "target" / "package" / "build"
    command = [
        "cargo",
        "build",
        "--release",
        "--locked",
        "--package",
        "sagemaker-scaling",
        "--bin",
        "bootstrap",
        "--target",
        target,
        "--target-dir",
        str(folder),
    ]
    if subprocess.run(command, cwd=root, env=inherited(flags(root)), check=False).returncode != 0:
        sys.exit(f"error: no package for {architecture}. If Rust lacks that target: rustup target add {target}")
    return folder / target / "release" / "bootstrap"


def newest_glibc(program: bytes) -> tuple[int, ...]:
    """The newest version of glibc that a program needs."""
    versions = re.findall(rb"GLIBC_(\d+(?:\.\d+)+)\0", program)
    return max((tuple(map(int, version.split(b"."))) for version in versions), default=(0,))


def lay_out(program: Path, architecture: str, folder: Path, documents: Iterable[Path] = ()) -> Path:
    """Writes the function's archive and the templates to a folder, and returns the archive's path.

    `aws cloudformation package` reads `template.yaml`, and StackSets read `stack-set.json`.
    """
    if (needs := newest_glibc(program.read_bytes())) > GLIBC:
        sys.exit(
            f"error: it needs glibc {'.'.join(map(str, needs))}, and Lambda has {'.'.join(map(str, GLIBC))}:"
            " build it on an older system"
        )
    packed = archive(program, compressed=True)
    if len(packed) > LARGEST:
        sys.exit(
            f"error: the package for {architecture} has {len(packed):,} bytes, and at most {LARGEST:,} are allowed"
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    template = (ROOT / "template.yaml").read_text()
    changes = {
        "CodeUri: .": "CodeUri: bootstrap.zip",
        "Default: arm64": f"Default: {architecture}",
        # An update keeps the parameters of the stack. So it fails, and does not deploy a program that cannot start.
        "AllowedValues: [arm64, x86_64]": f"AllowedValues: [{architecture}]",
    }
    for before, after in changes.items():
        assert template.count(before) == 1, before
        template = template.replace(before, after)
    # It is built already.
    template = re.sub(
        r"    Metadata:\n      BuildMethod: .*\n      BuildProperties:\n        Binary: .*\n", "", template
    )
    (folder / "template.yaml").write_text(template)
    (folder / "stack-set.json").write_text(stack_set_template(template))
    for document in documents:
        shutil.copy(document, folder)
    package = folder / "bootstrap.zip"
    package.write_bytes(packed)
    return package


def pack(folder: Path) -> Path:
    """Packs a folder into `sagemaker-scaling-FOLDER.tar.gz` beside it, writes its sum, and returns it.

    The folder gets the sums of its files. The same files give the same bytes.
    """
    files = sorted(file for file in folder.iterdir() if file.name != CHECKSUMS)
    (folder / CHECKSUMS).write_text("".join(map(checksum_line, files)))
    name = f"sagemaker-scaling-{folder.name}"
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archived:
        for file in (*files, folder / CHECKSUMS):
            entry = tarfile.TarInfo(f"{name}/{file.name}")
            entry.size = file.stat().st_size
            archived.addfile(entry, io.BytesIO(file.read_bytes()))
    made = folder.with_name(f"{name}.tar.gz")
    made.write_bytes(gzip.compress(content.getvalue(), mtime=0))
    made.with_name(f"{made.name}.sha256").write_text(checksum_line(made))
    return made


def checksum_line(file: Path) -> str:
    """A line of the input of `sha256sum --check`."""
    return f"{digest(file)}  {file.name}\n"


def digest(file: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def package(architectures: list[str]) -> None:
    """Builds packages, and prints their sizes and hashes."""
    for architecture in architectures:
        program = build(ROOT, architecture)
        folder = OUTPUT / architecture
        function = lay_out(program, architecture, folder, DOCUMENTS)
        (folder / "toolchain.txt").write_bytes(
            subprocess.run(["rustc", "--version", "--verbose"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        )
        made = pack(folder)
        print(f"The function: {function.stat().st_size:,} bytes, unpacked {program.stat().st_size:,}")
        print(f"{made.relative_to(ROOT)}: {made.stat().st_size:,} bytes, SHA-256 {digest(made)}")


def check() -> None:
    """Builds the committed source in two folders, and compares the programs."""
    with tempfile.TemporaryDirectory() as directory:
        digests = []
        for name in ("one", "another/and/deeper"):
            tree = Path(directory, name)
            tree.mkdir(parents=True)
            source = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
            subprocess.run(["tar", "-x"], cwd=tree, input=source, check=True)
            program = build(tree, HOST)
            for path in (directory, str(CARGO_HOME)):
                if path.encode() in program.read_bytes():
                    sys.exit(f"error: {path} is in the program")
            digests.append(digest(program))
            shutil.rmtree(tree / "target")
    if len(set(digests)) != 1:
        sys.exit(f"error: the same source gave {' and '.join(digests)}")
    print(f"Twice the same bytes: SHA-256 {digests[0]}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        check()
    else:
        package(sys.argv[1:] or [HOST])
