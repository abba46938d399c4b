"""Plants faults in a copy of the function, and shows which seed of the simulation finds each.

    make plant                      # the whole table
    make plant FAULTS="snapshot"    # only the faults whose description contains this

The copy has all faults. An environment variable says which one is active, so that there is one build. A seed counts
only if the function keeps every invariant with it while no fault is active.

Prints the table of docs/RELIABILITY.md. First it checks that each original text is in its file
exactly once. Fails if a text is not, or if no seed finds a fault.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from demo.environment import ROOT, inherited
from tools.planted import FAULTS, Fault
from tools.source_copy import append, copy_tracked

COPY = ROOT / "target" / "planted"
# The build of the function is quicker with these settings, and the simulation slower.
QUICK = "\n[profile.simulation.package.sagemaker-scaling]\nopt-level = 1\ncodegen-units = 64\n"
LINKED_QUICKLY = {"CARGO_PROFILE_SIMULATION_CODEGEN_UNITS": "16", "CARGO_PROFILE_SIMULATION_LTO": "off"}
LIB = "src/lib.rs"
# The variable that names the active fault by its number.
ACTIVE = "PLANTED_FAULT"
IS_ACTIVE = f"""
/// Whether a fault is active.
#[expect(clippy::disallowed_methods, reason = "a fault is chosen when the process starts")]
pub(crate) fn planted(fault: usize) -> bool {{
    static ACTIVE: std::sync::LazyLock<Option<usize>> =
        std::sync::LazyLock::new(|| std::env::var("{ACTIVE}").ok().and_then(|number| number.parse().ok()));
    *ACTIVE == Some(fault)
}}
"""
# How many seeds are tried. The histories with gates take longer.
MOST_SEEDS = {False: 100_000, True: 60_000}


def main() -> None:
    """Plants the faults, and prints a row for each."""
    wanted = os.environ.get("FAULTS", "").lower()
    chosen = [(number, fault) for number, fault in enumerate(FAULTS) if wanted in fault.what.lower()]
    if not chosen:
        sys.exit(f"error: no fault has {wanted!r} in its description")
    sources, problems = planted_sources()
    if problems:
        sys.exit("\n".join(["error: these faults cannot be planted:", *problems]))
    copy_with(sources)
    print("| planted | histories | found by seed | as |\n|---|---|---|---|", flush=True)
    simulation = build()
    missed = [fault.what for number, fault in chosen if not find(simulation, number, fault)]
    shutil.rmtree(COPY)
    if missed:
        sys.exit(f"not found: {missed}")


def planted_sources(faults: list[Fault] = FAULTS) -> tuple[dict[str, str], list[str]]:
    """The files with their faults, by name, and a problem for each fault whose original text is not there once."""
    sources: dict[str, str] = {}
    problems = []
    for number, fault in enumerate(faults):
        path = ROOT / fault.file
        if not path.is_file():
            problems.append(f"{fault.file}: there is no such file (for {fault.what!r})")
            continue
        text = sources.get(fault.file) or path.read_text()
        if (count := text.count(fault.sound)) != 1:
            where = f"{fault.file}: expected this text once, found it {count} times (for {fault.what!r})"
            problems.append(f"{where}:\n    {fault.sound}")
            continue
        sources[fault.file] = fault.plant(text, f"crate::planted({number})")
    return sources, problems


def copy_with(sources: dict[str, str]) -> None:
    """Makes the copy, with the faults and the switch between them."""
    copy_tracked(COPY)
    for name, text in sources.items():
        (COPY / name).write_text(text)
    append(COPY / "Cargo.toml", QUICK)
    append(COPY / LIB, IS_ACTIVE)


def build() -> Path:
    """Builds the simulation with all faults. Returns the path of the program."""
    command = ["cargo", "test", "--profile", "simulation", "--test", "simulation", "--no-run"]
    variables = {**LINKED_QUICKLY, "CARGO_INCREMENTAL": "1", "CARGO_TARGET_DIR": str(ROOT / "target")}
    done = subprocess.run(command, cwd=COPY, env=inherited(variables), capture_output=True, text=True, check=False)
    program = re.search(r"Executable .*\((.*)\)", done.stderr)
    if program is None:
        sys.exit(f"error: the copy in {COPY} cannot be built:\n{done.stderr}")
    return COPY / program.group(1)


def find(simulation: Path, number: int, fault: Fault) -> bool:
    """Activates one fault, and simulates until a seed finds it. Prints its row of the table."""
    seed, most = fault.first, fault.first + MOST_SEEDS[fault.level is not None]
    seen, how = "**none**", "no seed"
    while found := play(simulation, f"{seed}..{most}", fault.level, number):
        seed, broken = found
        if play(simulation, str(seed), fault.level) is None:
            seen, how = str(seed), short(broken, fault.level)
            break
        # This seed breaks an invariant in any case.
        seed += 1
    histories = "" if fault.level is None else f"gates, `{fault.level}`"
    print(f"| {fault.what} | {histories} | {seen} | {how} |", flush=True)
    return found is not None


def play(simulation: Path, seeds: str, level: str | None, active: int | None = None) -> tuple[int, str] | None:
    """Plays histories. Returns the first seed that breaks an invariant, and which one it breaks."""
    test = "seeds" if level is None else "gated::seeds"
    variables = {**LINKED_QUICKLY, "SEEDS": seeds, "LEVEL": level or "", "RUST_BACKTRACE": "0"}
    variables[ACTIVE] = "" if active is None else str(active)
    command = [str(simulation), "--ignored", "--exact", test, "--nocapture"]
    done = subprocess.run(command, cwd=COPY, env=inherited(variables), capture_output=True, text=True, check=False)
    found = re.search(r"seed (\d+) breaks an invariant:\s*(.*)", done.stdout + done.stderr)
    if found is None and done.returncode != 0:
        sys.exit(f"error: the simulation failed without a seed:\n{done.stdout}{done.stderr}")
    return None if found is None else (int(found.group(1)), found.group(2))


def short(violation: str, level: str | None) -> str:
    """A violation without the values that it shows."""
    if level is not None:
        # Histories with gates name the invariant first.
        return violation.partition(":")[0]
    named = re.sub(r'(Some\()?\("arn[^)]*\)(?(1)\))', "a resource", violation).replace("None", "no resource")
    named = re.sub(r" of (\d+), which", r" of target \1, which", named)
    named = named.replace("which a resource owns", "which another resource owns")
    named = re.sub(r"but Some\(.*\) is registered", "but something else is registered", named)
    named = re.sub(r"\{.*\} is attached to it, .*", "other things are attached", named)
    named = re.sub(r" declares Resource .*", " does not have what it declares", named)
    return re.split(r":? (?:\w+ )?\{", named)[0].strip()


if __name__ == "__main__":
    main()
