"""Copies this repository, so that a tool can change the copy."""

import shutil
import subprocess
from pathlib import Path

from demo.environment import ROOT


def copy_tracked(folder: Path) -> None:
    """Copies the tracked files.

    They keep their times, so that Cargo builds only what changed since the last copy. Only the function's files are as
    new as the copy: what Cargo built of them last may have had changes that this copy has not.
    """
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    shutil.rmtree(folder, ignore_errors=True)
    for name in filter(None, tracked.decode().split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copy if name.startswith("src/") else shutil.copy2
        copy(ROOT / name, folder / name)


def append(file: Path, text: str) -> None:
    """Appends to a file."""
    with file.open("a") as opened:
        opened.write(text)
