"""Lets crowds of Creates compete for one rate limit, and writes docs/SCALE.md: `make bench-scale`."""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.faults.certificate import make
from bench.faults.peers import install
from bench.faults.systems import systems
from bench.scale.crowd import play
from bench.scale.report import CALLS, LARGEST, OURS, Cell, write
from demo.environment import ROOT, isolate

_PAGE = ROOT / "docs" / "SCALE.md"
_SIZES = (1, 10, 100, LARGEST)
_RUNS = 3
"""The runs of this project's largest crowd: the page shows how much chance matters."""


def main() -> None:
    """Runs everything and writes the page, or runs some crowds and prints them only."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", default="", help="sizes of crowds, with commas; prints them and writes no page")
    arguments.add_argument(
        "--system", default="", help="one system by the beginning of its name; prints it and writes no page"
    )
    chosen = arguments.parse_args()
    isolate()
    _allow_many_connections()
    peers, function = install(), _build_release()
    sizes = tuple(int(size) for size in chosen.only.split(",") if size) or _SIZES
    columns = [
        column for column in systems(function, peers) if column.name in CALLS and column.name.startswith(chosen.system)
    ]
    began = time.monotonic()
    cells: list[Cell] = []
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as directory:
        tls = make(Path(directory))
        for column in columns:
            for size in sizes:
                # Five hundred Python processes with boto3 do not fit into memory, so they fork after their imports.
                copies = size if column.name == "crhelper" else 1
                for _ in range(_RUNS if column.name == OURS and size == LARGEST else 1):
                    cells.append(Cell(column.name, column.title, play(column, copies, size, tls)))
                    print(cells[-1], flush=True)
    print(f"{len(cells)} crowds in {time.monotonic() - began:.0f} s")
    if not chosen.only and not chosen.system:
        _PAGE.write_text(write(cells, peers))
        print(f"wrote {_PAGE.relative_to(ROOT)}")
    missed = [str(cell) for cell in cells if cell.name == OURS and not cell.is_good()]
    if missed:
        sys.exit("error: this project misses a goal:\n" + "\n".join(missed))


def _build_release() -> Path:
    """Builds the function with the release profile: five hundred of these start sooner."""
    command = ["cargo", "build", "--release", "--package", "sagemaker-scaling", "--bin", "bootstrap"]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        sys.exit("error: the function does not build")
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "bootstrap"


def _allow_many_connections() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
