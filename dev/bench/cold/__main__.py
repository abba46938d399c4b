"""Measures cold starts of this project and its peers, and writes docs/BENCHMARKS.md: `make bench`."""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from bench.cold.machine import Load, describe
from bench.cold.measure import SCENARIOS, starts, system_calls
from bench.cold.network import Aws
from bench.cold.programs import earlier, systems
from bench.cold.quota import Quota
from bench.cold.report import Results, write
from bench.faults.certificate import make
from demo.environment import ROOT, isolate

_PAGE = ROOT / "docs" / "BENCHMARKS.md"
_PLOTS = ROOT / "docs" / "benchmarks"


def main() -> None:
    """Builds, measures, and writes the page; or measures some systems and prints the results only."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--starts", type=int, default=15, help="of each system, in each scenario")
    arguments.add_argument(
        "--system", default="", help="systems by the beginning of their names; prints them and writes no page"
    )
    arguments.add_argument("--also", type=Path, help="an earlier build of the function, to compare on the terminal")
    chosen = arguments.parse_args()
    isolate()
    # An exception ends all processes and removes the control groups.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # The threads of the stubs switch often, so that they hardly wait for each other.
    sys.setswitchinterval(0.0005)
    with tempfile.TemporaryDirectory(prefix="bench-cold-") as directory:
        authority, tls = make(Path(directory))
        rows = [row for row in systems(authority, Path(directory)) if row.name.startswith(chosen.system)]
        if chosen.also:
            rows.append(earlier(chosen.also, authority, Path(directory)))
        with Quota(100) as quota:
            scenarios = [scenario for scenario in SCENARIOS if quota.is_possible or not scenario.period]
        # No tickets: in AWS the host names differ, so no client resumes a session of another host.
        tls.num_tickets = 0
        aws, load, began = Aws(tls), Load(), time.monotonic()
        for row in rows:
            starts([row], scenarios[0], aws, 1)  # now the files are in the page cache
        found = {}
        for scenario in scenarios:
            print(f"{scenario.name}: {len(rows)} systems, {chosen.starts} starts", flush=True)
            found[scenario] = starts(rows, scenario, aws, chosen.starts)
            load.look()
        calls = {row.name: system_calls(row, aws, Path(directory)) for row in rows}
        aws.close()
    print(f"measured in {time.monotonic() - began:.0f} s")
    results = Results(rows, found, calls)
    print(results.summary())
    if chosen.also:
        print(results.compared(rows.pop().name))
    if not chosen.system:
        write(_PAGE, _PLOTS, results, describe(), load, ROOT)
        print(f"wrote {_PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
