"""`python3 -m conformance run` and `python3 -m conformance clean`, for `make conformance` and `make conformance-clean`.

Exit codes: 0 if each belief holds or is not applicable, or everything is deleted; 1 if one differs or could not be
checked, or something is left; 2 if nothing was done, with the reason on standard error; 130 after Ctrl-C, with
everything deleted.
"""

import argparse
import collections
import contextlib
import datetime
import ipaddress
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from conformance import examples
from conformance.account import AWS_ERRORS, PREFIX, TAG, Account, LeftError, UnclearError
from conformance.beliefs import Belief, Result, beliefs, results, save
from conformance.bill import bill
from conformance.check import UNCHECKED, WITHOUT_ENDPOINT, Stage
from conformance.checks import CHECKS
from conformance.examples import ExamplesError, Verdict
from conformance.installed import Package, PackageError
from conformance.models import has_image
from conformance.record import LOCAL_AWS, Recorder
from conformance.redaction import text
from conformance.run import Outcome, run

CI_VARIABLES = (
    "CI",
    "BUILDKITE",
    "CODEBUILD_BUILD_ID",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "JENKINS_URL",
    "TEAMCITY_VERSION",
    "TF_BUILD",
)
_NOT = ("", "0", "false", "no")


class RefusedError(Exception):
    """Nothing was done. The message says why, and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the checks, or deletes what earlier runs have left. Returns the exit code."""
    given = _options().parse_args(arguments)
    try:
        if not given.region:
            raise RefusedError("name the Region: REGION=us-east-1")
        for option in ("local_aws", "local_cloudformation"):
            if (url := getattr(given, option)) and not _is_loopback(url):
                raise RefusedError(f"--{option.replace('_', '-')} {url}: expected an address of this machine")
        if given.local_cloudformation and not given.local_aws:
            raise RefusedError("--local-cloudformation: also name the local AWS, --local-aws http://127.0.0.1:PORT")
        if given.what == "clean":
            return _clean(Account(given.region, given.local_aws, given.local_cloudformation))
        return _run_examples(given) if given.only.split() == ["examples"] else _run(given)
    except (RefusedError, ExamplesError, PackageError, *AWS_ERRORS) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def in_ci(environment: Mapping[str, str]) -> str | None:
    """The variable that says that this runs in CI."""
    return next((name for name in CI_VARIABLES if environment.get(name, "").lower() not in _NOT), None)


def _run(given: argparse.Namespace) -> int:
    _refuse_in_ci(given)
    if given.record not in ("", "yes"):
        raise RefusedError(f"RECORD: {given.record}: expected yes")
    if given.examples:
        raise RefusedError("EXAMPLES needs ONLY=examples")
    rows = {row.id: row for row in beliefs()}
    has_model = bool(given.model) or has_image(given.region)
    has_stacks = bool(given.local_cloudformation) or not given.local_aws
    chosen, left_out = _chosen(rows, given.only.split(), has_model=has_model, has_stacks=has_stacks)
    source = LOCAL_AWS if given.local_aws else f"AWS, {given.region}, {_today()}"
    recorder = Recorder(source) if given.record == "yes" else None
    watch = recorder.watch if recorder else None
    account = Account(given.region, given.local_aws, given.local_cloudformation, watch)
    if not given.local_aws:
        print(f"This checks {len(chosen)} beliefs about AWS in account {_place(account)}.")
        if left_out:
            print(f"It skips {len(left_out)} that need an endpoint. To check them, set MODEL=my-model.")
        print(bill(chosen, given.model))
        print(f"All names begin with {PREFIX}; all but scalable targets have the tag {TAG}.")
        _confirm(account, given.confirm)
    outcomes: list[Outcome] = []

    def tell(what: Outcome | str) -> None:
        if isinstance(what, Outcome):
            outcomes.append(what)
            _show(rows[what.belief], what)
        else:
            _say(what)

    try:
        if code := _carried_out(account, lambda: run(account, chosen, given.model, tell)):
            return code
    finally:
        if not account.is_local:
            _record(account, outcomes)
        if recorder:
            print(f"wrote {len(recorder.save())} files in conformance/bodies")
    judged = [outcome for outcome in outcomes if outcome.applies]
    counts = [sum(outcome.holds is state for outcome in judged) for state in (True, False, None)]
    others = len(outcomes) - len(judged)
    print("{} hold, {} differ, {} could not be checked, {} not applicable".format(*counts, others))
    return int(counts[0] + others != len(chosen))


def _run_examples(given: argparse.Namespace) -> int:
    _refuse_in_ci(given)
    if given.record:
        raise RefusedError("RECORD works only for rows; leave it out with ONLY=examples")
    if given.local_aws and not given.local_cloudformation:
        raise RefusedError("the examples need a CloudFormation: name its address, --local-cloudformation")
    names = examples.chosen(given.examples.split())
    package = Package(Path(given.packages))
    account = Account(given.region, given.local_aws, given.local_cloudformation)
    container = examples.container_of(account, given.model) if given.model else None
    if not given.local_aws:
        print(f"This deploys {len(names)} examples in account {_place(account)}.")
        print(examples.told(names, given.model))
        _confirm(account, given.confirm)
    counts: collections.Counter[Verdict] = collections.Counter()

    def tell(what: examples.Outcome | str) -> None:
        if isinstance(what, examples.Outcome):
            counts[what.verdict] += 1
            _say(f"{what.verdict.value:8} {what.example}: {what.seen}")
        else:
            _say(what)

    playing = examples.Run(account, package, container)
    if code := _carried_out(account, lambda: examples.play(playing, names, tell)):
        return code
    for outcome in examples.not_applicable(names):
        tell(outcome)
    print("{} hold, {} differ, {} could not be checked, {} not applicable".format(*(counts[each] for each in Verdict)))
    return int(counts[Verdict.HOLDS] != len(names))


def _carried_out(account: Account, act: Callable[[], object]) -> int:
    """Carries out a run, which cleans up itself. Returns the exit code if it has ended early."""
    try:
        act()
    except KeyboardInterrupt as signal:
        print(f"ended by {signal}; everything that was made is deleted", file=sys.stderr)
        return 130
    except (LeftError, UnclearError, *AWS_ERRORS) as error:
        advice = "" if account.is_local else f"; run: make conformance-clean REGION={account.region}"
        print(f"error: {error}{advice}", file=sys.stderr)
        return 1
    return 0


def _refuse_in_ci(given: argparse.Namespace) -> None:
    if not given.local_aws and (variable := in_ci(os.environ)):
        raise RefusedError(f"this makes real resources, so it does not run in CI; {variable} is set")


def _chosen(
    rows: Mapping[str, Belief], only: Sequence[str], *, has_model: bool, has_stacks: bool
) -> tuple[list[str], list[str]]:
    """The beliefs to check, in the order of the checks, and those that are skipped without a model."""
    for name in only:
        if name not in rows:
            raise RefusedError(f"ONLY: {name}: expected the id of a row of docs/BELIEFS.md")
        if name not in CHECKS:
            raise RefusedError(f"ONLY: {name} cannot be checked{'' if name in UNCHECKED else ' yet'}")
    wanted = [name for name in CHECKS if not only or name in only]
    if not has_stacks:
        wanted = [name for name in wanted if CHECKS[name].stage is not Stage.STACKS]
        if not wanted:
            raise RefusedError("these rows need a CloudFormation: name its address, --local-cloudformation")
    if has_model:
        return wanted, []
    possible = [name for name in wanted if CHECKS[name].stage in WITHOUT_ENDPOINT]
    if not possible:
        raise RefusedError(
            "these rows need an endpoint, and no image for its model is known in this Region: name a SageMaker model "
            "of yours, MODEL=my-model"
        )
    return possible, [name for name in wanted if name not in possible]


def _place(account: Account) -> str:
    return f"{account.account_id()}, Region {account.region}"


def _confirm(account: Account, given: str) -> None:
    """Asks, and lists what the account has of ours. The caller has printed what the run will make."""
    print("It changes nothing else.")
    print("Your credentials have to last that long: without them, the run cannot delete anything.")
    print("If you have no scalable target of SageMaker yet, AWS creates a service-linked role for it. That role stays.")
    if given != "yes":
        _ask(given)
    # What it cannot list, it could not delete.
    account.left(PREFIX)


def _ask(given: str) -> None:
    if given or not sys.stdin.isatty():
        raise RefusedError("nothing was made. Answer in a terminal without CONFIRM, or set CONFIRM=yes")
    try:
        answer = input("Continue? Answer yes: ")
    except (EOFError, KeyboardInterrupt):
        answer = ""
    if answer.strip() != "yes":
        raise RefusedError("nothing was made")


def _clean(account: Account) -> int:
    place = _place(account)
    try:
        account.clean(PREFIX, _say)
    except LeftError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"nothing with the prefix {PREFIX} is left in account {place}")
    return 0


def _show(row: Belief, outcome: Outcome) -> None:
    state = {True: "holds", False: "DIFFERS", None: "unclear" if outcome.applies else "n/a"}[outcome.holds]
    _say(f"{state:8} {row.id}: {outcome.seen}")
    if outcome.holds is False:
        _say(f"         believed: {row.belief}\n         if it is wrong: {row.if_wrong}\n         then: {row.then}")


def _say(line: str) -> None:
    """Prints a line. It is lost if the terminal or the pipe is gone, or if a signal came while another was printed.

    Neither must keep a run from deleting what it has made.
    """
    with contextlib.suppress(OSError, RuntimeError):
        print(line, flush=True)


def _record(account: Account, outcomes: Sequence[Outcome]) -> None:
    """Saves the results, without the account's id and other secrets."""
    known = results()
    for outcome in outcomes:
        if outcome.holds is not None:
            seen = text(outcome.seen)
            known[outcome.belief] = Result(outcome.belief, account.region, _today(), outcome.holds, seen)
    save(known)


def _today() -> str:
    return datetime.datetime.now(datetime.timezone.utc).date().isoformat()


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python3 -m conformance", description=__doc__, allow_abbrev=False)
    chosen = parser.add_subparsers(dest="what", required=True)
    for what, does in (
        ("run", "check what the project believes about AWS, on your account"),
        ("clean", "delete what earlier runs have left"),
    ):
        command = chosen.add_parser(what, help=does, description=does, allow_abbrev=False)
        command.add_argument("--region", default="", help="the Region")
        command.add_argument("--local-aws", default="", help="the address of the local AWS, instead of AWS")
        command.add_argument(
            "--local-cloudformation",
            default="",
            help="the address of a CloudFormation whose stacks the local AWS knows",
        )
        if what == "run":
            command.add_argument("--model", default="", help="a SageMaker model of yours; without it, one is made")
            command.add_argument("--only", default="", help="the ids of some rows of docs/BELIEFS.md, or: examples")
            command.add_argument("--examples", default="", help="the names of some examples, without .yaml")
            command.add_argument("--packages", default="target/package", help="the folder of make package")
            command.add_argument("--confirm", default="", help="yes: do not ask")
            command.add_argument("--record", default="", help="yes: write what AWS replied to conformance/bodies")
    return parser


if __name__ == "__main__":
    sys.exit(main())
