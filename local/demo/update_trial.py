"""Updates a stack, makes the same update fail, and checks that the update goes as planned."""

import contextlib
import contextvars
import dataclasses
import functools
import io
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from demo import words
from demo.compare import compare
from demo.ministack_rollback import FAILING_RESOURCE
from demo.plan import plan
from demo.retelling import Event
from demo.stack_resources import (
    GATE,
    Target,
    named_by_gate,
    policies,
    policy_of,
    targets,
    unnamed_endpoints,
)
from demo.stacks import Settled
from demo.telling import UnexpectedError, UnsuccessfulError
from demo.timeline import Timeline
from demo.trial import STACK, Trial, deploy_function
from demo.user_template import Ready, UserTemplate
from demo.world import World

Templates = tuple[UserTemplate, UserTemplate]
"""The one before the update, and the one after it."""

_REFUSED = "must be deregistered as scalable targets"
"""A part of SageMaker's reason."""
_ORDERS = {False: "in the order of the update", True: "in the reverse order"}
_UPDATED = "UPDATE_COMPLETE"


class UpdateTrial(Trial):
    """The life of one stack that is updated."""

    def __init__(
        self, world: World, timeline: Timeline, function: str, read: Callable[[], Templates], fails: str
    ) -> None:
        """`read` reads the templates. Each account needs them anew, because their code is uploaded there."""
        before, after = _ready(world, function, read())
        super().__init__(world, timeline, before)
        self._after = after
        self._read = read
        self._fails = fails
        self._plan = plan(compare(before.resources, after.resources))
        self._unnamed = _unnamed(before, after)
        self._lost: set[str] = set()
        """The targets and policies that are missing after the update."""
        if named := [*named_by_gate(before.resources), *named_by_gate(after.resources)]:
            raise UnsuccessfulError(
                f"NOT updated: {named[0]} has no EndpointName, and its gate names it by text. CloudFormation on this "
                f"machine gives it another name. Set EndpointName of {named[0]} to this text in copies of both."
            )
        if not self._plan.changed:
            raise UnsuccessfulError(
                "NOT updated: the two templates, with their parameters, declare the same resources. Change one of them."
            )
        changed = self._plan.changed & after.resources.keys()
        if fails and fails not in changed:
            listed = ", ".join(sorted(changed)) or "nothing"
            raise UnsuccessfulError(f"FAIL: the update does not change {fails}. It changes {listed}.")

    def tell(self) -> str:
        """Prints the plan, plays the update, and plays its failure. Returns the result."""
        before, after = self._ready.title, self._after.title
        title = f"from {before} to {after}" if before != after else f"of {after}"
        self.timeline.step("The plan", f"The effects of the update {title}, derived from the templates.")
        self.timeline.tell(*({"Kind": "plan", "Text": line} for line in self._plan.lines))
        if refused := self._plan.refused_by_cloudformation:
            raise UnsuccessfulError(f"NOT updated: CloudFormation refuses this update: {refused[0]}.")
        orders = [] if self._plan.refused else [*_ORDERS]
        fails, may_differ = self._fails or FAILING_RESOURCE, self._plan.differs_after_rollback
        failures = [_Failure(self.world, self._read(), fails, may_differ, reverse=reverse) for reverse in orders]
        try:
            self._create()
            settled = self._update()
            rollbacks = [failure.wait() for failure in failures]
        finally:
            _stop(failures)
        for order, failure, rollback in zip(orders, failures, rollbacks, strict=True):
            self.timeline.step(
                f"The same update fails {failure.place()}; rollback {_ORDERS[order]}",
                "In another account on this machine. AWS does not document the order of a rollback.",
            )
            self.timeline.tell(*rollback)
        for failure in failures:
            failure.check()
        if problems := [*self._problems(settled, failures)]:
            # An error of the deletion would hide them.
            with contextlib.suppress(UnexpectedError):
                self._delete_after(settled)
            raise UnsuccessfulError(" ".join(problems))
        self._delete_after(settled)
        return f"The update {title} and its rollback were played"

    def _delete_after(self, settled: Settled) -> None:
        if settled.status == _UPDATED:
            # What the old template retains is not deleted with the new one.
            self._ready = dataclasses.replace(self._after, retains=self._ready.retains or self._after.retains)
        self.delete()

    def _problems(self, settled: Settled, failures: Iterable["_Failure"]) -> Iterator[str]:
        """What did not go well, and what to do."""
        if self._plan.refused:
            yield "NOT updated: SageMaker refuses this update. The plan says what to do."
        elif settled.status != _UPDATED:
            failed = [name for name, _ in settled.failures() if name in self._plan.failures]
            yield (
                f"NOT updated: {words.joined(failed)} failed. The plan says what to do."
                if failed
                else str(self.failed(settled, "updated"))
            )
        elif self._lost:
            lost, is_ = words.joined(sorted(self._lost)), "is" if len(self._lost) == 1 else "are"
            yield f"NOT complete: {lost} {is_} missing after the update. The plan says what to do."
        if failed := [*settled.not_reverted(), *(name for each in failures for name in each.not_reverted)]:
            names = words.joined([*dict.fromkeys(failed)])
            advice = "The plan says what to do." if self._plan.rollback_may_fail else "Read its reason in the timeline."
            yield f"NOT rolled back: {names} failed in the rollback. {advice}"

    def _update(self) -> Settled:
        """Updates the stack, and shows the result."""
        after = self._after
        self.timeline.step(
            f"Update: {after.title}", "CloudFormation updates the stack, and then deletes what it replaced."
        )
        remarks = [remark for remark in after.remarks if remark not in self._ready.remarks]
        self.timeline.tell(*({"Kind": "assume", "Text": remark} for remark in remarks))
        with self.refusals_of_templates("updated"):
            update = functools.partial(self.world.stacks.update, STACK, after.body, **after.parameters)
            settled = self.carry_out(STACK, update, _UPDATED)
        if self._plan.compares_all:
            self._check_plan(settled)
        if settled.status == _UPDATED:
            self.show_scaling()
        return settled

    def _check_plan(self, settled: Settled) -> None:
        """Fails if the update differs from the plan. A resource may fail for reasons that the plan does not know."""
        planned = self._plan
        is_updated = settled.status == _UPDATED
        is_refused = any(_REFUSED in reason for _, reason in settled.failures_before_rollback())
        deregistered = self._deregistered()
        self._lost = self._missing() if is_updated else set()
        wrong = []
        if is_refused != planned.refused:
            wrong.append(f"SageMaker {'refused' if is_refused else 'did not refuse'} the update")
        if is_updated and planned.failures:
            wrong.append(f"{words.joined([*planned.failures])} did not fail")
        if is_updated and deregistered != planned.deregistered:
            found, expected = (", ".join(sorted(each)) or "nothing" for each in (deregistered, planned.deregistered))
            wrong.append(f"deregistered: {found}; planned: {expected}")
        if is_updated and (unplanned := self._lost - planned.lost - planned.may_be_lost):
            wrong.append(f"missing after the update: {words.joined(sorted(unplanned))}")
        if is_updated and (existing := planned.lost - self._lost):
            wrong.append(f"not missing after the update: {words.joined(sorted(existing))}")
        self.expect(not wrong, f"the update goes as planned; but {'; '.join(wrong)}")
        if is_refused:
            self.check(True, "SageMaker has refused the update, as planned")
        elif is_updated:
            told = ", ".join(sorted(deregistered)) or "nothing"
            self.check(True, f"deregistered before the endpoint's update: {told}, as planned")
            if self._lost:
                self.check(True, f"missing after the update: {', '.join(sorted(self._lost))}, as planned")

    def _missing(self) -> set[str]:
        """The targets and policies that the new template has and that do not exist."""
        resources = self._after.resources
        existing = set()
        for each in self.world.scaling():
            target = Target.described(each, self._unnamed)
            existing.add((policy_of(target, each["PolicyName"]) if "PolicyName" in each else str(target)).lower())
        declared = [str(target) for target in targets(resources).values() if target.has_name]
        declared += [policy_of(target, policy) for _, target, policy in policies(resources) if target.has_name]
        return {name for name in declared if name.lower() not in existing}

    def _deregistered(self) -> frozenset[str]:
        """The targets that a gate deregistered before the endpoint's update."""
        found = set()
        is_gate = False
        for entry in self.news:
            if request := entry.get("Request"):
                is_gate = request["ResourceType"] == GATE and request["RequestType"] != "Delete"
            elif is_gate and str(entry.get("Target")).endswith(".DeregisterScalableTarget"):
                found.add(str(Target.described(entry["Input"], self._unnamed)))
        return frozenset(found)


class _Failure:
    """The same update in an account of its own, in which it fails. It is played in a thread."""

    def __init__(
        self, world: World, templates: Templates, fails: str, may_differ: frozenset[str], *, reverse: bool
    ) -> None:
        """`may_differ` are the targets that the rollback does not leave as they were."""
        self.not_reverted: list[str] = []
        """The resources that failed in the rollback."""
        self._failed: list[str] = []
        self._world = World(world.programs, assumes=True, fails=fails, reverse=reverse)
        self._templates = templates
        self._fails = fails
        self._may_differ = may_differ
        self._told = io.StringIO()
        self._error: Exception | None = None
        # The new thread needs the account and the Region of this one.
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._play,), daemon=True)
        self._thread.start()

    def wait(self) -> list[Event]:
        """Waits until it is over. Returns the events of the update and its rollback."""
        self._thread.join()
        return [json.loads(line) for line in self._told.getvalue().splitlines()]

    def check(self) -> None:
        """Raises what went wrong in the thread."""
        if self._error:
            raise self._error

    def place(self) -> str:
        """Where the update failed."""
        is_last = not self._failed or FAILING_RESOURCE in self._failed
        return "at its end" if is_last else f"in {words.joined(self._failed)}"

    def stop(self) -> None:
        """Stops its processes, also if it is not over."""
        with contextlib.suppress(OSError):
            self._world.stage.stop()

    def _play(self) -> None:
        try:
            with self._world as world:
                before, after = _ready(world, deploy_function(world), self._templates)
                world.stacks.create(STACK, before.body, **before.parameters)
                scaling = world.scaling()
                trial = Trial(world, Timeline(self._told, as_json=True), after)
                update = functools.partial(
                    world.stacks.update, STACK, _with_failing_resource(after), **after.parameters
                )
                settled = trial.carry_out(STACK, update, "UPDATE_ROLLBACK_COMPLETE")
                self._failed = [name for name, _ in settled.failures_before_rollback()]
                if settled.status == "UPDATE_ROLLBACK_COMPLETE":
                    trial.expect(not world.snapshots(), "no snapshot is left after the rollback")
                    differs = _differs(scaling, world.scaling(), _unnamed(before, after))
                    told = "; ".join(what for target, what in differs.items() if target not in self._may_differ)
                    trial.expect(not told, f"everything scales as before after the rollback; but {told}")
                    apart = f", except {words.joined([*differs])}, as planned" if differs else ""
                    trial.check(True, f"after the rollback everything scales as before{apart}, and no snapshot is left")
                elif settled.status == _UPDATED:
                    raise UnsuccessfulError(f"FAIL: the update does not change {self._fails}, so it does not fail.")
                else:
                    self.not_reverted = settled.not_reverted()
        except Exception as error:  # the main thread raises it
            self._error = error


def _unnamed(before: Ready, after: Ready) -> frozenset[str]:
    """The endpoints that CloudFormation names."""
    return frozenset(unnamed_endpoints(before.resources)) | frozenset(unnamed_endpoints(after.resources))


def _differs(
    before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]], unnamed: frozenset[str]
) -> dict[str, str]:
    """What differs, by target: a member, or a whole target, policy or action."""
    old, new = ({_key(each, unnamed): each for each in of} for of in (before, after))
    differs: dict[str, list[str]] = {}
    for key in dict.fromkeys((*old, *new)):
        target, what = key
        if key not in old or key not in new:
            differs.setdefault(target, []).append(f"{what} is {'missing' if key in old else 'new'}")
        elif members := [each for each in {**old[key], **new[key]} if old[key].get(each) != new[key].get(each)]:
            differs.setdefault(target, []).append(f"{what} differs in {', '.join(members)}")
    return {target: f"{target}: {', '.join(told)}" for target, told in sorted(differs.items())}


def _key(described: Mapping[str, Any], unnamed: frozenset[str]) -> tuple[str, str]:
    named = (described[each] for each in ("PolicyName", "ScheduledActionName") if each in described)
    return str(Target.described(described, unnamed)), next(named, "the target")


def _stop(failures: Iterable[_Failure]) -> None:
    """Stops them at the same time."""
    threads = [threading.Thread(target=failure.stop) for failure in failures]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _ready(world: World, function: str, templates: Templates) -> tuple[Ready, Ready]:
    before = templates[0].ready(function, world.stacks.upload)
    return before, templates[1].ready(function, world.stacks.upload, owners=before.resources)


def _with_failing_resource(after: Ready) -> str:
    """The template with one more resource, which comes last."""
    template = json.loads(after.body)
    names = [name for name in template["Resources"] if name in after.resources]
    template["Resources"][FAILING_RESOURCE] = {"Type": "AWS::CloudFormation::WaitConditionHandle", "DependsOn": names}
    return json.dumps(template)
