"""SageMaker's resource types for MiniStack's CloudFormation, which lacks them: they call the local AWS.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-endpoint.html and its
neighbours. The local AWS has no models, so a model is only a name.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import handlers, provisioners, stacks

from demo.environment import ACCOUNT, REGION
from demo.ministack_record import RecordedAws

Properties = dict[str, Any]
Made = tuple[str, dict[str, str]]
"""A physical id, which is an ARN, and the attributes."""
Listener = Callable[[Properties, str], None]
"""A function that gets the properties of an inference component and its stack, before the component is created."""

_PREFIX = "AWS::SageMaker::"
_OF_AN_UPDATE = ("DeploymentConfig", "RetainAllVariantProperties", "RetainDeploymentConfig")
_CHANGING = ("Creating", "Deleting", "Updating")


class Handlers:
    """The functions that MiniStack calls for a resource type."""

    def __init__(self, aws: RecordedAws, before: Listener) -> None:
        self._aws = aws
        self._before = before

    def install(self) -> None:
        """Adds the types to those of MiniStack. The internal names are those of the pinned version."""
        known: Any = provisioners._RESOURCE_HANDLERS
        for name, create, update, delete in (
            ("Model", self._create_model, None, self._delete_model),
            ("EndpointConfig", self._create_config, None, self._delete_config),
            ("Endpoint", self._create_endpoint, self._update_endpoint, self._delete_endpoint),
        ):
            known[_PREFIX + name] = {
                "create": create,
                # A change of any property of a model or a configuration replaces it.
                "update": update or _replacement(create),
                "update_with_logical_id": True,
                "delete": delete,
            }
        known[_PREFIX + "InferenceComponent"] = {
            "create": self._create_component,
            "update": self._update_component,
            "delete": self._delete_component,
        }
        blocks: Any = stacks._runs_on_worker_thread
        stacks._runs_on_worker_thread = lambda name: name.startswith(_PREFIX) or blocks(name)

    def _create_model(self, logical_id: str, properties: Properties, stack: str) -> Made:
        return _made("Model", properties.get("ModelName") or _new_name(logical_id))

    def _delete_model(self, arn: str, properties: Properties) -> None:
        pass

    def _create_config(self, logical_id: str, properties: Properties, stack: str) -> Made:
        name = properties.get("EndpointConfigName") or _new_name(logical_id)
        self._call("CreateEndpointConfig", **{"EndpointConfigName": name, **properties, **_tags(properties, stack)})
        return _made("EndpointConfig", name)

    def _delete_config(self, arn: str, properties: Properties) -> None:
        self._call("DeleteEndpointConfig", EndpointConfigName=_name(arn))

    def _create_endpoint(self, logical_id: str, properties: Properties, stack: str) -> Made:
        name = properties.get("EndpointName") or _new_name(logical_id)
        config = properties["EndpointConfigName"]
        self._call("CreateEndpoint", EndpointName=name, EndpointConfigName=config, **_tags(properties, stack))
        self._wait(name, config)
        return _made("Endpoint", name)

    def _update_endpoint(self, arn: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Made:
        if old.get("EndpointName") != new.get("EndpointName"):
            return self._create_endpoint(logical_id, new, stack)
        name = new.get("EndpointName") or _name(arn)
        config = new["EndpointConfigName"]
        if old["EndpointConfigName"] != config:
            given = {member: new[member] for member in _OF_AN_UPDATE if member in new}
            self._call("UpdateEndpoint", EndpointName=name, EndpointConfigName=config, **given)
            self._wait(name, config)
        return _made("Endpoint", name)

    def _delete_endpoint(self, arn: str, properties: Properties) -> None:
        self._call("DeleteEndpoint", EndpointName=_name(arn))

    def _create_component(self, logical_id: str, properties: Properties, stack: str) -> Made:
        self._before(properties, stack)
        name = properties.get("InferenceComponentName") or _new_name(logical_id)
        given = {member: value for member, value in properties.items() if member != "DeploymentConfig"}
        made = self._call("CreateInferenceComponent", **{**given, "InferenceComponentName": name})
        described = self._call("DescribeInferenceComponent", InferenceComponentName=name)
        attributes = {f"RuntimeConfig.{member}": str(value) for member, value in described["RuntimeConfig"].items()}
        attributes |= {member: described[member] for member in ("InferenceComponentArn", "InferenceComponentStatus")}
        return made["InferenceComponentArn"], attributes

    def _update_component(self, arn: str, old: Properties, new: Properties, stack: str) -> Made:
        raise RuntimeError("CloudFormation on this machine cannot update an inference component")

    def _delete_component(self, arn: str, properties: Properties) -> None:
        self._call("DeleteInferenceComponent", InferenceComponentName=_name(arn))

    def _wait(self, name: str, config: str) -> None:
        """Waits until an endpoint runs a configuration, and fails if it then runs another one."""
        while (endpoint := self._call("DescribeEndpoint", EndpointName=name))["EndpointStatus"] in _CHANGING:
            time.sleep(0.2)
        # SageMaker treats names that differ in letter case as one.
        if endpoint["EndpointStatus"] != "InService" or endpoint["EndpointConfigName"].lower() != config.lower():
            raise RuntimeError(f"endpoint {name} does not run {config}: {endpoint.get('FailureReason')}")

    def _call(self, operation: str, **members: Any) -> Any:
        return self._aws.call_for_resource(f"SageMaker.{operation}", **members)


def _tags(properties: Properties, stack: str) -> Properties:
    """The tags of a resource, and those of its stack, which CloudFormation propagates to many types of resources.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html
    """
    of_stack: Any = handlers._resolve_stack(stack)
    tags = {tag["Key"]: tag for tag in [*of_stack.get("Tags", []), *properties.get("Tags", [])]}
    return {"Tags": [*tags.values()]} if tags else {}


def _replacement(create: Callable[[str, Properties, str], Made]) -> Callable[..., Made]:
    """An update that creates a new resource. MiniStack deletes the old one in its clean-up."""
    return lambda arn, old, new, stack, logical_id: create(logical_id, new, stack)


def _made(kind: str, name: str) -> Made:
    resource = {"Model": "model", "EndpointConfig": "endpoint-config", "Endpoint": "endpoint"}[kind]
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{resource}/{name.lower()}", {f"{kind}Name": name}


def _new_name(logical_id: str) -> str:
    """A name in the form that CloudFormation generates."""
    return f"{logical_id}-{secrets.token_hex(6)}"


def _name(arn: str) -> str:
    """The name in an ARN. That of an endpoint or a configuration is in lower case, which calls accept."""
    return arn.rpartition("/")[2]
