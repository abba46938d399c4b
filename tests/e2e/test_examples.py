"""Deploys each template of examples/, checks its targets, policies and alarms, and deletes the stack."""

import json
import shlex
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
from demo.receiver import Receiver
from demo.stacks import example
from demo.updates import ENDPOINT as WHOLE_ENDPOINT
from demo.updates import PARAMETERS
from demo.world import FUNCTION_STACK
from support import StackTestCase, event


@dataclass(frozen=True)
class Example:
    """The expected result of one template."""

    parameters: dict[str, str]
    targets: tuple[tuple[str, str, int, int], ...]
    """Resource, dimension, minimum, maximum."""
    requests: tuple[str, ...]
    """The files of events/ with its requests."""
    policies: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    """The policies that alarms trigger."""


def of_variant(
    request: str, *policies: str, endpoint: str = ENDPOINT, kind: str = "DesiredInstanceCount", **more: Any
) -> Example:
    """An example that scales a variant."""
    capacities = more.pop("capacities", (1, 4))
    target = (f"endpoint/{endpoint}/variant/MyVariant", f"sagemaker:variant:{kind}", *capacities)
    return Example({"EndpointName": endpoint, "VariantName": "MyVariant"}, (target,), (request,), policies, **more)


EXAMPLES = {
    "minimal": of_variant("create"),
    "target-tracking-predefined": of_variant("create-with-target-tracking", "SageMakerEndpointInvocationScalingPolicy"),
    "target-tracking-customized": of_variant("create-with-customized-metric", "CPUUtilization"),
    "target-tracking-metric-math": of_variant("create-with-metric-math", "BusySecondsPerInstance"),
    "asynchronous-to-zero": of_variant(
        "create-with-step-scaling",
        "Backlog",
        "FromZero",
        endpoint=ASYNCHRONOUS_ENDPOINT,
        capacities=(0, 4),
        alarms=("FromZero",),
    ),
    "scheduled-actions": of_variant(
        "create-with-scheduled-actions", actions=("Evening", "Launch", "Morning", "Newsletter")
    ),
    "policies-and-schedules": of_variant(
        "create-with-policies-and-actions",
        "Invocations",
        "Latency",
        capacities=(1, 8),
        actions=("Evening", "Morning"),
        alarms=("Latency",),
    ),
    "serverless-concurrency": of_variant(
        "create-provisioned-concurrency",
        "Utilization",
        endpoint=SERVERLESS_ENDPOINT,
        kind="DesiredProvisionedConcurrency",
        capacities=(1, 10),
    ),
    "inference-component-to-zero": Example(
        {"InferenceComponentName": COMPONENT},
        ((f"inference-component/{COMPONENT}", "sagemaker:inference-component:DesiredCopyCount", 0, 4),),
        ("create-inference-component",),
        ("FromZero", "InvocationsPerCopy"),
        alarms=("FromZero",),
    ),
    "two-variants": Example(
        {"EndpointName": ENDPOINT, "VariantName": "MyVariant", "OtherVariantName": "MyOtherVariant"},
        (
            (f"endpoint/{ENDPOINT}/variant/MyOtherVariant", "sagemaker:variant:DesiredInstanceCount", 1, 2),
            (f"endpoint/{ENDPOINT}/variant/MyVariant", "sagemaker:variant:DesiredInstanceCount", 2, 8),
        ),
        ("create-with-target-tracking", "create-other-variant"),
        ("Invocations", "Invocations"),
    ),
    "moving-over": of_variant(
        "create-adopt-with-policies", "Invocations", f"{ENDPOINT}-Latency", alarms=(f"{ENDPOINT}-Latency",)
    ),
    "endpoint-with-scaling": Example(
        PARAMETERS,
        ((f"endpoint/{WHOLE_ENDPOINT}/variant/AllTraffic", "sagemaker:variant:DesiredInstanceCount", 1, 4),),
        ("gate-create", "create-behind-gate"),
        ("SageMakerEndpointInvocationScalingPolicy",),
        ("Evening", "Morning"),
    ),
    "model": Example({}, (), ()),
    "endpoint-for-other-stacks": Example(PARAMETERS, (), ("gate-create-for-other-stacks",)),
    "deployment-guardrails": Example(
        PARAMETERS,
        ((f"endpoint/{WHOLE_ENDPOINT}/variant/AllTraffic", "sagemaker:variant:DesiredInstanceCount", 1, 4),),
        ("gate-create", "create-behind-gate"),
        ("SageMakerEndpointInvocationScalingPolicy",),
        ("Evening", "Morning"),
    ),
    "instance-pools": Example(
        PARAMETERS,
        ((f"endpoint/{WHOLE_ENDPOINT}/variant/AllTraffic", "sagemaker:variant:DesiredInstanceCount", 1, 10),),
        ("gate-create", "create-on-instance-pools"),
        ("WeightedConcurrentRequests",),
    ),
}
BEFORE = "moving-over-before"
TOPIC = "through-sns-topic"


TARGET = f"endpoint/{ENDPOINT}/variant/MyVariant"
COUNT = "sagemaker:variant:DesiredInstanceCount"


def outline(request: dict[str, Any]) -> tuple[str, str, list[str]]:
    """The type and the properties of a request."""
    return request["RequestType"], request["ResourceType"], sorted(request["ResourceProperties"])


class Examples(StackTestCase):
    """Each example, on the endpoints of events/ or with its own endpoint."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        create_endpoint(cls.world.local_aws)
        create_other_endpoints(cls.world.local_aws)

    def test_every_template_has_its_case(self) -> None:
        self.assertEqual(
            sorted(file.stem for file in (ROOT / "examples").glob("*.yaml")), sorted([*EXAMPLES, BEFORE, TOPIC])
        )
        table = (ROOT / "examples/README.md").read_text()
        for name, case in EXAMPLES.items():
            [row] = [line for line in table.splitlines() if line.startswith(f"| [{name}.yaml]({name}.yaml) |")]
            for request in case.requests:
                self.assertIn(f"`{request}`", row)

    def test_every_template_works_and_leaves_nothing_when_it_is_deleted(self) -> None:
        for name, case in EXAMPLES.items():
            with self.subTest(name):
                self.world.news()
                created = self.world.stacks.create(name, example(name), **case.parameters)
                try:
                    self.assertEqual(created.status, "CREATE_COMPLETE", created.failures())
                    self.check(case)
                    sent = [outline(entry["Request"]) for entry in self.world.news() if "Request" in entry]
                    self.assertCountEqual(sent, [outline(event(request)) for request in case.requests])
                finally:
                    deleted = self.world.stacks.delete(name)
                self.assertEqual(deleted.status, "DELETE_COMPLETE", deleted.failures())
                self.assertEqual((self.world.targets(), self.described("Policies"), self.alarms()), ([], [], []))

    def test_native_scaling_moves_over_without_a_break(self) -> None:
        parameters = {"EndpointName": ENDPOINT, "VariantName": "MyVariant"}
        before = self.world.stacks.create("moving", example(BEFORE), **parameters)
        self.assertEqual(before.status, "CREATE_COMPLETE", before.failures())
        native = self.world.targets(), self.described("Policies")
        self.world.news()
        after = self.world.stacks.update("moving", example("moving-over"), **parameters)
        self.assertEqual(after.status, "UPDATE_COMPLETE", after.failures())
        self.assertEqual((self.world.targets(), self.described("Policies")), native)
        called = {entry["Target"].rpartition(".")[2] for entry in self.world.news() if "Target" in entry}
        self.assertEqual([call for call in called if call.startswith("De") and not call.startswith("Describe")], [])
        self.world.stacks.delete("moving")
        [target] = self.world.targets()
        self.assertEqual(self.world.tags(target["ScalableTargetARN"]), {})
        names = ("ResourceId", "ScalableDimension", "ServiceNamespace")
        self.world.local_aws.call(
            "AnyScaleFrontendService.DeregisterScalableTarget", **{name: target[name] for name in names}
        )

    def test_a_request_that_is_published_to_the_topic_is_answered_once(self) -> None:
        created = self.world.stacks.create("topic", example(TOPIC), Accounts="444455556666")
        self.assertEqual(created.status, "CREATE_COMPLETE", created.failures())
        [record] = event("sns/create")["Records"]
        request = json.loads(record["Sns"]["Message"])
        topic = created.outputs["ServiceToken"]
        with Receiver() as receiver:
            for kind in ("Create", "Delete"):
                asked = {**request, "RequestType": kind, "PhysicalResourceId": f"{TARGET}|{COUNT}|sagemaker"}
                asked["ResponseURL"] = request["ResponseURL"].replace("127.0.0.1:9011", receiver.netloc)
                message = shlex.quote(json.dumps(asked))
                self.world.cli.run(f"aws sns publish --topic-arn {topic} --message {message}")
                target = asked["ResponseURL"].partition(receiver.netloc)[2]
                answer = receiver.take(target, seconds=30)
                assert answer
                self.assertEqual(answer.json()["Status"], "SUCCESS", answer.json())
                self.assertEqual(len(self.world.targets()), {"Create": 1, "Delete": 0}[kind])
                self.assertIsNone(receiver.take(target, seconds=1))
        deleted = self.world.stacks.delete("topic")
        self.assertEqual(deleted.status, "DELETE_COMPLETE", deleted.failures())

    def check(self, case: Example) -> None:
        """Checks that AWS shows the expected result."""
        members = ("ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity")
        targets = [tuple(target[member] for member in members) for target in self.world.targets()]
        self.assertEqual(sorted(targets), list(case.targets))
        policies = self.described("Policies")
        self.assertEqual(sorted(policy["PolicyName"] for policy in policies), list(case.policies))
        actions = self.described("Actions")
        self.assertEqual(sorted(action["ScheduledActionName"] for action in actions), list(case.actions))
        set_off = [[policy["PolicyARN"]] for policy in policies if policy["PolicyName"] in case.alarms]
        # The alarm of guardrails has no action: SageMaker watches it.
        actions = [alarm["AlarmActions"] for alarm in self.alarms()]
        self.assertEqual([each for each in actions if each], set_off)

    def described(self, what: str) -> list[dict[str, Any]]:
        """The policies or actions of all targets."""
        kind = {"Policies": "Scaling", "Actions": "Scheduled"}[what]
        call = f"AnyScaleFrontendService.Describe{kind}{what}"
        items: list[dict[str, Any]] = self.world.local_aws.call(call, ServiceNamespace="sagemaker")[f"{kind}{what}"]
        return items

    def alarms(self) -> list[dict[str, Any]]:
        """The alarms in CloudWatch, without the function's own."""
        alarms: list[dict[str, Any]] = self.world.cli.run("aws cloudwatch describe-alarms")["MetricAlarms"]
        return [alarm for alarm in alarms if not alarm["AlarmName"].startswith(FUNCTION_STACK)]


if __name__ == "__main__":
    unittest.main()
