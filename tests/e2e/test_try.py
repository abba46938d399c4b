"""`make try`: a template of the user's own, from cfn-lint to the deleted stack."""

import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from demo.aws_cli import DESCRIBE_ACTIONS, DESCRIBE_POLICIES, DESCRIBE_TARGETS
from demo.endpoints import INSTANCES
from demo.environment import ROOT
from demo.stacks import example
from demo.telling import UnexpectedError
from support import cfn_lint, outlive, programs, run, scratch
from test_examples import BEFORE, EXAMPLES, TOPIC
from trying import IMPORT, README_TEMPLATE, ROLE, TrialTestCase

ANOTHER_ACCOUNTS = "arn:aws:sagemaker:us-east-1:444455556666:endpoint/e"
TYPING_ERRORS = (
    ("MaxCapacity", "MaxCapcity"),
    ("TargetValue: 70", "TargetValue: many"),
    ("PolicyType: T", "PolicyType: t"),
)
ON_INSTANCES = "endpoint {} is in service, with MyVariant on ml.m5.large"
# Assumptions of examples that need more than an endpoint with a variant on instances.
ASSUMED = {
    "asynchronous-to-zero": ["asynchronous endpoint {} is in service, with MyVariant on ml.m5.large"],
    "deployment-guardrails": [],
    "endpoint-for-other-stacks": [],
    "endpoint-with-scaling": [],
    "instance-pools": [],
    "inference-component-to-zero": ["inference component MyInferenceComponent is in service"],
    "serverless-concurrency": ["endpoint {} is in service, with MyVariant serverless"],
    TOPIC: [],
    "model": [],
    "two-variants": [
        "endpoint {} is in service, with MyOtherVariant on ml.m5.large",
        "endpoint {} is in service, with MyOtherVariant on ml.m5.large and MyVariant on ml.m5.large",
    ],
}
PARAMETERS = {
    **{name: case.parameters for name, case in EXAMPLES.items()},
    BEFORE: EXAMPLES["minimal"].parameters,
    TOPIC: {"Accounts": "444455556666"},
}


class Playing(TrialTestCase):
    """The result of a template that has passed cfn-lint."""

    def test_every_example_is_played_with_what_it_needs_and_leaves_nothing(self) -> None:
        for file in sorted((ROOT / "examples").glob("*.yaml")):
            name = file.stem
            with self.subTest(name):
                self.world.local_aws.call("LocalAws.Reset")
                endpoint = f"of-{name}"
                parameters = {**PARAMETERS[name]}
                if "EndpointName" in parameters:
                    parameters["EndpointName"] = endpoint
                told = self.play(example(name), None, **parameters)
                statuses = [event["Status"] for event in told if event.get("Kind") == "stack"]
                self.assertEqual(statuses, ["CREATE_COMPLETE", "DELETE_COMPLETE"], self.texts(told, "unsuccessful"))
                wanted = [text.format(endpoint) for text in ASSUMED.get(name, [ON_INSTANCES])]
                self.assertEqual(self.texts(told, "assume"), wanted)
                [left] = self.texts(told, "check")
                self.assertIn("template retains" if name == BEFORE else "shows no target", left)

    def test_the_calls_for_an_assumption_are_not_calls_of_the_function(self) -> None:
        told = self.play(README_TEMPLATE.replace("my-endpoint", self.endpoint))
        self.assertEqual(
            [(event["By"], event["Target"]) for event in told if event.get("Kind") == "call"][:4],
            [
                ("assumption", "SageMaker.DescribeEndpoint"),
                ("assumption", "SageMaker.CreateEndpointConfig"),
                ("assumption", "SageMaker.CreateEndpoint"),
                ("function", "SageMaker.DescribeEndpoint"),
            ],
        )

    def test_whatever_the_service_token_is_it_is_the_function(self) -> None:
        template = README_TEMPLATE.replace("my-endpoint", self.endpoint)
        for token, said in (
            (IMPORT, False),
            ("!ImportValue of-another-name", True),
            ("!Ref Token", True),
            ("!Sub arn:aws:sns:${AWS::Region}:444455556666:topic", True),
            ("arn:aws:lambda:eu-west-1:444455556666:function:scaling", True),
        ):
            with self.subTest(token):
                self.assertEqual(template.count(IMPORT), 1)
                parameter = "Parameters:\n  Token:\n    Type: String\n" if token == "!Ref Token" else ""
                told = self.play(parameter + template.replace(IMPORT, token))
                self.assertEqual(self.texts(told, "unsuccessful"), [])
                remark = "the ServiceToken of Scaling is the function on this machine"
                self.assertEqual(remark in self.texts(told, "assume"), said)

    def test_dates_stay_what_they_are(self) -> None:
        schedule = """
      ScheduledActions:
        - ScheduledActionName: later
          Schedule: rate(1 day)
          StartTime: 2030-01-01T00:00:00Z
          ScalableTargetAction: {MinCapacity: 2}
"""
        template = README_TEMPLATE.replace("my-endpoint", self.endpoint).replace(IMPORT, "!ImportValue of-another-name")
        told = self.play(template.rstrip() + schedule.rstrip() + ROLE)
        self.assertEqual(self.texts(told, "unsuccessful"), [])
        [put] = [event for event in told if str(event.get("Target")).endswith("PutScheduledAction")]
        self.assertEqual(put["Input"]["StartTime"], 1893456000)

    def test_a_retained_bucket_excuses_no_target_that_is_left(self) -> None:
        self.world.local_aws.call(
            "SageMaker.CreateEndpointConfig",
            EndpointConfigName=self.endpoint,
            ProductionVariants=[
                {"VariantName": "left", "ModelName": "model", **INSTANCES},
            ],
        )
        self.world.local_aws.call(
            "SageMaker.CreateEndpoint", EndpointName=self.endpoint, EndpointConfigName=self.endpoint
        )
        self.world.local_aws.call(
            "AnyScaleFrontendService.RegisterScalableTarget",
            ServiceNamespace="sagemaker",
            MinCapacity=1,
            MaxCapacity=2,
            ResourceId=f"endpoint/{self.endpoint}/variant/left",
            ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        )
        bucket = "  Bucket:\n    Type: AWS::S3::Bucket\n    DeletionPolicy: Retain\n    UpdateReplacePolicy: Retain\n"
        with self.assertRaisesRegex(UnexpectedError, "shows no target"):
            self.play(f"Resources:\n{bucket}")

    def test_what_parameter_store_is_asked_for_is_assumed(self) -> None:
        endpoint = f"/prod/{self.endpoint}"
        parameter = "Parameters:\n  Endpoint:\n    Type: AWS::SSM::Parameter::Value<String>\n"
        told = self.play(parameter + README_TEMPLATE.replace("my-endpoint", "!Ref Endpoint"), Endpoint=endpoint)
        remarks = [
            f"{endpoint} in Parameter Store is {self.endpoint!r}",
            f"endpoint {self.endpoint} is in service, with AllTraffic on ml.m5.large",
        ]
        self.assertEqual((self.texts(told, "assume"), self.texts(told, "unsuccessful")), (remarks, []))

    def test_what_cannot_be_assumed_is_left_to_the_function_to_tell(self) -> None:
        for right, wrong, said in (
            ("AllTraffic", "!Ref AWS::NoValue", "VariantName"),
            ("AllTraffic", "Not_A_Name", "VariantName"),
            ("my-endpoint", ANOTHER_ACCOUNTS, "111122223333"),
        ):
            with self.subTest(wrong):
                template = README_TEMPLATE.replace(right, wrong)
                self.assertNotEqual(template, README_TEMPLATE)
                told = self.play(template)
                self.assertEqual(self.texts(told, "assume"), [])
                self.assertIn(said, self.reason(told))

    def test_an_endpoint_with_a_limit_of_zero_is_assumed_to_be_asynchronous(self) -> None:
        action = "[{ScheduledActionName: night, Schedule: rate(1 day), ScalableTargetAction: {MinCapacity: 0}}]"
        for number, limit in enumerate((f"ScheduledActions: {action}\n      MinCapacity: 1.0", "MinCapacity: 0.0")):
            endpoint = f"{self.endpoint[:60]}-{number}"
            template = README_TEMPLATE.replace("my-endpoint", endpoint)
            told = self.play(re.sub("MinCapacity: .*", limit, template, count=1))
            remarks = [f"asynchronous endpoint {endpoint} is in service, with AllTraffic on ml.m5.large"]
            self.assertEqual((self.texts(told, "assume"), self.texts(told, "unsuccessful")), (remarks, []))

    def test_an_endpoint_of_the_template_itself_is_not_assumed(self) -> None:
        # Its name precedes the endpoint's: resources are created in the order of their names.
        early = README_TEMPLATE.replace("Resources:\n", "").replace("Scaling:", "AboveAll:", 1)
        early = re.sub("EndpointName: .*", "EndpointName: !Sub ${EndpointName}", early)
        template = example("endpoint-with-scaling").partition("  Scaling:\n")[0] + early
        told = self.play(template, None, **{**PARAMETERS["endpoint-with-scaling"], "EndpointName": self.endpoint})
        self.assertEqual(self.texts(told, "assume"), [])
        self.assertIn(f"there is no endpoint {self.endpoint}", self.reason(told))
        self.assertIn("NOT created: AboveAll failed.", told[-1]["Text"])
        self.assertIn("When it fails", told[-1]["Text"])

    def test_what_cloudformation_refuses_is_told_in_its_words(self) -> None:
        parameter = "Parameters:\n  Size:\n    Type: String\n    AllowedValues: [small]\n"
        [unsuccessful] = self.texts(self.play(parameter + README_TEMPLATE, Size="medium"), "unsuccessful")
        self.assertIn("CloudFormation refuses the template. Parameter 'Size' value 'medium'", unsuccessful)

    def test_a_resource_of_others_that_fails_is_named(self) -> None:
        endpoint = (
            "  Endpoint:\n    Type: AWS::SageMaker::Endpoint\n    Properties:\n      EndpointConfigName: nowhere\n"
        )
        [unsuccessful] = self.texts(self.play(f"Resources:\n{endpoint}"), "unsuccessful")
        self.assertIn("NOT created: Endpoint failed. If AWS accepts", unsuccessful)


class Command(unittest.TestCase):
    """`make try` as a whole."""

    def setUp(self) -> None:
        programs()
        self.file = scratch(self) / "my-template.yaml"

    def attempt(self, template: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Tries a template. In any case, no process is left, and no output looks like a defect."""
        self.file.write_text(template)
        return self.make(f"TEMPLATE={self.file}", *more)

    def make(self, *variables: str) -> subprocess.CompletedProcess[str]:
        """Runs `make try`."""
        with tempfile.TemporaryDirectory() as marker:
            done = run(["make", "--silent", "try", *variables], {"TMPDIR": marker})
            self.assertEqual(list(Path(marker).iterdir()), [])
            if sys.platform == "linux":
                self.assertEqual(outlive(started_with(marker)), [])
        for never in ("ResponseURL", "Traceback"):
            self.assertNotIn(never, done.stdout + done.stderr)
        return done

    def test_a_template_with_a_parameter_and_a_value_is_told_from_its_creation_to_its_end(self) -> None:
        template = "Parameters:\n  Most:\n    Type: Number\n    Default: 4\n" + README_TEMPLATE
        template = template.replace("MaxCapacity: 4", "MaxCapacity: !Ref Most")
        template = template.replace("AllTraffic", "'{{resolve:ssm:/variant}}'")
        done = self.attempt(template, "PARAMETERS=Most=7", "VALUES={{resolve:ssm:/variant}}=AllTraffic")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        told = iter(done.stdout.splitlines())
        for said in (
            "1. Create: my-template.yaml",
            "assume   endpoint my-endpoint is in service, with AllTraffic on ml.m5.large",
            "request  Create of Scaling: EndpointName my-endpoint, VariantName AllTraffic, MinCapacity 1, MaxCapacity",
            "observe  SageMaker DescribeEndpoint",
            "decide   register it, unless it is registered already",
            "act      Auto Scaling RegisterScalableTarget    my-endpoint/AllTraffic, 1 to 7; owner trial/Scaling",
            "act      Auto Scaling PutScalingPolicy          requests",
            "answer   SUCCESS",
            f"$ {DESCRIBE_TARGETS}",
            '"MaxCapacity": 7,',
            f"$ {DESCRIBE_POLICIES}",
            '"PolicyName": "requests",',
            f"$ {DESCRIBE_ACTIONS}",
            "3. Delete",
            "act      Auto Scaling DeregisterScalableTarget  my-endpoint/AllTraffic",
            "stack    DELETE_COMPLETE: trial",
            "check    ✓ the AWS CLI shows no target, policy, scheduled action or snapshot any more",
            "my-template.yaml was created and deleted on this machine",
        ):
            self.assertTrue(any(said in line for line in told), f"{said!r} is missing, or late, in\n{done.stdout}")

    def test_what_the_function_refuses_ends_it_for_scripts_too(self) -> None:
        done = self.attempt(README_TEMPLATE.replace("my-endpoint", ANOTHER_ACCOUNTS), "JSON=1")
        self.assertNotEqual(done.returncode, 0)
        *_, check, end = map(json.loads, done.stdout.splitlines())
        self.assertEqual((check["Kind"], end["Kind"], end["Good"]), ("check", "end", False))
        self.assertIn("Scaling failed", end["Text"])

    def test_typing_errors_are_told_as_cfn_lint_tells_them_and_nothing_is_deployed(self) -> None:
        typing_errors = README_TEMPLATE
        for right, wrong in TYPING_ERRORS:
            self.assertEqual(typing_errors.count(right), 1)
            typing_errors = typing_errors.replace(right, wrong)
        done = self.attempt(typing_errors)
        self.assertNotEqual(done.returncode, 0)
        checked = cfn_lint(self.file).stdout
        self.assertGreaterEqual(checked.count("E9301"), 3)
        self.assertEqual(done.stdout, f"{checked.rstrip()}\n\ncfn-lint has found mistakes; nothing was deployed.\n")

    def test_what_cannot_be_tried_is_told_with_what_to_type(self) -> None:
        needs = "Parameters:\n  Variant:\n    Type: String\n    Description: Which one.\n" + README_TEMPLATE
        needs = needs.replace("AllTraffic", "!Ref Variant")
        nothing = "cfn-lint has found mistakes; nothing was deployed."
        for template, parameters, said in (
            (None, "", "TEMPLATE: there is no file"),
            ("Resources: [", "", nothing),
            ("Nothing: 1", "", nothing),
            (
                needs,
                "",
                f'  Variant: Which one.\nGive them values: make try TEMPLATE={self.file} PARAMETERS="Variant=…"',
            ),
            (
                needs.replace("my-endpoint", "!ImportValue of-endpoint"),
                "Variant=a",
                f'make try TEMPLATE={self.file} PARAMETERS="Variant=a" VALUES="of-endpoint=…"',
            ),
            (needs, "Varient=a", "The template has no parameter Varient; did you mean Variant?"),
            (needs, "a", "'a' is not Name=value"),
            # Neither make nor the shell changes it.
            (needs, 'a$now`hostname`"b c"', "'a$now`hostname`b c' is not Name=value"),
        ):
            with self.subTest(said):
                self.file.unlink(missing_ok=True)
                variables = f"PARAMETERS={parameters}"
                done = self.attempt(template, variables) if template else self.make(f"TEMPLATE={self.file}", variables)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(said, done.stdout)
        self.assertIn("make try TEMPLATE=examples/minimal.yaml", self.make().stdout)
        self.assertIn("TEMPLATE: 'examples' is a folder. Name a file in it.", self.make("TEMPLATE=examples").stdout)
        of_update = self.make(f"TEMPLATE={self.file}", "FAIL=Scaling").stdout
        self.assertIn("FAIL needs BEFORE: set BEFORE to the template that the stack has now.", of_update)


def started_with(marker: str) -> list[int]:
    """The processes with this folder in their environment."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker.encode() in environment.read_bytes():
                found.append(int(environment.parent.name))
        except OSError:
            continue  # it has ended, or belongs to another user
    return found


if __name__ == "__main__":
    unittest.main()
