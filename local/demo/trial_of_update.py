"""Updates a stack, lets the same update fail, and checks that the update goes as planned."""

import contextlib
import contextvars
import functools
import io
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from demo import words
from demo.ministack_rollback import LAST
from demo.plan import compare, plan
from demo.retelling import Event
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
_ORDERS = {False: "in the order in which it updated them", True: "in the reverse order"}
_OPERATIONS = ("DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScheduledActions")
_NEW = ("Alarms", "CreationTime", "PolicyARN", "ScalableTargetARN", "ScheduledActionARN")
"""Members that differ at each registration."""


class TrialOfUpdate(Trial):
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
        changed = self._plan.changed & after.resources.keys()
        if not self._plan.changed:
            raise UnsuccessfulError("NOT updated: the two templates, with their parameters, make the same resources.")
        if fails and fails not in changed:
            told = ", ".join(sorted(changed)) or "nothing"
            raise UnsuccessfulError(f"FAIL: the update does not change {fails}. It changes {told}.")

    def tell(self) -> str:
        """Tells what the update will do, plays it, and plays its failure. Returns the result."""
        before, after = self._ready.title, self._after.title
        title = f"from {before} to {after}" if before != after else f"of {after}"
        self.timeline.step(
            "What the update will do", f"The update {title}, as the templates tell before it is deployed."
        )
        self.timeline.tell(*({"Kind": "plan", "Text": line} for line in self._plan.lines))
        orders = [] if self._plan.refused else list(_ORDERS)
        failures = [_Failure(self.world, self._read(), self._fails or LAST, order) for order in orders]
        try:
            self._create()
            settled = self._update()
            told = [failure.told() for failure in failures]
        finally:
            for failure in failures:
                failure.stop()
        for order, events in zip(orders, told, strict=True):
            what = f"of {self._fails}" if self._fails else "at its end"
            self.timeline.step(
                f"The same update with a failure {what}",
                f"In an account of its own. CloudFormation rolls back, and reverts the resources {_ORDERS[order]}. AWS "
                "does not document the order.",
            )
            self.timeline.tell(*events)
        is_updated = settled.status == "UPDATE_COMPLETE"
        self._ready = self._after if is_updated else self._ready
        self.delete()
        if self._plan.refused:
            raise UnsuccessfulError("NOT updated: SageMaker refuses this update. Put a gate before the endpoint.")
        if not is_updated:
            raise self.failed(settled, "updated")
        return f"The update {title} was played and rolled back on this machine"

    def _update(self) -> Settled:
        """Updates the stack, and shows the result."""
        after = self._after
        self.timeline.step(
            f"Update: {after.title}", "CloudFormation updates the stack, and then deletes what it replaced."
        )
        told = [remark for remark in after.remarks if remark not in self._ready.remarks]
        self.timeline.tell(*({"Kind": "assume", "Text": remark} for remark in told))
        with self.refusals_of_templates("updated"):
            update = functools.partial(self.world.stacks.update, STACK, after.body, **after.parameters)
            settled = self.carry_out(STACK, update, "UPDATE_COMPLETE")
        is_refused = any(_REFUSED in reason for _, reason in settled.failures())
        deregistered = _deregistered(self.calls)
        planned = self._plan
        is_planned = (is_refused, deregistered) == (planned.refused, planned.deregistered)
        if (not is_planned and planned.is_whole) or planned.deregistered - deregistered:
            raise UnexpectedError(
                f"the update did not go as planned: refused {is_refused}, deregistered {sorted(deregistered)}"
            )
        if is_refused:
            self.check(True, "SageMaker has refused the update, as planned")
        else:
            names = words.together(sorted(planned.deregistered)) or "no target"
            self.check(True, f"{names} was deregistered for the endpoint's update, as planned")
            if settled.status == "UPDATE_COMPLETE":
                self.show_scaling()
        return settled


class _Failure:
    """The same update in an account of its own, in which it fails. It is played in a thread."""

    def __init__(self, world: World, templates: Templates, fails: str, reverse: bool) -> None:
        self._world = World(world.programs, assumes=True, fails=fails, reverse=reverse)
        self._templates = templates
        self._told = io.StringIO()
        self._error: Exception | None = None
        # With the account and the Region of this thread.
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._play,), daemon=True)
        self._thread.start()

    def told(self) -> list[Event]:
        """Waits until it is over. Returns the events of the update and its rollback."""
        self._thread.join()
        if self._error:
            raise self._error
        return [json.loads(line) for line in self._told.getvalue().splitlines()]

    def stop(self) -> None:
        """Stops its processes, also if it is not over."""
        with contextlib.suppress(OSError):
            self._world.stage.stop()

    def _play(self) -> None:
        try:
            with self._world as world:
                before, after = _ready(world, deploy_function(world), self._templates)
                world.stacks.create(STACK, before.body, **before.parameters)
                scaling = _scaling(world)
                trial = Trial(world, Timeline(self._told, as_json=True), after)
                update = functools.partial(world.stacks.update, STACK, _with_last(after), **after.parameters)
                settled = trial.carry_out(STACK, update, "UPDATE_ROLLBACK_COMPLETE")
                trial.expect(
                    settled.status == "UPDATE_ROLLBACK_COMPLETE", f"the rollback completes: {settled.failures()}"
                )
                trial.check(
                    _scaling(world) == scaling,
                    "after the rollback everything scales as before, and no snapshot is left",
                )
        except Exception as error:  # told by the main thread
            self._error = error


def _ready(world: World, function: str, templates: Templates) -> tuple[Ready, Ready]:
    before, after = (template.ready(function, world.stacks.upload) for template in templates)
    return before, after


def _with_last(after: Ready) -> str:
    """The template with one more resource, which comes last."""
    template = json.loads(after.body)
    names = [name for name in template["Resources"] if name in after.resources]
    template["Resources"][LAST] = {"Type": "AWS::CloudFormation::WaitConditionHandle", "DependsOn": names}
    return json.dumps(template)


def _scaling(world: World) -> list[Any]:
    """All that scales, without what differs at each registration, and the snapshots."""
    call = world.local_aws.call
    found = [
        {name: value for name, value in each.items() if name not in _NEW}
        for operation in _OPERATIONS
        for items in [call(f"AnyScaleFrontendService.{operation}", ServiceNamespace="sagemaker")]
        for each in next(iter(items.values()))
    ]
    snapshots = call("AmazonSSM.GetParametersByPath", Path="/sagemaker-scaling/snapshots", Recursive=True)["Parameters"]
    return [*found, *(each["Name"] for each in snapshots)]


def _deregistered(calls: list[Mapping[str, Any]]) -> frozenset[str]:
    """The variants whose targets the function deregistered before the update of an endpoint."""
    targets = [call["Target"].partition(".")[2] for call in calls]
    before = calls[: targets.index("UpdateEndpoint")] if "UpdateEndpoint" in targets else []
    acts = [call for call in before if call["Target"].endswith(".DeregisterScalableTarget")]
    return frozenset(call["Input"]["ResourceId"].rpartition("/")[2] for call in acts)
