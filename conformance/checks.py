"""The checks: one function for each belief that a run can check, by the name of its row.

A check returns what AWS showed, and whether the belief holds. It leaves the endpoint as it was, in service and not
registered. To add one, write a function with `@check(ID, STAGE)`; docs/BELIEFS.md then says that it is checked.
"""

import datetime
import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.account import INSTANCES, PARAMETERS, TAG, ask
from conformance.scene import OTHER, Scene, UnclearError

VISIBLE_SECONDS = 6.0
"""A test compares it with src/timing.rs."""
_READS = 10
_POLICIES = 50
_GONE_SECONDS = 180.0
_GONE_SECONDS_LOCALLY = 3.0
_TRACKING = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
}
_STEPS = {
    "AdjustmentType": "ChangeInCapacity",
    "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
}
_ACTION = {"ScheduledActionName": "evening", "Schedule": "cron(0 18 * * ? *)"}
_NEVER = datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc)


class Stage(enum.Enum):
    """When in a run a check has its turn, by what the endpoint is."""

    NO_ENDPOINT = "no endpoint"
    CREATING = "Creating"
    IN_SERVICE = "InService"
    UPDATING = "Updating"
    LAST = "in service for the last time: the check deletes it"


@dataclass(frozen=True)
class Seen:
    """What AWS showed."""

    holds: bool
    text: str


@dataclass(frozen=True)
class Check:
    """The check of a belief."""

    stage: Stage
    look: Callable[[Scene], Seen]


CHECKS: dict[str, Check] = {}
"""By the ids of the rows."""


def check(belief: str, stage: Stage) -> Callable[[Callable[[Scene], Seen]], Callable[[Scene], Seen]]:
    """Adds a check to the list."""

    def add(look: Callable[[Scene], Seen]) -> Callable[[Scene], Seen]:
        assert belief not in CHECKS, belief
        CHECKS[belief] = Check(stage, look)
        return look

    return add


@check("register-missing", Stage.NO_ENDPOINT)
def _(scene: Scene) -> Seen:
    reply = scene.register(scene.missing)
    scene.deregister(scene.missing)
    return Seen(reply.code == "ValidationException", f"RegisterScalableTarget of a missing endpoint: {reply}")


@check("unknown-target", Stage.NO_ENDPOINT)
def _(scene: Scene) -> Seen:
    key = scene.key(scene.missing)
    describe = scene.account.scaling.describe_scalable_targets
    reply = ask(describe, ServiceNamespace="sagemaker", ResourceIds=[key["ResourceId"]], ScalableDimension=INSTANCES)
    found = reply.value and len(reply.value["ScalableTargets"])
    return Seen(found == 0, f"DescribeScalableTargets: {reply if reply.code else f'{found} targets'}")


@check("deregister-missing", Stage.NO_ENDPOINT)
def _(scene: Scene) -> Seen:
    reply = scene.deregister(scene.missing)
    return Seen(reply.code == "ObjectNotFoundException", f"DeregisterScalableTarget: {reply}")


@check("policy-without-target", Stage.NO_ENDPOINT)
def _(scene: Scene) -> Seen:
    key, scaling = scene.key(scene.missing), scene.account.scaling
    policy = {"PolicyName": "none", "PolicyType": "TargetTrackingScaling"}
    tracking = {"TargetTrackingScalingPolicyConfiguration": _TRACKING}
    replies = (
        ask(scaling.put_scaling_policy, **key, **policy, **tracking),
        ask(scaling.put_scheduled_action, **key, **_ACTION, ScalableTargetAction={"MinCapacity": 1}),
    )
    # Nothing of these is there, unless a call was accepted.
    ask(scaling.delete_scaling_policy, **key, PolicyName="none")
    ask(scaling.delete_scheduled_action, **key, ScheduledActionName=_ACTION["ScheduledActionName"])
    holds = all(reply.code == "ObjectNotFoundException" for reply in replies)
    return Seen(holds, f"PutScalingPolicy: {replies[0]}; PutScheduledAction: {replies[1]}")


@check("endpoint-missing", Stage.NO_ENDPOINT)
def _(scene: Scene) -> Seen:
    reply = ask(scene.account.sagemaker.describe_endpoint, EndpointName=scene.missing)
    holds = reply.code == "ValidationException" and "Could not find endpoint" in reply.message
    return Seen(holds, f"DescribeEndpoint: {reply}")


@check("parameter-visible", Stage.NO_ENDPOINT)
def _(scene: Scene) -> Seen:
    ssm, name = scene.account.parameters, scene.parameter()

    def value() -> str:
        reply = ask(ssm.get_parameter, Name=name)
        return str(reply.value["Parameter"]["Value"]) if reply.value else reply.code

    def listed() -> bool:
        below = ssm.get_parameters_by_path(Path=PARAMETERS, Recursive=True)["Parameters"]
        return any(parameter["Name"] == name for parameter in below)

    scene.must(ask(ssm.put_parameter, Name=name, Value="1", Type="String", Tags=scene.tagged()))
    written = _visible(scene, lambda: value() == "1" and listed())
    scene.must(ask(ssm.put_parameter, Name=name, Value="2", Type="String", Overwrite=True))
    overwritten = _visible(scene, lambda: value() == "2")
    scene.must(ask(ssm.delete_parameter, Name=name))
    deleted = _visible(scene, lambda: value() == "ParameterNotFound" and not listed())
    return _all_visible({"written": written, "overwritten": overwritten, "deleted": deleted})


@check("register-creating", Stage.CREATING)
def _(scene: Scene) -> Seen:
    return _register_while(scene, "Creating")


@check("register-updating", Stage.UPDATING)
def _(scene: Scene) -> Seen:
    return _register_while(scene, "Updating")


@check("minimum-zero", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    reply = scene.register(MinCapacity=0)
    scene.deregister()
    return Seen(not reply.code, f"RegisterScalableTarget with a minimum of 0: {reply}")


@check("resource-id-case", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    other = scene.endpoint.upper()
    with scene.registered() as arn:
        scene.until(lambda: bool(scene.described()), VISIBLE_SECONDS)
        shown = scene.described(other)
        reply = scene.register(other)
        if reply.code:
            return Seen(False, f"RegisterScalableTarget in capitals: {reply}")
        same = reply.value["ScalableTargetARN"] == arn
        if not same:
            scene.deregister(other)
    text = f"DescribeScalableTargets in capitals: {len(shown)} targets; then registered with {_article(same)} ARN"
    return Seen(not shown and not same, text)


@check("target-visible", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    with scene.registered():
        registered = _visible(scene, lambda: bool(scene.described()))
    deregistered = _visible(scene, lambda: not scene.described())
    return _all_visible({"registered": registered, "deregistered": deregistered})


@check("tags-visible", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    scaling = scene.account.scaling
    with scene.registered(Tags={TAG: scene.run}) as arn:
        registered = _visible(scene, lambda: scene.tags(arn).get(TAG) == scene.run)
        scene.must(ask(scaling.tag_resource, ResourceARN=arn, Tags={"more": "1"}))
        tagged = _visible(scene, lambda: scene.tags(arn).get("more") == "1")
        scene.must(ask(scaling.untag_resource, ResourceARN=arn, TagKeys=["more"]))
        untagged = _visible(scene, lambda: "more" not in scene.tags(arn))
    return _all_visible({"with the registration": registered, "put": tagged, "removed": untagged})


@check("tags-on-registered", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    with scene.registered(Tags={TAG: scene.run}):
        scene.until(lambda: bool(scene.described()), VISIBLE_SECONDS)
        reply = scene.register(Tags={TAG: "other"})
    holds = reply.code == "ValidationException" and "already exists" in reply.message
    return Seen(holds, f"RegisterScalableTarget with tags, of a registered target: {reply}")


@check("empty-tags", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    with scene.registered():
        reply = scene.update(Tags={})
    return Seen(not reply.code, f"RegisterScalableTarget with an empty map of tags: {reply}")


@check("suspended-flags", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    scaling_in, out = "DynamicScalingInSuspended", "DynamicScalingOutSuspended"
    with scene.registered(SuspendedState={scaling_in: True, out: True}):
        scene.until(lambda: bool(scene.described()), VISIBLE_SECONDS)
        scene.must(scene.update(SuspendedState={scaling_in: True}))
        reset = scene.until(lambda: all(not item["SuspendedState"][out] for item in scene.described()), VISIBLE_SECONDS)
    return Seen(reset is not None, f"the omitted flag is {'kept' if reset is None else 'false'}")


@check("new-arn", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    with scene.registered() as first:
        pass
    scene.until(lambda: not scene.described(), VISIBLE_SECONDS)
    with scene.registered() as second:
        pass
    name = second.rpartition("/")[2]
    text = f"{_article(first == second)} ARN, and {len(name)} characters after the slash"
    return Seen(first != second and re.fullmatch("[0-9a-z]{36}", name) is not None, text)


@check("untag-missing-key", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    with scene.registered() as arn:
        # A target that the call does not find yet is another error.
        scene.until(
            lambda: not ask(scene.account.scaling.list_tags_for_resource, ResourceARN=arn).code, VISIBLE_SECONDS
        )
        reply = ask(scene.account.scaling.untag_resource, ResourceARN=arn, TagKeys=["none"])
    return Seen(not reply.code, f"UntagResource: {reply}")


@check("reserved-tags", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    replies = []
    for key in ("aws:x", "AWS:x"):
        replies.append(scene.register(Tags={key: "1"}))
        scene.deregister()
    return Seen(all(reply.code for reply in replies), f"aws:x: {replies[0]}; AWS:x: {replies[1]}")


@check("time-zone-kept", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    action = {**_ACTION, "ScalableTargetAction": {"MinCapacity": 1}}
    with scene.registered():
        scene.must(scene.put("put_scheduled_action", **action, Timezone="Europe/Berlin", EndTime=_NEVER))
        scene.must(scene.put("put_scheduled_action", **action))
        scene.until(lambda: "EndTime" not in _attached(scene, "scheduled_actions"), VISIBLE_SECONDS)
        found = _attached(scene, "scheduled_actions")
    zone, end = found.get("Timezone", "none"), found.get("EndTime", "none")
    return Seen((zone, end) == ("Europe/Berlin", "none"), f"a put without either: time zone {zone}, end {end}")


@check("put-replaces", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    name = "TargetTrackingScalingPolicyConfiguration"
    policy = {"PolicyName": "tracking", "PolicyType": "TargetTrackingScaling"}

    def left() -> list[str]:
        configuration = _attached(scene, "scaling_policies").get(name, {})
        action = _attached(scene, "scheduled_actions").get("ScalableTargetAction", {})
        return [member for member in ("ScaleInCooldown", "MinCapacity") if member in {**configuration, **action}]

    with scene.registered():
        scene.must(scene.put("put_scaling_policy", **policy, **{name: {**_TRACKING, "ScaleInCooldown": 60}}))
        both = {"MinCapacity": 1, "MaxCapacity": 1}
        scene.must(scene.put("put_scheduled_action", **_ACTION, ScalableTargetAction=both))
        scene.until(lambda: len(left()) == 2, VISIBLE_SECONDS)
        scene.must(scene.put("put_scaling_policy", **policy, **{name: _TRACKING}))
        scene.must(scene.put("put_scheduled_action", **_ACTION, ScalableTargetAction={"MaxCapacity": 1}))
        replaced = scene.until(lambda: not left(), VISIBLE_SECONDS)
        kept = ", ".join(left())
    return Seen(replaced is not None, f"omitted members that stay: {kept or 'none'}")


@check("same-metric", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    tracking = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": _TRACKING}
    with scene.registered():
        scene.must(scene.put("put_scaling_policy", PolicyName="first", **tracking))
        reply = scene.put("put_scaling_policy", PolicyName="second", **tracking)
    return Seen(reply.code == "ValidationException", f"PutScalingPolicy with the metric of another policy: {reply}")


@check("limit-exceeded", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    steps = {"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": _STEPS}
    with scene.registered():
        for number in range(_POLICIES):
            scene.must(scene.put("put_scaling_policy", PolicyName=f"steps-{number}", **steps))
        put = scene.account.scaling_once.put_scaling_policy
        reply = ask(put, **scene.key(), PolicyName="one-too-many", **steps)
    return Seen(reply.code == "LimitExceededException", f"PutScalingPolicy of a 51st policy: {reply}")


@check("endpoint-name-case", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    reply = ask(scene.account.sagemaker.describe_endpoint, EndpointName=scene.endpoint.upper())
    if reply.code:
        return Seen(False, f"DescribeEndpoint in capitals: {reply}")
    name, arn = reply.value["EndpointName"], reply.value["EndpointArn"]
    holds = name == scene.endpoint and arn.endswith(f"endpoint/{scene.endpoint}")
    return Seen(holds, f"DescribeEndpoint in capitals shows the name {name}")


@check("update-refused", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    configs = (scene.config("other-type", OTHER), scene.config("without-variant", variant="green"))
    with scene.registered():
        scene.until(lambda: bool(scene.described()), VISIBLE_SECONDS)
        replies = []
        for config in configs:
            replies.append(scene.update_endpoint(config))
            if not replies[-1].code:
                scene.in_service()
                scene.must(scene.update_endpoint(f"{scene.prefix}-small"))
                scene.in_service()
    words = "deregistered as scalable targets"
    holds = all(reply.code == "ValidationException" and words in reply.message for reply in replies)
    return Seen(holds, f"UpdateEndpoint to another type: {replies[0]}; without the variant: {replies[-1]}")


@check("old-config-while-updating", Stage.UPDATING)
def _(scene: Scene) -> Seen:
    shown = scene.account.sagemaker.describe_endpoint(EndpointName=scene.endpoint)
    if shown["EndpointStatus"] != "Updating":
        raise UnclearError("the update was over before it was looked at")
    config = shown["EndpointConfigName"]
    return Seen(config == f"{scene.prefix}-small", f"DescribeEndpoint shows {config} while the endpoint is updated")


@check("targets-after-delete", Stage.LAST)
def _(scene: Scene) -> Seen:
    with scene.registered():
        scene.until(lambda: bool(scene.described()), VISIBLE_SECONDS)
        scene.must(scene.delete_endpoint())
        scene.account.settle(scene.endpoint)
        longest = _GONE_SECONDS_LOCALLY if scene.account.is_local else _GONE_SECONDS
        gone = scene.until(lambda: not scene.described(), longest)
    text = f"still registered after {longest:.0f} s" if gone is None else f"deregistered {gone:.0f} s later at most"
    return Seen(gone is not None, f"after DeleteEndpoint: {text}")


def _register_while(scene: Scene, status: str) -> Seen:
    reply = scene.register()
    found = scene.account.status(scene.endpoint)
    scene.deregister()
    if found != status:
        raise UnclearError(f"the endpoint was {found} before it was looked at")
    return Seen(not reply.code, f"RegisterScalableTarget while the endpoint is {status}: {reply}")


def _attached(scene: Scene, what: str) -> dict[str, Any]:
    """The only policy or action of the target, or nothing."""
    describe = getattr(scene.account.scaling, f"describe_{what}")
    found = describe(**scene.key())["".join(word.capitalize() for word in what.split("_"))]
    return dict(found[0]) if found else {}


def _visible(scene: Scene, is_so: Callable[[], bool]) -> float | None:
    """After how many seconds each of several reads shows it, or `None` if they do not in time."""
    seconds = scene.until(is_so, VISIBLE_SECONDS)
    return seconds if seconds is not None and all(is_so() for _ in range(_READS)) else None


def _all_visible(found: dict[str, float | None]) -> Seen:
    shown = (
        f"{what} after {'more than ' if seconds is None else ''}{VISIBLE_SECONDS if seconds is None else seconds:.1f} s"
        for what, seconds in found.items()
    )
    return Seen(None not in found.values(), f"visible: {', '.join(shown)}")


def _article(is_same: bool) -> str:
    return "the same" if is_same else "another"
