"""What a check works with: one endpoint for all checks of a run, and calls that name only resources of the run."""

import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from conformance import models
from conformance.account import PARAMETERS, PREFIX, TAG, VARIANT, Account, Reply, UnclearError, ask
from conformance.subject import Subject

SMALL = "ml.m5.large"
"""The instance type of the endpoint. It is the smallest that scales and that most models run on."""
OTHER = "ml.c5.large"
"""A type that the endpoint is asked to change to, and that SageMaker is expected to refuse."""
BURSTABLE = "ml.t2.medium"
"""A type that AWS is expected not to scale. It is the smallest of all."""
BURSTABLE_VARIANT = "burstable"
POOLS = ({"InstanceType": SMALL, "Priority": 1}, {"InstanceType": OTHER, "Priority": 2})
VISIBLE_SECONDS = 6.0
"""After how many seconds every read is believed to show a change. A test compares it with src/timing.rs."""
_RETRY_SECONDS = 12
_MEGABYTES = 3_072
"""Half of the largest memory of a serverless variant."""


class Scene:
    """The resources of one run."""

    def __init__(self, account: Account, model: str) -> None:
        self.account = account
        self.run = secrets.token_hex(4)
        self.prefix = f"{PREFIX}{self.run}"
        self.endpoint = self.prefix
        self.missing = f"{self.prefix}-missing"
        self.serverless = f"{self.prefix}-serverless"
        self.hosting = f"{self.prefix}-hosting"
        self.component = f"{self.prefix}-component"
        self._model = model
        self._made: Reply | None = None

    def subject(self, endpoint: str = "") -> Subject:
        """The variant of an endpoint, which is the first one if no other is named."""
        return Subject(self.account, f"endpoint/{endpoint or self.endpoint}/variant/{VARIANT}")

    def key(self, endpoint: str = "") -> dict[str, str]:
        """The members that name the target of the variant."""
        return self.subject(endpoint).key()

    def register(self, endpoint: str = "", **members: Any) -> Reply:
        """Registers the variant, from 1 to 1 if nothing else is given."""
        return self.subject(endpoint).register(**members)

    def update(self, **members: Any) -> Reply:
        """Registers the variant again, with these members only."""
        return ask(self.account.scaling.register_scalable_target, **self.key(), **members)

    def deregister(self, endpoint: str = "") -> Reply:
        """Deregisters the variant."""
        return self.subject(endpoint).deregister()

    def registered(self, **members: Any) -> AbstractContextManager[str]:
        """Registers the variant for a block, which gets its ARN."""
        return self.subject().registered(**members)

    def model(self) -> str:
        """The model that the endpoints run. Makes one if the user has named none."""
        if self._model:
            return self._model
        name = f"{self.prefix}-model"
        self._made = self._made or models.make(self.account, name, self.tagged())
        self.must(self._made)
        return name

    def serverless_variant(self, requests: int = 1) -> dict[str, Any]:
        """A serverless variant with this maximum concurrency, for an endpoint configuration."""
        serverless = {"MemorySizeInMB": _MEGABYTES, "MaxConcurrency": requests, "ProvisionedConcurrency": 1}
        return {"VariantName": VARIANT, "ModelName": self.model(), "ServerlessConfig": serverless}

    def create_serverless(self) -> None:
        """Creates the serverless endpoint, and waits until it is in service."""
        self._create_other(self.serverless, self.serverless_variant())

    def create_component(self) -> None:
        """Creates the endpoint of the inference component, then the component, and waits until they are in service."""
        role = models.role_of(self.account, self.model())
        scaling = {"MinInstanceCount": 1, "MaxInstanceCount": 1}
        hosting = {"VariantName": VARIANT, "InstanceType": SMALL, "InitialInstanceCount": 1}
        self._create_other(self.hosting, {**hosting, "ManagedInstanceScaling": scaling}, ExecutionRoleArn=role)
        needs = {"NumberOfCpuCoresRequired": 1.0, "MinMemoryRequiredInMb": 2_048}
        specification = {"ModelName": self.model(), "ComputeResourceRequirements": needs}
        names = {"InferenceComponentName": self.component, "EndpointName": self.hosting, "VariantName": VARIANT}
        copies = {"RuntimeConfig": {"CopyCount": 1}, "Tags": self.tagged()}
        create = self.account.sagemaker.create_inference_component
        self.must(ask(create, **names, Specification=specification, **copies))
        status = self.account.settle_component(self.component)
        if status != "InService":
            raise UnclearError(f"the inference component is {status or 'missing'}, and not in service")

    def _create_other(self, endpoint: str, *variants: dict[str, Any], **members: Any) -> None:
        """Deletes the other endpoints, so that one runs at a time, and creates this one."""
        self.account.delete_endpoints(self.prefix)
        config = endpoint.removeprefix(f"{self.prefix}-")
        self.must(self.try_config(config, *variants, **members))
        given = {"EndpointName": endpoint, "EndpointConfigName": self.config_name(config), "Tags": self.tagged()}
        self.must(ask(self.account.sagemaker.create_endpoint, **given))
        self.in_service(endpoint)

    def described(self, endpoint: str = "") -> list[dict[str, Any]]:
        """The target as DescribeScalableTargets shows it: none or one."""
        return self.subject(endpoint).described()

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of a target; none if it is not visible."""
        reply = ask(self.account.scaling.list_tags_for_resource, ResourceARN=arn)
        return dict(reply.value["Tags"]) if reply.value else {}

    def put(self, operation: str, **members: Any) -> Reply:
        """Puts a policy or an action. Retries while the target is not visible to the call."""
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

    def variant(self, name: str = VARIANT, **members: Any) -> dict[str, Any]:
        """A variant of one instance for an endpoint configuration."""
        return {"VariantName": name, "ModelName": self.model(), "InitialInstanceCount": 1, **members}

    def config(self, suffix: str, instance_type: str = SMALL, variant: str = VARIANT) -> str:
        """Creates an endpoint configuration of one variant on an instance type. Returns its name."""
        self.must(self.try_config(suffix, self.variant(variant, InstanceType=instance_type)))
        return self.config_name(suffix)

    def try_config(self, suffix: str, *variants: dict[str, Any], **members: Any) -> Reply:
        """Creates an endpoint configuration."""
        given = {"EndpointConfigName": self.config_name(suffix), "ProductionVariants": variants, **members}
        return ask(self.account.sagemaker.create_endpoint_config, **given, Tags=self.tagged())

    def config_name(self, suffix: str) -> str:
        """The name of an endpoint configuration of the run."""
        return f"{self.prefix}-{suffix}"

    def create_endpoint(self) -> None:
        """Begins to create the endpoint."""
        given = {"EndpointName": self.endpoint, "EndpointConfigName": self.config("small"), "Tags": self.tagged()}
        self.must(ask(self.account.sagemaker.create_endpoint, **given))

    def update_endpoint(self, config: str, **members: Any) -> Reply:
        """Begins to update the endpoint."""
        update = self.account.sagemaker.update_endpoint
        return ask(update, EndpointName=self.endpoint, EndpointConfigName=config, **members)

    def update_to(self, suffix: str, *variants: dict[str, Any]) -> None:
        """Updates the endpoint to a new configuration, and waits until it is in service."""
        self.in_service()
        self.must(self.try_config(suffix, *variants))
        self.must(self.update_endpoint(self.config_name(suffix)))
        self.in_service()

    def in_service(self, endpoint: str = "") -> None:
        """Waits until an endpoint is in service."""
        status = self.account.settle(endpoint or self.endpoint)
        if status != "InService":
            raise UnclearError(f"the endpoint is {status or 'missing'}, and not in service")

    def tagged(self) -> list[dict[str, str]]:
        """The tag of everything."""
        return [{"Key": TAG, "Value": self.run}]

    def soon(self, is_so: Callable[[], bool]) -> float | None:
        """Waits until something is so, at most as long as AWS may take to show it."""
        return self.until(is_so, VISIBLE_SECONDS)

    def until(self, is_so: Callable[[], bool], seconds: float) -> float | None:
        """Waits until something is so. Returns after how many seconds it was, or `None`."""
        began = time.monotonic()
        while not is_so():
            if time.monotonic() - began > seconds:
                return None
            time.sleep(0.1)
        return time.monotonic() - began
