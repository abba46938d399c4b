"""Sends every request of events/ with `cargo lambda invoke`, and checks the answer and the state afterwards.

`cargo lambda watch` gives every request a deadline in 1970, so these are the tests of that, too.
"""

import shutil
import unittest
from dataclasses import dataclass, field
from typing import Any

from demo.endpoints import (
    ASYNCHRONOUS_ENDPOINT,
    COMPONENT,
    ENDPOINT,
    LARGER_CONFIG,
    POOLED_ENDPOINT,
    SERVERLESS_ENDPOINT,
    create_endpoint,
    create_other_endpoints,
)
from support import EVENTS, FunctionTestCase, advice, event, runbook

Targets = dict[str, tuple[int, int]]
DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def target_id(variant: str, endpoint: str = ENDPOINT, dimension: str = DIMENSION) -> str:
    """The physical id of a registered variant."""
    return f"endpoint/{endpoint}/variant/{variant}|{dimension}|sagemaker"


def gate_id(config: str) -> str:
    """The physical id of the endpoint's gate."""
    return f"endpoint/{ENDPOINT}/config/{config}|update-gate"


@dataclass(frozen=True)
class Case:
    """The expected result of one file."""

    after: tuple[str, ...] = ()
    """The files sent before it."""
    by_hand: Targets = field(default_factory=dict)
    """Targets that were registered by hand before, without tags."""
    status: str = "SUCCESS"
    reason: tuple[str, ...] = ()
    """Texts that the reason must contain."""
    physical_id: str = target_id("MyVariant")
    leaves: Targets = field(default_factory=dict)
    """The variants or components that are registered afterwards."""
    snapshots: tuple[str, ...] = ()
    """The variants that have a snapshot afterwards."""


def refused(*reason: str) -> Case:
    """A Create that fails, and changes nothing."""
    return Case(status="FAILED", reason=reason, physical_id="not-registered|Scaling")


CREATED: Targets = {"MyVariant": (1, 8)}
CONFIG = f"{ENDPOINT}-config"
SCALED_BEHIND_A_GATE = ("create-with-policies-and-actions", "gate-create")
NOT_FROM_TEMPLATES = ("bad-request-type", "bad-properties-not-an-object")
"""CloudFormation does not send such requests, so README has no advice for them."""
CASES = {
    "create": Case(leaves=CREATED),
    # SageMaker's ARNs have endpoint names in lower case, and the target has the endpoint's own spelling.
    "create-with-endpoint-arn": Case(leaves=CREATED),
    "create-with-suspended-state-and-tags": Case(leaves=CREATED),
    "create-adopt": Case(by_hand={"MyVariant": (3, 4)}, leaves=CREATED),
    "create-adopt-with-policies": Case(by_hand={"MyVariant": (3, 4)}, leaves=CREATED),
    "create-other-variant": Case(
        after=("create",), physical_id=target_id("MyOtherVariant"), leaves={**CREATED, "MyOtherVariant": (1, 2)}
    ),
    "create-behind-gate": Case(after=("gate-create",), leaves=CREATED),
    "create-with-target-tracking": Case(leaves=CREATED),
    "create-with-customized-metric": Case(leaves=CREATED),
    "create-with-metric-math": Case(leaves=CREATED),
    "create-with-step-scaling": Case(
        physical_id=target_id("MyVariant", ASYNCHRONOUS_ENDPOINT), leaves={"MyVariant": (0, 4)}
    ),
    "create-with-scheduled-actions": Case(leaves=CREATED),
    "create-with-policies-and-actions": Case(leaves=CREATED),
    "create-on-instance-pools": Case(
        physical_id=target_id("MyVariant", POOLED_ENDPOINT), leaves={"MyVariant": (1, 10)}
    ),
    "create-provisioned-concurrency": Case(
        physical_id=target_id("MyVariant", SERVERLESS_ENDPOINT, "sagemaker:variant:DesiredProvisionedConcurrency"),
        leaves={"MyVariant": (1, 10)},
    ),
    "create-inference-component": Case(
        physical_id=f"inference-component/{COMPONENT}|sagemaker:inference-component:DesiredCopyCount|sagemaker",
        leaves={COMPONENT: (0, 4)},
    ),
    "update-policies": Case(after=("create-with-policies-and-actions",), leaves=CREATED),
    "update-capacity": Case(after=("create",), leaves={"MyVariant": (2, 6)}),
    "update-replaces-variant": Case(
        after=("create",), physical_id=target_id("MyOtherVariant"), leaves={**CREATED, "MyOtherVariant": (1, 8)}
    ),
    "update-rolling-back": Case(after=("create",), snapshots=("MyVariant",)),
    "gate-create": Case(after=("create",), physical_id=gate_id(CONFIG), leaves=CREATED),
    "gate-create-for-other-stacks": Case(after=("create",), physical_id=gate_id(CONFIG), leaves=CREATED),
    "gate-update": Case(after=SCALED_BEHIND_A_GATE, physical_id=gate_id(LARGER_CONFIG), snapshots=("MyVariant",)),
    "gate-delete": Case(after=(*SCALED_BEHIND_A_GATE, "gate-update"), physical_id=gate_id(CONFIG), leaves=CREATED),
    "delete": Case(after=("create", "update-replaces-variant"), leaves={"MyOtherVariant": (1, 8)}),
    "delete-after-replacement": Case(
        after=("create", "update-replaces-variant", "delete"), physical_id=target_id("MyOtherVariant")
    ),
    "delete-after-failed-create": Case(by_hand=CREATED, physical_id="not-registered|Scaling", leaves=CREATED),
    "delete-with-invented-id": Case(after=("create",), physical_id="demo-Scaling-1A2B3C4D5E6F7"),
    "bad-min-over-max": refused("MinCapacity", "9", "MaxCapacity", "8"),
    "bad-misspelt-property": refused("MaxCapcity", "MaxCapacity"),
    "bad-mistyped": refused("MinCapacity", "one", "SuspendedState", "yes"),
    "bad-name": refused("EndpointName", "My_EndPoint!"),
    "bad-other-account-arn": refused("EndpointName", "444455556666", "111122223333"),
    "bad-missing-endpoint": refused("NoSuchEndPoint"),
    "bad-missing-variant": refused("NoSuchVariant", "MyVariant", "MyOtherVariant"),
    "bad-policies": refused(
        "ScalingPolicies[0].TargetTrackingScalingPolicyConfiguration",
        "ScalingPolicies[1].PolicyName",
        'ScalingPolicies[1].TargetTrackingScalingPolicyConfiguration.TargetValue: expected a number, found "many"',
        "ScalingPolicies[2].StepScalingPolicyConfiguration.StepAdjustments",
        "ScheduledActions[0].Schedule",
        "ScheduledActions[0].Timezone",
        "ScheduledActions[0].ScalableTargetAction",
    ),
    "bad-metric-for-dimension": refused(
        "ScalingPolicies[0].TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification",
        "SageMakerVariantProvisionedConcurrencyUtilization",
        "SageMakerVariantInvocationsPerInstance",
    ),
    "bad-resource-type": refused("Custom::Nonsense", "Custom::SageMakerScalableTarget"),
    "bad-request-type": refused("RequestType", "Upsert"),
    "bad-properties-not-an-object": refused("ResourceProperties"),
}


class Events(FunctionTestCase):
    """Each file, on an endpoint without scalable targets."""

    def setUp(self) -> None:
        self.aws.call("LocalAws.Reset")
        create_endpoint(self.aws)
        create_other_endpoints(self.aws)

    def test_every_file_has_a_case(self) -> None:
        self.assertEqual(sorted(file.stem for file in EVENTS.glob("*.json")), sorted(CASES))
        table = (EVENTS / "README.md").read_text()
        self.assertEqual([name for name in CASES if f"\n| `{name}.json` |" not in table], [])

    def test_every_file_does_what_its_name_says(self) -> None:
        for name, case in CASES.items():
            with self.subTest(name):
                self.setUp()
                self.register_by_hand(case.by_hand)
                for earlier in case.after:
                    self.assertEqual(self.answer(earlier)["Status"], "SUCCESS", earlier)
                answer = self.answer(name)
                self.assertEqual(answer["Status"], case.status, answer.get("Reason"))
                self.assertEqual(answer["PhysicalResourceId"], case.physical_id)
                self.assertEqual((self.targets(), self.snapshots()), (case.leaves, case.snapshots))
                for part in case.reason:
                    self.assertIn(part, answer["Reason"])
                if case.status == "FAILED" and name not in NOT_FROM_TEMPLATES:
                    self.assertTrue(advice(answer["Reason"]), f"README has no advice for: {answer['Reason']}")

    def test_every_file_may_be_sent_twice(self) -> None:
        for name, case in CASES.items():
            with self.subTest(name):
                self.setUp()
                self.register_by_hand(case.by_hand)
                for earlier in case.after:
                    self.answer(earlier)
                self.assertEqual(self.answer(name), self.answer(name))
                self.assertEqual((self.targets(), self.snapshots()), (case.leaves, case.snapshots))

    def test_create_tags_the_target_with_its_owner(self) -> None:
        self.answer("create")
        self.assertLessEqual({event("create")["StackId"], "Scaling"}, set(self.tags("MyVariant").values()))

    def test_create_returns_the_attributes_of_the_target(self) -> None:
        data = self.answer("create")["Data"]
        self.assertEqual(data.pop("ScalableTargetARN"), self.described()["MyVariant"]["ScalableTargetARN"])
        self.assertEqual(
            data,
            {
                "EndpointName": ENDPOINT,
                "MaxCapacity": "8",
                "MinCapacity": "1",
                "ResourceId": f"endpoint/{ENDPOINT}/variant/MyVariant",
                "ScalableDimension": DIMENSION,
                "ServiceNamespace": "sagemaker",
                "VariantName": "MyVariant",
            },
        )

    def test_suspended_state_and_tags_reach_the_target(self) -> None:
        properties = event("create-with-suspended-state-and-tags")["ResourceProperties"]
        self.answer("create-with-suspended-state-and-tags")
        wanted = {name: value == "true" for name, value in properties["SuspendedState"].items()}
        self.assertEqual(self.described()["MyVariant"]["SuspendedState"], wanted)
        tags = {tag["Key"]: tag["Value"] for tag in properties["Tags"]}
        self.assertLessEqual(tags.items(), self.tags("MyVariant").items())

    def test_a_target_that_was_registered_by_hand_is_not_adopted_unasked(self) -> None:
        self.register_by_hand({"MyVariant": (3, 4)})
        answer = self.answer("create")
        self.assertEqual((answer["Status"], answer["PhysicalResourceId"]), ("FAILED", "not-registered|Scaling"))
        self.assertIn("AdoptExisting", answer["Reason"])
        self.assertEqual(self.targets(), {"MyVariant": (3, 4)})

    def test_an_adopted_target_is_released_and_stays(self) -> None:
        self.register_by_hand({"MyVariant": (3, 4)})
        self.answer("create-adopt")
        self.assertEqual(self.answer("delete")["Status"], "SUCCESS")
        self.assertEqual((self.targets(), self.tags("MyVariant")), (CREATED, {}))

    def test_a_gate_restores_a_target_with_everything_from_its_snapshot(self) -> None:
        for name in SCALED_BEHIND_A_GATE:
            self.answer(name)
        before = self.scaling()
        self.answer("gate-update")
        self.assertEqual((self.scaling(), self.snapshots()), ([], ("MyVariant",)))
        self.answer("gate-delete")
        self.assertEqual((self.scaling(), self.snapshots()), (before, ()))

    def test_the_commands_of_the_runbook_restore_a_snapshot(self) -> None:
        for name in SCALED_BEHIND_A_GATE:
            self.answer(name)
        before = self.scaling()
        self.answer("gate-update")
        self.on_stack("create", target_id("MyVariant"))
        meanings = {"ARN": "bootstrap", "E": ENDPOINT, "V": "MyVariant"}
        told = runbook("A stale snapshot", meanings, self.function.environment(), without="make |aws ssm")
        self.assertIn("RestoreSnapshot", told)
        self.assertEqual((self.scaling(), self.snapshots()), (before, ()))

    @unittest.skipUnless(shutil.which("jq"), "the commands need jq")
    def test_the_commands_of_the_runbook_restore_a_snapshot_without_a_repair(self) -> None:
        for name in SCALED_BEHIND_A_GATE:
            self.answer(name)
        before = self.scaling()
        self.answer("gate-update")
        [parameter] = self.aws.call("AmazonSSM.GetParametersByPath", Path="/", Recursive=True)["Parameters"]
        meanings = {"NAME": parameter["Name"]}
        told = runbook("A stale snapshot", meanings, self.aws.environment(), without="make |aws lambda")
        self.assertIn("ScalableTargetARN", told)
        self.assertEqual((self.scaling(), self.snapshots()), (before, ()))

    def test_the_commands_of_the_runbook_deregister_an_orphaned_target(self) -> None:
        # The local AWS knows no stack of these requests.
        self.answer("create")
        meanings = {"ARN": "bootstrap", "E": ENDPOINT, "V": "MyVariant"}
        told = runbook("An orphaned target", meanings, self.function.environment(), without="make |deregister-scalable")
        self.assertIn("Deregister", told)
        self.assertEqual(self.targets(), {})

    def register_by_hand(self, targets: Targets) -> None:
        """Registers targets without tags."""
        for variant, (least, most) in targets.items():
            self.aws.call(
                "AnyScaleFrontendService.RegisterScalableTarget",
                ServiceNamespace="sagemaker",
                ResourceId=f"endpoint/{ENDPOINT}/variant/{variant}",
                ScalableDimension=DIMENSION,
                MinCapacity=least,
                MaxCapacity=most,
            )

    def described(self) -> dict[str, dict[str, Any]]:
        """The scalable targets, by variant or component."""
        targets = self.aws.call("AnyScaleFrontendService.DescribeScalableTargets", ServiceNamespace="sagemaker")
        return {target["ResourceId"].rpartition("/")[2]: target for target in targets["ScalableTargets"]}

    def targets(self) -> Targets:
        """The scalable targets' capacities, by variant or component."""
        return {variant: (target["MinCapacity"], target["MaxCapacity"]) for variant, target in self.described().items()}

    def snapshots(self) -> tuple[str, ...]:
        """The variants that have a snapshot."""
        below = {"Path": "/sagemaker-scaling/snapshots", "Recursive": True}
        parameters = self.aws.call("AmazonSSM.GetParametersByPath", **below)["Parameters"]
        start = f"/sagemaker-scaling/snapshots/endpoint/{ENDPOINT.lower()}/variant/"
        end = "/sagemaker.variant.DesiredInstanceCount"
        return tuple(parameter["Name"].removeprefix(start).removesuffix(end) for parameter in parameters)

    def scaling(self) -> list[dict[str, Any]]:
        """All targets, policies and actions, without members that differ at each registration."""
        found: list[dict[str, Any]] = []
        for what in ("ScalableTargets", "ScalingPolicies", "ScheduledActions"):
            found += self.aws.call(f"AnyScaleFrontendService.Describe{what}", ServiceNamespace="sagemaker")[what]
        tags = [self.tags(variant) for variant in self.described()]
        anew = ("ARN", "CreationTime")
        return [{name: value for name, value in each.items() if not name.endswith(anew)} for each in found] + tags

    def tags(self, variant: str) -> dict[str, str]:
        """The tags of a scalable target."""
        arn = self.described()[variant]["ScalableTargetARN"]
        tags: dict[str, str] = self.aws.call("AnyScaleFrontendService.ListTagsForResource", ResourceARN=arn)["Tags"]
        return tags


if __name__ == "__main__":
    unittest.main()
