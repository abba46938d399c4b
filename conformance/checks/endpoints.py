"""The checks of SageMaker."""

from conformance.account import UnclearError, ask
from conformance.check import Seen, Stage, check
from conformance.scene import OTHER, Scene
from conformance.subject import Subject

_GONE_SECONDS = 180.0
_GONE_SECONDS_LOCALLY = 1.0


@check("endpoint-missing", Stage.NO_ENDPOINT)
def _(scene: Scene) -> Seen:
    reply = ask(scene.account.sagemaker.describe_endpoint, EndpointName=scene.missing)
    holds = reply.code == "ValidationException" and "Could not find endpoint" in reply.message
    return Seen(holds, f"DescribeEndpoint: {reply}")


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
        scene.soon(lambda: bool(scene.described()))
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
    return gone_after_delete(scene, scene.subject(), scene.endpoint)


def gone_after_delete(scene: Scene, subject: Subject, endpoint: str) -> Seen:
    """Whether the target of a variant goes with its endpoint."""
    with subject.registered():
        scene.soon(subject.is_registered)
        scene.must(ask(scene.account.sagemaker.delete_endpoint, EndpointName=endpoint))
        scene.account.settle(endpoint)
        longest = _GONE_SECONDS_LOCALLY if scene.account.is_local else _GONE_SECONDS
        gone = scene.until(lambda: not subject.is_registered(), longest)
    text = f"still registered after {longest:.0f} s" if gone is None else f"deregistered {gone:.0f} s later at most"
    return Seen(gone is not None, f"after DeleteEndpoint: {text}")
