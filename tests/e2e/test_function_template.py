"""template.yaml: the permissions of its role, its alarms, its deletion, and several deployments in one account."""

import json
import re
import unittest
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from awscli.customizations.cloudformation.yamlhelper import yaml_parse

from demo.environment import ACCOUNT, REGION, ROOT
from demo.package import archive
from demo.stacks import function_template
from support import StackTestCase, programs

OPERATIONS = ROOT / "schema" / "operations.json"
"""The IAM actions of every operation that the function calls; tests/operations.rs keeps the file current."""
OBSERVABILITY = ROOT / "docs" / "OBSERVABILITY.md"
SCHEMA = ROOT / "schema" / "custom-sagemakerscalabletarget.json"
PROBED = {
    # Application Auto Scaling checks, with the caller's identity, that the caller may call what scaling calls.
    # https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html
    # https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html
    "cloudwatch:DeleteAlarms",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:PutMetricAlarm",
    "sagemaker:DescribeEndpoint",
    "sagemaker:DescribeEndpointConfig",
    "sagemaker:UpdateEndpointWeightsAndCapacities",
    # The calls of its service-linked role for inference components. Assumed (belief permission-probe): it also checks
    # these. See https://docs.aws.amazon.com/aws-managed-policy/latest/reference/ under
    # AWSApplicationAutoscalingSageMakerEndpointPolicy.
    "sagemaker:DescribeInferenceComponent",
    "sagemaker:UpdateInferenceComponentRuntimeConfig",
    # It creates that role for the first target of an account.
    # https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html
    "iam:CreateServiceLinkedRole",
}
DEPENDENT = {"cloudformation:ListStacks"}
"""The actions that a call needs beside its own: DescribeStacks of all stacks needs this one.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
"""
OF_LAMBDA = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}
"""The actions of Lambda itself with the function's role."""
CONDITIONED = {
    "DeleteScalingPolicy",
    "DeleteScheduledAction",
    "DeregisterScalableTarget",
    "PutScalingPolicy",
    "PutScheduledAction",
    "RegisterScalableTarget",
}
"""The operations that accept the service's condition keys.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsapplicationautoscaling.html
"""


@cache
def template() -> dict[str, Any]:
    """template.yaml, with its tags in their long form."""
    parsed: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return parsed


def statements() -> list[dict[str, Any]]:
    """The statements of the role."""
    resources = template()["Resources"]
    policies = [*resources["Role"]["Properties"]["Policies"], resources["InvokeItself"]["Properties"]]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def alarms() -> dict[str, dict[str, Any]]:
    """The properties of each alarm, by its logical id."""
    resources = template()["Resources"].items()
    return {
        name: resource["Properties"] for name, resource in resources if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def always() -> list[str]:
    """The alarms that a deployment has without options."""
    return [name for name in alarms() if "Condition" not in template()["Resources"][name]]


def as_list(value: str | list[str]) -> list[str]:
    """A list, because IAM accepts a text or a list."""
    return [value] if isinstance(value, str) else value


def dimensions(schema: Any) -> set[str]:
    """Every scalable dimension that a schema names."""
    match schema:
        case dict():
            return set().union(*map(dimensions, schema.values()))
        case list():
            return set().union(*map(dimensions, schema))
        case str() if re.fullmatch(r"sagemaker:[\w-]+:\w+", schema):
            return {schema}
    return set()


class Role(unittest.TestCase):
    """The function's role."""

    def test_it_allows_exactly_what_the_function_calls_and_what_application_auto_scaling_probes(self) -> None:
        called = set(json.loads(OPERATIONS.read_text())["operations"])
        allowed = {action for statement in statements() for action in as_list(statement["Action"])}
        self.assertEqual(allowed, called | DEPENDENT | PROBED | OF_LAMBDA)

    def test_it_allows_no_action_by_a_pattern(self) -> None:
        for statement in statements():
            self.assertEqual((statement["Effect"], "NotAction" in statement), ("Allow", False))
            for action in as_list(statement["Action"]):
                self.assertRegex(action, r"^[a-z-]+:[A-Za-z]+$")

    def test_statements_name_resources_of_this_account_unless_the_action_supports_none(self) -> None:
        without = {
            action
            for statement in statements()
            if statement["Resource"] == "*"
            for action in as_list(statement["Action"])
        }
        for action in without:
            self.assertRegex(action, ":(Describe|List)")
        for statement in statements():
            self.assertRegex(
                json.dumps(statement["Resource"]),
                r'^("\*"|{"Fn::Sub": ".*\$\{AWS::AccountId\}.*"}|{"Fn::GetAtt": .*}|\[{"Fn::GetAtt": .*\])$',
            )

    def test_it_reads_the_path_of_all_snapshots_and_each_snapshot(self) -> None:
        [snapshots] = [each["Resource"] for each in statements() if "ssm:GetParametersByPath" in each["Action"]]
        pattern = snapshots["Fn::Sub"].partition(":parameter")[2]
        for path in ("/sagemaker-scaling/snapshots", "/sagemaker-scaling/snapshots/prod/variant/blue"):
            self.assertTrue(fnmatchcase(path, pattern), path)

    def test_it_invokes_only_the_function_itself_and_its_versions_and_aliases(self) -> None:
        [resource] = [each["Resource"] for each in statements() if each["Action"] == "lambda:InvokeFunction"]
        self.assertEqual(resource, [{"Fn::GetAtt": ["Function", "Arn"]}, {"Fn::Sub": "${Function.Arn}:*"}])
        self.assertEqual(template()["Resources"]["InvokeItself"]["Properties"]["Roles"], [{"Ref": "Role"}])

    def test_it_changes_targets_of_sagemaker_only(self) -> None:
        for statement in statements():
            names = [action.partition(":")[2] for action in as_list(statement["Action"])]
            if set(names) & CONDITIONED:
                keys = statement["Condition"]["StringEquals"]
                self.assertEqual(keys["application-autoscaling:service-namespace"], "sagemaker")
                allowed = keys["application-autoscaling:scalable-dimension"]
                self.assertEqual(set(allowed), dimensions(json.loads(SCHEMA.read_text())))


class Template(unittest.TestCase):
    """The other resources."""

    def test_its_version_is_that_of_the_crate_and_of_the_constructs(self) -> None:
        [version] = re.findall(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
        constructs = json.loads((ROOT / "constructs" / "package.json").read_text())
        self.assertEqual(constructs["version"], version)
        application = template()["Metadata"]["AWS::ServerlessRepo::Application"]
        self.assertEqual(application["SemanticVersion"], version)
        for name in ("LicenseUrl", "ReadmeUrl"):
            self.assertTrue((ROOT / application[name]).is_file())

    def test_cloudformation_deletes_what_the_function_needs_after_the_function(self) -> None:
        named = json.dumps(template()["Resources"]["Function"])
        for needed in ("Role", "LogGroup", "UnansweredRequests"):
            # CloudFormation deletes a resource before those that it refers to.
            self.assertRegex(named, rf'"Ref": "{needed}"|"Fn::GetAtt": \["{needed}"')
        policies = [name for name, each in template()["Resources"].items() if "::IAM::" in each["Type"]]
        # CloudFormation deletes a policy of its own before the function that it names.
        self.assertEqual(
            policies, ["Role", "InvokeItself"], "only what continues a waiting request may be gone earlier"
        )

    def test_the_timeout_is_a_parameter(self) -> None:
        self.assertEqual(template()["Resources"]["Function"]["Properties"]["Timeout"], {"Ref": "Timeout"})
        timeout = template()["Parameters"]["Timeout"]
        self.assertEqual((timeout["Default"], timeout["MaxValue"]), (900, 1_800))

    def test_no_resource_has_a_fixed_name(self) -> None:
        # A policy in a role has a name in that role only.
        of_others = {"FunctionName", "LogGroupName", "MetricName", "PolicyName"}
        for resource in template()["Resources"].values():
            self.assertEqual({name for name in resource["Properties"] if name.endswith("Name")} - of_others, set())

    def test_every_alarm_is_documented_and_notifies_the_topic(self) -> None:
        documented = re.findall(r"^\| `(\w+Alarm)` \|", OBSERVABILITY.read_text(), re.MULTILINE)
        self.assertEqual(sorted(documented), sorted(alarms()))
        for name, alarm in alarms().items():
            self.assertIn({"Ref": "AlarmTopicArn"}, alarm["AlarmActions"]["Fn::If"][1], name)

    def test_a_daily_report_is_off_by_default_and_invokes_the_function_with_nothing_else(self) -> None:
        self.assertEqual(template()["Parameters"]["Report"]["Default"], "false")
        resources = template()["Resources"]
        [target] = resources["DailyReport"]["Properties"]["Targets"]
        self.assertEqual(json.loads(target["Input"]), {"Report": {}})
        allowed = resources["DailyReportInvokesTheFunction"]["Properties"]
        self.assertEqual(allowed["SourceArn"], {"Fn::GetAtt": ["DailyReport", "Arn"]})
        conditional = {name for name, each in resources.items() if each.get("Condition") == "HasReport"}
        reported = {name for name in alarms() if name in conditional}
        self.assertEqual(conditional - reported, {"DailyReport", "DailyReportInvokesTheFunction"})
        for name in reported:
            # The state is that of the last report, and a report by hand adds nothing.
            alarm = alarms()[name]
            self.assertEqual((alarm["Statistic"], alarm["TreatMissingData"]), ("Maximum", "ignore"), name)
            self.assertEqual(
                (alarm["Namespace"], alarm["Dimensions"][0]["Name"]), ("sagemaker-scaling", "function_name")
            )

    def test_the_dashboard_is_json(self) -> None:
        body = template()["Resources"]["DashboardOfTheFunction"]["Properties"]["DashboardBody"]["Fn::Sub"]
        self.assertTrue(json.loads(body)["widgets"])


class SideBySide(StackTestCase):
    """A second deployment with all options beside the first."""

    def test_a_second_deployment_shares_no_resource_with_the_first(self) -> None:
        package = self.world.stacks.upload(archive(programs().function))
        topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call"
        created = self.world.stacks.create(
            "second",
            function_template(package),
            ExportName="second",
            AlarmTopicArn=topic,
            Dashboard="true",
            Report="true",
            ReservedConcurrency="5",
        )
        try:
            self.assertEqual(created.status, "CREATE_COMPLETE", created.failures())
            for output, value in created.outputs.items():
                self.assertNotEqual(value, self.deployed.outputs[output])
            found = self.alarms()
            told = [alarm for alarm in found if alarm["AlarmActions"] == [topic]]
            self.assertEqual((len(told), len(found)), (len(alarms()), len(alarms()) + len(always())))
            [rule] = self.world.cli.run("aws events list-rules")["Rules"]
            self.assertEqual((rule["ScheduleExpression"], rule["State"]), ("rate(1 day)", "ENABLED"))
            self.assertEqual(len(self.world.cli.run("aws cloudwatch list-dashboards")["DashboardEntries"]), 1)
        finally:
            deleted = self.world.stacks.delete("second")
        self.assertEqual(deleted.status, "DELETE_COMPLETE", deleted.failures())
        self.assertEqual(len(self.alarms()), len(always()))
        self.assertEqual(self.world.cli.run("aws events list-rules")["Rules"], [])

    def alarms(self) -> list[dict[str, Any]]:
        """The alarms of all deployments."""
        found: list[dict[str, Any]] = self.world.cli.run("aws cloudwatch describe-alarms")["MetricAlarms"]
        return found


if __name__ == "__main__":
    unittest.main()
