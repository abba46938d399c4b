"""Plants faults in a copy of the function, one at a time, and shows which seed of the simulation finds each.

    make plant

Prints the table of docs/RELIABILITY.md. First it checks that each original text is in its file
exactly once. Fails if a text is not, or if no seed finds a fault.
"""

import re
import shutil
import subprocess
import sys

from demo.environment import ROOT, inherited

COPY = ROOT / "target" / "planted"
# Each fault is a build of the function. With these settings a build is quicker, and the simulation is slower.
QUICK = "\n[profile.simulation.package.sagemaker-scaling]\nopt-level = 1\ncodegen-units = 64\n"
OWNERSHIP = "src/scalable_target/ownership.rs"
RECONCILE = "src/scalable_target/reconcile.rs"
REGISTER = "src/scalable_target/register.rs"
REMOVE = "src/scalable_target/remove.rs"
RUN = "src/scalable_target/run.rs"
TIMING = "src/timing.rs"
GONE = "to_delete.map(|(key, _)| key.clone()).collect()"

# The fault, the file, the text in it, and the text that replaces it.
FAULTS: list[tuple[str, str, str, str]] = [
    (
        "Delete does not check the owner",
        OWNERSHIP,
        "Ownership::Other(_) | Ownership::Untagged => Removal::Nothing,",
        "Ownership::Other(_) | Ownership::Untagged => Removal::Deregister,",
    ),
    (
        "Delete deregisters an adopted target",
        OWNERSHIP,
        "Ownership::Own { adopted: false } => Removal::Deregister,",
        (
            "Ownership::Own { adopted: _ } if true => Removal::Deregister,\n"
            "        Ownership::Own { adopted: false } => Removal::Deregister,"
        ),
    ),
    (
        "A target of another owner is registered over",
        OWNERSHIP,
        "Ownership::Other(owner) => Err(Refusal::OwnedByAnother { target, owner }),",
        (
            "Ownership::Other(_) => Ok(Registration::Update { arn: arn.clone(), missing: Tags::new(), "
            "removed: Vec::new(), all: with_authors(owner.tags()) }),"
        ),
    ),
    (
        "A tag that left the template stays",
        OWNERSHIP,
        "removed: removed.cloned().collect(),",
        "removed: removed.filter(|_| false).cloned().collect(),",
    ),
    (
        "The target of an unanswered Update is not removed",
        RECONCILE,
        "previous.filter(|previous| !previous.is_same(wanted)",
        "previous.filter(|previous| false && !previous.is_same(wanted)",
    ),
    (
        "The physical id is random",
        RUN,
        "physical_resource_id: target.to_string(), attributes",
        'physical_resource_id: format!("{target}-{}", fastrand::u16(..)), attributes',
    ),
    (
        "A Create registers without the owner's tags",
        REGISTER,
        "aws.create_target(&desired.spec, &tags)",
        "aws.create_target(&desired.spec, &Tags::new())",
    ),
    (
        "A failed Create always says that nothing was registered",
        "src/handler.rs",
        "progress.cleanup_id().unwrap_or_else(|| envelope.id_of_failure())",
        "envelope.id_of_failure()",
    ),
    (
        "A registration that is not visible yet counts as none",
        RUN,
        "!context.progress().has_registered()",
        "context.progress().cleanup_id().is_some()",
    ),
    (
        "A policy that left the template stays",
        RECONCILE,
        GONE,
        GONE.replace(
            "to_delete.", "to_delete.filter(|((kind, _), _)| *kind != crate::model::AttachmentKind::ScalingPolicy)."
        ),
    ),
    (
        "A scheduled action that left the template stays",
        RECONCILE,
        GONE,
        GONE.replace(
            "to_delete.", "to_delete.filter(|((kind, _), _)| *kind != crate::model::AttachmentKind::ScheduledAction)."
        ),
    ),
    (
        "A failed Update or Delete answers with a new id",
        "src/request/envelope.rs",
        "self.given_id.clone().unwrap_or_else(",
        "self.given_id.clone().filter(|_| false).unwrap_or_else(",
    ),
    (
        "A request never checks its freshness",
        TIMING,
        "FRESHNESS_CHECKED_AFTER: Duration = Duration::from_secs(5)",
        "FRESHNESS_CHECKED_AFTER: Duration = Duration::from_secs(5_000_000)",
    ),
    (
        "A Create that registers twice does not check its freshness",
        "src/observability/progress.rs",
        "self.state().registrations > 1",
        "self.state().registrations > 1_000",
    ),
    (
        "A superseded request is carried out",
        REMOVE,
        "Freshness::Superseded if !may_have_registered || !record.has_other_target(target) => {",
        (
            "Freshness::Superseded if true => return Ok(ControlFlow::Break(true)),\n"
            "                Freshness::Superseded if !may_have_registered || !record.has_other_target(target) => {"
        ),
    ),
    (
        "A later change of status does not supersede a request",
        "src/request/freshness.rs",
        "changed > sent + SAME_EVENT",
        "changed > sent + SAME_EVENT * 1_000_000",
    ),
    (
        "A read is acted on however old it is",
        TIMING,
        "READ_VALID: Duration = Duration::from_secs(5)",
        "READ_VALID: Duration = Duration::from_secs(5_000_000)",
    ),
    (
        "A Delete that finds nothing does not read again",
        TIMING,
        "NOTHING_REGISTERED_AFTER: Duration = Duration::from_secs(12)",
        "NOTHING_REGISTERED_AFTER: Duration = Duration::ZERO",
    ),
    (
        "A stale request reads only once what it may have registered",
        TIMING,
        "REGISTRATION: Schedule = Schedule::every(Duration::from_secs(2), VISIBLE_WITHIN)",
        "REGISTRATION: Schedule = Schedule::every(Duration::from_secs(2), Duration::ZERO)",
    ),
    (
        "Any reply to an answer counts as success",
        "src/response/deliver.rs",
        "if response.status().is_success() => Ok(()),",
        "if response.status().as_u16() > 0 => Ok(()),",
    ),
    (
        "Work goes on until Lambda kills the function",
        "src/deadline.rs",
        "let answer = left - (left / 20).min(REPORT_MARGIN);",
        "let answer = left + ANSWER_RESERVE + ANSWER_RESERVE;",
    ),
]


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
    with (COPY / "Cargo.toml").open("a") as manifest:
        manifest.write(QUICK)
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
    variables = {"CARGO_INCREMENTAL": "1", "CARGO_TARGET_DIR": str(ROOT / "target"), "RUST_BACKTRACE": "0"}
    environment = inherited(variables)
    try:
        subprocess.run([*command, "--no-run"], cwd=COPY, env=environment, check=True, stderr=subprocess.DEVNULL)
        run = [*command, "--", "--ignored", "--exact", "seeds", "--nocapture"]
        environment["SEEDS"] = f"0..{most}"
        done = subprocess.run(run, cwd=COPY, env=environment, capture_output=True, text=True, check=False)
        told = done.stdout + done.stderr
    finally:
        path.write_text(text)
    found = re.search(r"seed (\d+) breaks an invariant: (.*)", told)
    print(
        f"| {what} | {found.group(1) if found else '**none**'} | {short(found.group(2)) if found else 'no seed'} |",
        flush=True,
    )
    return found is not None


def short(violation: str) -> str:
    """A violation without the values that it shows."""
    named = re.sub(r'(Some\()?\("arn[^)]*\)(?(1)\))', "a resource", violation).replace("None", "no resource")
    named = re.sub(r" of (\d+), which", r" of target \1, which", named)
    named = named.replace("which a resource owns", "which another resource owns")
    named = re.sub(r"but Some\(.*\) is registered", "but something else is registered", named)
    named = re.sub(r"\{.*\} is attached to it, .*", "other things are attached", named)
    named = re.sub(r" declares Resource .*", " does not have what it declares", named)
    return re.split(r":? (?:\w+ )?\{", named)[0].strip()


if __name__ == "__main__":
    main()
