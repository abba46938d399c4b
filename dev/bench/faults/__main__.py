"""Runs the table of faults against every system, and writes docs/FAULTS.md: `make bench-faults`."""

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.faults.certificate import make
from bench.faults.faults import ROWS
from bench.faults.judge import Verdict, judge
from bench.faults.page import write
from bench.faults.peers import install
from bench.faults.play import play
from bench.faults.scene import Row
from bench.faults.systems import System, systems
from demo.environment import ROOT, isolate
from demo.package import build

_PAGE = ROOT / "docs" / "FAULTS.md"
_AT_ONCE = 3


def main() -> None:
    """Runs everything and writes the page, or runs some cells and prints them only."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", default="", help="rows by number, with commas; prints them and writes no page")
    arguments.add_argument(
        "--system", default="", help="one system by the beginning of its name; prints it and writes no page"
    )
    chosen = arguments.parse_args()
    isolate()
    peers, programs = install(), build()
    columns = [column for column in systems(programs.function, peers) if column.name.startswith(chosen.system)]
    rows = [row for row in ROWS if not chosen.only or row.number in chosen.only.split(",")]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-faults-") as directory:
        tls = make(Path(directory))
        verdicts: dict[tuple[str, str], Verdict] = {}

        def run(row: Row, column: System) -> None:
            verdict = judge(
                play(row, column, programs.local_aws, tls),
                row.expected,
                has_ownership=column.has_ownership,
                handler_fails=row.number in column.handler_rows,
            )
            verdicts[row.number, column.name] = verdict
            print(f"{row.number:4} {column.name:18} {verdict.cell():12} {verdict.why}", flush=True)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            # The provider framework takes longest, so it starts first.
            slow_first = sorted(columns, key=lambda column: -column.function.seconds)
            try:
                for cell in [pool.submit(run, row, column) for column in slow_first for row in rows]:
                    cell.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    print(f"{len(verdicts)} cells in {time.monotonic() - began:.0f} s")
    if len(verdicts) == len(ROWS) * len(systems(programs.function, peers)):
        _PAGE.write_text(write(rows, columns, verdicts, peers))
        print(f"wrote {_PAGE.relative_to(ROOT)}")
    ours = [number for (number, name), verdict in verdicts.items() if name == "this project" and not verdict.is_good]
    if ours:
        sys.exit(f"error: this project fails at {', '.join(ours)}")


if __name__ == "__main__":
    main()
