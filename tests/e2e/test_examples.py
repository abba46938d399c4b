"""Each template of examples/ as a real stack: what it makes, that its alarms find their policy, and that it goes."""

import unittest
from dataclasses import dataclass
from typing import Any

from demo.endpoints import (
    ASYNCHRONOUS_ENDPOINT,
    COMPONENT,
    ENDPOINT,
    SERVERLESS_ENDPOINT,
    create_endpoint,
    create_other_endpoints,
)
from demo.environment import ROOT
from demo.stacks import example
from demo.updates import ENDPOINT as WHOLE_ENDPOINT
from demo.updates import PARAMETERS
from support import StackTestCase


@dataclass(frozen=True)
class Example:
    """What comes of one template."""

    parameters: dict[str, str]
    target: tuple[str, str, int, int]
    """Resource, dimension, minimum, maximum."""
    policies: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    """The policies that alarms set off."""


def of_variant(*policies: str, endpoint: str = ENDPOINT, kind: str = "DesiredInstanceCount", **more: Any) -> Example:
    """An example that scales a variant."""
    capacities = more.pop("capacities", (1, 4))
    return Example(
        {"EndpointName": endpoint, "VariantName": "MyVariant"},
        (f"endpoint/{endpoint}/variant/MyVariant", f"sagemaker:variant:{kind}", *capacities),
        policies,
        **more,
    )


EXAMPLES = {
    "minimal": of_variant(),
    "target-tracking-predefined": of_variant("SageMakerEndpointInvocationScalingPolicy"),
    "target-tracking-customized": of_variant("CPUUtilization"),
    "target-tracking-metric-math": of_variant("BusySecondsPerInstance"),
    "asynchronous-to-zero": of_variant(
        "Backlog", "FromZero", endpoint=ASYNCHRONOUS_ENDPOINT, capacities=(0, 4), alarms=("FromZero",)
    ),
    "scheduled-actions": of_variant(actions=("Evening", "Launch", "Morning", "Newsletter")),
    "serverless-concurrency": of_variant(
        "Utilization", endpoint=SERVERLESS_ENDPOINT, kind="DesiredProvisionedConcurrency", capacities=(1, 10)
    ),
    "inference-component-to-zero": Example(
        {"InferenceComponentName": COMPONENT},
        (f"inference-component/{COMPONENT}", "sagemaker:inference-component:DesiredCopyCount", 0, 4),
        ("FromZero", "InvocationsPerCopy"),
        alarms=("FromZero",),
    ),
    "endpoint-with-scaling": Example(
        PARAMETERS,
        (f"endpoint/{WHOLE_ENDPOINT}/variant/AllTraffic", "sagemaker:variant:DesiredInstanceCount", 1, 4),
        ("SageMakerEndpointInvocationScalingPolicy",),
        ("Evening", "Morning"),
    ),
}


class Examples(StackTestCase):
    """On the endpoints of the requests of events/, or with an endpoint of its own."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        create_endpoint(cls.world.local_aws)
        create_other_endpoints(cls.world.local_aws)

    def test_every_template_has_its_case(self) -> None:
        self.assertEqual(sorted(file.stem for file in (ROOT / "examples").glob("*.yaml")), sorted(EXAMPLES))

    def test_every_template_works_and_leaves_nothing_when_it_is_deleted(self) -> None:
        for name, case in EXAMPLES.items():
            with self.subTest(name):
                created = self.world.stacks.create(name, example(name), **case.parameters)
                try:
                    self.assertEqual(created.status, "CREATE_COMPLETE", created.failures())
                    self.check(case)
                finally:
                    deleted = self.world.stacks.delete(name)
                self.assertEqual(deleted.status, "DELETE_COMPLETE", deleted.failures())
                self.assertEqual((self.world.targets(), self.described("Policies"), self.alarms()), ([], {}, []))

    def check(self, case: Example) -> None:
        """Whether AWS shows what is wanted."""
        members = ("ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity")
        targets = [tuple(target[member] for member in members) for target in self.world.targets()]
        self.assertEqual(targets, [case.target])
        policies = self.described("Policies")
        self.assertEqual(tuple(policies), case.policies)
        self.assertEqual(tuple(self.described("Actions")), case.actions)
        set_off = [policies[name]["PolicyARN"] for name in case.alarms]
        self.assertEqual([alarm["AlarmActions"] for alarm in self.alarms()], [[arn] for arn in set_off])

    def described(self, what: str) -> dict[str, dict[str, Any]]:
        """The policies or actions, by name."""
        kind, name = {"Policies": ("Scaling", "PolicyName"), "Actions": ("Scheduled", "ScheduledActionName")}[what]
        call = f"AnyScaleFrontendService.Describe{kind}{what}"
        items = self.world.local_aws.call(call, ServiceNamespace="sagemaker")[f"{kind}{what}"]
        return {item[name]: item for item in items}

    def alarms(self) -> list[dict[str, Any]]:
        """CloudWatch's alarms."""
        alarms: list[dict[str, Any]] = self.world.cli.run("aws cloudwatch describe-alarms")["MetricAlarms"]
        return alarms


if __name__ == "__main__":
    unittest.main()
