"""What a check works with: one endpoint for all checks of a run, and calls that name only resources of the run."""

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

from conformance.account import INSTANCES, PARAMETERS, PREFIX, TAG, VARIANT, Account, Reply, ask

SMALL = "ml.m5.large"
"""The instance type of the endpoint. It is the smallest that scales and that most models run on."""
OTHER = "ml.c5.large"
"""A type that the endpoint is asked to change to, and that SageMaker is expected to refuse."""
VISIBLE_SECONDS = 6.0
"""How soon every read is believed to show a change. A test compares it with src/timing.rs."""
_RETRY_SECONDS = 12


class UnclearError(Exception):
    """A belief cannot be checked. The message says why."""


class Scene:
    """The resources of one run."""

    def __init__(self, account: Account, model: str) -> None:
        self.account = account
        self.run = secrets.token_hex(4)
        self.prefix = f"{PREFIX}{self.run}"
        self.endpoint = self.prefix
        self.missing = f"{self.prefix}-missing"
        self._model = model

    def key(self, endpoint: str = "") -> dict[str, str]:
        """The members that name the target of the variant."""
        resource = f"endpoint/{endpoint or self.endpoint}/variant/{VARIANT}"
        return {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": INSTANCES}

    def register(self, endpoint: str = "", **members: Any) -> Reply:
        """Registers the variant, from 1 to 1 if nothing else is given."""
        given = {"MinCapacity": 1, "MaxCapacity": 1, **members}
        return ask(self.account.scaling.register_scalable_target, **self.key(endpoint), **given)

    def update(self, **members: Any) -> Reply:
        """Registers the variant again, with these members only."""
        return ask(self.account.scaling.register_scalable_target, **self.key(), **members)

    def deregister(self, endpoint: str = "") -> Reply:
        """Deregisters the variant."""
        return ask(self.account.scaling.deregister_scalable_target, **self.key(endpoint))

    @contextlib.contextmanager
    def registered(self, **members: Any) -> Iterator[str]:
        """Registers the variant for a block, which gets its ARN."""
        reply = self.register(**members)
        if reply.code:
            raise UnclearError(f"RegisterScalableTarget: {reply}")
        try:
            yield reply.value["ScalableTargetARN"]
        finally:
            self.deregister()

    def described(self, endpoint: str = "") -> list[dict[str, Any]]:
        """The target as DescribeScalableTargets shows it: none or one."""
        key = self.key(endpoint)
        described: list[dict[str, Any]] = self.account.scaling.describe_scalable_targets(
            ServiceNamespace="sagemaker",
            ResourceIds=[key["ResourceId"]],
            ScalableDimension=key["ScalableDimension"],
        )["ScalableTargets"]
        return described

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of a target; none if it is not visible."""
        reply = ask(self.account.scaling.list_tags_for_resource, ResourceARN=arn)
        return dict(reply.value["Tags"]) if reply.value else {}

    def put(self, operation: str, **members: Any) -> Reply:
        """Puts a policy or an action. A target that is not visible to the call yet is waited for."""
        deadline = time.monotonic() + _RETRY_SECONDS
        while True:
            reply = ask(getattr(self.account.scaling, operation), **self.key(), **members)
            if reply.code != "ObjectNotFoundException" or time.monotonic() > deadline:
                return reply
            time.sleep(self.account.pause / 10)

    def must(self, reply: Reply) -> Any:
        """The value of a reply that has to be a success."""
        if reply.code:
            raise UnclearError(str(reply))
        return reply.value

    def parameter(self) -> str:
        """The name of the parameter of the run."""
        return f"{PARAMETERS}/{self.prefix}"

    def config(self, suffix: str, instance_type: str = SMALL, variant: str = VARIANT) -> str:
        """Creates an endpoint configuration. Returns its name."""
        name = f"{self.prefix}-{suffix}"
        production = {
            "VariantName": variant,
            "ModelName": self._model,
            "InstanceType": instance_type,
            "InitialInstanceCount": 1,
        }
        create = self.account.sagemaker.create_endpoint_config
        self.must(ask(create, EndpointConfigName=name, ProductionVariants=[production], Tags=self.tagged()))
        return name

    def create_endpoint(self) -> None:
        """Begins to create the endpoint."""
        given = {"EndpointName": self.endpoint, "EndpointConfigName": self.config("small"), "Tags": self.tagged()}
        self.must(ask(self.account.sagemaker.create_endpoint, **given))

    def update_endpoint(self, config: str) -> Reply:
        """Begins to update the endpoint."""
        return ask(self.account.sagemaker.update_endpoint, EndpointName=self.endpoint, EndpointConfigName=config)

    def delete_endpoint(self) -> Reply:
        """Begins to delete the endpoint."""
        return ask(self.account.sagemaker.delete_endpoint, EndpointName=self.endpoint)

    def in_service(self) -> None:
        """Waits until the endpoint is in service."""
        status = self.account.settle(self.endpoint)
        if status != "InService":
            raise UnclearError(f"the endpoint is {status or 'missing'}, and not in service")

    def tagged(self) -> list[dict[str, str]]:
        """The tag of everything."""
        return [{"Key": TAG, "Value": self.run}]

    def soon(self, is_so: Callable[[], bool]) -> float | None:
        """Looks until something is so, as long as AWS may take to show it."""
        return self.until(is_so, VISIBLE_SECONDS)

    def until(self, is_so: Callable[[], bool], seconds: float) -> float | None:
        """Looks until something is so. Returns after how many seconds it was, or `None`."""
        began = time.monotonic()
        while not is_so():
            if time.monotonic() - began > seconds:
                return None
            time.sleep(0.1)
        return time.monotonic() - began
