"""An endpoint that is updated while it scales: examples/endpoint-with-scaling.yaml, deployed again and again."""

import threading
import time
import unittest
from typing import Any

from demo.stacks import Settled, example, without_gate
from demo.updates import ENDPOINT, PARAMETERS
from support import StackTestCase

STACK = "whole"
TEMPLATE = example("endpoint-with-scaling")
LARGE, XLARGE = "ml.m5.large", "ml.m5.xlarge"


class Updates(StackTestCase):
    """Every test begins with the stack of the example, and ends without it."""

    def setUp(self) -> None:
        self.call("LocalAws.Reset")

    def test_without_a_gate_sagemaker_refuses_another_instance_type(self) -> None:
        before = self.create(without_gate(TEMPLATE))
        settled = self.update(XLARGE, without_gate(TEMPLATE))
        self.assertEqual(settled.status, "UPDATE_ROLLBACK_COMPLETE")
        [(resource, reason)] = settled.failures()
        self.assertEqual(resource, "Endpoint")
        self.assertIn("must be deregistered as scalable targets", reason)
        self.check(LARGE, before)

    def test_with_the_gate_it_changes_the_instance_type_and_back(self) -> None:
        before = self.create()
        for instance_type in (XLARGE, LARGE):
            settled = self.update(instance_type)
            self.assertEqual(settled.status, "UPDATE_COMPLETE", settled.failures())
            self.check(instance_type, before)

    def test_the_gate_is_updated_before_the_endpoint_and_its_old_id_deleted_after_the_scaling(self) -> None:
        self.create()
        self.world.news()
        self.update(XLARGE)
        told = [
            (entry["Request"]["RequestType"], entry["Request"]["LogicalResourceId"])
            if "Request" in entry
            else ("UpdateEndpoint", entry["Outcome"])
            for entry in self.world.news()
            if "Request" in entry or entry.get("Target") == "SageMaker.UpdateEndpoint"
        ]
        self.assertEqual(
            told, [("Update", "Gate"), ("UpdateEndpoint", "ok"), ("Update", "Scaling"), ("Delete", "Gate")]
        )

    def test_the_update_that_needs_a_gate_may_add_it(self) -> None:
        before = self.create(without_gate(TEMPLATE))
        settled = self.update(XLARGE)
        self.assertEqual(settled.status, "UPDATE_COMPLETE", settled.failures())
        self.check(XLARGE, before)

    def test_scaling_in_another_stack_is_restored_without_an_update_gate(self) -> None:
        """After an update of the endpoint's stack, and after one that fails."""
        alone, scaling = example("endpoint-for-other-stacks"), example("target-tracking-predefined")
        parameters = {"EndpointName": ENDPOINT, "VariantName": "AllTraffic"}
        self.world.stacks.create("alone", alone, **PARAMETERS)
        created = self.world.stacks.create("scaling", scaling, **parameters)
        self.assertEqual(created.status, "CREATE_COMPLETE", created.failures())
        before = self.world.scaling()
        self.assertEqual(len(before), 2, "a target and a policy")
        updated = self.world.stacks.update("alone", alone, **PARAMETERS, InstanceType=XLARGE)
        self.assertEqual(updated.status, "UPDATE_COMPLETE", updated.failures())
        self.check(XLARGE, before)
        self.call("LocalAws.RollBackNextEndpoint", Reason="no capacity")
        failed = self.world.stacks.update("alone", alone, **PARAMETERS, InstanceType=LARGE)
        self.assertEqual(failed.status, "UPDATE_ROLLBACK_COMPLETE")
        self.check(XLARGE, before)
        for stack in ("scaling", "alone"):
            deleted = self.world.stacks.delete(stack)
            self.assertEqual(deleted.status, "DELETE_COMPLETE", deleted.failures())

    def test_a_scaling_activity_is_waited_for_and_its_instances_stay(self) -> None:
        before = self.create()
        self.call("LocalAws.SetEndpointTakes", Seconds=2)
        self.call(
            "SageMaker.UpdateEndpointWeightsAndCapacities",
            EndpointName=ENDPOINT,
            DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}],
        )
        settled = self.update(XLARGE)
        self.assertEqual(settled.status, "UPDATE_COMPLETE", settled.failures())
        self.check(XLARGE, before)
        self.assertEqual(self.endpoint()["ProductionVariants"][0]["DesiredInstanceCount"], 3)
        self.call("LocalAws.SetEndpointTakes", Seconds=0)

    def test_an_alarm_during_a_canary_rolls_the_endpoint_back_and_it_keeps_its_scaling(self) -> None:
        guarded = example("deployment-guardrails").replace("WaitIntervalInSeconds: 600", "WaitIntervalInSeconds: 1")
        before = self.create(guarded)
        settled = self.update(XLARGE, guarded)
        self.assertEqual(settled.status, "UPDATE_COMPLETE", settled.failures())
        self.assertGreater(settled.seconds, 2)
        self.check(XLARGE, before)
        slow = guarded.replace("WaitIntervalInSeconds: 1", "WaitIntervalInSeconds: 3600")
        [alarm] = [
            each["AlarmName"]
            for each in self.world.cli.run("aws cloudwatch describe-alarms")["MetricAlarms"]
            if each["MetricName"] == "Invocation5XXErrors"
        ]
        seen: list[Any] = []
        goes_off = threading.Thread(target=self.trip_while_updating, args=(alarm, seen))
        goes_off.start()
        settled = self.update(LARGE, slow)
        goes_off.join()
        self.assertEqual(seen, [[]], "nothing scales while traffic shifts")
        self.assertEqual(settled.status, "UPDATE_ROLLBACK_COMPLETE", settled.failures())
        self.assertIn(alarm, settled.failures()[0][1])
        self.check(XLARGE, before)

    def test_an_endpoint_that_cannot_be_updated_keeps_its_scaling(self) -> None:
        before = self.create()
        self.call("LocalAws.RollBackNextEndpoint", Reason="no such instances")
        settled = self.update(XLARGE)
        self.assertEqual(settled.status, "UPDATE_ROLLBACK_COMPLETE")
        self.assertIn("no such instances", settled.failures()[0][1])
        self.check(LARGE, before)

    def test_a_mistake_in_the_scaling_rolls_back_the_whole_update(self) -> None:
        before = self.create()
        settled = self.update(XLARGE, TEMPLATE.replace("      MaxCapacity:", "      MaxCapcity:"))
        self.assertEqual(settled.status, "UPDATE_ROLLBACK_COMPLETE", settled.failures())
        self.assertIn("MaxCapcity", settled.failures()[0][1])
        self.check(LARGE, before)

    def test_scaling_that_leaves_the_stack_in_the_same_update_is_not_restored(self) -> None:
        self.create()
        settled = self.update(XLARGE, TEMPLATE.partition("\n  Scaling:\n")[0])
        self.assertEqual(settled.status, "UPDATE_COMPLETE", settled.failures())
        self.check(XLARGE, [])

    def create(self, template: str = TEMPLATE) -> list[dict[str, Any]]:
        """Creates the stack for the time of the test. Returns the target with its policies and actions."""
        settled = self.world.stacks.create(STACK, template, **PARAMETERS)
        self.addCleanup(self.delete)
        self.assertEqual(settled.status, "CREATE_COMPLETE", settled.failures())
        scaling = self.world.scaling()
        self.assertEqual(len(scaling), 4, "a target, a policy and two scheduled actions")
        return scaling

    def update(self, instance_type: str, template: str = TEMPLATE) -> Settled:
        """Updates the stack."""
        return self.world.stacks.update(STACK, template, **PARAMETERS, InstanceType=instance_type)

    def trip_while_updating(self, alarm: str, seen: list[Any]) -> None:
        """Lets an alarm go off once the endpoint is updating. Adds what is registered then."""
        while self.call("SageMaker.DescribeEndpoint", EndpointName=ENDPOINT)["EndpointStatus"] != "Updating":
            time.sleep(0.1)
        seen.append(self.world.scaling())
        self.call("LocalAws.TripAlarm", AlarmName=alarm)

    def delete(self) -> None:
        """Deletes the stack, and checks that nothing is left."""
        deleted = self.world.stacks.delete(STACK)
        self.assertEqual((deleted.status, self.world.scaling(), self.world.snapshots()), ("DELETE_COMPLETE", [], []))

    def check(self, instance_type: str, scaling: list[dict[str, Any]]) -> None:
        """Checks that the endpoint runs on these instances and scales as expected, without a snapshot."""
        config = self.call("SageMaker.DescribeEndpointConfig", EndpointConfigName=self.endpoint()["EndpointConfigName"])
        self.assertEqual(config["ProductionVariants"][0]["InstanceType"], instance_type)
        self.assertEqual((self.world.scaling(), self.world.snapshots()), (scaling, []))

    def endpoint(self) -> dict[str, Any]:
        """The endpoint."""
        endpoint: dict[str, Any] = self.call("SageMaker.DescribeEndpoint", EndpointName=ENDPOINT)
        self.assertEqual(endpoint["EndpointStatus"], "InService")
        return endpoint

    def call(self, operation: str, **members: Any) -> Any:
        """Calls the local AWS."""
        return self.world.local_aws.call(operation, **members)


if __name__ == "__main__":
    unittest.main()
