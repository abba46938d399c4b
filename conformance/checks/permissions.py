"""The check of what Application Auto Scaling asks of the caller's permissions."""

import secrets
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from conformance import grants, roles
from conformance.account import Reply, UnclearError, ask
from conformance.check import NotApplicableError, Seen, Stage, check
from conformance.scene import Scene

_ROLE_SECONDS = 120.0
_SESSION_SECONDS = 900
_POLICY = {
    "PolicyName": "probe",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 70.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    },
}


@check("permission-probe", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    if scene.account.is_local:
        raise NotApplicableError("the local AWS does not check permissions")
    found = {}
    for what, is_narrow in (("granted", False), ("narrow", True)):
        statements = grants.statements(scene.account, with_narrow_alarms=is_narrow)
        found[what] = _play(scene, _scaling_as(scene, f"{scene.prefix}-{what}", statements))
    text = f"with what template.yaml grants: {found['granted']}; with narrower alarm ARNs: {found['narrow']}"
    return Seen(not found["granted"].code, text)


def _scaling_as(scene: Scene, name: str, statements: list[roles.Statement]) -> Any:
    """A client of Application Auto Scaling with these permissions. Only a holder of the secret can assume the role."""
    account, secret = scene.account, secrets.token_hex(16)
    partition = account.scaling.meta.partition
    trust = {
        "Principal": {"AWS": f"arn:{partition}:iam::{account.account_id()}:root"},
        "Condition": {"StringEquals": {"sts:ExternalId": secret}},
    }
    role = roles.make(account, name, trust, statements, scene.tagged())
    given = {"RoleArn": role, "RoleSessionName": "conformance", "DurationSeconds": _SESSION_SECONDS}
    assume = account.client("sts").assume_role
    reply = _until_accepted(scene, lambda: _answer(assume, **given, ExternalId=secret))
    if reply.code:
        raise UnclearError(f"AssumeRole: {reply}")
    return account.scaling_as(reply.value["Credentials"])


def _play(scene: Scene, scaling: Any) -> Reply:
    """Registers the variant and puts a policy. Returns the reply that was not a success, or the last."""
    key, capacities = scene.key(), {"MinCapacity": 1, "MaxCapacity": 1}
    try:
        reply = _until_accepted(scene, lambda: _answer(scaling.register_scalable_target, **key, **capacities))
        if reply.code:
            return reply
        return _until_accepted(scene, lambda: _answer(scaling.put_scaling_policy, **key, **_POLICY))
    finally:
        scene.deregister()


def _until_accepted(scene: Scene, call: Callable[[], Reply]) -> Reply:
    """Retries a call, because a new role takes some time to become effective.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
    """
    deadline = time.monotonic() + _ROLE_SECONDS
    while (reply := call()).code and time.monotonic() < deadline:
        time.sleep(scene.account.pause)
    return reply


def _answer(operation: Callable[..., Any], **members: Any) -> Reply:
    """Makes a call. A denial is a reply, too."""
    try:
        return ask(operation, **members)
    except ClientError as error:
        return Reply(None, error.response["Error"]["Code"], error.response["Error"].get("Message", ""))
