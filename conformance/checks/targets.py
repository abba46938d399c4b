"""The checks of Application Auto Scaling."""

import datetime
import re
from typing import Any

from conformance.account import INSTANCES, TAG, UnclearError, ask
from conformance.check import Seen, Stage, all_visible, check, visible
from conformance.scene import Scene

_POLICIES = 50
_TRACKING = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
}
_STEPS = {
    "AdjustmentType": "ChangeInCapacity",
    "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
}
_ACTION = {"ScheduledActionName": "evening", "Schedule": "cron(0 18 * * ? *)"}
_NOT_SHOWN = "a read does not show all that was put first"
_NEVER = datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc)


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
        scene.soon(lambda: bool(scene.described()))
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
        registered = visible(scene, lambda: bool(scene.described()))
        steps = {"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": _STEPS}
        scene.must(scene.put("put_scaling_policy", PolicyName="steps", **steps))
        policy = visible(scene, lambda: bool(_attached(scene, "scaling_policies", "steps")))
        scene.must(scene.put("put_scheduled_action", **_ACTION, ScalableTargetAction={"MinCapacity": 1}))
        action = visible(scene, lambda: bool(_attached(scene, "scheduled_actions")))
    deregistered = visible(scene, lambda: not scene.described())
    found = {"registered": registered, "its policy": policy, "its action": action, "deregistered": deregistered}
    return all_visible(found)


@check("tags-visible", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    scaling = scene.account.scaling
    with scene.registered(Tags={TAG: scene.run}) as arn:
        registered = visible(scene, lambda: scene.tags(arn).get(TAG) == scene.run)
        scene.must(ask(scaling.tag_resource, ResourceARN=arn, Tags={"more": "1"}))
        tagged = visible(scene, lambda: scene.tags(arn).get("more") == "1")
        scene.must(ask(scaling.untag_resource, ResourceARN=arn, TagKeys=["more"]))
        untagged = visible(scene, lambda: "more" not in scene.tags(arn))
    return all_visible({"tags of the registration": registered, "added tag": tagged, "removed tag": untagged})


@check("tags-on-registered", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    with scene.registered(Tags={TAG: scene.run}):
        scene.soon(lambda: bool(scene.described()))
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
        scene.soon(lambda: bool(scene.described()))
        scene.must(scene.update(SuspendedState={scaling_in: True}))
        reset = scene.soon(lambda: [item["SuspendedState"][out] for item in scene.described()] == [False])
    return Seen(reset is not None, f"the omitted flag is {'kept' if reset is None else 'false'}")


@check("new-arn", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    with scene.registered() as first:
        pass
    scene.soon(lambda: not scene.described())
    with scene.registered() as second:
        pass
    name = second.rpartition("/")[2]
    text = f"{_article(first == second)} ARN, and {len(name)} characters after the slash"
    return Seen(first != second and re.fullmatch("[0-9a-z]{36}", name) is not None, text)


@check("untag-missing-key", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    with scene.registered() as arn:
        # A target that the call does not find yet is another error.
        scene.soon(lambda: not ask(scene.account.scaling.list_tags_for_resource, ResourceARN=arn).code)
        reply = ask(scene.account.scaling.untag_resource, ResourceARN=arn, TagKeys=["none"])
    return Seen(not reply.code, f"UntagResource: {reply}")


@check("reserved-tags", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    replies = []
    for key in ("aws:x", "AWS:x"):
        replies.append(scene.register(Tags={key: "1"}))
        scene.deregister()
    holds = all(reply.code == "ValidationException" for reply in replies)
    return Seen(holds, f"aws:x: {replies[0]}; AWS:x: {replies[1]}")


@check("time-zone-kept", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    action = {**_ACTION, "ScalableTargetAction": {"MinCapacity": 1}}
    with scene.registered():
        scene.must(scene.put("put_scheduled_action", **action, Timezone="Europe/Berlin", EndTime=_NEVER))
        scene.soon(lambda: {"EndTime", "Timezone"} <= _attached(scene, "scheduled_actions").keys())
        shown = _attached(scene, "scheduled_actions")
        scene.must(scene.put("put_scheduled_action", **action))
        scene.soon(lambda: "EndTime" not in (_attached(scene, "scheduled_actions") or {"EndTime": _NEVER}))
        found = _attached(scene, "scheduled_actions")
    zone, end = found.get("Timezone", "none"), found.get("EndTime", "none")
    if "Timezone" not in shown or (end == "none" and "EndTime" not in shown):
        raise UnclearError(_NOT_SHOWN)
    return Seen((zone, end) == ("Europe/Berlin", "none"), f"after a put that omits both: time zone {zone}, end {end}")


@check("put-replaces", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    name = "TargetTrackingScalingPolicyConfiguration"
    policy = {"PolicyName": "tracking", "PolicyType": "TargetTrackingScaling"}

    def left() -> list[str]:
        configuration = _attached(scene, "scaling_policies", "tracking").get(name, {})
        action = _attached(scene, "scheduled_actions").get("ScalableTargetAction", {})
        return [member for member in ("ScaleInCooldown", "MinCapacity") if member in {**configuration, **action}]

    with scene.registered():
        scene.must(scene.put("put_scaling_policy", **policy, **{name: {**_TRACKING, "ScaleInCooldown": 60}}))
        both = {"MinCapacity": 1, "MaxCapacity": 1}
        scene.must(scene.put("put_scheduled_action", **_ACTION, ScalableTargetAction=both))
        shown = scene.soon(lambda: len(left()) == 2)
        scene.must(scene.put("put_scaling_policy", **policy, **{name: _TRACKING}))
        scene.must(scene.put("put_scheduled_action", **_ACTION, ScalableTargetAction={"MaxCapacity": 1}))
        replaced = scene.soon(lambda: not left())
        kept = ", ".join(left())
    if shown is None and not kept:
        raise UnclearError(_NOT_SHOWN)
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
        put = scene.account.once("application-autoscaling").put_scaling_policy
        reply = ask(put, **scene.key(), PolicyName="one-too-many", **steps)
    return Seen(reply.code == "LimitExceededException", f"PutScalingPolicy of a 51st policy: {reply}")


def _register_while(scene: Scene, status: str) -> Seen:
    reply = scene.register()
    found = scene.account.status(scene.endpoint)
    scene.deregister()
    if found != status:
        raise UnclearError(f"the endpoint was {found} before it was looked at")
    return Seen(not reply.code, f"RegisterScalableTarget while the endpoint is {status}: {reply}")


def _attached(scene: Scene, what: str, name: str = _ACTION["ScheduledActionName"]) -> dict[str, Any]:
    """A policy or an action of the target, or nothing. Others may be left where deregistering does not delete them."""
    describe = getattr(scene.account.scaling, f"describe_{what}")
    found = describe(**scene.key())["".join(word.capitalize() for word in what.split("_"))]
    named = (item for item in found if name in (item.get("PolicyName"), item.get("ScheduledActionName")))
    return dict(next(named, {}))


def _article(is_same: bool) -> str:
    return "the same" if is_same else "another"
