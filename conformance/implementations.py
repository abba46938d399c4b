"""Runs the checks on other implementations of AWS, on this machine: `make conformance-others`.

Rows about Application Auto Scaling are checked with the endpoints of the local AWS, and rows about SageMaker with all
services of the implementation.
"""

import contextlib
import datetime
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from botocore.exceptions import ClientError

from conformance.account import AWS_ERRORS, PREFIX, Account, LeftError, UnclearError
from conformance.beliefs import ROOT, beliefs
from conformance.check import Stage
from conformance.checks import CHECKS
from conformance.others import DIFFERS, HOLDS, UNCLEAR, Found, others, save
from conformance.router import Router
from conformance.run import Outcome, run
from demo import package
from demo.environment import REGION, isolate
from demo.stage import Stage as Processes
from demo.stage import StageError

_MODEL = "my-model"
_ROLE = "arn:aws:iam::111122223333:role/model"
_SIGNED_AS = {
    "Application Auto Scaling": "application-autoscaling",
    "Parameter Store": "ssm",
    "SageMaker": "sagemaker",
}
"""The names of services in signatures, by their names in the list of beliefs."""
_SAGEMAKER = "SageMaker"
LONGEST_CHECK_SECONDS = 20.0
_CHANGE_SECONDS = 1
"""How long an endpoint of the local AWS changes."""
_CRATE = ROOT / "dev" / "others"
_LONGEST_TEXT = 300


@dataclass(frozen=True)
class Implementation:
    """Another implementation of some services."""

    name: str
    version: Callable[[], str]
    services: tuple[str, ...]
    """Those of its services that checks call, as the list of beliefs names them."""
    start: Callable[[Processes], str]
    """Starts its server. Returns the address."""


def _crate_version(name: str) -> str:
    found = re.search(rf'name = "{name}"\nversion = "(.*)"', (_CRATE / "Cargo.lock").read_text())
    assert found, name
    return found[1]


def _start_crate(name: str) -> Callable[[Processes], str]:
    def start(stage: Processes) -> str:
        command = ["cargo", "build", "--quiet", "--locked", "--manifest-path", str(_CRATE / "Cargo.toml")]
        subprocess.run([*command, "--target-dir", str(ROOT / "target" / "others")], check=True)
        program = ROOT / "target" / "others" / "debug" / "others"
        return stage.server(name, lambda port: [str(program), name, str(port)])

    return start


IMPLEMENTATIONS = (
    Implementation(
        "moto",
        lambda: metadata.version("moto"),
        ("Application Auto Scaling", "Parameter Store", "SageMaker"),
        lambda stage: stage.moto().url,
    ),
    Implementation(
        "MiniStack",
        lambda: metadata.version("ministack"),
        ("Parameter Store",),
        lambda stage: stage.ministack({}),
    ),
    Implementation(
        "winterbaume",
        lambda: _crate_version("winterbaume-applicationautoscaling"),
        ("Application Auto Scaling", "Parameter Store", "SageMaker"),
        _start_crate("winterbaume"),
    ),
    Implementation(
        "AWSim",
        lambda: _crate_version("awsim-application-autoscaling"),
        ("Application Auto Scaling", "Parameter Store"),
        _start_crate("awsim"),
    ),
)


def checked_on(implementation: Implementation) -> list[str]:
    """The rows that are about services of an implementation and that can be checked, in the order of the checks."""
    about = {row.id: row.about for row in beliefs()}
    return [name for name in CHECKS if about[name] in implementation.services]


def check(implementation: Implementation, url: str, local_aws: str, chosen: Sequence[str]) -> list[Outcome]:
    """Checks these rows on the server of an implementation at `url`."""
    about = {row.id: row.about for row in beliefs()}
    outcomes: list[Outcome] = []
    for service in implementation.services:
        # SageMaker refuses updates because of registered targets, so its rows need all services.
        routed = implementation.services if service == _SAGEMAKER else (service,)
        with Router({_SIGNED_AS[name]: url for name in routed}, local_aws) as router:
            account = Account(REGION, router.url)
            account.longest_check = LONGEST_CHECK_SECONDS
            with contextlib.suppress(ClientError):  # The local AWS has no models.
                account.sagemaker.create_model(ModelName=_MODEL, ExecutionRoleArn=_ROLE)
            outcomes += _check_stages(account, [name for name in chosen if about[name] == service])
    return outcomes


def _check_stages(account: Account, chosen: Sequence[str]) -> list[Outcome]:
    """Checks each stage in a run of its own, because an implementation may not reach one."""
    outcomes: list[Outcome] = []

    def tell(what: Outcome | str) -> None:
        if isinstance(what, Outcome) and what.applies:
            outcomes.append(what)

    for stage in Stage:
        if of_stage := [name for name in chosen if CHECKS[name].stage is stage]:
            # Resources that an implementation does not delete or list end with its process.
            with contextlib.suppress(LeftError, UnclearError, *AWS_ERRORS, KeyError):
                run(account, of_stage, _MODEL, tell)
    return outcomes


def state(outcome: Outcome) -> str:
    """The word for the result of a check."""
    return {True: HOLDS, False: DIFFERS}.get(outcome.holds, UNCLEAR)  # type: ignore[arg-type]


def steady(seen: str) -> str:
    """What was seen, without what differs from run to run: the name of the run, new ids and short times."""
    text = re.sub(rf"({PREFIX})[0-9a-f]{{8}}", r"\1RUN", seen, flags=re.IGNORECASE)
    text = re.sub(r"(?<![\w-])[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "ID", text)
    text = re.sub(r"(scalable-target/)\w+", r"\1ID", text)
    text = re.sub(r"(?<!no result) after [\d.]+ s\b| \d+ s later at most", "", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1", text)
    # The status precedes the HTML of an error page.
    text = " ".join(re.sub(r"(?is) *(\(reached max retries: \d+\))?:? *<!doctype.*", "", text).split())
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def found_on(implementation: Implementation, outcomes: Sequence[Outcome], date: str) -> list[Found]:
    """The rows of others.json for an implementation, in the order of the list of beliefs."""
    by_belief = {outcome.belief: outcome for outcome in outcomes}
    rows = []
    for row in beliefs():
        if outcome := by_belief.get(row.id):
            seen = steady(outcome.seen)
            rows.append(Found(implementation.name, implementation.version(), date, row.id, state(outcome), seen))
    return rows


def main(names: Sequence[str]) -> int:
    """Runs the checks on all implementations, or on those with these names. Returns the exit code."""
    known = {implementation.name.lower(): implementation for implementation in IMPLEMENTATIONS}
    if unknown := [name for name in names if name.lower() not in known]:
        print(f"error: IMPLEMENTATIONS: {unknown[0]}: expected one of {', '.join(known)}", file=sys.stderr)
        return 2
    isolate()
    before = others()
    found = {name: [row for row in before if row.implementation.lower() == name] for name in known}
    program: Path = package.build().local_aws
    failed = 0
    for name in [name.lower() for name in names] or known:
        try:
            found[name] = _found(known[name], program)
        except (StageError, subprocess.CalledProcessError) as error:
            print(f"error: {known[name].name}: {error}", file=sys.stderr)
            failed += 1
    save([row for rows in found.values() for row in rows])
    return int(failed > 0)


def _found(implementation: Implementation, program: Path) -> list[Found]:
    """Starts an implementation and the local AWS, and runs the checks."""
    with Processes() as processes:
        local_aws = processes.local_aws(program)
        local_aws.call("LocalAws.SetEndpointTakes", Seconds=_CHANGE_SECONDS)
        url = implementation.start(processes)
        outcomes = check(implementation, url, local_aws.url, checked_on(implementation))
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    rows = found_on(implementation, outcomes, today)
    for row in rows:
        print(f"{row.implementation:12} {row.state:8} {row.belief}: {row.seen}", flush=True)
    return rows


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
