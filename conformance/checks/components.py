"""The checks of an inference component, on an endpoint of its own whose instances SageMaker scales itself."""

import time

from conformance.check import Seen, Stage, check
from conformance.scene import Scene
from conformance.subject import Subject

_COPIES = "sagemaker:inference-component:DesiredCopyCount"
_LEFT_SECONDS = 60.0
_LEFT_SECONDS_LOCALLY = 0.5


@check("managed-scaling", Stage.COMPONENT)
def _(scene: Scene) -> Seen:
    reply = scene.subject(scene.hosting).try_to_register()
    endpoint = scene.account.sagemaker.describe_endpoint(EndpointName=scene.hosting)
    [variant] = endpoint["ProductionVariants"]
    status = variant.get("ManagedInstanceScaling", {}).get("Status")
    text = f"RegisterScalableTarget of a variant with ManagedInstanceScaling: {reply}; its status: {status or 'none'}"
    return Seen(not reply.code and status in (None, "ENABLED"), text)


@check("component-copies", Stage.COMPONENT)
def _(scene: Scene) -> Seen:
    reply = _subject(scene).try_to_register()
    return Seen(not reply.code, f"RegisterScalableTarget of an inference component: {reply}")


@check("component-target-left", Stage.COMPONENT)
def _(scene: Scene) -> Seen:
    subject = _subject(scene)
    with subject.registered():
        scene.soon(subject.is_registered)
        scene.account.delete_component(scene.component)
        time.sleep(_LEFT_SECONDS_LOCALLY if scene.account.is_local else _LEFT_SECONDS)
        is_left = subject.is_registered()
    return Seen(is_left, f"after DeleteInferenceComponent: {'still' if is_left else 'not'} registered")


def _subject(scene: Scene) -> Subject:
    return Subject(scene.account, f"inference-component/{scene.component}", _COPIES)
