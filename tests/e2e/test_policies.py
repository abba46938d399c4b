"""The function puts the same policies and actions as equal commands of the AWS CLI: no member differs."""

import unittest
from typing import Any

from demo.aws_cli import AwsCli
from demo.endpoints import create_endpoint, create_other_endpoints
from support import EVENTS, FunctionTestCase, event, preloaded_aws

Described = dict[str, list[dict[str, Any]]]
AAS = "aws application-autoscaling"
VARIANT = (
    "--service-namespace sagemaker --resource-id endpoint/MyEndPoint/variant/MyVariant"
    " --scalable-dimension sagemaker:variant:DesiredInstanceCount"
)
OTHER_VARIANT = VARIANT.replace("MyVariant", "MyOtherVariant")
ASYNCHRONOUS = VARIANT.replace("MyEndPoint", "MyAsyncEndPoint")
SERVERLESS = (
    "--service-namespace sagemaker --resource-id endpoint/MyServerlessEndPoint/variant/MyVariant"
    " --scalable-dimension sagemaker:variant:DesiredProvisionedConcurrency"
)
POOLED = VARIANT.replace("MyEndPoint", "MyPooledEndPoint")
COMPONENT = (
    "--service-namespace sagemaker --resource-id inference-component/MyInferenceComponent"
    " --scalable-dimension sagemaker:inference-component:DesiredCopyCount"
)
CPU = """\
{"MetricName": "CPUUtilization", "Namespace": "/aws/sagemaker/Endpoints", "Statistic": "Average", "Unit": "Percent",
 "Dimensions": [{"Name": "EndpointName", "Value": "MyEndPoint"}, {"Name": "VariantName", "Value": "MyVariant"}]}"""
METRICS = """\
[{"Id": "latency", "ReturnData": false, "MetricStat": {"Stat": "Average", "Unit": "Microseconds", "Metric":
  {"MetricName": "ModelLatency", "Namespace": "AWS/SageMaker", "Dimensions":
   [{"Name": "EndpointName", "Value": "MyEndPoint"}, {"Name": "VariantName", "Value": "MyVariant"}]}}},
 {"Id": "invocations", "ReturnData": false, "MetricStat": {"Stat": "Sum", "Metric":
  {"MetricName": "InvocationsPerInstance", "Namespace": "AWS/SageMaker", "Dimensions":
   [{"Name": "EndpointName", "Value": "MyEndPoint"}, {"Name": "VariantName", "Value": "MyVariant"}]}}},
 {"Id": "busy", "ReturnData": true, "Label": "Seconds of each minute that an instance is busy",
  "Expression": "latency * invocations / 1000000"}]"""
WEIGHTED = """\
[{"Id": "g6", "ReturnData": false, "MetricStat": {"Stat": "Average", "Metric":
  {"MetricName": "ConcurrentRequestsPerModel", "Namespace": "AWS/SageMaker", "Dimensions":
   [{"Name": "EndpointName", "Value": "MyPooledEndPoint"}, {"Name": "VariantName", "Value": "MyVariant"},
    {"Name": "InstanceType", "Value": "ml.g6.2xlarge"}]}}},
 {"Id": "g6e", "ReturnData": false, "MetricStat": {"Stat": "Average", "Metric":
  {"MetricName": "ConcurrentRequestsPerModel", "Namespace": "AWS/SageMaker", "Dimensions":
   [{"Name": "EndpointName", "Value": "MyPooledEndPoint"}, {"Name": "VariantName", "Value": "MyVariant"},
    {"Name": "InstanceType", "Value": "ml.g6e.2xlarge"}]}}},
 {"Id": "weighted", "ReturnData": true, "Label": "Concurrent requests, weighted by instance type",
  "Expression": "0.5 * g6 + 0.5 * g6e"}]"""
BACKLOG = """\
{"MetricName": "ApproximateBacklogSizePerInstance", "Namespace": "AWS/SageMaker", "Statistic": "Average",
 "Dimensions": [{"Name": "EndpointName", "Value": "MyAsyncEndPoint"}]}"""


def register(target: str, least: int, most: int) -> str:
    """The command that registers a target."""
    return f"{AAS} register-scalable-target {target} --min-capacity {least} --max-capacity {most}"


def tracking(target: str, name: str, configuration: str) -> str:
    """The command that puts a target tracking policy."""
    return (
        f"{AAS} put-scaling-policy {target} --policy-name {name} --policy-type TargetTrackingScaling"
        f" --target-tracking-scaling-policy-configuration '{configuration}'"
    )


def step(target: str, name: str, configuration: str) -> str:
    """The command that puts a step scaling policy."""
    return (
        f"{AAS} put-scaling-policy {target} --policy-name {name} --policy-type StepScaling"
        f" --step-scaling-policy-configuration '{configuration}'"
    )


def action(name: str, schedule: str, capacities: str, more: str = "") -> str:
    """The command that puts a scheduled action."""
    return (
        f"{AAS} put-scheduled-action {VARIANT} --scheduled-action-name {name} --schedule '{schedule}'"
        f" --scalable-target-action {capacities} {more}"
    )


def predefined(metric: str, value: float, more: str = "") -> str:
    """The configuration of a policy on a predefined metric."""
    return f'{{"TargetValue": {value}, "PredefinedMetricSpecification": {{"PredefinedMetricType": "{metric}"}}{more}}}'


INVOCATIONS = "SageMakerVariantInvocationsPerInstance"
MORNING = action("Morning", "cron(0 7 ? * MON-FRI *)", "MinCapacity=4,MaxCapacity=8", "--timezone Europe/Berlin")
# The commands that a user would type instead of the request with this name. They are not derived from the requests.
COMMANDS = {
    "create-with-target-tracking": [
        register(VARIANT, 1, 8),
        tracking(
            VARIANT,
            "SageMakerEndpointInvocationScalingPolicy",
            predefined(INVOCATIONS, 70, ', "ScaleInCooldown": 600, "ScaleOutCooldown": 60, "DisableScaleIn": false'),
        ),
    ],
    "create-with-customized-metric": [
        register(VARIANT, 1, 8),
        tracking(
            VARIANT,
            "CPU",
            f'{{"TargetValue": 62.5, "CustomizedMetricSpecification": {CPU}, "ScaleInCooldown": 300,'
            ' "DisableScaleIn": true}',
        ),
    ],
    "create-with-metric-math": [
        register(VARIANT, 1, 8),
        tracking(
            VARIANT,
            "BusySecondsPerInstance",
            f'{{"TargetValue": 30, "CustomizedMetricSpecification": {{"Metrics": {METRICS}}}}}',
        ),
    ],
    "create-on-instance-pools": [
        register(POOLED, 1, 10),
        tracking(
            POOLED,
            "WeightedConcurrentRequests",
            f'{{"TargetValue": 10, "CustomizedMetricSpecification": {{"Metrics": {WEIGHTED}}}}}',
        ),
    ],
    "create-with-step-scaling": [
        register(ASYNCHRONOUS, 0, 4),
        step(
            ASYNCHRONOUS,
            "FromZero",
            '{"AdjustmentType": "ChangeInCapacity", "MetricAggregationType": "Average", "Cooldown": 300,'
            ' "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]}',
        ),
        tracking(
            ASYNCHRONOUS,
            "Backlog",
            f'{{"TargetValue": 5, "CustomizedMetricSpecification": {BACKLOG}, "ScaleInCooldown": 600,'
            ' "ScaleOutCooldown": 300}',
        ),
    ],
    "create-with-scheduled-actions": [
        register(VARIANT, 1, 8),
        MORNING,
        action("Launch", "at(2099-03-31T22:00:00)", "MinCapacity=6"),
        action(
            "Campaign",
            "rate(12 hours)",
            "MaxCapacity=16",
            "--start-time 2099-06-01T00:00:00Z --end-time 2099-06-30T23:59:59Z",
        ),
    ],
    "create-with-policies-and-actions": [
        register(VARIANT, 1, 8),
        tracking(VARIANT, "Invocations", predefined(INVOCATIONS, 70)),
        step(
            VARIANT,
            "Latency",
            '{"AdjustmentType": "PercentChangeInCapacity", "MinAdjustmentMagnitude": 1, "Cooldown": 120,'
            ' "StepAdjustments": ['
            '{"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 50000, "ScalingAdjustment": 10},'
            '{"MetricIntervalLowerBound": 50000, "ScalingAdjustment": 30}]}',
        ),
        MORNING,
    ],
    "create-other-variant": [
        register(OTHER_VARIANT, 1, 2),
        tracking(OTHER_VARIANT, "Invocations", predefined(INVOCATIONS, 70)),
    ],
    "create-behind-gate": [
        register(VARIANT, 1, 8),
        tracking(VARIANT, "Invocations", predefined(INVOCATIONS, 70)),
        MORNING,
    ],
    "create-provisioned-concurrency": [
        register(SERVERLESS, 1, 10),
        tracking(SERVERLESS, "Utilization", predefined("SageMakerVariantProvisionedConcurrencyUtilization", 0.7)),
    ],
    "create-inference-component": [
        register(COMPONENT, 0, 4),
        tracking(
            COMPONENT,
            "InvocationsPerCopy",
            predefined(
                "SageMakerInferenceComponentInvocationsPerCopy", 5, ', "ScaleInCooldown": 600, "ScaleOutCooldown": 60'
            ),
        ),
        step(
            COMPONENT,
            "FromZero",
            '{"AdjustmentType": "ChangeInCapacity", "MetricAggregationType": "Maximum", "Cooldown": 60,'
            ' "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]}',
        ),
    ],
    "update-policies": [
        register(VARIANT, 1, 8),
        tracking(VARIANT, "Invocations", predefined(INVOCATIONS, 55, ', "ScaleInCooldown": 600')),
        tracking(VARIANT, "CPU", f'{{"TargetValue": 60, "CustomizedMetricSpecification": {CPU}}}'),
        action("Night", "cron(0 20 * * ? *)", "MinCapacity=1", "--timezone Europe/Berlin"),
    ],
}
BY_HAND = step(
    VARIANT,
    "ByHand",
    '{"AdjustmentType": "ExactCapacity", "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 8}]}',
)


class Policies(FunctionTestCase):
    """Sends each request, then runs the commands, on the same local AWS, which is reset in between."""

    cli: AwsCli
    maxDiff = None

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.cli = AwsCli(cls.aws.environment(), preloaded_aws)

    def setUp(self) -> None:
        self.aws.call("LocalAws.Reset")
        create_endpoint(self.aws)
        create_other_endpoints(self.aws)

    def test_the_function_puts_what_the_commands_put(self) -> None:
        for name, commands in COMMANDS.items():
            with self.subTest(name):
                self.setUp()
                if name == "update-policies":
                    self.succeed("create-with-policies-and-actions")
                self.succeed(name)
                by_the_function = self.described()
                self.setUp()
                self.run_all(commands)
                self.assertEqual(by_the_function, self.described())

    def test_every_request_with_policies_or_actions_is_compared(self) -> None:
        lists = {"ScalingPolicies", "ScheduledActions"}
        good = [file.stem for file in EVENTS.glob("*.json") if not file.stem.startswith("bad-")]
        names = {name for name in good if lists & event(name)["ResourceProperties"].keys()}
        # A target must exist before its adoption.
        self.assertEqual(names - {"create-adopt-with-policies"}, set(COMMANDS))

    def test_each_policys_arn_is_an_attribute(self) -> None:
        for name in COMMANDS:
            with self.subTest(name):
                self.setUp()
                data = self.succeed(name)["Data"]
                policies = self.describe("ScalingPolicies")
                arns = {policy["PolicyName"]: policy["PolicyARN"] for policy in policies}
                attributes = {attribute: arn for attribute, arn in data.items() if attribute.startswith("PolicyARN")}
                wanted = event(name)["ResourceProperties"].get("ScalingPolicies", [])
                for position, policy in enumerate(wanted, 1):
                    arn = arns[policy["PolicyName"]]
                    self.assertEqual(attributes.pop(f"PolicyARN.{policy['PolicyName']}"), arn)
                    self.assertEqual(attributes.pop(f"PolicyARN{position}"), arn)
                self.assertEqual(attributes, {})

    def test_an_update_leaves_alone_what_somebody_else_put_and_puts_back_what_somebody_changed(self) -> None:
        self.run_all([*COMMANDS["update-policies"], BY_HAND])
        wanted = self.described()
        self.setUp()
        self.succeed("create-with-policies-and-actions")
        changed = action("Night", "rate(1 day)", "MaxCapacity=2", "--start-time 2099-01-01T00:00:00Z")
        self.run_all([BY_HAND, tracking(VARIANT, "Invocations", predefined(INVOCATIONS, 1)), changed])
        self.succeed("update-policies")
        self.assertEqual(self.described(), wanted)

    def test_a_delete_leaves_no_policy_and_no_action(self) -> None:
        self.succeed("create-with-policies-and-actions")
        self.succeed("delete")
        self.run_all([register(VARIANT, 1, 8)])
        self.assertEqual(self.described(), {"policies": [], "actions": []})

    def succeed(self, name: str) -> dict[str, Any]:
        """Sends a request to the function. Returns the answer."""
        answer = self.answer(name)
        self.assertEqual(answer["Status"], "SUCCESS", answer.get("Reason"))
        return answer

    def run_all(self, commands: list[str]) -> None:
        """Runs commands of the AWS CLI."""
        for command in commands:
            self.cli.run(command)

    def described(self) -> Described:
        """All policies and actions, without members that AWS generates."""
        policies, actions = self.describe("ScalingPolicies"), self.describe("ScheduledActions")
        for item in (*policies, *actions):
            for made_up in ("PolicyARN", "ScheduledActionARN", "CreationTime"):
                item.pop(made_up, None)
        for scheduled in actions:
            # An action without a time zone is in UTC.
            scheduled.setdefault("Timezone", "UTC")
        return {"policies": policies, "actions": actions}

    def describe(self, what: str) -> list[dict[str, Any]]:
        """All policies or actions."""
        described = self.aws.call(f"AnyScaleFrontendService.Describe{what}", ServiceNamespace="sagemaker")
        items: list[dict[str, Any]] = described[what]
        return items


if __name__ == "__main__":
    unittest.main()
