"""`make report` and `make repair` with the real function on the local AWS: from a healthy target to an orphaned one."""

import json
import subprocess
import unittest
from typing import Any

from demo.endpoints import ENDPOINT, create_endpoint
from support import FunctionTestCase, event, run

VARIANT = f"endpoint/{ENDPOINT}/variant/MyVariant"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
OWNER = event("create")["StackId"]


class Played(FunctionTestCase):
    """The commands of docs/REPORT.md, on an endpoint with one target of a stack."""

    def setUp(self) -> None:
        self.aws.call("LocalAws.Reset")
        create_endpoint(self.aws)
        self.on_stack("create", f"{VARIANT}|{DIMENSION}|sagemaker")
        self.assertEqual(self.answer("create-with-policies-and-actions")["Status"], "SUCCESS")

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs make with the function of this test, as the recipe of another Makefile would."""
        command = ["make", "--silent", *arguments, "FUNCTION=bootstrap", "REGION=us-east-1"]
        return run(command, {**self.function.environment(), "MAKELEVEL": "1", "COLUMNS": "200"})

    def report(self) -> Any:
        """The report as JSON."""
        return json.loads(self.make("report", "JSON=1").stdout)

    def codes(self) -> list[str]:
        """The codes of the findings about the target."""
        [target] = self.report()["Targets"]
        return sorted(finding["Code"] for finding in target["Findings"])

    def test_a_healthy_target_needs_no_attention(self) -> None:
        [target] = self.report()["Targets"]
        self.assertEqual((target["ResourceId"], target["ScalableDimension"]), (VARIANT, DIMENSION))
        self.assertEqual(target["Owner"], {"StackId": OWNER, "LogicalResourceId": "Scaling"})
        self.assertEqual((target["MinCapacity"], target["MaxCapacity"]), (1, 8))
        done = self.make("report")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"\n{ENDPOINT}/MyVariant  1 to 8 instances  demo/Scaling  ok\n", done.stdout)
        self.assertIn("1 target, 1 owned by stacks. No snapshots. Nothing needs attention.", done.stdout)

    def test_what_was_changed_by_hand_is_found_and_a_repair_leaves_it(self) -> None:
        names = {"ServiceNamespace": "sagemaker", "ResourceId": VARIANT, "ScalableDimension": DIMENSION}
        self.aws.call("AnyScaleFrontendService.RegisterScalableTarget", **names, MaxCapacity=9)
        found = self.aws.call("AnyScaleFrontendService.DescribeScalingPolicies", ServiceNamespace="sagemaker")
        policy = found["ScalingPolicies"][0]["PolicyName"]
        self.aws.call("AnyScaleFrontendService.DeleteScalingPolicy", **names, PolicyName=policy)
        self.assertEqual(self.codes(), ["LimitsChanged", "PolicyMissing"])
        done = self.make("report")
        self.assertIn("Error 1", done.stderr)
        self.assertRegex(done.stdout, rf"{VARIANT}, instances, of resource demo/Scaling\n  LimitsChanged ")
        self.assertIn("2 findings need attention.", done.stdout)
        refused = self.make("repair", f"RESOURCE={VARIANT}", "DRY_RUN=false")
        self.assertIn("Error 1", refused.stderr)
        self.assertEqual(self.codes(), ["LimitsChanged", "PolicyMissing"])

    def test_a_target_whose_stack_is_gone_is_deregistered_if_you_say_so(self) -> None:
        self.aws.call("LocalAws.Reset")
        create_endpoint(self.aws)
        self.answer("create")
        self.assertEqual(self.codes(), ["StackGone"])
        dry = self.make("repair", f"RESOURCE={VARIANT}")
        self.assertEqual(dry.returncode, 0, dry.stdout + dry.stderr)
        self.assertRegex(dry.stdout, r"\nDeregister: .*\nThis was a dry run: nothing was changed")
        self.assertEqual(self.codes(), ["StackGone"])
        done = self.make("repair", f"RESOURCE={VARIANT}", "DRY_RUN=false")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.report()["Targets"], [])
        self.assertEqual(self.make("report").returncode, 0)


if __name__ == "__main__":
    unittest.main()
