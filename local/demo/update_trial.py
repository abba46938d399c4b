"""Updates a stack, makes the same update fail, and checks that the update goes as planned."""

import contextlib
import contextvars
import functools
import io
import itertools
import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from demo import words
from demo.ministack_rollback import FAILING_RESOURCE
from demo.plan import GATE, compare, plan
from demo.retelling import Event
from demo.stacks import Settled
from demo.telling import UnsuccessfulError
from demo.timeline import Timeline
from demo.trial import STACK, Trial, deploy_function
from demo.user_template import Ready, UserTemplate
from demo.world import World

Templates = tuple[UserTemplate, UserTemplate]
"""The one before the update, and the one after it."""

_REFUSED = "must be deregistered as scalable targets"
"""A part of SageMaker's reason."""
_ORDERS = {False: "in the order of the update", True: "in the reverse order"}
_GENERATED = re.compile(r"-[0-9a-f]{12}(?=/)")
"""What CloudFormation on this machine adds to a logical id to name an endpoint."""


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
        if not self._plan.changed:
            raise UnsuccessfulError("NOT updated: the two templates, with their parameters, make the same resources.")
        changed = self._plan.changed & after.resources.keys()
        if fails and fails not in changed:
            listed = ", ".join(sorted(changed)) or "nothing"
            raise UnsuccessfulError(f"FAIL: the update does not change {fails}. It changes {listed}.")

    def tell(self) -> str:
        """Prints the plan, plays the update, and plays its failure. Returns the result."""
        before, after = self._ready.title, self._after.title
        title = f"from {before} to {after}" if before != after else f"of {after}"
        self.timeline.step("The plan", f"What the update {title} will do, from the two templates.")
        self.timeline.tell(*({"Kind": "plan", "Text": line} for line in self._plan.lines))
        if keeps_name := sorted(self._plan.keeps_name):
            names = words.joined(keeps_name)
            raise UnsuccessfulError(f"NOT updated: CloudFormation refuses to replace {names} under the same name.")
        orders = [] if self._plan.refused else [*_ORDERS]
        failures = [_Failure(self.world, self._read(), self._fails or FAILING_RESOURCE, order) for order in orders]
        try:
            self._create()
            settled = self._update()
            rollbacks = [failure.wait() for failure in failures]
        finally:
            for failure in failures:
                failure.stop()
        place = f"in {self._fails}" if self._fails else "at its end"
        for order, rollback in zip(orders, rollbacks, strict=True):
            self.timeline.step(
                f"The same update fails {place}; rollback {_ORDERS[order]}",
                "In another account on this machine. AWS does not document the order of a rollback.",
            )
            self.timeline.tell(*rollback)
        for failure in failures:
            failure.check()
        is_updated = settled.status == "UPDATE_COMPLETE"
        why_not = self.failed(settled, "updated")
        self._ready = self._after if is_updated else self._ready
        self.delete()
        if self._plan.refused:
            raise UnsuccessfulError("NOT updated: SageMaker refuses this update. Put a gate before the endpoint.")
        if not is_updated:
            raise why_not
        if failed := [name for failure in failures for name in failure.not_reverted]:
            names = words.joined([*dict.fromkeys(failed)])
            raise UnsuccessfulError(f"NOT rolled back: {names} failed in the rollback.")
        return f"The update {title} was played, and its rollback"

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
            settled = self.carry_out(STACK, update, "UPDATE_COMPLETE")
        is_refused = any(_REFUSED in reason for _, reason in settled.failures())
        if settled.status == "UPDATE_COMPLETE" or is_refused:
            self._check_plan(is_refused)
        if settled.status == "UPDATE_COMPLETE":
            self.show_scaling()
        return settled

    def _check_plan(self, is_refused: bool) -> None:
        """Fails if the update differs from the plan."""
        planned, deregistered = self._plan, _deregistered(self.news)
        is_planned = is_refused == planned.refused and (is_refused or deregistered == planned.deregistered)
        self.expect(
            is_planned or not planned.compares_all,
            f"the update goes as planned (refused: {planned.refused}, deregistered: {sorted(planned.deregistered)}), "
            f"and it does not (refused: {is_refused}, deregistered: {sorted(deregistered)})",
        )
        suffix = ", as planned" if planned.compares_all else ""
        found = f"deregistered before the endpoint's update: {', '.join(sorted(deregistered)) or 'nothing'}"
        self.check(True, ("SageMaker has refused the update" if is_refused else found) + suffix)


class _Failure:
    """The same update in an account of its own, in which it fails. It is played in a thread."""

    def __init__(self, world: World, templates: Templates, fails: str, reverse: bool) -> None:
        self.not_reverted: list[str] = []
        """The resources that failed in the rollback."""
        self._world = World(world.programs, assumes=True, fails=fails, reverse=reverse)
        self._templates = templates
        self._fails = fails
        self._told = io.StringIO()
        self._error: Exception | None = None
        # With the account and the Region of this thread.
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
                if settled.status == "UPDATE_ROLLBACK_COMPLETE":
                    is_same = (world.scaling(), world.snapshots()) == (scaling, [])
                    trial.check(is_same, "after the rollback everything scales as before, and no snapshot is left")
                elif settled.status == "UPDATE_COMPLETE":
                    raise UnsuccessfulError(f"FAIL: the update does not change {self._fails}, so it does not fail.")
                else:
                    self.not_reverted = _not_reverted(settled.events)
        except Exception as error:  # the main thread raises it
            self._error = error


def _not_reverted(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """The resources that failed after the rollback had begun."""
    of_rollback = itertools.dropwhile(lambda event: event["ResourceStatus"] != "UPDATE_ROLLBACK_IN_PROGRESS", events)
    return [event["LogicalResourceId"] for event in of_rollback if event["ResourceStatus"] == "UPDATE_FAILED"]


def _ready(world: World, function: str, templates: Templates) -> tuple[Ready, Ready]:
    before, after = (template.ready(function, world.stacks.upload) for template in templates)
    return before, after


def _with_failing_resource(after: Ready) -> str:
    """The template with one more resource, which comes last."""
    template = json.loads(after.body)
    names = [name for name in template["Resources"] if name in after.resources]
    template["Resources"][FAILING_RESOURCE] = {"Type": "AWS::CloudFormation::WaitConditionHandle", "DependsOn": names}
    return json.dumps(template)


def _deregistered(news: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """`ENDPOINT/VARIANT` of each target that a gate deregistered before the endpoint's update."""
    found = set()
    is_gate = False
    for entry in news:
        if request := entry.get("Request"):
            is_gate = request["ResourceType"] == GATE and request["RequestType"] != "Delete"
        elif is_gate and str(entry.get("Target")).endswith(".DeregisterScalableTarget"):
            found.add(_GENERATED.sub("", words.target(entry["Input"]["ResourceId"])))
    return frozenset(found)
