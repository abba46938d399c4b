"""The checks of how the services take calls: the types of members, the texts of errors, and how many calls a second."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from conformance.account import INSTANCES, PARAMETERS, Reply, UnclearError, ask
from conformance.check import Seen, Stage, check
from conformance.raw import ask_raw
from conformance.scene import Scene

_CALLS = 40
_PER_SECOND = 20
_THREADS = 8
_BELIEVED_PER_SECOND = 10
_TOLERANCE = 0.9
_THROTTLED = "ThrottlingException"
_ARN = re.compile(r"arn:[a-z-]+:sagemaker:[a-z0-9-]+:\d{12}:")


@check("input-types", Stage.NO_ENDPOINT)
def _(scene: Scene) -> Seen:
    scaling, sagemaker, ssm = scene.account.scaling, scene.account.sagemaker, scene.account.parameters
    targets = (scaling, "describe_scalable_targets", {"ServiceNamespace": "sagemaker"})
    activities = (scaling, "describe_scaling_activities", {"ServiceNamespace": "sagemaker"})
    endpoints = (sagemaker, "list_endpoints", {"NameContains": scene.missing})
    below = (ssm, "get_parameters_by_path", {"Path": PARAMETERS})
    wrong: list[tuple[tuple[Any, str, dict[str, str]], dict[str, Any]]] = [
        (targets, {"MaxResults": "5"}),
        (targets, {"MaxResults": 1.5}),
        (activities, {"IncludeNotScaledActivities": "true"}),
        (endpoints, {"MaxResults": "5"}),
        (endpoints, {"MaxResults": 1.5}),
        (below, {"MaxResults": "5"}),
        (below, {"Recursive": "true"}),
    ]
    lenient = [(call, raw) for call in (targets, endpoints, below) for raw in ({"Unknown": 1}, {"NextToken": None})]
    found = []
    for calls, is_accepted in ((wrong, False), (lenient, True)):
        for (client, operation, members), raw in calls:
            reply = ask_raw(client, operation, raw, **members)
            if bool(reply.code) is is_accepted:
                found.append(f"{operation} with {raw}: {reply}")
    return Seen(not found, "; ".join(found) or "strings and fractions are rejected; unknown members and null are not")


@check("error-texts", Stage.NO_ENDPOINT)
def _(scene: Scene) -> Seen:
    scaling, sagemaker = scene.account.scaling, scene.account.sagemaker
    name, key = scene.missing, scene.key(scene.missing)
    steps = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"ScalingAdjustment": 1}]}
    policy = {"PolicyName": "none", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": steps}
    of_key = f"service namespace: sagemaker, resource ID: {key['ResourceId']}, scalable dimension: {INSTANCES}"
    found, failed = "1 validation error detected: Value", "failed to satisfy constraint: Member must"
    namespace = {"ServiceNamespace": "sagemaker"}
    replies = {
        f'Could not find endpoint "{name}".': ask(sagemaker.describe_endpoint, EndpointName=name),
        f'Could not find endpoint configuration "{name}".': ask(
            sagemaker.describe_endpoint_config, EndpointConfigName=name
        ),
        f'Could not find inference component "{name}".': ask(
            sagemaker.describe_inference_component, InferenceComponentName=name
        ),
        f"No scalable target found for {of_key}": ask(scaling.deregister_scalable_target, **key),
        f"No scalable target registered for {of_key}": ask(scaling.put_scaling_policy, **key, **policy),
        "If you specify a scalable dimension, you must also specify a resource ID": ask(
            scaling.describe_scalable_targets, **namespace, ScalableDimension=INSTANCES
        ),
        f"{found} null at 'serviceNamespace' {failed} not be null": ask_raw(
            scaling, "describe_scalable_targets", {"ServiceNamespace": None}, **namespace
        ),
        f"{found} 'none' at 'serviceNamespace' {failed} satisfy enum value set: [": ask(
            scaling.describe_scalable_targets, ServiceNamespace="none"
        ),
        '"5" can not be converted to integer': ask_raw(
            scaling, "describe_scalable_targets", {"MaxResults": "5"}, **namespace
        ),
    }
    others = [f"{reply} instead of: {text}" for text, reply in replies.items() if not _reads(reply, text)]
    return Seen(not others, "; ".join(others) or f"{len(replies)} texts read as believed")


@check("request-rates", Stage.NO_ENDPOINT)
def _(scene: Scene) -> Seen:
    scaling, sagemaker = scene.account.once("application-autoscaling"), scene.account.once("sagemaker")
    ids = {"ServiceNamespace": "sagemaker", "ResourceIds": [scene.key(scene.missing)["ResourceId"]]}
    calls: list[Callable[[], Any]] = [
        lambda: scaling.describe_scalable_targets(**ids),
        lambda: sagemaker.list_endpoints(NameContains=scene.missing),
    ]
    began = time.monotonic()

    def call(number: int) -> str:
        time.sleep(max(0.0, began + number / _PER_SECOND - time.monotonic()))
        try:
            calls[number % len(calls)]()
            return ""
        except ClientError as error:
            return str(error.response["Error"]["Code"])

    with ThreadPoolExecutor(_THREADS) as threads:
        codes = list(threads.map(call, range(_CALLS)))
    seconds = max(time.monotonic() - began, _CALLS / _PER_SECOND)
    refused = [code for code in codes if code]
    rate = (_CALLS - len(refused)) / seconds
    text = f"{_CALLS} calls of both services in {seconds:.1f} s: {rate:.1f} accepted a second"
    if others := set(refused) - {_THROTTLED}:
        return Seen(False, f"{text}; the others: {', '.join(sorted(others))}")
    if rate < _TOLERANCE * _BELIEVED_PER_SECOND and not refused:
        raise UnclearError(f"{text}, and none throttled: this machine makes no more")
    return Seen(rate >= _TOLERANCE * _BELIEVED_PER_SECOND, f"{text}, {len(refused)} throttled")


def _reads(reply: Reply, text: str) -> bool:
    """Whether an error has this text. An ARN counts as its last part; a list of values may be any."""
    message = re.sub(r'"[a-z-]+/', '"', _ARN.sub("", reply.message))
    return bool(reply.code) and (message.startswith(text) if text.endswith("[") else message == text)
