"""`make conformance` as on AWS: the local AWS for what it has, moto for models, roles, alarms and STS."""

import contextlib
import json
import signal
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
from conformance_runs import OUTSIDE_CI, run_main, start
from test_conformance import REGION, ConformanceTestCase

from conformance import account, bill, grants, models, recorder, roles
from conformance import beliefs as list_of_beliefs
from conformance.account import PREFIX, TAG
from conformance.checks import CHECKS, permissions
from demo.stage import Stage
from lying_proxy import Call, Members, changed, refuse

KEYS = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "k", "AWS_DEFAULT_REGION": REGION}
MISSING = "User is missing the following permissions: cloudwatch:PutMetricAlarm"
_SECONDS = 60


def no_policy_for_the_probe(call: Call) -> tuple[int, Members] | None:
    """Asks for more permissions than the function has."""
    is_probe = call.operation == "PutScalingPolicy" and call.members["PolicyName"] == "probe"
    return refuse("ValidationException", MISSING) if is_probe else None


def baking(members: Members) -> None:
    """Shows that traffic has shifted, which the local AWS does not tell."""
    if pending := members.get("PendingDeploymentSummary"):
        status = {"VariantName": "blue", "VariantStatus": [{"Status": "Baking"}]}
        pending["ProductionVariants"] = [status]


class OnAws(ConformanceTestCase):
    """Tests that take the proxy for AWS."""

    moto_url: str

    @classmethod
    def setUpClass(cls) -> None:
        """Starts moto, too."""
        super().setUpClass()
        cls.moto_url = cls.entered(Stage()).moto().url

    def setUp(self) -> None:
        self.enter(mock.patch.dict("os.environ", {"AWS_ENDPOINT_URL": self.proxy.url, **KEYS, **OUTSIDE_CI}))
        self.proxy.rest = self.moto_url
        super().setUp()
        results = Path(self.enter(tempfile.TemporaryDirectory()), "results.json")
        results.write_text("[]")
        self.enter(mock.patch.object(list_of_beliefs, "RESULTS", results))
        self.enter(mock.patch.object(account, "PAUSE_SECONDS", 0.05))
        self.enter(mock.patch.object(permissions, "_ROLE_SECONDS", 0.2))

    def client(self, service: str) -> Any:
        """A client of moto."""
        client: Callable[..., Any] = boto3.client
        return client(service, endpoint_url=self.moto_url)

    def make_resources_of_others(self) -> None:
        """Makes also a model, a role and an alarm that have our prefix but not our tag."""
        super().make_resources_of_others()
        mine, iam = f"{PREFIX}mine", self.client("iam")
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=mine, Path=roles.PATH, AssumeRolePolicyDocument="{}")
            iam.create_role(RoleName="prod", AssumeRolePolicyDocument="{}", Tags=[{"Key": TAG, "Value": "1"}])
            self.client("sagemaker").create_model(ModelName=mine, ExecutionRoleArn=f"arn:aws:iam::1:role/{mine}")
            of_no_data = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "Threshold": 1.0}
            comparison = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
            self.client("cloudwatch").put_metric_alarm(AlarmName=mine, **of_no_data, **comparison)

    def everything(self) -> list[Any]:
        """What the local AWS and moto have."""
        of_rest = [
            [model["ModelName"] for model in self.client("sagemaker").list_models()["Models"]],
            [role["RoleName"] for role in self.client("iam").list_roles()["Roles"]],
            [alarm["AlarmName"] for alarm in self.client("cloudwatch").describe_alarms()["MetricAlarms"]],
        ]
        return [*super().everything(), *of_rest]

    def run_on_aws(self, *arguments: str) -> tuple[int, str]:
        """Runs the checks as a user does who names no model."""
        return run_main("run", "--region", REGION, "--confirm", "yes", *arguments)

    def test_the_probe_and_the_model_have_roles_that_are_deleted(self) -> None:
        code, output = self.run_on_aws("--only", "permission-probe minimum-zero")
        self.assertEqual(code, 0, output)
        self.assertIn("holds    permission-probe: with what template.yaml grants: accepted", output)
        for operation, count in (("CreateRole", 3), ("AssumeRole", 2), ("CreateModel", 1), ("DeleteRole", 3)):
            self.assertEqual(self.proxy.calls.count(operation), count, operation)
        self.assert_only_others_left()

    def test_only_the_run_can_have_a_role_of_the_probe(self) -> None:
        with mock.patch.object(roles, "make", wraps=roles.make) as made:
            code, output = self.run_on_aws("--only", "permission-probe")
        self.assertEqual(code, 0, output)
        secrets = []
        for name, trust in ((call.args[1], call.args[2]) for call in made.call_args_list):
            if name.endswith(("-granted", "-narrow")):
                self.assertEqual(trust["Principal"], {"AWS": "arn:aws:iam::222233334444:root"})
                secrets.append(trust["Condition"]["StringEquals"]["sts:ExternalId"])
        self.assertEqual(len(set(secrets)), 2)
        for secret in secrets:
            self.assertGreaterEqual(len(secret), 32)
            self.assertNotIn(secret, output + list_of_beliefs.RESULTS.read_text())

    def test_a_permission_that_the_template_lacks_is_found(self) -> None:
        self.proxy.tell(no_policy_for_the_probe)
        code, output = self.run_on_aws("--only", "permission-probe")
        self.assertIn("DIFFERS  permission-probe: ", output)
        self.assertIn(MISSING, output)
        self.assertEqual(code, 1)
        self.assert_only_others_left()

    def test_an_alarm_ends_the_shift_and_is_deleted(self) -> None:
        self.proxy.tell(changed("DescribeEndpoint", baking))

        def trips(number: int) -> None:
            if self.proxy.calls[number] != "PutMetricAlarm":
                return
            # CloudWatch would do it, once missing data counts as breaching.
            for alarm in self.client("cloudwatch").describe_alarms(AlarmNamePrefix=PREFIX)["MetricAlarms"]:
                if alarm.get("TreatMissingData") == "breaching":
                    self.aws.call("LocalAws.TripAlarm", AlarmName=alarm["AlarmName"])

        self.proxy.after_call = trips
        code, output = self.run_on_aws("--only", "guardrails-shift")
        self.assertIn("holds    guardrails-shift: ", output)
        self.assertEqual(code, 0, output)
        self.assert_only_others_left()

    def test_a_model_whose_role_is_not_known_yet_is_made_a_little_later(self) -> None:
        refusals = iter([refuse("ValidationException", "Could not assume role")] * 2)
        self.proxy.tell(lambda call: next(refusals, None) if call.operation == "CreateModel" else None)
        code, output = self.run_on_aws("--only", "minimum-zero")
        self.assertEqual(code, 0, output)
        self.assertEqual(self.proxy.calls.count("CreateModel"), 3)

    def test_after_a_kill_the_next_clean_deletes_models_roles_and_alarms(self) -> None:
        rows = "permission-probe guardrails-shift"
        for operation in ("CreateRole", "CreateModel", "PutMetricAlarm"):
            with self.subTest(operation):
                self.assertEqual(self.killed_after(operation, rows), -signal.SIGKILL)
                self.assertNotEqual(self.everything(), self.others)
                code, output = run_main("clean", "--region", REGION)
                self.assertEqual(code, 0, output)
                self.assert_only_others_left()

    def killed_after(self, operation: str, rows: str) -> int:
        """Kills a run right after a call. Returns its exit code."""
        self.proxy.forget()
        environment = {"AWS_ENDPOINT_URL": self.proxy.url, **KEYS, **OUTSIDE_CI}
        process = start("--region", REGION, "--confirm", "yes", "--only", rows, environment=environment)

        def kills(number: int) -> None:
            if self.proxy.calls[number] == operation:
                process.kill()

        self.proxy.after_call = kills
        process.communicate(timeout=_SECONDS)
        return process.returncode


class Bill(unittest.TestCase):
    """What is said before anything is made."""

    def test_it_names_what_the_chosen_rows_make_and_what_that_costs(self) -> None:
        for rows, model, told, untold in (
            (["unknown-target"], "", "costs nothing", "endpoint"),
            (["record-lag"], "", "The stacks cost less than 0.01 USD", "costs nothing"),
            (["minimum-zero"], "", models.HUB_MODEL, "1 serverless"),
            (["minimum-zero"], "mine", "less than 0.20 USD", "IAM role"),
            (["serverless-update"], "mine", "1 serverless endpoint", "second one"),
            (["register-missing"], "", "only if AWS accepts", "IAM role"),
            (["permission-probe"], "mine", "2 IAM roles", "alarm, which"),
            (["guardrails-shift"], "mine", "1 CloudWatch alarm", "IAM role"),
            (list(CHECKS), "", "1 inference component", "costs nothing"),
        ):
            with self.subTest(rows[0]):
                text = bill.bill(rows, model)
                self.assertIn(told, text)
                self.assertNotIn(untold, text)

    def test_each_row_is_in_the_bill_of_all_rows(self) -> None:
        text = bill.bill(list(CHECKS), "")
        for rows in ([name] for name in CHECKS):
            made = [line for line in bill.bill(rows, "").splitlines() if line.startswith("  ")]
            self.assertLessEqual(set(made) - {"  none"}, set(text.splitlines()))

    def test_each_more_update_costs_more(self) -> None:
        def minutes(rows: list[str]) -> int:
            return int(bill.bill(rows, "mine").partition(" minutes")[0].rpartition(" ")[2])

        self.assertLess(minutes(["minimum-zero"]), minutes(["minimum-zero", "burstable"]))
        self.assertLess(minutes(["burstable"]), minutes(["burstable", "component-copies"]))


class Grants(unittest.TestCase):
    """What the roles of a run may do."""

    def test_the_recorder_and_the_model_may_only_use_what_is_of_the_run_but_for_the_image(self) -> None:
        template = json.loads(recorder.template_of("name", f"{PREFIX}1", "/folder", TAG, "1"))
        [policy] = template["Resources"]["Role"]["Properties"]["Policies"]
        logs, stacks, parameters = (statement["Resource"] for statement in policy["PolicyDocument"]["Statement"])
        self.assertEqual(logs, {"Fn::GetAtt": ["Log", "Arn"]})
        self.assertTrue(stacks["Fn::Sub"].endswith(f":stack/{PREFIX}1-*/*"))
        self.assertTrue(parameters["Fn::Sub"].endswith(":parameter/folder/*"))
        known = mock.Mock(region=REGION, **{"account_id.return_value": "1"})
        granted = {str(statement["Action"]): statement["Resource"] for statement in models.permissions(known)}
        self.assertEqual([action for action, on in granted.items() if on == "*"], ["ecr:GetAuthorizationToken"])
        self.assertEqual(granted["cloudwatch:DescribeAlarms"], f"arn:aws:cloudwatch:{REGION}:1:alarm:{PREFIX}*")

    def test_they_may_do_what_the_template_grants_for_scaling(self) -> None:
        known = mock.Mock(region="eu-west-1", **{"scaling.meta.partition": "aws", "account_id.return_value": "1"})
        by_sid = {statement["Sid"]: statement for statement in grants.statements(known)}
        self.assertIn("application-autoscaling:RegisterScalableTarget", by_sid["Register"]["Action"])
        self.assertEqual(by_sid["Alarms"]["Resource"], "arn:aws:cloudwatch:eu-west-1:1:alarm:*")
        self.assertNotIn("${", str(by_sid))
        narrow = {statement["Sid"]: statement for statement in grants.statements(known, with_narrow_alarms=True)}
        self.assertEqual(narrow["Alarms"]["Resource"], "arn:aws:cloudwatch:eu-west-1:1:alarm:TargetTracking-*")
        self.assertEqual({**narrow, "Alarms": 0}, {**by_sid, "Alarms": 0})


if __name__ == "__main__":
    unittest.main()
