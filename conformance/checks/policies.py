"""The checks of what Application Auto Scaling requires of scaling policies and scheduled actions."""

from typing import Any

from conformance.check import Seen, Stage, check
from conformance.scene import Scene

_POLICY, _ACTION = "put_scaling_policy", "put_scheduled_action"
_CPU = {"MetricName": "CPUUtilization", "Namespace": "/aws/sagemaker/Endpoints", "Statistic": "Average"}
_QUERY = {"Id": "m1", "MetricStat": {"Metric": {"Namespace": "n", "MetricName": "m"}, "Stat": "Sum"}}
_AT = {"Schedule": "cron(0 18 * * ? *)"}
_TO = {"ScalableTargetAction": {"MinCapacity": 1}}


def _tracking(**members: Any) -> dict[str, Any]:
    configuration = {"TargetValue": 50.0, "CustomizedMetricSpecification": _CPU, **members}
    return {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": configuration}


def _of_metric(**members: Any) -> dict[str, Any]:
    return _tracking(CustomizedMetricSpecification=members)


def _predefined(metric: str) -> dict[str, Any]:
    configuration = {"TargetValue": 50.0, "PredefinedMetricSpecification": {"PredefinedMetricType": metric}}
    return {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": configuration}


_REJECTED: dict[str, tuple[str, dict[str, Any]]] = {
    "a negative cooldown": (_POLICY, _tracking(ScaleInCooldown=-1)),
    "a metric without a statistic": (_POLICY, _of_metric(**{**_CPU, "Statistic": None})),
    "no query that returns data": (_POLICY, _of_metric(Metrics=[{**_QUERY, "ReturnData": False}])),
    "a metric and queries": (_POLICY, _of_metric(**_CPU, Metrics=[_QUERY])),
    "a metric of another dimension": (_POLICY, _predefined("SageMakerInferenceComponentInvocationsPerCopy")),
    "an action without a schedule": (_ACTION, _TO),
    "an action without a ScalableTargetAction": (_ACTION, _AT),
    "an action with an empty ScalableTargetAction": (_ACTION, {**_AT, "ScalableTargetAction": {}}),
    "a minimum above the maximum": (_ACTION, {**_AT, "ScalableTargetAction": {"MinCapacity": 2, "MaxCapacity": 1}}),
    "unknown characters in cron": (_ACTION, {**_TO, "Schedule": "cron(0 18 ! * ? *)"}),
}


@check("put-rules", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    found = []
    with scene.registered():
        for what, operation, members in (("a policy", _POLICY, _tracking()), ("an action", _ACTION, {**_AT, **_TO})):
            reply = scene.put(operation, **_named(operation, "complete"), **members)
            if reply.code:
                found.append(f"{what}, which is complete: {reply}")
        for what, (operation, members) in _REJECTED.items():
            reply = scene.put(operation, **_named(operation, "wrong"), **_given(members))
            if reply.code != "ValidationException":
                found.append(f"{what}: {reply}")
    return Seen(not found, "; ".join(found) or f"{len(_REJECTED)} mistakes are rejected")


def _named(operation: str, name: str) -> dict[str, str]:
    return {"PolicyName" if operation == _POLICY else "ScheduledActionName": name}


def _given(members: dict[str, Any]) -> dict[str, Any]:
    """The members without those that are `None`, at every depth."""
    return {
        name: _given(value) if isinstance(value, dict) else value
        for name, value in members.items()
        if value is not None
    }
