"""Mutates the code that decides, snapshots, restores, answers and retries, and shows which mutations no test finds.

    make mutants                                # several hours on two idle cores
    make mutants FILES="src/snapshot/*.rs"      # other files
    make mutants SHARD=0/4                      # every fourth mutation
    make mutants SINCE=v1.0.0                   # only lines that changed since a commit, of all files

cargo-mutants changes a copy, one mutation at a time. The tests beside the code run first, then the quick ones of the
handler. The slow ones and the simulation then run for what survived. Prints a table by file, then each mutation that
survives.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from demo.environment import ROOT, inherited
from tools.source_copy import copy_tracked

COPY = ROOT / "target" / "mutated"
OUTPUT = ROOT / "target" / "mutants"
SCOPE = [
    "src/aws/precondition.rs",
    "src/aws/retry.rs",
    "src/apply.rs",
    "src/model/former_owner.rs",
    "src/model/owner.rs",
    "src/request/freshness.rs",
    "src/response/*.rs",
    "src/scalable_target/*.rs",
    "src/snapshot/*.rs",
    "src/update_gate/*.rs",
]
# Tests that take a second or longer, alone or together.
SLOW = ["after_every_deployment", "an_answer", "changes_its_pools", "changes_no_deployment", "guardrails", "killed"]
# The targets of each stage, and the tests that it leaves out. A stage has only what survived the earlier ones.
STAGES = [
    (["--lib", "--test=handler"], SLOW),
    (["--test=handler", "--test=simulation"], []),
]
# Stable in no version of libtest yet. Without it, every mutation costs the whole suite.
FAIL_FAST = ["-Z", "unstable-options", "--fail-fast"]
FATES = {"CaughtMutant": "found", "Timeout": "timed out", "Unviable": "does not compile", "MissedMutant": "survives"}


def main() -> None:
    """Runs the stages, and prints what became of each mutation."""
    copy_tracked(COPY)
    leave_out_the_program(COPY)
    shutil.rmtree(OUTPUT, ignore_errors=True)
    since = os.environ.get("SINCE")
    chosen = of_files(os.environ.get("FILES", "").split() or ([] if since else SCOPE))
    if since:
        OUTPUT.mkdir(parents=True)
        chosen += ["--in-diff", str(changes_since(since, OUTPUT / "since.diff"))]
    if shard := os.environ.get("SHARD"):
        chosen += ["--shard", shard]
    fates: dict[str, str] = {}
    survivors: list[str] = []
    for number, (targets, slow) in enumerate(STAGES):
        if number > 0:
            survivors = [name for name, fate in fates.items() if fate == "survives"]
            if not survivors:
                break
            # Mutations that delete a field of a struct pass every --re, so --file is needed, too.
            files = {name.split(":")[0] for name in survivors}
            chosen = [*of_files(files), "--re", f"^({'|'.join(map(re.escape, survivors))})$"]
        results = run(str(ROOT / sys.argv[1]), chosen, targets, slow, OUTPUT / str(number))
        fates |= {name: fate for name, fate in results.items() if number == 0 or name in survivors}
    shutil.rmtree(COPY)
    print("\n".join(table(fates)))


def of_files(names: Iterable[str]) -> list[str]:
    """The options that choose files."""
    return [option for name in sorted(names) for option in ("--file", name)]


def changes_since(commit: str, file: Path) -> Path:
    """Writes what changed in the function since a commit."""
    changes = subprocess.run(["git", "diff", commit, "--", "src"], cwd=ROOT, check=True, capture_output=True)
    file.write_bytes(changes.stdout)
    return file


def leave_out_the_program(folder: Path) -> None:
    """Removes the binary from the manifest of a copy. Otherwise Cargo links it for every mutation."""
    manifest = folder / "Cargo.toml"
    text = re.sub(r"\[\[bin\]\]\n(?:.+\n)+|default-run = .*\n", "", manifest.read_text())
    manifest.write_text(text.replace("[lib]\n", "autobins = false\n\n[lib]\n", 1))


def run(program: str, chosen: list[str], targets: list[str], slow: list[str], output: Path) -> dict[str, str]:
    """Runs cargo-mutants. Returns what became of each mutation."""
    output.mkdir(parents=True)
    limits = ["--minimum-test-timeout", "40", "--timeout-multiplier", "2"]
    options = ["--in-place", "--no-config", "--colors", "never", "--output", str(output)]
    built = [f"--cargo-arg={target}" for target in targets]
    skipped = [argument for test in slow for argument in ("--skip", test)]
    command = [program, "mutants", *options, *limits, *chosen, *built, "--", "--", *FAIL_FAST, *skipped]
    variables = {
        # The dependencies are those of `cargo test`.
        "CARGO_TARGET_DIR": str(ROOT / "target"),
        "CARGO_PROFILE_DEV_DEBUG": "false",
        # For --fail-fast.
        "RUSTC_BOOTSTRAP": "1",
        "RUST_BACKTRACE": "0",
    }
    done = subprocess.run(command, cwd=COPY, env=inherited(variables), stdout=sys.stderr, check=False)
    outcomes = output / "mutants.out" / "outcomes.json"
    # 2: mutations survived. 3: some timed out.
    if done.returncode not in (0, 2, 3) or not outcomes.is_file():
        sys.exit(f"error: cargo-mutants failed, with status {done.returncode}")
    return {
        outcome["scenario"]["Mutant"]["name"]: FATES[outcome["summary"]]
        for outcome in json.loads(outcomes.read_text())["outcomes"]
        if outcome["scenario"] != "Baseline"
    }


def table(fates: dict[str, str]) -> list[str]:
    """A row for each file, and a line for each mutation that survives."""
    kinds = list(FATES.values())
    counts = Counter((name.split(":")[0], fate) for name, fate in fates.items())
    files = sorted({file for file, _ in counts})
    rows = [f"| file | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    rows += [f"| {file} | {' | '.join(str(counts[file, kind]) for kind in kinds)} |" for file in files]
    totals = [str(sum(counts[file, kind] for file in files)) for kind in kinds]
    rows += [f"| all | {' | '.join(totals)} |", ""]
    return rows + [f"* `{name}`" for name, fate in fates.items() if fate == "survives"]


if __name__ == "__main__":
    main()
