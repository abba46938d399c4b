"""`make try` of an update: the plan, the update, and its rollback."""

import dataclasses
import functools
import io
import json
import re
import textwrap
import unittest
from typing import Any
from unittest import mock

from test_tried import nested

import demo.plan
from demo.compare import Update
from demo.environment import ROOT
from demo.plan import Plan
from demo.stacks import example, without_gate
from demo.telling import UnexpectedError, UnsuccessfulError
from demo.timeline import Timeline
from demo.trial import STACK
from demo.trying import Given, templates
from demo.update_trial import UpdateTrial
from demo.updates import PARAMETERS
from support import advice, as_template
from trying import SCALING, TrialTestCase

WITH_GATE = example("endpoint-with-scaling")
LARGE, XLARGE = ({**PARAMETERS, "InstanceType": kind} for kind in ("ml.m5.large", "ml.m5.xlarge"))


class Updates(TrialTestCase):
    """Updates of the stack of examples/endpoint-with-scaling.yaml."""

    def update(
        self, before: str, after: str, fails: str = "", parameters: dict[str, str] = LARGE, values: str = ""
    ) -> list[dict[str, Any]]:
        """Tries an update, and returns the events. If it fails, the error is the last one."""
        files = [self.scratch / name for name in ("before.yaml", "after.yaml")]
        for file, text in zip(files, (before, after), strict=True):
            file.write_text(text)
        given = [f"{name}={value}" for name, value in parameters.items()]
        former = ["InstanceType=ml.m5.large"] if "InstanceType" in parameters else []
        variables = {
            "TRY_BEFORE": str(files[0]),
            "TRY_PARAMETERS": " ".join(given),
            "TRY_BEFORE_PARAMETERS": " ".join(former),
            "TRY_VALUES": values,
        }
        with mock.patch.dict("os.environ", variables):
            read = functools.partial(templates, Given(str(files[1])))
        told = io.StringIO()
        last = {}
        try:
            function = self.deployed.outputs["ServiceToken"]
            UpdateTrial(self.world, Timeline(told, as_json=True), function, read, fails).tell()
        except UnsuccessfulError as unsuccessful:
            last = {"Kind": "unsuccessful", "Text": str(unsuccessful)}
            self.assertTrue(advice(str(unsuccessful), ROOT / "docs" / "TRY.md", "If it fails"), unsuccessful)
        return [*map(json.loads, told.getvalue().splitlines()), last]

    def statuses(self, told: list[dict[str, Any]]) -> list[str]:
        """What became of the stack, each time."""
        return [event["Status"] for event in told if event.get("Kind") == "stack"]

    def requests(self, told: list[dict[str, Any]]) -> list[list[str]]:
        """The requests after each step."""
        steps: list[list[str]] = []
        for event in told:
            if event.get("Kind") == "step":
                steps.append([])
            elif event.get("Kind") == "request":
                steps[-1].append(f"{event['Request']['RequestType']} {event['Request']['LogicalResourceId']}")
        return steps

    def test_with_a_gate_it_goes_as_planned_and_both_rollbacks_leave_everything_as_before(self) -> None:
        told = self.update(WITH_GATE, WITH_GATE, parameters=XLARGE)
        self.assertEqual(self.texts(told, "unsuccessful"), [])
        self.assertEqual(
            self.statuses(told),
            ["CREATE_COMPLETE", "UPDATE_COMPLETE", *["UPDATE_ROLLBACK_COMPLETE"] * 2, "DELETE_COMPLETE"],
        )
        self.assertIn("Gate takes a snapshot of translation/AllTraffic", " ".join(self.texts(told, "plan")))
        back = "after the rollback everything scales as before, and no snapshot is left"
        planned = "deregistered before the endpoint's update: translation/AllTraffic, as planned"
        self.assertEqual(self.texts(told, "check")[:3], [planned, back, back])
        forward, clean_up = ["Update Gate", "Update Scaling"], ["Delete Gate"]
        _, created, updated, _, in_order, reversed_, deleted = self.requests(told)
        self.assertEqual(created, ["Create Gate", "Create Scaling"])
        self.assertEqual(updated, forward + clean_up)
        self.assertEqual(in_order, forward + forward + clean_up)
        self.assertEqual(reversed_, [*forward, *reversed(forward), *clean_up])
        self.assertEqual(deleted, ["Delete Scaling", "Delete Gate"])

    def test_without_a_gate_sagemaker_refuses_it_as_planned(self) -> None:
        told = self.update(without_gate(WITH_GATE), without_gate(WITH_GATE), parameters=XLARGE)
        self.assertIn(
            "SageMaker will refuse this: Scaling registers translation/AllTraffic", " ".join(self.texts(told, "plan"))
        )
        self.assertEqual(self.statuses(told), ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "DELETE_COMPLETE"])
        self.assertEqual(self.texts(told, "check")[0], "SageMaker has refused the update, as planned")
        self.assertIn("NOT updated: SageMaker refuses this update", told[-1]["Text"])

    def test_the_resource_that_fail_names_fails(self) -> None:
        for fails, reason in (("Scaling", "simulated failure: FAIL=Scaling"), ("Endpoint", "does not run")):
            with self.subTest(fails):
                self.world.local_aws.call("LocalAws.Reset")
                # No target is scaled, so nothing waits.
                least = WITH_GATE.replace("InitialInstanceCount: 1", "InitialInstanceCount: 2")
                told = self.update(WITH_GATE, least.replace("MaxCapacity: 4", "MaxCapacity: 5"), fails)
                failures = [event["Failures"] for event in told if event.get("Status") == "UPDATE_ROLLBACK_COMPLETE"]
                self.assertEqual([[failure["Resource"] for failure in each] for each in failures], [[fails]] * 2)
                self.assertIn(reason, failures[0][0]["Reason"])

    def test_loops_and_nested_stacks_are_played(self) -> None:
        """In the nested one, only the template of the nested stack changes."""
        inner = as_template(SCALING).replace("my-endpoint", self.endpoint)
        for name, text in (("inner.yaml", inner), ("other.yaml", inner.replace("MaxCapacity: 4", "MaxCapacity: 5"))):
            (self.scratch / name).write_text(text)
        outer = nested("inner.yaml")
        body = textwrap.indent(as_template(SCALING).partition("Resources:\n")[2], "      ")
        loop = (
            "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::Each:\n    - Variant\n    - [a, b]\n    -\n"
        )
        loop += body.replace("Scaling:", '"Scaling${Variant}":', 1).replace("AllTraffic", "!Ref Variant")
        loop = loop.replace("my-endpoint", f"{self.endpoint[:60]}-2")
        for before, after, plan in (
            (outer, outer.replace("inner", "other"), "Nested is a nested stack: the plan does not compare it"),
            (loop, loop.replace("MaxCapacity: 4", "MaxCapacity: 5"), "/b: MaxCapacity 4 → 5"),
        ):
            with self.subTest(plan):
                told = self.update(before, after, parameters={})
                self.assertEqual(self.texts(told, "unsuccessful"), [])
                self.assertIn(plan, " ".join(self.texts(told, "plan")))
                registered = [event for event in told if str(event.get("Target")).endswith("RegisterScalableTarget")]
                self.assertIn(5, [event["Input"]["MaxCapacity"] for event in registered])

    def test_a_new_gate_may_fail_in_the_rollback_and_that_is_told(self) -> None:
        told = self.update(without_gate(WITH_GATE), WITH_GATE, parameters=XLARGE)
        self.assertIn("if the update fails after Gate, SageMaker may refuse", " ".join(self.texts(told, "plan")))
        self.assertIn("UPDATE_ROLLBACK_FAILED", self.statuses(told))
        self.assertIn("NOT rolled back: Endpoint failed in the rollback.", told[-1]["Text"])

    def test_a_mistake_in_the_update_is_told_as_such(self) -> None:
        bad = WITH_GATE.replace("VariantName: AllTraffic\n      MinCapacity", "VariantName: Nowhere\n      MinCapacity")
        self.assertNotEqual(bad, WITH_GATE)
        told = self.update(WITH_GATE, bad)
        self.assertIn("NOT updated: Scaling failed.", told[-1]["Text"])

    def test_native_scaling_moves_over_as_documented(self) -> None:
        """A rollback does not bring back what the adoption has changed: docs/MOVING.md."""
        parameters = {"EndpointName": self.endpoint, "VariantName": "AllTraffic"}
        after = example("moving-over").replace("MaxCapacity: 4", "MaxCapacity: 5")
        told = self.update(example("moving-over-before"), after, parameters=parameters)
        self.assertEqual(self.texts(told, "unsuccessful"), [])
        apart = f"except {self.endpoint}/AllTraffic, as planned"
        back = f"after the rollback everything scales as before, {apart}, and no snapshot is left"
        left = "the AWS CLI still shows the resources that the template retains or has adopted"
        self.assertEqual(self.texts(told, "check")[1:], [back, back, left])

    def test_what_the_clean_up_takes_along_fails_the_command(self) -> None:
        parameters = {"EndpointName": self.endpoint, "VariantName": "AllTraffic"}
        before = example("moving-over-before").replace("    DeletionPolicy: Retain\n", "")
        told = self.update(before, example("moving-over"), parameters=parameters)
        target = f"{self.endpoint}/AllTraffic"
        missing = f"policy Invocations of {target}, policy {self.endpoint}-Latency of {target} and {target}"
        self.assertIn(
            f"missing after the update: {missing.replace(' and', ',')}, as planned", self.texts(told, "check")
        )
        expected = f"NOT complete: {missing} are missing after the update. The plan says what to do."
        self.assertEqual(told[-1]["Text"], expected)
        self.assertEqual(self.statuses(told)[-1], "DELETE_COMPLETE")

    def test_a_failure_that_the_plan_knows_is_told_and_rolled_back_in_both_orders(self) -> None:
        renamed = WITH_GATE.replace("  Scaling:\n", "  Other:\n")
        told = self.update(WITH_GATE, renamed)
        self.assertEqual(told[-1]["Text"], "NOT updated: Other failed. The plan says what to do.")
        self.assertIn("Set TakeOverFrom: Scaling on Other", " ".join(self.texts(told, "plan")))
        rolled_back = ["UPDATE_ROLLBACK_COMPLETE"] * 3
        self.assertEqual(self.statuses(told), ["CREATE_COMPLETE", *rolled_back, "DELETE_COMPLETE"])

    def test_what_cloudformation_refuses_is_not_played(self) -> None:
        moved = re.sub(r"(?m)(^  |!GetAtt )Endpoint\b", r"\1Other", WITH_GATE)
        told = self.update(WITH_GATE, moved)
        self.assertIn(
            "NOT updated: CloudFormation refuses this update: Other has the custom name of Endpoint", told[-1]["Text"]
        )
        self.assertEqual(self.statuses(told), [])

    def test_a_failure_and_a_failed_rollback_are_both_told(self) -> None:
        """The plan does not know that one metric cannot have two policies."""
        second = WITH_GATE.partition("      ScalingPolicies:\n")[2].partition("      Scheduled")[0]
        twice = second + second.replace("SageMakerEndpointInvocationScalingPolicy", "Second")
        told = self.update(without_gate(WITH_GATE), WITH_GATE.replace(second, twice), parameters=XLARGE)
        self.assertRegex(told[-1]["Text"], "^NOT updated: Scaling failed.* NOT rolled back: Endpoint failed")
        titles = [event["Title"] for event in told if event.get("Kind") == "step"]
        self.assertIn("The same update fails in Scaling; rollback in the order of the update", titles)

    def test_an_update_that_differs_from_the_plan_fails_the_command(self) -> None:
        def wrong(update: Update) -> Plan:
            plan = demo.plan.plan(update)
            lost = frozenset({"policy x of a/b"})
            return dataclasses.replace(plan, deregistered=frozenset({"a/b"}), failures={"Model": "x"}, lost=lost)

        self.addCleanup(self.world.stacks.delete, STACK)
        with mock.patch("demo.update_trial.plan", wrong), self.assertRaises(UnexpectedError) as raised:
            self.update(WITH_GATE, WITH_GATE.replace("MaxCapacity: 4", "MaxCapacity: 5"))
        for said in (
            "planned; but Model did not fail",
            "nothing; planned: a/b",
            "not missing after the update: policy x",
        ):
            self.assertIn(said, str(raised.exception))

    def test_a_loss_that_the_plan_does_not_know_fails_the_command(self) -> None:
        def wrong(update: Update) -> Plan:
            return dataclasses.replace(demo.plan.plan(update), lost=frozenset())

        parameters = {"EndpointName": self.endpoint, "VariantName": "AllTraffic"}
        before = example("moving-over-before").replace("    DeletionPolicy: Retain\n", "")
        self.addCleanup(self.world.stacks.delete, STACK)
        with mock.patch("demo.update_trial.plan", wrong), self.assertRaises(UnexpectedError) as raised:
            self.update(before, example("moving-over"), parameters=parameters)
        self.assertIn(f"and {self.endpoint}/AllTraffic", str(raised.exception))

    def test_the_generated_name_of_an_endpoint_cannot_be_played(self) -> None:
        generated = WITH_GATE.replace("EndpointName: !Ref EndpointName", "EndpointName: stack-Endpoint-AB12", 1)
        generated = generated.replace("      EndpointName: !Ref EndpointName\n", "")
        told = self.update(generated, generated.replace("MaxCapacity: 4", "MaxCapacity: 5"))
        self.assertIn("NOT updated: Endpoint has no EndpointName", told[-1]["Text"])

    def test_a_retention_alone_is_updated(self) -> None:
        kept = WITH_GATE.replace("  Scaling:\n", "  Scaling:\n    DeletionPolicy: Retain\n")
        told = self.update(WITH_GATE, kept)
        self.assertEqual(self.texts(told, "unsuccessful"), [])
        self.assertEqual(self.texts(told, "plan"), ["Scaling: DeletionPolicy Delete → Retain"])

    def test_the_command_with_missing_values_has_all_that_was_given(self) -> None:
        needed = WITH_GATE.replace("MaxCapacity: 4", "MaxCapacity: !ImportValue most")
        told = self.update(WITH_GATE, needed, "Scaling")
        command = told[-1]["Text"].splitlines()[-1]
        for said in (f"BEFORE={self.scratch}/before.yaml", 'BEFORE_PARAMETERS="InstanceType', 'VALUES="most=…"'):
            self.assertIn(said, command)

    def test_each_template_may_need_values_of_its_own(self) -> None:
        told = self.update(
            WITH_GATE.replace("MaxCapacity: 4", "MaxCapacity: !ImportValue most"), WITH_GATE, values="most=5"
        )
        self.assertEqual(self.texts(told, "plan"), ["translation/AllTraffic: MaxCapacity 5 → 4"])
        told = self.update(WITH_GATE, WITH_GATE.replace("MaxCapacity: 4", "MaxCapacity: 5"), values="other=5")
        self.assertEqual(told[-1]["Text"], "The template has no value other.")

    def test_what_the_update_does_not_change_cannot_fail(self) -> None:
        told = self.update(WITH_GATE, WITH_GATE.replace("MaxCapacity: 4", "MaxCapacity: 5"), "Model")
        self.assertEqual(told[-1]["Text"], "FAIL: the update does not change Model. It changes Scaling.")

    def test_an_update_that_changes_nothing_is_told(self) -> None:
        told = self.update(WITH_GATE, WITH_GATE)
        self.assertIn("NOT updated: the two templates", told[-1]["Text"])


if __name__ == "__main__":
    unittest.main()
