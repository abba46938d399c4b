"""Stacks on MiniStack's CloudFormation: the steps of the demo, and others that the demo leaves out."""

import json
import os
import re
import shutil
import tempfile
import time
import unittest
from typing import Any

from demo.endpoints import create_endpoint
from demo.environment import ACCOUNT, REGION
from demo.receiver import Receiver
from demo.stacks import Settled, example
from demo.stage import CallError
from demo.timeline import lines
from support import StackTestCase, as_template, blocks, event, programs, run, runbook

ENDPOINT = "prod"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
DEMO_SECONDS = 300
FAILS_LATE = """
  Late:
    Type: Custom::SageMakerScalableTarget
    DependsOn: Renamed
    Properties:
      ServiceToken:
        Fn::ImportValue: !Ref ExportName
      EndpointName: !Ref EndpointName
      VariantName: purple
      MinCapacity: 1
      MaxCapacity: 2

Outputs:"""


def resource_id(variant: str) -> str:
    """Application Auto Scaling's name for a variant."""
    return f"endpoint/{ENDPOINT}/variant/{variant}"


def taking_over(template: str, former: str) -> str:
    """A template whose resource takes its target over."""
    limits = "      MinCapacity: !Ref"
    return template.replace(limits, f"      TakeOverFrom: {former}\n{limits}")


class Stacks(StackTestCase):
    """Every test begins without scalable targets. Afterwards, only the function's stack is left."""

    def setUp(self) -> None:
        self.world.local_aws.call("LocalAws.Reset")
        create_endpoint(self.world.local_aws, ENDPOINT, ("blue", "green"))

    def test_create_registers_and_tags(self) -> None:
        settled = self.create("one", VariantName="blue")
        self.assertEqual(settled.status, "CREATE_COMPLETE", settled.failures())
        self.assertEqual(self.targets(), [(resource_id("blue"), 1, 4)])
        [target] = self.world.targets()
        self.assertEqual(
            settled.outputs,
            {
                "ScalableTarget": f"{resource_id('blue')}|sagemaker:variant:DesiredInstanceCount|sagemaker",
                "ScalableTargetARN": target["ScalableTargetARN"],
            },
        )
        tags = set(self.world.tags(target["ScalableTargetARN"]).values())
        self.assertLessEqual({self.world.stacks.stack_id("one"), "Scaling"}, tags)

    def test_create_waits_for_an_endpoint_that_is_being_created(self) -> None:
        self.world.local_aws.call("LocalAws.SetEndpointTakes", Seconds=2)
        self.addCleanup(self.world.local_aws.call, "LocalAws.SetEndpointTakes", Seconds=0)
        create_endpoint(self.world.local_aws, "slow", ("blue",))
        settled = self.create("one", EndpointName="slow", VariantName="blue")
        self.assertEqual(settled.status, "CREATE_COMPLETE", settled.failures())
        self.assertGreater(settled.seconds, 1)

    def test_create_of_an_endpoint_that_failed_says_why(self) -> None:
        self.world.local_aws.call("LocalAws.FailNextEndpoint", Reason="the image does not start")
        create_endpoint(self.world.local_aws, "broken", ("blue",))
        settled = self.create("one", EndpointName="broken", VariantName="blue")
        self.assertEqual(settled.status, "ROLLBACK_COMPLETE")
        self.assertIn("the image does not start", settled.failures()[0][1])

    def test_the_function_sees_what_the_stacks_are(self) -> None:
        def seen(what: str, **given: str) -> Any:
            return self.world.local_aws.call(f"CloudFormation.Describe{what}", **given)

        def resource(logical_id: str) -> tuple[str, str]:
            detail = seen("StackResource", StackName=stack, LogicalResourceId=logical_id)["StackResourceDetail"]
            return detail["ResourceStatus"], detail["PhysicalResourceId"].partition("|")[0]

        self.create("one", VariantName="blue")
        stack = self.world.stacks.stack_id("one")
        self.assertEqual(resource("Scaling"), ("CREATE_COMPLETE", resource_id("blue")))
        self.assertIn(stack, [each["StackId"] for each in seen("Stacks")["Stacks"]])
        of_target = seen("StackResources", PhysicalResourceId=f"{resource_id('blue')}|{DIMENSION}|sagemaker")
        self.assertEqual({each["StackId"] for each in of_target["StackResources"]}, {stack})
        self.update("one", VariantName="green")
        self.assertEqual(resource("Scaling"), ("UPDATE_COMPLETE", resource_id("green")))
        self.update("one", VariantName="blue", MinCapacity="9")
        self.assertEqual(resource("Scaling"), ("UPDATE_COMPLETE", resource_id("green")))
        renamed = example("minimal").replace("  Scaling:\n", "  Renamed:\n").replace("Scaling", "Renamed")
        self.world.stacks.update("one", renamed, EndpointName=ENDPOINT, VariantName="blue")
        self.assertEqual(resource("Renamed"), ("CREATE_COMPLETE", resource_id("blue")))
        with self.assertRaisesRegex(CallError, "Resource Scaling does not exist for stack"):
            resource("Scaling")
        self.world.stacks.delete("one")
        self.assertEqual(seen("Stacks", StackName=stack)["Stacks"][0]["StackStatus"], "DELETE_COMPLETE")
        self.assertEqual(resource("Renamed"), ("DELETE_COMPLETE", resource_id("blue")))

    def test_update_changes_the_same_target(self) -> None:
        before = self.create("one", VariantName="blue")
        after = self.update("one", VariantName="blue", MinCapacity="2", MaxCapacity="6")
        self.assertEqual((after.status, after.outputs), ("UPDATE_COMPLETE", before.outputs))
        self.assertEqual(self.targets(), [(resource_id("blue"), 2, 6)])

    def test_replacement_leaves_only_the_new_target(self) -> None:
        self.create("one", VariantName="blue")
        self.world.news()
        settled = self.update("one", VariantName="green")
        self.assertEqual(settled.status, "UPDATE_COMPLETE", settled.failures())
        self.assertEqual(self.targets(), [(resource_id("green"), 1, 4)])
        self.assertEqual([request["RequestType"] for request in self.requests()], ["Update", "Delete"])

    def test_the_same_endpoint_by_another_name_is_no_replacement(self) -> None:
        before = self.create("one", VariantName="blue")
        for name in ("PROD", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/prod"):
            with self.subTest(name):
                self.world.news()
                after = self.update("one", VariantName="blue", EndpointName=name)
                self.assertEqual((after.status, after.outputs), ("UPDATE_COMPLETE", before.outputs))
                self.assertEqual([request["RequestType"] for request in self.requests()], ["Update"])
                self.assertEqual(self.targets(), [(resource_id("blue"), 1, 4)])

    def test_a_mistake_is_in_the_events_and_rolls_back(self) -> None:
        self.create("one", VariantName="blue")
        settled = self.update("one", VariantName="blue", MinCapacity="9")
        self.assertEqual(settled.status, "UPDATE_ROLLBACK_COMPLETE")
        [(resource, reason)] = settled.failures()
        self.assertEqual(resource, "Scaling")
        for part in ("MinCapacity", "9", "MaxCapacity", "4"):
            self.assertIn(part, reason)
        self.assertEqual(self.targets(), [(resource_id("blue"), 1, 4)])

    def test_a_failed_replacement_rolls_back_to_the_old_target(self) -> None:
        self.create("one", VariantName="blue")
        settled = self.update("one", VariantName="purple")
        self.assertEqual(settled.status, "UPDATE_ROLLBACK_COMPLETE")
        self.assertIn("purple", settled.failures()[0][1])
        self.assertEqual(self.targets(), [(resource_id("blue"), 1, 4)])

    def test_another_stacks_target_is_refused_and_left_alone(self) -> None:
        self.create("one", VariantName="blue")
        settled = self.create("two", VariantName="blue", MaxCapacity="9")
        self.assertEqual(settled.status, "ROLLBACK_COMPLETE")
        self.assertIn(self.world.stacks.stack_id("one"), settled.failures()[0][1])
        self.world.stacks.delete("two")
        self.assertEqual(self.targets(), [(resource_id("blue"), 1, 4)])

    def test_a_renamed_resource_takes_its_target_over_and_a_rollback_hands_it_back(self) -> None:
        parameters = {"EndpointName": ENDPOINT, "VariantName": "blue"}
        self.addCleanup(self.delete_if_there, "renamed")
        self.world.stacks.create("renamed", example("minimal"), **parameters)
        [target] = self.world.targets()
        template = re.sub(r"\bScaling\b", "Renamed", example("minimal"))
        refused = self.world.stacks.update("renamed", template, **parameters)
        self.assertEqual(refused.status, "UPDATE_ROLLBACK_COMPLETE")
        self.assertIn("set TakeOverFrom", refused.failures()[0][1])

        template = taking_over(template, "Scaling")
        failed = self.world.stacks.update("renamed", template.replace("\nOutputs:", FAILS_LATE), **parameters)
        self.assertEqual(failed.status, "UPDATE_ROLLBACK_COMPLETE")
        self.assertIn("purple", failed.failures()[0][1])
        self.assertEqual((self.world.targets(), self.owner()), ([target], "Scaling"))

        moved = self.world.stacks.update("renamed", template, **parameters)
        self.assertEqual(moved.status, "UPDATE_COMPLETE", moved.failures())
        self.assertEqual((self.world.targets(), self.owner()), ([target], "Renamed"))
        # CloudFormation has deleted the former owner, which would have the target back otherwise.
        deleted = self.world.stacks.delete("renamed")
        self.assertEqual((deleted.status, self.world.targets()), ("DELETE_COMPLETE", []))

    def test_a_resource_that_moves_to_another_stack_takes_its_target_over(self) -> None:
        parameters = {"EndpointName": ENDPOINT, "VariantName": "blue"}
        for stack in ("from", "to"):
            self.addCleanup(self.delete_if_there, stack)
        self.world.stacks.create("from", example("minimal"), **parameters)
        [target] = self.world.targets()
        created = self.world.stacks.create("to", taking_over(example("minimal"), "from/Scaling"), **parameters)
        self.assertEqual(created.status, "CREATE_COMPLETE", created.failures())
        self.world.stacks.delete("from")
        self.assertEqual(self.world.targets(), [target])
        tags = self.world.tags(target["ScalableTargetARN"])
        self.assertEqual(tags["sagemaker-scaling:stack-id"], self.world.stacks.stack_id("to"))

    def test_the_tags_of_the_stack_reach_the_target_and_leave_it_again(self) -> None:
        limits = "      MinCapacity:"
        template = example("minimal").replace(limits, f"      PropagateStackTags: true\n{limits}")
        parameters = {"EndpointName": ENDPOINT, "VariantName": "blue"}
        self.addCleanup(self.delete_if_there, "tagged")
        self.addCleanup(self.world.stacks.tags.clear)
        self.world.stacks.tags.update(team="ml", cost="7")
        created = self.world.stacks.create("tagged", template, **parameters)
        self.assertEqual(created.status, "CREATE_COMPLETE", created.failures())
        self.assertEqual(self.own_tags(), {"team": "ml", "cost": "7"})
        self.world.stacks.tags.update(team="nlp")
        del self.world.stacks.tags["cost"]
        updated = self.world.stacks.update("tagged", template, **parameters, MaxCapacity="5")
        self.assertEqual(updated.status, "UPDATE_COMPLETE", updated.failures())
        self.assertEqual(self.own_tags(), {"team": "nlp"})
        called = [call["Target"] for call in self.world.local_aws.calls()]
        self.assertEqual(called.count("CloudFormation.DescribeStacks"), 2)

    def test_delete_leaves_nothing(self) -> None:
        self.create("one", VariantName="blue")
        self.assertEqual(self.world.stacks.delete("one").status, "DELETE_COMPLETE")
        self.assertEqual(self.targets(), [])

    def test_delete_after_the_endpoint_is_gone_succeeds(self) -> None:
        self.create("one", VariantName="blue")
        self.world.local_aws.call("SageMaker.DeleteEndpoint", EndpointName=ENDPOINT)
        self.assertEqual(self.world.stacks.delete("one").status, "DELETE_COMPLETE")

    def test_the_yaml_of_the_readme_deploys(self) -> None:
        found = [block for block in blocks("yaml", "yml") if "Custom::SageMakerScalableTarget" in block]
        self.assertTrue(found, "README shows no scalable target")
        for block in found:
            with self.subTest(block.splitlines()[0]):
                self.world.local_aws.call("LocalAws.Reset")
                [(endpoint, variant)] = re.findall(r"EndpointName: (\S+).*?VariantName: (\S+)", block, re.DOTALL)
                create_endpoint(self.world.local_aws, endpoint, (variant,))
                settled = self.world.stacks.create("readme", as_template(block))
                self.addCleanup(self.delete_if_there, "readme")
                self.assertEqual(settled.status, "CREATE_COMPLETE", settled.failures())
                self.assertEqual(len(self.targets()), 1)

    def test_the_log_tells_of_each_request_and_keeps_the_response_url(self) -> None:
        self.create("one", VariantName="blue")
        stack_id = self.world.stacks.stack_id("one")
        log = list(self.world.stacks.log_lines(self.deployed.outputs["LogGroupName"]))
        lines = [line for line in log if line.get("stack_id") == stack_id]
        self.assertEqual(
            [(line["request_type"], line["outcome"], line["logical_resource_id"]) for line in lines],
            [("Create", "SUCCESS", "Scaling")],
        )
        self.assertNotIn("cfn-response", str(log))

    @unittest.skipUnless(shutil.which("jq"), "the commands need jq")
    def test_the_commands_of_the_runbook_deliver_an_unanswered_request_again(self) -> None:
        create_endpoint(self.world.local_aws)
        queue, function = (self.deployed.outputs[name] for name in ("UnansweredRequestsUrl", "ServiceToken"))
        request = event("create")
        with Receiver() as receiver, tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            request["ResponseURL"] = request["ResponseURL"].replace("127.0.0.1:9011", receiver.netloc)
            json.dump(request, file)
            file.flush()
            receiver.refuses = True
            invoke = (
                f"aws lambda invoke --function-name {function} --invocation-type Event --payload fileb://{file.name}"
            )
            self.world.cli.run(f"{invoke} {os.devnull}")
            deadline = time.monotonic() + 300
            while self.messages(queue) == 0 and time.monotonic() < deadline:
                time.sleep(0.2)
            receiver.refuses = False
            meanings = {"aws sqs": self.sqs(), "URL": queue, "ARN": function}
            told = runbook("An unanswered request", meanings, self.world.environment, without="curl")
            self.assertIn("RetriesExhausted", told)
            answer = receiver.take(request["ResponseURL"].partition(receiver.netloc)[2], seconds=10)
        assert answer, "no answer"
        self.assertEqual((answer.json()["Status"], answer.json()["RequestId"]), ("SUCCESS", request["RequestId"]))
        self.assertEqual(self.targets(), [("endpoint/MyEndPoint/variant/MyVariant", 1, 8)])
        self.assertEqual(self.messages(queue), 0)

    def create(self, name: str, **parameters: str) -> Settled:
        """Creates a stack from examples/minimal.yaml, for the time of the test."""
        settled = self.world.stacks.create(name, example("minimal"), **{"EndpointName": ENDPOINT, **parameters})
        self.addCleanup(self.delete_if_there, name)
        return settled

    def update(self, name: str, **parameters: str) -> Settled:
        """Updates the stack."""
        return self.world.stacks.update(name, example("minimal"), **{"EndpointName": ENDPOINT, **parameters})

    def delete_if_there(self, name: str) -> None:
        """Deletes a stack that the test has left."""
        if self.world.stacks.exists(name):
            self.world.stacks.delete(name)

    def sqs(self) -> str:
        """Runs `aws sqs`. Version 1 of the CLI prefers its own addresses of SQS to those in the environment."""
        return f"aws sqs --endpoint-url {self.world.environment['AWS_ENDPOINT_URL']}"

    def messages(self, queue: str) -> int:
        """The number of messages in a queue, including those that were received and not deleted."""
        command = f"{self.sqs()} get-queue-attributes --queue-url {queue} --attribute-names All"
        attributes = self.world.cli.run(command)["Attributes"]
        return sum(int(attributes[f"ApproximateNumberOfMessages{state}"]) for state in ("", "NotVisible"))

    def targets(self) -> list[tuple[str, int, int]]:
        """The scalable targets: resource id, minimum, maximum."""
        return [(target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]) for target in self.world.targets()]

    def own_tags(self) -> dict[str, str]:
        """The tags of the only scalable target, without those that the function reserves."""
        [target] = self.world.targets()
        tags = self.world.tags(target["ScalableTargetARN"])
        return {key: value for key, value in tags.items() if not key.startswith("sagemaker-scaling:")}

    def owner(self) -> str:
        """The logical id of the resource that owns the only scalable target."""
        [target] = self.world.targets()
        return self.world.tags(target["ScalableTargetARN"])["sagemaker-scaling:logical-id"]

    def requests(self) -> list[dict[str, Any]]:
        """CloudFormation's requests since the last call of this function."""
        return [entry["Request"] for entry in self.world.news() if "Request" in entry]


class Demo(unittest.TestCase):
    """`make demo` as a whole."""

    def test_the_demo_is_as_it_should_be_and_short_enough_to_read(self) -> None:
        programs()
        command = ["make", "--silent", "demo", "JSON=1"]
        told = run(command, {}, DEMO_SECONDS)
        self.assertEqual(told.returncode, 0, told.stdout + told.stderr)
        events = [json.loads(line) for line in told.stdout.splitlines()]
        self.assertIn("All checks passed", events[-1]["Text"])
        self.assertLess(len(list(lines(events))), 270)
        self.assertNotIn("ResponseURL", told.stdout)


if __name__ == "__main__":
    unittest.main()
