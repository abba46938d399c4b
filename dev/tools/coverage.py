"""Prints which lines of the function no test runs: a row for each file.

    make coverage

cargo-llvm-cov builds the package's tests with counters, and runs them. tests/e2e and the programs that tests/process
kills write no counters. Tests beside the code do not count as lines.
"""

import re
import subprocess
import sys
from itertools import groupby

from demo.environment import ROOT, inherited

# Wiring, which only the programs that are killed run.
LEFT_OUT = ["src/main.rs"]


def main() -> None:
    """Runs the tests, and prints the table."""
    program, llvm = str(ROOT / sys.argv[1]), ROOT / sys.argv[2]
    variables = {
        # Otherwise it would have rustup install LLVM's tools.
        "CARGO_LLVM_COV_SETUP": "no",
        "LLVM_COV": str(llvm / "llvm-cov"),
        "LLVM_PROFDATA": str(llvm / "llvm-profdata"),
        # The pinned tools are built without zlib.
        "RUSTFLAGS": "-C llvm-args=-enable-name-compression=false",
    }
    report = ROOT / "target" / "coverage.lcov"
    # Counters make tests slow, and some tests have deadlines: a failure is shown, and does not end the run.
    options = ["--package", "sagemaker-scaling", "--ignore-run-fail", "--lcov", "--output-path", str(report)]
    command = [program, "llvm-cov", *options]
    done = subprocess.run(command, cwd=ROOT, env=inherited(variables), stdout=sys.stderr, check=False)
    if done.returncode != 0:
        sys.exit(f"error: cargo-llvm-cov failed, with status {done.returncode}")
    print("\n".join(table(report.read_text(), {name: (ROOT / name).read_text() for name in sources()})))


def sources() -> list[str]:
    """The files of the function."""
    files = sorted((ROOT / "src").rglob("*.rs"))
    return [name for file in files if (name := file.relative_to(ROOT).as_posix()) not in LEFT_OUT]


def table(report: str, texts: dict[str, str]) -> list[str]:
    """A row for each file, with the lines that no test runs."""
    rows = ["| file | lines | run | % | not run |", "|---|---|---|---|---|"]
    total, total_run = 0, 0
    for name, text in texts.items():
        counts = lines_of(report, name)
        end = next((number for number, line in enumerate(text.splitlines(), 1) if line == "#[cfg(test)]"), None)
        counts = {number: count for number, count in counts.items() if end is None or number < end}
        if not counts:
            continue
        missed = sorted(number for number, count in counts.items() if count == 0)
        run = len(counts) - len(missed)
        total, total_run = total + len(counts), total_run + run
        rows.append(f"| {name} | {len(counts)} | {run} | {percent(run, len(counts))} | {ranges(missed)} |")
    return [*rows, f"| all | {total} | {total_run} | {percent(total_run, total)} | |"]


def lines_of(report: str, name: str) -> dict[int, int]:
    """How often each line of a file ran, from a report in the format of lcov."""
    counts: dict[int, int] = {}
    for section in report.split("end_of_record"):
        if re.search(rf"^SF:{re.escape(str(ROOT / name))}$", section, re.MULTILINE):
            for line, count in re.findall(r"^DA:(\d+),(\d+)", section, re.MULTILINE):
                counts[int(line)] = counts.get(int(line), 0) + int(count)
    return counts


def percent(part: int, whole: int) -> str:
    """A part of a whole."""
    return f"{100 * part / whole:.1f}" if whole else "100.0"


def ranges(numbers: list[int]) -> str:
    """Numbers, in which neighbours are one range."""
    groups = [list(group) for _, group in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    bounds = [(group[0][1], group[-1][1]) for group in groups]
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in bounds)


if __name__ == "__main__":
    main()
