"""The checks of CloudFormation."""

import datetime
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from conformance.account import UnclearError, ask
from conformance.check import NotApplicableError, Seen, Stage, check
from conformance.played import CHAIN, FAILING, QUICK, REPLACED, SLOW, Operation, played
from conformance.recorder import Recording
from conformance.scene import Scene
from conformance.stacks import STEP

RECORD_LAG_SECONDS = 2.0
"""The longest believed lag of a status."""
SAME_EVENT_SECONDS = 3.0
"""How long after the X-Amz-Date a status is believed to change at most. A test compares both with src/timing.rs."""
_SENT_SECONDS = 10.0
"""How long after the X-Amz-Date a request arrives at most, if that is the time of sending. A cold start is shorter."""
_AT_ONCE_SECONDS = 5.0
_DELETES = 3


@check("rollback-order", Stage.STACKS)
def _(scene: Scene) -> Seen:
    updated = played(scene).chain().updated
    reverted = _reverts(updated)
    deleted = updated.of("Delete")
    if min(len(reverted), len(deleted)) <= 1:
        raise UnclearError(f"too few requests to have an order: {_names(reverted)} and {_names(deleted)}")
    text = f"the rollback sent Updates to {_names(reverted)}, and its clean-up Deletes to {_names(deleted)}"
    return Seen(_has_order(reverted) and _has_order(deleted), f"{text}; each resource depends on the one before it")


@check("rollback-update", Stage.STACKS)
def _(scene: Scene) -> Seen:
    updated = played(scene).chain().updated
    begun = {each.resource for each in updated.of("Update", step="2")}
    if begun != set(CHAIN):
        raise UnclearError(f"expected an Update to each of {', '.join(CHAIN)}, found {', '.join(sorted(begun))}")
    reverted = {each.resource for each in _reverts(updated)}
    kinds = {name: "failed" if name == FAILING else "new id" if name in REPLACED else "same id" for name in CHAIN}
    sent = ", ".join(f"{name} ({kinds[name]}): {'sent' if name in reverted else 'not sent'}" for name in CHAIN)
    return Seen(reverted == begun, f"the Update of the rollback: {sent}; the stack is {updated.settled.status}")


@check("record-lag", Stage.STACKS)
def _(scene: Scene) -> Seen:
    chain = played(scene).chain()
    requests = [*chain.created.requests, *chain.updated.of("Update", step="2"), *chain.deleted.of("Delete")]
    lags: list[float] = []
    changes: list[Sequence[Any]] = []
    for each in requests:
        shown = [status for status in each.statuses if status[1] == f"{each.type.upper()}_IN_PROGRESS"]
        if not shown:
            last = each.statuses[-1][1]
            return Seen(False, f"{each.type} of {each.resource}: DescribeStackResource showed {last}")
        lags.append(shown[0][0])
        changes += each.statuses[each.statuses.index(shown[0]) + 1 :]
    if not all(any(each.type == kind for each in requests) for kind in ("Create", "Update", "Delete")):
        raise UnclearError("a request of some type was not recorded")
    text = (
        f"shown at most {max(lags):.1f} s after {len(requests)} requests had arrived; changed meanwhile: {len(changes)}"
    )
    return Seen(max(lags) <= RECORD_LAG_SECONDS and not changes, text)


@check("request-date", Stage.STACKS)
def _(scene: Scene) -> Seen:
    chain = played(scene).chain()
    requests = [*chain.created.requests, *chain.updated.requests, *chain.deleted.requests]
    if not any(each.dated for each in requests):
        if scene.account.is_local:
            raise NotApplicableError("the response URLs of this CloudFormation have no X-Amz-Date")
        return Seen(False, "the response URLs have no X-Amz-Date")
    sent = [each.arrived - _seconds(each.dated) for each in requests]
    # In a clean-up, DescribeStackResource does not show the status of the old resource.
    shown = [each for each in requests if each.statuses[0][1].endswith("_IN_PROGRESS")]
    changed = [
        each.statuses[0][2] - _seconds(each.dated) for each in shown if each.type != "Delete" or each.step == "1"
    ]
    text = (
        f"a request arrived {min(sent):.1f} to {max(sent):.1f} s, and a status changed {min(changed):.1f} to "
        f"{max(changed):.1f} s after the X-Amz-Date"
    )
    return Seen(max(changed) <= SAME_EVENT_SECONDS and max(sent) <= _SENT_SECONDS, text)


@check("stack-tags", Stage.STACKS)
def _(scene: Scene) -> Seen:
    updated = played(scene).chain().updated
    during = {each.tags.get(STEP, "none") for each in updated.of("Update", step="2")}
    after = {each.tags.get(STEP, "none") for each in (*_reverts(updated), *updated.of("Delete"))}
    text = f"an update from 1 to 2 showed {_listed(during)}, and its rollback {_listed(after)}"
    return Seen((during, after) == ({"2"}, {"1"}), text)


@check("cancelled-requests", Stage.STACKS)
def _(scene: Scene) -> Seen:
    created, updated = played(scene).cancelled_create(), played(scene).cancelled_update()
    seen = [_cancelled(created, "Create"), _cancelled(updated, "Update")]
    deletes = created.of("Delete", SLOW)
    if not deletes:
        return Seen(False, f"{seen[0].text}; no Delete followed")
    [running] = created.of("Create", SLOW)
    deleted = deletes[0]
    shown = [running.arrived + after for after, status, _ in running.statuses if status == "DELETE_IN_PROGRESS"]
    lag = f"{shown[0] - deleted.arrived:+.1f} s" if shown else "never"
    before = running.answered - deleted.arrived
    followed = ", ".join(f"{each.type} {each.step}" for each in updated.requests if each.step == "1")
    text = (
        f"{seen[0].text}; its Delete came {before:.0f} s before the Create had ended, and the Create was shown "
        f"DELETE_IN_PROGRESS {lag} after it; {seen[1].text}; then {followed or 'nothing'}"
    )
    return Seen(all(each.holds for each in seen), text)


@check("delete-retries", Stage.STACKS)
def _(scene: Scene) -> Seen:
    updated, is_left = played(scene).failing_delete()
    count = len(updated.of("Delete"))
    if count == 1 and scene.account.is_local:
        raise NotApplicableError("this CloudFormation tries a Delete once")
    text = f"{count} Deletes, then {updated.settled.status}; the stack {'still has' if is_left else 'has no longer'} it"
    return Seen(count == _DELETES and updated.settled.status == "UPDATE_COMPLETE" and not is_left, text)


@check("express-mode", Stage.STACKS)
def _(scene: Scene) -> Seen:
    if scene.account.is_local:
        raise NotApplicableError("this CloudFormation has no express mode")
    created, failed, enabled = played(scene).express()
    [request] = created.of("Create")
    [complete] = created.settled.times("A", "CREATE_COMPLETE")
    is_waited_for = complete >= request.answered
    statuses = failed.settled.status, enabled.settled.status
    text = (
        f"a custom resource was {'' if is_waited_for else 'not '}waited for; a failed update is {statuses[0]}, and "
        f"{statuses[1]} if rollback is enabled; an endpoint's update was not looked at"
    )
    return Seen(is_waited_for and statuses == ("UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE"), text)


@check("old-properties", Stage.STACKS)
def _(scene: Scene) -> Seen:
    failed, fixed = played(scene).not_rolled_back()
    if failed.settled.status != "UPDATE_FAILED":
        return Seen(False, f"an update that failed without rollback is {failed.settled.status}")
    again = fixed.of("Update", "B")
    if not again:
        return Seen(False, "the next update sent no Update to the resource that had failed")
    deletes = [*failed.of("Delete"), *fixed.of("Delete")]
    early = [each for each in deletes if each.arrived < again[-1].answered]
    old = {"1": "those before", "2": "those that failed"}.get(again[0].old_step, f"step {again[0].old_step}")
    cleaned = "cleaned up early" if early else "cleaned up after the next update" if deletes else "not cleaned up"
    text = f"the next update had as old properties {old}; the replaced resource was {cleaned}"
    return Seen(again[0].old_step in ("1", "2") and not early, text)


@check("stack-of-resource", Stage.STACKS)
def _(scene: Scene) -> Seen:
    stacks, shared = played(scene), f"{scene.prefix}-shared"
    names = [f"{scene.prefix}-{name}" for name in ("first", "second")]

    def shown() -> str:
        reply = ask(scene.account.stack_records.describe_stack_resources, PhysicalResourceId=shared)
        found = {item["StackName"] for item in reply.value["StackResources"]} if reply.value else set()
        return _listed(name.rpartition("-")[2] for name in found) if reply.value else reply.code

    seen = []
    for name in ("first", "second"):
        stacks.create(name, stacks.resource("A", "1", Id=shared))
        seen.append(shown())
    one, both = seen
    for name in names:
        stacks.stacks.delete(name)
    deleted = shown()
    holds = one == "first" and both in ("first", "second") and deleted == "ValidationError"
    return Seen(holds, f"one stack: {one}; two stacks with one physical id: {both}; both deleted: {deleted}")


def _reverts(updated: Operation) -> list[Recording]:
    """The Updates of a rollback: they have the properties before the update."""
    return updated.of("Update", step="1")


def _has_order(requests: Sequence[Recording]) -> bool:
    """Whether requests were sent one after another, in the order of the chain or in its reverse."""
    names = [each.resource for each in requests]
    is_one_by_one = all(after.arrived >= before.answered for before, after in itertools.pairwise(requests))
    return is_one_by_one and names in (sorted(names), sorted(names, reverse=True))


def _cancelled(operation: Operation, kind: str) -> Seen:
    """What became of the slow request when the quick one had failed."""
    slow, quick = operation.of(kind, SLOW), operation.of(kind, QUICK)
    overlaps = any(one.arrived < other.answered and other.arrived < one.answered for one in slow for other in quick)
    if not overlaps:
        raise NotApplicableError("this CloudFormation sends one request after the other")
    status = f"{kind.upper()}_FAILED"
    failed = [operation.settled.times(name, status) for name in (QUICK, SLOW)]
    if not all(failed):
        return Seen(False, f"a {kind} beside one that fails is not {status}")
    after, ran_on = failed[1][0] - failed[0][0], slow[0].answered - failed[1][0]
    text = f"a {kind} was {status} {after:.1f} s after the one beside it, and ran on for {ran_on:.0f} s"
    return Seen(after <= _AT_ONCE_SECONDS and ran_on > 0, text)


def _seconds(date: str) -> float:
    """A date of a signature in seconds since the epoch."""
    parsed = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ")
    return parsed.replace(tzinfo=datetime.timezone.utc).timestamp()


def _names(requests: Sequence[Recording]) -> str:
    return ", ".join(each.resource for each in requests) or "nothing"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
