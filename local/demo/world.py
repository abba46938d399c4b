"""Everything that a stack needs: CloudFormation, the function, the local AWS, the AWS CLI."""

import json
from typing import Any

from demo.aws_cli import AwsCli
from demo.package import Programs, archive
from demo.stacks import Settled, Stacks, function_template
from demo.stage import Stage

FUNCTION_STACK = "sagemaker-scaling"
_OF_REGISTRATION = ("ARN", "CreationTime")
"""Members that differ at each registration end so."""


class World:
    """The local AWS, MiniStack and the AWS CLI. They run during the `with` block.

    With `assumes`, missing endpoints that requests for scalable targets name are created. `fails` names a resource
    whose update fails. With `reverse`, CloudFormation reverts resources in the reverse of the order of the update.
    """

    def __init__(self, programs: Programs, *, assumes: bool = False, fails: str = "", reverse: bool = False) -> None:
        self.programs = programs
        chosen = {"ASSUMES": assumes and "1", "FAILS": fails, "REVERTS": reverse and "reverse"}
        self._chosen = {name: value for name, value in chosen.items() if value}
        self._stage = Stage()
        self._reported = 0
        self._called = 0

    def __enter__(self) -> "World":
        try:
            self.local_aws = self._stage.local_aws(self.programs.local_aws)
            # MiniStack's functions inherit its environment, so template.yaml needs no variables for tests.
            ministack = self._stage.ministack({**self.local_aws.environment(), **self._chosen})
            self.stacks = Stacks(ministack)
            endpoints = {"AWS_ENDPOINT_URL": ministack, **self.local_aws.environment()}
            # The function asks the local AWS for stacks. The CLI calls the CloudFormation that deploys them.
            self.environment = {**endpoints, "AWS_ENDPOINT_URL_CLOUDFORMATION": ministack}
            self.cli = AwsCli(self.environment)
        except BaseException:
            self._stage.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stage.stop()

    @property
    def stage(self) -> Stage:
        """The processes."""
        return self._stage

    def deploy_function(self) -> Settled:
        """Deploys template.yaml."""
        package = self.stacks.upload(archive(self.programs.function))
        return self.stacks.create(FUNCTION_STACK, function_template(package))

    def targets(self) -> list[dict[str, Any]]:
        """The scalable targets."""
        described = self.local_aws.call("AnyScaleFrontendService.DescribeScalableTargets", ServiceNamespace="sagemaker")
        targets: list[dict[str, Any]] = described["ScalableTargets"]
        return targets

    def tags(self, arn: str) -> dict[str, str]:
        """A scalable target's tags."""
        listed = self.local_aws.call("AnyScaleFrontendService.ListTagsForResource", ResourceARN=arn)
        tags: dict[str, str] = listed["Tags"]
        return tags

    def scaling(self) -> list[dict[str, Any]]:
        """The targets with their tags, the policies and the actions, without what differs at each registration."""
        found = [{**target, "Tags": self.tags(target["ScalableTargetARN"])} for target in self.targets()]
        for what in ("ScalingPolicies", "ScheduledActions"):
            target = f"AnyScaleFrontendService.Describe{what}"
            found += self.local_aws.call(target, ServiceNamespace="sagemaker")[what]
        return [{name: value for name, value in each.items() if not name.endswith(_OF_REGISTRATION)} for each in found]

    def snapshots(self) -> list[str]:
        """The names of the snapshots."""
        below = {"Path": "/sagemaker-scaling/snapshots", "Recursive": True}
        found = self.local_aws.call("AmazonSSM.GetParametersByPath", **below)["Parameters"]
        return [parameter["Name"] for parameter in found]

    def news(self) -> list[dict[str, Any]]:
        """The requests, answers and calls of AWS since the last call, in order."""
        recorded = [json.loads(line) for line in self._stage.record.read_text().splitlines()]
        calls = self.local_aws.calls()
        news, called = recorded[self._reported :], calls[self._called :]
        self._reported, self._called = len(recorded), len(calls)
        # Both lists have the calls of CloudFormation, unless the local AWS was reset meanwhile.
        for own in (entry for entry in news if "By" in entry):
            same = [call for call in called if (call["Target"], call["Input"]) == (own["Target"], own["Input"])]
            if same:
                called.remove(min(same, key=lambda call: abs(call["Time"] - own["Time"])))
        return sorted(news + called, key=lambda entry: float(entry["Time"]))
