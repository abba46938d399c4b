"""An account in a Region, and what `make conformance` makes there: named with one prefix, tagged, and deleted again."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from conformance.stacks import Stacks

PREFIX = "sagemaker-scaling-conformance-"
"""All names begin with it, after a path if they have one."""
TAG = "sagemaker-scaling-conformance"
"""The key of the tag of everything but scalable targets. Its value is the id of the run."""
PARAMETERS = "/sagemaker-scaling-conformance"
INSTANCES = "sagemaker:variant:DesiredInstanceCount"
VARIANT = "blue"
_CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
_LOCAL_ACCOUNT = "111122223333"
_LONGEST_CHANGE_SECONDS = 3_600
_CLEANINGS = 3
_SERVER_ERROR = 500
_NO_ANSWER = (
    "AccessDenied",
    "NotAuthorized",
    "RequestExpired",
    "ResourceLimitExceeded",
    "Signature",
    "Throttl",
    "Token",
    "TooManyRequests",
    "UnknownOperation",
    "UnrecognizedClient",
)
"""Parts of the codes of errors that a service sends before it judges the call."""
_DENIED = ("missing the following permissions", "not authorized to perform")
"""Parts of the messages with which Application Auto Scaling fails a call as invalid, if the caller lacks permissions:
https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html
"""
AWS_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
"""What a call may raise. botocore raises the last for a reply that it cannot parse, such as a page of a proxy."""
PAUSE_SECONDS = 15.0
_LOCAL_PAUSE_SECONDS = 0.1
_LONGEST_LOCAL_CHECK_SECONDS = 300.0


@dataclass(frozen=True)
class Reply:
    """What AWS has answered."""

    value: Any = None
    code: str = ""
    """The code of the error, or empty."""
    message: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.code else "accepted"


def ask(operation: Callable[..., Any], **members: Any) -> Reply:
    """Makes a call. An error of the service is a reply, too, unless the service has not judged the call."""
    try:
        return Reply(operation(**members))
    except ClientError as error:
        reply = _reply(error)
        status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
        is_judged = status < _SERVER_ERROR and not any(word in reply.code for word in _NO_ANSWER)
        if not is_judged or any(words in reply.message for words in _DENIED):
            raise
        return reply


def _try(operation: Callable[..., Any], **members: Any) -> Reply:
    """Makes a call. Any error of the service is a reply."""
    try:
        return Reply(operation(**members))
    except ClientError as error:
        return _reply(error)


def _reply(error: ClientError) -> Reply:
    return Reply(None, error.response["Error"]["Code"], error.response["Error"].get("Message", ""))


@dataclass(frozen=True)
class Kind:
    """A kind of resource that a run makes or causes on AWS, besides those that `Account` knows."""

    what: str
    names: Callable[["Account", str], list[str]]
    """Those of ours whose names begin with a prefix."""
    delete: Callable[["Account", str], object]
    is_of_stacks: bool = False
    """Whether the local AWS has it with the local CloudFormation. It does not have the other kinds."""


KINDS: list[Kind] = []
"""The kinds, in the order of their deletion: each comes before those that it needs. Their modules add them."""


class UnclearError(Exception):
    """A belief cannot be checked. The message says why."""


class LeftError(Exception):
    """Something could not be deleted. The message names it."""


class Account:
    """The services of an account in a Region. A resource is *ours* if it has our prefix and our tag."""

    def __init__(
        self,
        region: str,
        local_aws: str = "",
        local_cloudformation: str = "",
        watch: Callable[[Any], None] | None = None,
    ) -> None:
        """`watch` gets the events of botocore."""
        attempts = 1 if local_aws else 8
        given: dict[str, Any] = {"config": Config(retries={"mode": "standard", "max_attempts": attempts})}
        if local_aws:
            session = boto3.Session("local", "local", region_name=region)
            given["endpoint_url"] = local_aws
        else:
            session = boto3.Session(region_name=region)
        if watch:
            watch(session.events)
        client: Callable[..., Any] = session.client
        self.region = region
        self.is_local = bool(local_aws)
        self.local_aws = local_aws
        self.client: Callable[[str], Any] = cache(lambda service: client(service, **given))
        """A client of another service."""
        self.scaling = client("application-autoscaling", **given)
        once = {**given, "config": Config(retries={"mode": "standard", "total_max_attempts": 1})}
        self.once: Callable[[str], Any] = cache(lambda service: client(service, **once))
        """A client that retries nothing. botocore retries `LimitExceededException`, as it takes it for throttling."""
        self.sagemaker = client("sagemaker", **given)
        self.parameters = client("ssm", **given)
        self.scaling_as: Callable[[Mapping[str, str]], Any] = lambda credentials: client(
            "application-autoscaling",
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            **once,
        )
        """A client of Application Auto Scaling with the credentials of another identity."""
        self._identity: Callable[[], Any] = lambda: client("sts", **given).get_caller_identity()
        self.pause = _LOCAL_PAUSE_SECONDS if local_aws else PAUSE_SECONDS
        """Seconds between two looks at something that takes minutes on AWS."""
        self.longest_check = _LONGEST_LOCAL_CHECK_SECONDS if local_aws else None
        """After how many seconds a check ends without a result."""
        self.stack_records = client("cloudformation", **given)
        """What the function reads of stacks. Locally, the local AWS knows the stacks of the local CloudFormation."""
        self.local_cloudformation = local_cloudformation
        of_stacks = {**given, "endpoint_url": local_cloudformation} if local_aws else given
        self.of_stacks: Callable[[str], Any] = cache(lambda service: client(service, **of_stacks))
        """A client of a service whose resources stacks make. Locally, it is at the local CloudFormation."""
        has_stacks = bool(local_cloudformation) or not local_aws
        self.stacks = Stacks(self.of_stacks, TAG, self.pause / 5) if has_stacks else None

    def account_id(self) -> str:
        """The id of the account."""
        return _LOCAL_ACCOUNT if self.is_local else str(self._identity()["Account"])

    def status(self, endpoint: str) -> str | None:
        """The status of an endpoint. `None` if AWS shows none."""
        reply = _try(self.sagemaker.describe_endpoint, EndpointName=endpoint)
        return str(reply.value["EndpointStatus"]) if reply.value else None

    def settle(self, endpoint: str) -> str | None:
        """Waits until an endpoint does not change any more. Returns its status, `None` if it is gone."""
        return self._settled(lambda: self.status(endpoint))

    def named_targets(self, prefix: str) -> list[dict[str, Any]]:
        """The targets of resources whose names begin with a prefix, in any letter case, also those of others."""
        found = self.all(self.scaling, "describe_scalable_targets", "ScalableTargets", ServiceNamespace="sagemaker")
        return [target for target in found if _named(target)[1].startswith(prefix)]

    def targets(self, prefix: str) -> list[dict[str, Any]]:
        """The targets of resources whose names begin with a prefix, in any letter case. Skips resources of others."""
        named = self.named_targets(prefix)
        if not named:
            return []
        # Of any name: no page says whether `NameContains` ignores the letter case, as the names of targets do here.
        endpoints = self.all(self.sagemaker, "list_endpoints", "Endpoints")
        components = self.all(self.sagemaker, "list_inference_components", "InferenceComponents")
        known = {("endpoint", item["EndpointName"].lower()) for item in endpoints} | {
            ("inference-component", item["InferenceComponentName"].lower()) for item in components
        }
        ours = {("endpoint", name.lower()) for name in self.endpoints(prefix)} | {
            ("inference-component", name.lower()) for name in self.components(prefix)
        }
        return [target for target in named if _named(target) not in known - ours]

    def components(self, prefix: str) -> list[str]:
        """The inference components of ours whose names begin with a prefix."""
        found = self.all(self.sagemaker, "list_inference_components", "InferenceComponents", NameContains=prefix)
        return [item["InferenceComponentName"] for item in found if self.is_ours(item, "InferenceComponent", prefix)]

    def settle_component(self, name: str) -> str | None:
        """Waits until an inference component does not change any more. Returns its status, `None` if it is gone."""

        def status() -> str | None:
            reply = _try(self.sagemaker.describe_inference_component, InferenceComponentName=name)
            return str(reply.value["InferenceComponentStatus"]) if reply.value else None

        return self._settled(status)

    def _settled(self, read: Callable[[], str | None]) -> str | None:
        deadline = time.monotonic() + _LONGEST_CHANGE_SECONDS
        while (status := read()) in _CHANGING and time.monotonic() < deadline:
            time.sleep(self.pause)
        return status

    def delete_component(self, name: str) -> Reply:
        """Deletes an inference component, and waits until it is gone. Its endpoint cannot be deleted before."""
        self.settle_component(name)
        reply = _try(self.sagemaker.delete_inference_component, InferenceComponentName=name)
        self.settle_component(name)
        return reply

    def delete_endpoints(self, prefix: str, tell: Callable[[str], None] = lambda _: None) -> None:
        """Deletes the endpoints of ours whose names begin with a prefix, and waits until they are gone."""
        self._delete_components(prefix, tell)
        self._delete_only_endpoints(prefix, tell)

    def _delete_components(self, prefix: str, tell: Callable[[str], None]) -> None:
        for name in self.components(prefix):
            _tell(tell, f"inference component {name}", self.delete_component(name))

    def _delete_only_endpoints(self, prefix: str, tell: Callable[[str], None]) -> None:
        endpoints = self.endpoints(prefix)
        for name in endpoints:
            self.settle(name)
            _tell(tell, f"endpoint {name}", _try(self.sagemaker.delete_endpoint, EndpointName=name))
        for name in endpoints:
            self.settle(name)

    def endpoints(self, prefix: str) -> list[str]:
        """The endpoints of ours whose names begin with a prefix."""
        found = self.all(self.sagemaker, "list_endpoints", "Endpoints", NameContains=prefix)
        return [item["EndpointName"] for item in found if self.is_ours(item, "Endpoint", prefix)]

    def configs(self, prefix: str) -> list[str]:
        """The endpoint configurations of ours whose names begin with a prefix."""
        found = self.all(self.sagemaker, "list_endpoint_configs", "EndpointConfigs", NameContains=prefix)
        return [item["EndpointConfigName"] for item in found if self.is_ours(item, "EndpointConfig", prefix)]

    def snapshots(self, prefix: str) -> list[str]:
        """The parameters of ours whose names begin with a prefix."""
        below = {"Path": PARAMETERS, "Recursive": True}
        found = self.all(self.parameters, "get_parameters_by_path", "Parameters", **below)
        names = [item["Name"] for item in found if item["Name"].startswith(f"{PARAMETERS}/{prefix}")]
        of_parameter = self.parameters.list_tags_for_resource
        tagged = {name: ask(of_parameter, ResourceType="Parameter", ResourceId=name) for name in names}
        return [name for name, tags in tagged.items() if tags.value and has_tag(tags.value["TagList"])]

    def left(self, prefix: str) -> list[str]:
        """What is left of ours."""
        return [
            *(f"target {target['ResourceId']}" for target in self.targets(prefix)),
            *(f"inference component {name}" for name in self.components(prefix)),
            *(f"endpoint {name}" for name in self.endpoints(prefix)),
            *(f"endpoint configuration {name}" for name in self.configs(prefix)),
            *(f"parameter {name}" for name in self.snapshots(prefix)),
            *(f"stack {name}" for name in (self.stacks.ours(prefix) if self.stacks else ())),
            *(f"{kind.what} {name}" for kind in self._kinds() for name in kind.names(self, prefix)),
        ]

    def clean(self, prefix: str, tell: Callable[[str], None]) -> None:
        """Deletes everything of ours whose name begins with a prefix.

        Looks again after a pause, because AWS may not list a new resource yet.
        """
        assert prefix.startswith(PREFIX), prefix
        failure: Exception = LeftError("nothing was looked at")
        for _ in range(_CLEANINGS):
            self._delete(prefix, tell)
            time.sleep(self.pause)
            try:
                left = self.left(prefix)
            except AWS_ERRORS as error:
                failure = error
                continue
            if not left:
                return
            failure = LeftError(f"not deleted: {'; '.join(left)}")
        raise failure

    def _delete(self, prefix: str, tell: Callable[[str], None]) -> None:
        """Deletes kind by kind. A kind that fails, such as without a permission, does not keep the next from it."""
        # A stack that is deleted writes parameters.
        steps: tuple[Callable[[str, Callable[[str], None]], None], ...] = (
            self._delete_stacks,
            self._delete_targets,
            self._delete_components,
            self._delete_only_endpoints,
            self._delete_configs,
            self._delete_parameters,
            *(partial(self._delete_kind, kind) for kind in self._kinds()),
        )
        for step in steps:
            try:
                step(prefix, tell)
            except AWS_ERRORS as error:
                tell(f"could not look for everything: {error}")

    def _delete_stacks(self, prefix: str, tell: Callable[[str], None]) -> None:
        for name, reason in self.stacks.delete_all(prefix) if self.stacks else ():
            tell(f"could not delete stack {name}: {reason}" if reason else f"deleted stack {name}")

    def _delete_targets(self, prefix: str, tell: Callable[[str], None]) -> None:
        for target in self.targets(prefix):
            key = {name: target[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
            _tell(tell, f"target {target['ResourceId']}", _try(self.scaling.deregister_scalable_target, **key))

    def _delete_configs(self, prefix: str, tell: Callable[[str], None]) -> None:
        for name in self.configs(prefix):
            reply = _try(self.sagemaker.delete_endpoint_config, EndpointConfigName=name)
            _tell(tell, f"endpoint configuration {name}", reply)

    def _delete_parameters(self, prefix: str, tell: Callable[[str], None]) -> None:
        for name in self.snapshots(prefix):
            _tell(tell, f"parameter {name}", _try(self.parameters.delete_parameter, Name=name))

    def _delete_kind(self, kind: Kind, prefix: str, tell: Callable[[str], None]) -> None:
        for name in kind.names(self, prefix):
            _tell(tell, f"{kind.what} {name}", _try(partial(kind.delete, self, name)))

    def _kinds(self) -> Sequence[Kind]:
        return [kind for kind in KINDS if not self.is_local or (kind.is_of_stacks and self.stacks)]

    def is_ours(self, item: dict[str, Any], what: str, prefix: str) -> bool:
        """Whether what SageMaker lists has our prefix and our tag."""
        if not item[f"{what}Name"].startswith(prefix):
            return False
        tags = ask(self.sagemaker.list_tags, ResourceArn=item[f"{what}Arn"])
        return bool(tags.value) and has_tag(tags.value["Tags"])

    def all(self, client: Any, operation: str, member: str, **given: Any) -> Iterator[dict[str, Any]]:
        """All items of all pages."""
        for page in client.get_paginator(operation).paginate(**given):
            yield from page[member]


def _named(target: dict[str, Any]) -> tuple[str, str]:
    """The type and the name of the resource that a target scales, in lower case."""
    kind, name = target["ResourceId"].lower().split("/")[:2]
    return kind, name


def has_tag(tags: list[dict[str, str]]) -> bool:
    """Whether our tag is among these."""
    return any(tag["Key"] == TAG for tag in tags)


def _tell(tell: Callable[[str], None], what: str, reply: Reply) -> None:
    tell(f"could not delete {what}: {reply}" if reply.code else f"deleted {what}")
