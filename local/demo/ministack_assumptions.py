"""Creates the endpoint or inference component that a resource names, if the template does not create it.

This is for `make try`: the endpoint may belong to another stack. An endpoint fits the scalable target that names it.
What is created is recorded.
"""

import contextlib
import itertools
import time
from typing import Any

from ministack.services.cloudformation import handlers, stacks

from demo import words
from demo.endpoints import ASYNCHRONOUS, INSTANCES, SERVERLESS, create_component
from demo.environment import ACCOUNT, REGION
from demo.ministack_record import Record
from demo.stage import CallError, LocalAws

Properties = dict[str, Any]


class Assumptions:
    """Creates missing resources. Remembers their configurations, because another target may need another variant."""

    def __init__(self, aws: LocalAws, record: Record) -> None:
        self._aws = aws
        self._record = record
        self._configs: dict[str, Properties] = {}
        # Short names, because the name of an endpoint may already have the maximum length.
        self._names = map("assumed-{}".format, itertools.count(1))

    def make_for_request(self, request: dict[str, Any]) -> None:
        """Creates the resources that a request for a scalable target names."""
        if request["ResourceType"] == "Custom::SageMakerScalableTarget" and request["RequestType"] != "Delete":
            self._make(request["ResourceProperties"], request["StackId"])

    def make_for_native(self, properties: Properties, stack: str) -> None:
        """Creates the resources that an `AWS::ApplicationAutoScaling::ScalableTarget` names."""
        match properties["ResourceId"].split("/"):
            case ["endpoint", endpoint, "variant", variant]:
                self._make({**properties, "EndpointName": endpoint, "VariantName": variant}, stack)
            case ["inference-component", component]:
                self._make({"InferenceComponentName": component}, stack)

    def make_for_component(self, properties: Properties, stack: str) -> None:
        """Creates the endpoint that an `AWS::SageMaker::InferenceComponent` names."""
        of_endpoint = {"EndpointName": properties.get("EndpointName"), "VariantName": properties.get("VariantName")}
        self._make({**of_endpoint, "MinCapacity": 1}, stack)

    def _make(self, properties: Properties, stack: str) -> None:
        """Creates the resources if the properties are valid. Otherwise the function reports the mistake."""
        with contextlib.suppress(CallError, AttributeError, LookupError, TypeError, ValueError):
            if component := _name(properties, "InferenceComponentName", "inference-component"):
                if component.lower() not in _own_names(stack, "InferenceComponent"):
                    self._make_component(component)
            elif (endpoint := _name(properties, "EndpointName", "endpoint")) and (
                endpoint.lower() not in _own_names(stack, "Endpoint")
            ):
                self._make_endpoint(endpoint, properties)

    def _make_endpoint(self, name: str, properties: Properties) -> None:
        config = self._configs.get(name.lower(), {"ProductionVariants": []})
        variants = config["ProductionVariants"]
        if (not variants and self._exists("Endpoint", name)) or any(
            variant["VariantName"] == properties["VariantName"] for variant in variants
        ):
            return
        of_concurrency = properties.get("ScalableDimension") == "sagemaker:variant:DesiredProvisionedConcurrency"
        kind = SERVERLESS if of_concurrency else INSTANCES
        variant = {"VariantName": properties["VariantName"], "ModelName": "model", **kind}
        actions = [action["ScalableTargetAction"] for action in properties.get("ScheduledActions", [])]
        limits = (limits.get(name) for limits in (properties, *actions) for name in ("MinCapacity", "MaxCapacity"))
        to_zero = not of_concurrency and 0 in [float(limit) for limit in limits if limit]
        config = {**config, "ProductionVariants": [*variants, variant], **(ASYNCHRONOUS if to_zero else {})}
        names = {"EndpointConfigName": next(self._names)}
        self._aws.call("SageMaker.CreateEndpointConfig", **names, **config)
        self._aws.call(f"SageMaker.{'Update' if variants else 'Create'}Endpoint", EndpointName=name, **names)
        self._configs[name.lower()] = config
        asynchronous = "asynchronous " if "AsyncInferenceConfig" in config else ""
        self._tell(f"{asynchronous}endpoint {name} is in service, with {words.variants(config['ProductionVariants'])}")

    def _make_component(self, name: str) -> None:
        if not self._exists("InferenceComponent", name):
            create_component(self._aws, name, next(self._names))
            self._tell(f"inference component {name} is in service")

    def _tell(self, what: str) -> None:
        self._record({"Time": time.time(), "Assumed": what})

    def _exists(self, kind: str, name: str) -> bool:
        try:
            self._aws.call(f"SageMaker.Describe{kind}", **{f"{kind}Name": name})
        except CallError:
            return False
        return True


def _name(properties: Properties, which: str, resource: str) -> str:
    """A name, also from an ARN of this account and Region. None if the ARN is of another one."""
    name = properties.get(which, "")
    name = name.removeprefix(f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{resource}/")
    return "" if name.startswith("arn:") else name


def _own_names(name_or_id: str, kind: str) -> set[str]:
    """The names, in lower case, of the resources of this kind that the stack or one that it is nested in creates."""
    stack: Any = handlers._resolve_stack(name_or_id)
    template = stack["_template"]
    resources = template["Resources"]
    names = (
        stacks._static_property(
            resource.get("Properties", {}).get(f"{kind}Name"),
            resources,
            stack["_resolved_params"],
            stack["_conditions"],
            template.get("Mappings", {}),
            stack["StackName"],
            stack["StackId"],
        )
        for resource in resources.values()
        if resource.get("Type") == f"AWS::SageMaker::{kind}"
    )
    of_parent = _own_names(stack["ParentId"], kind) if "ParentId" in stack else set()
    return of_parent | {name.lower() for name in names if name}
