"""The scaling that a template declares and the scaling that AWS has registered, in one form, and their differences."""

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from awscli.customizations.cloudformation.yamlhelper import yaml_parse

from conformance.account import INSTANCES, Account, ask

Scaling = dict[str, dict[str, Any]]
"""Targets by `ResourceId` and dimension, with their policies and actions by name."""

_CONCURRENCY = "sagemaker:variant:DesiredProvisionedConcurrency"
_COPIES = "sagemaker:inference-component:DesiredCopyCount"
_OWNER = ("sagemaker-scaling:stack-id", "sagemaker-scaling:logical-id")
_SUSPENDED = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
_CONFIGURATIONS = ("StepScalingPolicyConfiguration", "TargetTrackingScalingPolicyConfiguration")
_ACTION_MEMBERS = ("Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction")
_MISSING = "nothing"
_DEFAULTS: dict[str, Any] = {
    "Cooldown": 300,
    "DisableScaleIn": False,
    "MetricAggregationType": "Average",
    "ReturnData": True,
    "ScaleInCooldown": 300,
    "ScaleOutCooldown": 300,
    "Timezone": "UTC",
}
"""Values that AWS may show for members that a template omits.

https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepScalingPolicyConfiguration.html
https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingScalingPolicyConfiguration.html
https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html
"""


class Template:
    """A template with values for its parameters. Resolves the intrinsic functions that need only these values."""

    def __init__(self, text: str, parameters: Mapping[str, str], **pseudo: str) -> None:
        document = yaml_parse(text)
        defaults = {name: each.get("Default") for name, each in document.get("Parameters", {}).items()}
        self._values: dict[str, Any] = {**defaults, **parameters}
        self._values |= {f"AWS::{name}": value for name, value in pseudo.items()}
        self._resources: dict[str, Any] = document["Resources"]

    def of_type(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The resources of a type: logical id, and resolved properties."""
        for logical_id, resource in self._resources.items():
            if resource["Type"] == name:
                yield logical_id, {key: self.resolve(value) for key, value in resource["Properties"].items()}

    def resolve(self, value: Any) -> Any:
        """The value of an expression. What depends on a resource's creation stays as it is."""
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        match [*value.items()]:
            case [("Ref", name)]:
                return self._values.get(name, value)
            case [("Fn::GetAtt", [resource, attribute])]:
                properties = self._resources[resource].get("Properties", {})
                return self.resolve(properties[attribute]) if attribute in properties else value
            case [("Fn::Sub", str() as text)]:
                return self._substituted(text, {})
            case [("Fn::Sub", [text, more])]:
                return self._substituted(text, more)
        return {key: self.resolve(item) for key, item in value.items()}

    def _substituted(self, text: str, more: Mapping[str, Any]) -> str:
        values = {**self._values, **more}
        return re.sub(r"\$\{([\w:]+)\}", lambda found: str(values[found[1]]), text)


def declared(template: Template, stack_id: str) -> Scaling:
    """What a stack of this template declares."""
    found: Scaling = {}
    for logical_id, given in template.of_type("Custom::SageMakerScalableTarget"):
        if component := given.get("InferenceComponentName"):
            resource, dimension = f"inference-component/{component}", _COPIES
        else:
            resource = f"endpoint/{given['EndpointName']}/variant/{given['VariantName']}"
            dimension = given.get("ScalableDimension", INSTANCES)
        owner = dict(zip(_OWNER, (stack_id, logical_id), strict=True))
        target = _target(given, given.get("ScalingPolicies", []), owner)
        found[_key(resource, dimension)] = target
    for logical_id, given in template.of_type("AWS::ApplicationAutoScaling::ScalableTarget"):
        policies = [
            policy
            for _, policy in template.of_type("AWS::ApplicationAutoScaling::ScalingPolicy")
            if policy["ScalingTargetId"] == {"Ref": logical_id}
        ]
        found[_key(given["ResourceId"], given["ScalableDimension"])] = _target(given, policies, {})
    return found


def registered(account: Account, prefix: str) -> Scaling:
    """What AWS has registered for endpoints and inference components whose names begin with a prefix."""
    found: Scaling = {}
    listed = {
        "ScalingPolicies": _listed(account, "describe_scaling_policies", "ScalingPolicies"),
        "ScheduledActions": _listed(account, "describe_scheduled_actions", "ScheduledActions"),
    }
    for target in account.named_targets(prefix):
        # A target that is just being deregistered may still be listed.
        reply = ask(account.scaling.list_tags_for_resource, ResourceARN=target["ScalableTargetARN"])
        tags = reply.value["Tags"] if reply.value else {}
        of_target = {what: [item for item in items if _is_of(item, target)] for what, items in listed.items()}
        owner = {key: tags[key] for key in _OWNER if key in tags}
        given = {**target, "ScheduledActions": of_target["ScheduledActions"]}
        key = _key(target["ResourceId"], target["ScalableDimension"])
        found[key] = _target(given, of_target["ScalingPolicies"], owner)
    return found


def declared_alarms(template: Template) -> dict[str, list[str]]:
    """The policies that the alarms of a template invoke, by the alarms' logical ids."""
    return {
        logical_id: [_policy_name(template, action) for action in given["AlarmActions"]]
        for logical_id, given in template.of_type("AWS::CloudWatch::Alarm")
        if "AlarmActions" in given
    }


def registered_alarms(account: Account, resources: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The policies that the alarms among the resources of a stack invoke, by the alarms' logical ids."""
    policies = _listed(account, "describe_scaling_policies", "ScalingPolicies")
    names = {policy["PolicyARN"]: policy["PolicyName"] for policy in policies}
    found = {}
    for resource in resources:
        if resource["ResourceType"] == "AWS::CloudWatch::Alarm":
            describe = account.of_stacks("cloudwatch").describe_alarms
            alarms = describe(AlarmNames=[resource["PhysicalResourceId"]])["MetricAlarms"]
            if alarms and (actions := alarms[0]["AlarmActions"]):
                found[resource["LogicalResourceId"]] = [names.get(action, action) for action in actions]
    return found


def declared_endpoints(template: Template) -> dict[str, dict[str, list[str]]]:
    """The instance types of each variant of a template's endpoints."""
    configs = [given for _, given in template.of_type("AWS::SageMaker::EndpointConfig")]
    return {
        given["EndpointName"]: _instance_types(configs[0]["ProductionVariants"])
        for _, given in template.of_type("AWS::SageMaker::Endpoint")
    }


def registered_endpoints(account: Account, names: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """The instance types of each variant of those endpoints that are in service."""
    found = {}
    for name in names:
        if account.status(name) == "InService":
            config = account.sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
            described = account.sagemaker.describe_endpoint_config(EndpointConfigName=config)
            found[name] = _instance_types(described["ProductionVariants"])
    return found


def differences(expected: Any, found: Any, path: str = "") -> list[str]:
    """The differences between what AWS has and what is declared, each with its path."""
    if isinstance(expected, dict) and isinstance(found, dict):
        unequal = []
        for name in [*expected, *(name for name in found if name not in expected)]:
            if name not in expected and name in _DEFAULTS and found[name] == _DEFAULTS[name]:
                continue
            unequal += differences(expected.get(name, _MISSING), found.get(name, _MISSING), f"{path}.{name}")
        return unequal
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(sorted(expected, key=_order), sorted(found, key=_order), strict=True))
        return [each for index, pair in pairs for each in differences(*pair, f"{path}[{index}]")]
    return [] if expected == found else [f"{path.removeprefix('.')}: declared {expected}, on AWS {found}"]


def counted(scaling: Scaling) -> str:
    """The counts of targets, policies and actions, as a text."""
    counts = (
        (len(scaling), "target"),
        (sum(len(target["ScalingPolicies"]) for target in scaling.values()), "policy"),
        (sum(len(target["ScheduledActions"]) for target in scaling.values()), "action"),
    )
    plural: Mapping[str, str] = {"policy": "policies"}
    return ", ".join(f"{count} {what if count == 1 else plural.get(what, what + 's')}" for count, what in counts)


def _listed(account: Account, operation: str, member: str) -> list[dict[str, Any]]:
    return [*account.all(account.scaling, operation, member, ServiceNamespace="sagemaker")]


def _target(given: Mapping[str, Any], policies: list[dict[str, Any]], owner: Mapping[str, str]) -> dict[str, Any]:
    suspended = given.get("SuspendedState", {})
    return {
        "MinCapacity": int(given["MinCapacity"]),
        "MaxCapacity": int(given["MaxCapacity"]),
        "SuspendedState": {flag: suspended.get(flag, False) for flag in _SUSPENDED},
        "Owner": dict(owner),
        "ScalingPolicies": {policy["PolicyName"]: _policy(policy) for policy in policies},
        "ScheduledActions": {
            action["ScheduledActionName"]: _timed({name: action[name] for name in _ACTION_MEMBERS if name in action})
            for action in given.get("ScheduledActions", [])
        },
    }


def _policy(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in ("PolicyType", *_CONFIGURATIONS) if name in given}


def _policy_name(template: Template, action: Any) -> str:
    """The policy whose ARN an alarm of a template gets."""
    match action:
        case {"Fn::GetAtt": [resource, attribute]}:
            scaling = dict(template.of_type("Custom::SageMakerScalableTarget"))[resource]
            names = [str(policy["PolicyName"]) for policy in scaling["ScalingPolicies"]]
            which = attribute.removeprefix("PolicyARN")
            return names[int(which) - 1] if which.isdecimal() else str(which.removeprefix("."))
        case {"Ref": resource}:
            policies = dict(template.of_type("AWS::ApplicationAutoScaling::ScalingPolicy"))
            return str(policies[resource]["PolicyName"])
    raise ValueError(f"unknown action of an alarm: {action}")


def _instance_types(variants: list[dict[str, Any]]) -> dict[str, list[str]]:
    return {
        variant["VariantName"]: [pool["InstanceType"] for pool in variant.get("InstancePools", [variant])]
        for variant in variants
    }


def _timed(action: dict[str, Any]) -> dict[str, Any]:
    """The action, with its times as texts."""
    return {
        name: value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        if isinstance(value, datetime.datetime)
        else value
        for name, value in action.items()
    }


def _order(item: Any) -> str:
    """The order of a list's items, which AWS may change: dimensions have a name, metrics an id."""
    if isinstance(item, dict):
        return str(item.get("Name", item.get("Id", sorted(item.items()))))
    return str(item)


def _key(resource: str, dimension: str) -> str:
    return f"{resource}|{dimension}"


def _is_of(item: Mapping[str, Any], target: Mapping[str, Any]) -> bool:
    return all(item[name] == target[name] for name in ("ResourceId", "ScalableDimension"))
