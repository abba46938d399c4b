"""The checks that need updates of the endpoint: deployment guardrails, a burstable instance, and instance pools."""

import time
from typing import Any

from conformance import alarms
from conformance.account import VARIANT, UnclearError
from conformance.check import Seen, Stage, check
from conformance.scene import BURSTABLE_VARIANT, OTHER, POOLS, SMALL, Scene
from conformance.subject import Subject

_BAKING_SECONDS = 900
_SHIFT_SECONDS = 3_600


@check("guardrails-shift", Stage.SHIFTING)
def _(scene: Scene) -> Seen:
    alarm = scene.config_name("alarm")
    alarms.make(scene.account, alarm, scene.tagged())
    before = _describe(scene)["EndpointConfigName"]
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": _BAKING_SECONDS}
    guardrails = {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
    }
    scene.must(scene.update_endpoint(scene.config("shift"), DeploymentConfig=guardrails))
    shown, is_tripped, deadline = set(), False, time.monotonic() + _SHIFT_SECONDS
    while (now := _describe(scene))["EndpointStatus"] == "Updating" and time.monotonic() < deadline:
        shown.add(now["EndpointConfigName"])
        if not is_tripped and (scene.account.is_local or _is_baking(now)):
            alarms.trip(scene.account, alarm)
            is_tripped = True
        time.sleep(scene.account.pause)
    if not is_tripped:
        raise UnclearError("the update was over before traffic had shifted")
    after = f"{now['EndpointStatus']} with {now['EndpointConfigName']}"
    text = f"configuration before: {before}; shown while traffic shifted: {', '.join(sorted(shown))}; then {after}"
    return Seen(shown == {before} and after == f"InService with {before}", text)


@check("burstable", Stage.BURSTABLE)
def _(scene: Scene) -> Seen:
    variant = Subject(scene.account, f"endpoint/{scene.endpoint}/variant/{BURSTABLE_VARIANT}")
    reply = variant.try_to_register()
    return Seen(reply.code == "ValidationException", f"RegisterScalableTarget of a burstable instance: {reply}")


@check("instance-pools", Stage.POOLS)
def _(scene: Scene) -> Seen:
    both = scene.try_config("both", scene.variant(InstanceType=SMALL, InstancePools=POOLS))
    [variant] = [found for found in _describe(scene)["ProductionVariants"] if found["VariantName"] == VARIANT]
    counts = {pool["InstanceType"]: pool["CurrentInstanceCount"] for pool in variant["InstancePools"]}
    text = f"CreateEndpointConfig with a type and pools: {both}; instances by pool, the first preferred: {counts}"
    is_preferred = counts.get(SMALL) == 1 and not counts.get(OTHER)
    return Seen(both.code == "ValidationException" and is_preferred, text)


@check("update-refused-pools", Stage.POOLS)
def _(scene: Scene) -> Seen:
    configs = {"one pool less": POOLS[:1], "other pools": ({"InstanceType": OTHER, "Priority": 1},)}
    replies = {}
    with scene.registered():
        scene.soon(lambda: bool(scene.described()))
        for number, (what, pools) in enumerate(configs.items()):
            suffix = f"pools-{number}"
            scene.must(scene.try_config(suffix, scene.variant(InstancePools=pools)))
            replies[what] = scene.update_endpoint(scene.config_name(suffix))
            if not replies[what].code:
                scene.in_service()
                break
    words = "deregistered as scalable targets"
    holds = all(reply.code == "ValidationException" and words in reply.message for reply in replies.values())
    return Seen(holds, "; ".join(f"UpdateEndpoint to {what}: {reply}" for what, reply in replies.items()))


def _describe(scene: Scene) -> dict[str, Any]:
    found: dict[str, Any] = scene.account.sagemaker.describe_endpoint(EndpointName=scene.endpoint)
    return found


def _is_baking(endpoint: dict[str, Any]) -> bool:
    """Whether traffic has shifted, and SageMaker watches the alarms."""
    variants = [
        *endpoint.get("ProductionVariants", []),
        *endpoint.get("PendingDeploymentSummary", {}).get("ProductionVariants", []),
    ]
    statuses = [status["Status"] for variant in variants for status in variant.get("VariantStatus", [])]
    return "Baking" in statuses
