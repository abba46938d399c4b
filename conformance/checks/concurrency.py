"""The checks of a serverless variant with provisioned concurrency, on an endpoint of its own."""

from dataclasses import replace

from conformance.account import ask
from conformance.check import Seen, Stage, check
from conformance.checks.endpoints import gone_after_delete
from conformance.scene import SMALL, Scene
from conformance.subject import Subject

_CONCURRENCY = "sagemaker:variant:DesiredProvisionedConcurrency"
_MORE_REQUESTS = 2


@check("serverless-dimension", Stage.SERVERLESS)
def _(scene: Scene) -> Seen:
    instances = scene.subject(scene.serverless).try_to_register()
    concurrency = _subject(scene).try_to_register()
    text = f"RegisterScalableTarget of a serverless variant for instances: {instances}; for concurrency: {concurrency}"
    return Seen(instances.code == "ValidationException" and not concurrency.code, text)


@check("serverless-update", Stage.SERVERLESS)
def _(scene: Scene) -> Seen:
    update, endpoint = scene.account.sagemaker.update_endpoint, scene.serverless
    scene.must(scene.try_config("on-instances", scene.variant(InstanceType=SMALL)))
    scene.must(scene.try_config("more-requests", scene.serverless_variant(_MORE_REQUESTS)))
    with _subject(scene).registered():
        scene.soon(_subject(scene).is_registered)
        replies = []
        for config in ("on-instances", "more-requests"):
            replies.append(ask(update, EndpointName=endpoint, EndpointConfigName=scene.config_name(config)))
            if not replies[-1].code:
                scene.in_service(endpoint)
    text = f"UpdateEndpoint of a serverless variant to instances: {replies[0]}; to more concurrency: {replies[1]}"
    return Seen(replies[0].code == "ValidationException" and not replies[1].code, text)


@check("serverless-after-delete", Stage.SERVERLESS)
def _(scene: Scene) -> Seen:
    return gone_after_delete(scene, _subject(scene), scene.serverless)


def _subject(scene: Scene) -> Subject:
    return replace(scene.subject(scene.serverless), dimension=_CONCURRENCY)
