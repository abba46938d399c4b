"""template.yaml: what its role may do, what goes when it is deleted, and that several stand side by side."""

import json
import re
import unittest
from functools import cache
from pathlib import Path
from typing import Any

import awscli
from awscli.customizations.cloudformation.yamlhelper import yaml_parse
from botocore.loaders import Loader

from demo.environment import ACCOUNT, REGION, ROOT
from demo.package import archive
from demo.stacks import function_template
from support import StackTestCase, programs

SERVICES = ("application-autoscaling", "cloudformation", "sagemaker", "ssm")
"""What the function calls; these are the prefixes of IAM actions, too."""
PROBED = {
    # Application Auto Scaling asks, as the caller, whether the caller may do what scaling does.
    # https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html
    # https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html
    "cloudwatch:DeleteAlarms",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:PutMetricAlarm",
    "sagemaker:DescribeEndpoint",
    "sagemaker:DescribeEndpointConfig",
    "sagemaker:UpdateEndpointWeightsAndCapacities",
    # What its service-linked role does for inference components; that these are probed, too, is a belief. See
    # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/ under
    # AWSApplicationAutoscalingSageMakerEndpointPolicy.
    "sagemaker:DescribeInferenceComponent",
    "sagemaker:UpdateInferenceComponentRuntimeConfig",
    # The first target of an account makes it create that role.
    # https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html
    "iam:CreateServiceLinkedRole",
}
OF_LAMBDA = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}
"""What Lambda does as the function's role."""
CONDITIONED = {
    "DeleteScalingPolicy",
    "DeleteScheduledAction",
    "DeregisterScalableTarget",
    "PutScalingPolicy",
    "PutScheduledAction",
    "RegisterScalableTarget",
}
"""What takes the service's condition keys.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsapplicationautoscaling.html
"""


@cache
def template() -> dict[str, Any]:
    """template.yaml, with its tags in their long form."""
    parsed: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return parsed


def statements() -> list[dict[str, Any]]:
    """Those of the role."""
    policies = template()["Resources"]["Role"]["Properties"]["Policies"]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def as_list(value: str | list[str]) -> list[str]:
    """IAM takes both."""
    return [value] if isinstance(value, str) else value


def operations(service: str) -> set[str]:
    """Every operation of a service, on botocore's word."""
    loader = Loader(extra_search_paths=[str(Path(awscli.__file__).parent / "botocore" / "data")])
    return set(loader.load_service_model(service, "service-2")["operations"])


def words_of_the_code() -> set[str]:
    """Every identifier under src, and the contents of its strings, but no comment."""
    code = "".join(re.sub(r"//.*", "", file.read_text()) for file in (ROOT / "src").rglob("*.rs"))
    return set(re.findall(r"\w+", code))


def snake_case(name: str) -> str:
    """The name of an operation's method in the SDK."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Role(unittest.TestCase):
    """Whoever calls an operation names it: in the SDK's method, or in what goes into the request."""

    def test_it_allows_exactly_what_the_code_calls_and_what_is_probed(self) -> None:
        words = words_of_the_code()
        known = {service: operations(service) for service in SERVICES}
        called = {name for names in known.values() for name in names if name in words}
        of_crates = {name for service in self.services_with_a_crate() for name in known[service]}
        called |= {name for name in of_crates if snake_case(name) in words}
        self.assertIn("DeregisterScalableTarget", called)
        signed_for = re.findall(r'signing_name: "(.+)"', (ROOT / "src/aws/json.rs").read_text())
        self.assertEqual(sorted(signed_for), sorted(SERVICES))
        allowed = {action for statement in statements() for action in as_list(statement["Action"])}
        self.assertLessEqual(PROBED | OF_LAMBDA, allowed)
        # tests/handler/support/world.rs refuses what is not allowed, service by service. Here a name that two services
        # have is allowed for one of them: whichever the function calls.
        services = {name: {service for service in known if name in known[service]} for name in called}
        ours = allowed - PROBED - OF_LAMBDA
        self.assertEqual(len(ours), len(called - {action.partition(":")[2] for action in PROBED}), ours)
        for action in ours:
            service, _, operation = action.partition(":")
            self.assertIn(service, services.get(operation, set()), action)

    def services_with_a_crate(self) -> list[str]:
        """The services whose operations may be methods."""
        crates = re.findall(r"^aws-sdk-(\w+)", (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
        return [{"applicationautoscaling": "application-autoscaling"}[crate] for crate in crates]

    def test_nothing_is_allowed_by_pattern(self) -> None:
        for statement in statements():
            self.assertEqual((statement["Effect"], "NotAction" in statement), ("Allow", False))
            for action in as_list(statement["Action"]):
                self.assertRegex(action, r"^[a-z-]+:[A-Za-z]+$")

    def test_every_resource_is_of_this_account_but_where_there_are_none(self) -> None:
        without = {
            action
            for statement in statements()
            if statement["Resource"] == "*"
            for action in as_list(statement["Action"])
        }
        for action in without:
            self.assertRegex(action, ":Describe")
        for statement in statements():
            self.assertRegex(
                json.dumps(statement["Resource"]),
                r'^("\*"|{"Fn::Sub": ".*\$\{AWS::AccountId\}.*"}|{"Fn::GetAtt": .*})$',
            )

    def test_changes_are_of_sagemaker_only(self) -> None:
        for statement in statements():
            names = [action.partition(":")[2] for action in as_list(statement["Action"])]
            if set(names) & CONDITIONED:
                keys = statement["Condition"]["StringEquals"]
                self.assertEqual(keys["application-autoscaling:service-namespace"], "sagemaker")
                dimensions = keys["application-autoscaling:scalable-dimension"]
                served = re.findall(r'"(sagemaker:[\w:-]+)"', (ROOT / "src/id.rs").read_text())
                self.assertEqual(sorted(dimensions), sorted(set(served)))


class Template(unittest.TestCase):
    """What no other check looks at."""

    def test_its_version_is_the_packages(self) -> None:
        [version] = re.findall(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
        application = template()["Metadata"]["AWS::ServerlessRepo::Application"]
        self.assertEqual(application["SemanticVersion"], version)
        for name in ("LicenseUrl", "ReadmeUrl"):
            self.assertTrue((ROOT / application[name]).is_file())

    def test_what_the_function_needs_goes_after_it(self) -> None:
        named = json.dumps(template()["Resources"]["Function"])
        for needed in ("Role", "LogGroup", "UnansweredRequests"):
            # CloudFormation deletes what is referred to after what refers.
            self.assertRegex(named, rf'"Ref": "{needed}"|"Fn::GetAtt": \["{needed}"')
        kinds = {resource["Type"] for resource in template()["Resources"].values()}
        self.assertEqual({kind for kind in kinds if "::IAM::" in kind}, {"AWS::IAM::Role"}, "policies would go first")

    def test_no_resource_has_a_fixed_name(self) -> None:
        of_others = {"LogGroupName", "MetricName"}
        for resource in template()["Resources"].values():
            self.assertEqual({name for name in resource["Properties"] if name.endswith("Name")} - of_others, set())

    def test_the_alarm_on_stale_records_counts_what_the_function_logs(self) -> None:
        pattern = template()["Resources"]["StaleParkedTargets"]["Properties"]["FilterPattern"]
        [message] = re.findall(r'^{ \$\.message = "(.+)" }$', pattern)
        self.assertIn(f'"{message}"', (ROOT / "src/parking.rs").read_text())

    def test_the_dashboard_is_json(self) -> None:
        body = template()["Resources"]["DashboardOfTheFunction"]["Properties"]["DashboardBody"]["Fn::Sub"]
        self.assertTrue(json.loads(body)["widgets"])


class SideBySide(StackTestCase):
    """A second deployment, with all that can be had, beside the first."""

    def test_a_second_one_has_its_own_of_everything(self) -> None:
        package = self.world.stacks.upload(archive(programs().function))
        topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call"
        created = self.world.stacks.create(
            "second",
            function_template(package),
            ExportName="second",
            AlarmTopicArn=topic,
            Dashboard="true",
            ReservedConcurrency="5",
        )
        try:
            self.assertEqual(created.status, "CREATE_COMPLETE", created.failures())
            for output, value in created.outputs.items():
                self.assertNotEqual(value, self.deployed.outputs[output])
            alarms = self.world.cli.run("aws cloudwatch describe-alarms")["MetricAlarms"]
            told = [alarm for alarm in alarms if alarm["AlarmActions"] == [topic]]
            self.assertEqual((len(told), len(alarms)), (4, 8))
            self.assertEqual(len(self.world.cli.run("aws cloudwatch list-dashboards")["DashboardEntries"]), 1)
        finally:
            deleted = self.world.stacks.delete("second")
        self.assertEqual(deleted.status, "DELETE_COMPLETE", deleted.failures())
        self.assertEqual(len(self.world.cli.run("aws cloudwatch describe-alarms")["MetricAlarms"]), 4)


if __name__ == "__main__":
    unittest.main()
