"""Common parts of the tests of `make try`."""

import io
import json
from typing import Any

from demo.aws_cli import DESCRIBE_ACTIONS, DESCRIBE_POLICIES, DESCRIBE_SNAPSHOTS, DESCRIBE_TARGETS
from demo.environment import ROOT
from demo.telling import UnsuccessfulError
from demo.timeline import Timeline
from demo.trial import Trial
from demo.user_template import UserTemplate
from support import StackTestCase, advice, as_template, blocks, scratch

IMPORT = "!ImportValue sagemaker-scaling-ServiceToken"
[SCALING] = [block for block in blocks("yaml") if "Custom::SageMakerScalableTarget" in block]
README_TEMPLATE = as_template(SCALING)
ROLE = """
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Action: "sts:AssumeRole", Principal: {Service: lambda.amazonaws.com}}]
"""
OPERATIONS = {
    DESCRIBE_ACTIONS: "AnyScaleFrontendService.DescribeScheduledActions",
    DESCRIBE_POLICIES: "AnyScaleFrontendService.DescribeScalingPolicies",
    DESCRIBE_TARGETS: "AnyScaleFrontendService.DescribeScalableTargets",
}


class FastCli:
    """Returns the output of the AWS CLI without a process for each command."""

    def __init__(self, test: StackTestCase) -> None:
        self._aws = test.world.local_aws

    def run(self, command: str) -> Any:
        """Calls the local AWS."""
        if command == DESCRIBE_SNAPSHOTS:
            return self._aws.call("AmazonSSM.GetParametersByPath", Path="/sagemaker-scaling/snapshots", Recursive=True)
        return self._aws.call(OPERATIONS[command], ServiceNamespace="sagemaker")


class TrialTestCase(StackTestCase):
    """Tests of templates that have passed cfn-lint."""

    assumes = True

    def setUp(self) -> None:
        """Resets the local AWS."""
        self.world.local_aws.call("LocalAws.Reset")
        self.world.cli = FastCli(self)  # type: ignore[assignment]
        self.scratch = scratch(self)
        # Each test has an endpoint of its own, because an assumed endpoint is not assumed again.
        self.endpoint = self.id().rpartition(".")[2].replace("_", "-")[:63].rstrip("-")

    def play(self, text: str, values: dict[str, str] | None = None, **parameters: str) -> list[dict[str, Any]]:
        """Tries a template, and returns the events. If it fails, the error is the last one."""
        file = self.scratch / "template.yaml"
        file.write_text(text)
        told = io.StringIO()
        last = {}
        try:
            template = UserTemplate(str(file), values or {})
            template.check(parameters)
            ready = template.ready(self.deployed.outputs["ServiceToken"], self.world.stacks.upload)
            Trial(self.world, Timeline(told, as_json=True), ready).tell()
        except UnsuccessfulError as unsuccessful:
            last = {"Kind": "unsuccessful", "Text": str(unsuccessful)}
        events = [*map(json.loads, told.getvalue().splitlines()), last]
        self._check_advice(events)
        return events

    def _check_advice(self, told: list[dict[str, Any]]) -> None:
        """Checks that docs/TRY.md has advice for a failure, and README for a reason for which it is referred to."""
        for text in self.texts(told, "unsuccessful"):
            self.assertTrue(advice(text, ROOT / "docs" / "TRY.md", "If it fails"), text)
            if "README.md" in text:
                self.assertTrue(advice(self.reason(told)), text)

    def texts(self, told: list[dict[str, Any]], kind: str) -> list[str]:
        """The texts of the events of one kind."""
        return [event["Text"] for event in told if event.get("Kind") == kind]

    def reason(self, told: list[dict[str, Any]]) -> str:
        """The events of the function."""
        answers = [event["Answer"] for event in told if event.get("Kind") == "answer"]
        [reason] = [str(answer["Reason"]) for answer in answers if answer["Status"] == "FAILED"]
        return reason
