"""Plays one cell: sends requests as CloudFormation and Lambda would, and returns the observations."""

import json
import os
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.faults.judge import Observed
from bench.faults.lambda_service import Function
from bench.faults.scene import BEFORE, INVENTED_ID, SIGNATURE, WANTED, Row, Scene, path_of, target_of
from bench.faults.stubs import TAKE, ApiProxy, Functions, LambdaApi, Receiver
from bench.faults.systems import System
from demo.environment import REGION
from demo.stage import Stage

_SECRET_KEY = "bench-secret-access-key-in-no-log"
_SESSION_TOKEN = "bench-session-token-in-no-log"
_SECRETS = {
    "the response URL's signature": SIGNATURE,
    "the secret key": _SECRET_KEY,
    "the session token": _SESSION_TOKEN,
}


def play(row: Row, system: System, local_aws: Path, tls: tuple[Path, ssl.SSLContext]) -> Observed:
    """Plays one row for one system."""
    authority, context = tls
    functions = Functions()
    with Stage() as stage:
        aws = stage.local_aws(local_aws)
        receiver, lambda_api = Receiver(context), LambdaApi(functions)
        proxy = ApiProxy(aws.url, lambda: worker.kill())  # noqa: PLW0108 (it is bound later)
        # The stubs speak HTTP: only answers go over TLS.
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": _SECRET_KEY,
            "AWS_SESSION_TOKEN": _SESSION_TOKEN,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING": f"http://127.0.0.1:{proxy.port}",
            "AWS_ENDPOINT_URL_CLOUDFORMATION": f"http://127.0.0.1:{proxy.port}",
            "AWS_ENDPOINT_URL_SAGEMAKER": f"http://127.0.0.1:{proxy.port}",
            "AWS_ENDPOINT_URL_SSM": f"http://127.0.0.1:{proxy.port}",
            "AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{lambda_api.port}",
            "SSL_CERT_FILE": str(authority),
            "NODE_EXTRA_CA_CERTS": str(authority),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **({"RESPONSE_PORT": str(receiver.port)} if system.drops_port else {}),
        }
        program = replace(system.function, seconds=max(system.function.seconds, row.seconds))
        function = Function(program, environment, stage.directory / "function.log")
        worker = function
        if system.user_function:
            worker = Function(system.user_function, environment, stage.directory / "user-function.log")
            functions.by_arn[worker.arn] = worker
        try:
            scene = Scene(system, function, receiver, proxy, aws)
            return _play(row, scene, lambda: function.output() + (worker.output() if worker is not function else ""))
        finally:
            for stub in (receiver, proxy, lambda_api):
                stub.close()
            for running in {function, worker}:
                running.close()


def _play(row: Row, scene: Scene, output: Callable[[], str]) -> Observed:
    _create_endpoint(scene)
    row.set_scene(scene)
    event = scene.event(row.request, row.variant, (WANTED[0], row.maximum), row.endpoint)
    own_target = path_of(event)
    row.alter(event)
    before, others_before, puts_before = scene.own(), scene.others(), len(scene.receiver.puts)

    def attach_policy() -> None:
        if row.twice:
            scene.scaling(
                "PutScalingPolicy",
                PolicyName="by-hand",
                PolicyType="TargetTrackingScaling",
                **target_of(row.variant),
                TargetTrackingScalingPolicyConfiguration=_TRACKING,
            )
            others_before.update(scene.others())

    first_end, first_calls = len(scene.ends), scene.proxy.count("RegisterScalableTarget")
    scene.proxy.faults, scene.receiver.script, scene.receiver.otherwise = row.api(), list(row.puts), row.other_puts
    deliveries = scene.deliver(event, 2 if row.twice else 1, attach_policy)
    ends, calls = scene.ends[first_end:], scene.proxy.count("RegisterScalableTarget") - first_calls
    scene.proxy.faults, scene.receiver.script, scene.receiver.otherwise = [], [], TAKE

    puts = scene.receiver.puts[puts_before:]
    is_own = ["ResponseURL" in event and put.target == own_target for put in puts]
    taken = [(index, put.body) for index, put in enumerate(puts) if put.taken and is_own[index]]
    first = [(index, answer) for index, answer in taken if row.twice and puts_before + index < deliveries[0]]
    number, answer = next((each for each in taken if each not in first), (0, None))
    body = _body(answer)
    if row.cleans_up and body.get("Status") == "SUCCESS" and body.get("PhysicalResourceId") != scene.id:
        scene.answer(scene.event("Delete", "blue", BEFORE))
    after = scene.own()
    clean_up, left_over = "", None
    if row.request == "Create" and body.get("Status") == "FAILED":
        scene.id = body.get("PhysicalResourceId") or INVENTED_ID
        answered = scene.answer(scene.event("Delete", row.variant, (WANTED[0], row.maximum), row.endpoint))
        clean_up, left_over = answered.get("Status", "no answer"), scene.own()
    said = output() + "".join(end.payload.decode(errors="replace") for end in scene.ends if end.how == "error")
    bodies = "".join(put.body.decode(errors="replace") for put in puts)
    leaks = tuple(
        f"{name} in the {place}"
        for place, text in (("log", said), ("answer", bodies))
        for name, secret in _SECRETS.items()
        if secret in text
    )
    return Observed(
        request=event,
        ends=tuple(end.how for end in ends),
        answer=answer,
        answered_at=1 if row.twice else _delivery(deliveries, puts_before + number),
        first_answer=first[0][1] if first else b"" if row.twice else None,
        elsewhere=is_own.count(False),
        before=before,
        after=after,
        others_before=others_before,
        others_after=scene.others(),
        left_over=left_over,
        clean_up=clean_up,
        leaks=leaks,
        calls=calls,
    )


def _delivery(deliveries: list[int], put: int) -> int:
    """Returns the delivery in which a PUT was made."""
    return next((at for at, count in enumerate(deliveries, 1) if put < count), 1)


def _create_endpoint(scene: Scene) -> None:
    variants = [
        {"VariantName": variant, "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        for variant in ("blue", "green")
    ]
    scene.aws.call("SageMaker.CreateEndpointConfig", EndpointConfigName="config", ProductionVariants=variants)
    scene.aws.call("SageMaker.CreateEndpoint", EndpointName="prod", EndpointConfigName="config")


def _body(answer: bytes | None) -> dict[str, Any]:
    try:
        body = json.loads(answer or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


_TRACKING = {
    "TargetValue": 70,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
}
