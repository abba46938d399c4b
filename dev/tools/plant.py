"""Plants faults in a copy of the function, one at a time, and shows which seed of the simulation finds each.

    make plant

Prints the table of docs/RELIABILITY.md. First it checks that each original text is in its file
exactly once. Fails if a text is not, or if no seed finds a fault.
"""

import os
import re
import shutil
import subprocess
import sys

from demo.environment import ROOT

COPY = ROOT / "target" / "planted"
LIFECYCLE = "src/scalable_target/lifecycle.rs"
RELEASE = "src/scalable_target/lifecycle/release.rs"
DECIDE = "src/scalable_target/decide.rs"

# Each fault: what is wrong, the file, the original text, and the text that replaces it.
# fmt: off
FAULTS: list[tuple[str, str, str, str]] = [
    ("Delete does not check the owner", DECIDE,
     "Holder::Other(_) | Holder::Untagged => Release::Nothing,",
     "Holder::Other(_) | Holder::Untagged => Release::Deregister,"),
    ("Delete deregisters what was adopted", DECIDE,
     "Holder::Us { adopted: true } => {",
     "Holder::Us { adopted: true } if true => Release::Deregister,\n        Holder::Us { adopted: true } => {"),
    ("What another holds is registered over", DECIDE,
     "Holder::Other(holder) => Err(Refusal::HeldByAnother { target: resource_id(), holder }),",
     ("Holder::Other(_) => Ok(Registration::Renew { arn: arn.clone(), missing: Tags::new(), removed: Vec::new(), "
      "all: with_authors(us.tags()) }),")),
    ("A tag that left the template stays", DECIDE,
     "removed: removed.map(str::to_owned).collect(),",
     "removed: removed.map(str::to_owned).filter(|_| false).collect(),"),
    ("What a lost Update registered is forgotten", DECIDE,
     "old.filter(|old| !old.is_same(wanted)",
     "old.filter(|old| false && !old.is_same(wanted)"),
    ("The id is taken at random", LIFECYCLE,
     "physical_resource_id: desired.target.to_string(), data",
     "physical_resource_id: format!(\"{}-{}\", desired.target, fastrand::u16(..)), data"),
    ("A Create registers without its owner's tags", LIFECYCLE,
     "self.aws.create(desired, tags)",
     "self.aws.create(desired, &Default::default())"),
    ("A failed Create always says that nothing was registered", "src/handler.rs",
     "progress.to_clean_up().unwrap_or_else(|| envelope.id_of_failure())",
     "envelope.id_of_failure()"),
    ("What was registered, and cannot be seen yet, counts as not registered", "src/scalable_target/lifecycle.rs",
     "!self.progress.has_registered()",
     "self.progress.to_clean_up().is_some()"),
    ("A policy that left the template stays", DECIDE,
     "policies: policies.map(|(name, _)| name.as_str()).collect(),",
     "policies: policies.filter(|_| false).map(|(name, _)| name.as_str()).collect(),"),
    ("A scheduled action that left the template stays", DECIDE,
     "actions: before.actions.iter().filter(|name| !now.actions.contains(*name)).map(String::as_str).collect(),",
     "actions: Vec::new(),"),
    ("A failed Update or Delete answers with an id of its own", "src/envelope.rs",
     "self.given_id.clone().unwrap_or_else(",
     "self.given_id.clone().filter(|_| false).unwrap_or_else("),
    ("A Create never asks whether CloudFormation still waits", "src/standing.rs",
     "ASKS_AFTER: Duration = Duration::from_secs(5)",
     "ASKS_AFTER: Duration = Duration::from_secs(5_000_000)"),
    ("A Create that claims its target twice does not ask", "src/progress.rs",
     "self.state().claims > 1",
     "self.state().claims > 1_000"),
    ("A late request is carried out though the resource went on", RELEASE,
     "Standing::Superseded if !self.progress.has_claimed() || !is_elsewhere(&record, target) => break,",
     "Standing::Superseded => return Ok(true),"),
    ("What began after the request does not overtake it", "src/standing.rs",
     "changed > made + AT_ONCE",
     "changed > made + AT_ONCE * 1_000_000"),
    ("A look is acted on however old it is", RELEASE,
     "LOOK_HOLDS: Duration = Duration::from_secs(5)",
     "LOOK_HOLDS: Duration = Duration::from_secs(5_000_000)"),
    ("A Delete that finds nothing does not look again", "src/standing.rs",
     "LOOKS_FOR: Duration = Duration::from_secs(12)",
     "LOOKS_FOR: Duration = Duration::ZERO"),
    ("What is taken back is looked for only once", RELEASE,
     "SEEN_WITHIN: Duration = Duration::from_secs(4)",
     "SEEN_WITHIN: Duration = Duration::ZERO"),
    ("Any reply to an answer counts as success", "src/deliver.rs",
     "if response.status().is_success() => Ok(()),",
     "if response.status().as_u16() > 0 => Ok(()),"),
    ("Work goes on until Lambda kills the function", "src/deadline.rs",
     "let answer = left - (left / 20).min(LONGEST_MARGIN);",
     "let answer = left + LONGEST_RESERVE + LONGEST_RESERVE;"),
]
# fmt: on


def main() -> None:
    """Plants each fault, and prints a row for it."""
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    if problems := unplantable():
        sys.exit("\n".join(["error: these faults cannot be planted:", *problems]))
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    shutil.rmtree(COPY, ignore_errors=True)
    for name in filter(None, tracked.decode().split("\0")):
        (COPY / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, COPY / name)
    print("| planted | found by seed | as |\n|---|---|---|", flush=True)
    missed = [fault[0] for fault in FAULTS if not plant(*fault, most)]
    shutil.rmtree(COPY)
    if missed:
        sys.exit(f"not found: {missed}")


def unplantable() -> list[str]:
    """Each fault whose original text is not in its file exactly once: the file, the fault and the text."""
    problems = []
    for what, name, sound, _ in FAULTS:
        path = ROOT / name
        if not path.is_file():
            problems.append(f"{name}: there is no such file (for {what!r})")
        elif (count := path.read_text().count(sound)) != 1:
            problems.append(f"{name}: expected this text once, found it {count} times (for {what!r}):\n    {sound}")
    return problems


def plant(what: str, name: str, sound: str, planted: str, most: int) -> bool:
    """Plants one fault, and simulates until a seed finds it."""
    path = COPY / name
    text = path.read_text()
    path.write_text(text.replace(sound, planted))
    command = ["cargo", "test", "--quiet", "--profile", "simulation", "--test", "simulation"]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "target"), "RUST_BACKTRACE": "0"}
    try:
        subprocess.run([*command, "--no-run"], cwd=COPY, env=environment, check=True, stderr=subprocess.DEVNULL)
        run = [*command, "--", "--ignored", "--exact", "seeds", "--nocapture"]
        environment["SEEDS"] = f"0..{most}"
        done = subprocess.run(run, cwd=COPY, env=environment, capture_output=True, text=True, check=False)
        told = done.stdout + done.stderr
    finally:
        path.write_text(text)
    found = re.search(r"seed (\d+) breaks an invariant: (.*)", told)
    shown = re.sub(r'\("arn[^)]*\)', "a resource", found.group(2)).split("{")[0].strip() if found else "no seed"
    print(f"| {what} | {found.group(1) if found else '**none**'} | {shown} |", flush=True)
    return found is not None


if __name__ == "__main__":
    main()
