"""The function's Create has the same result as the command of AWS's page "Register a model"."""

import unittest
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

from demo.aws_cli import DESCRIBE_TARGETS, AwsCli, endpoint_commands
from demo.endpoints import create_endpoint
from demo.stage import LocalAws, Stage
from support import FunctionTestCase, preloaded_aws

# https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-add-policy.html, unchanged.
PAGE = """\
aws application-autoscaling register-scalable-target \\
--service-namespace sagemaker \\
--resource-id endpoint/MyEndPoint/variant/MyVariant \\
--scalable-dimension sagemaker:variant:DesiredInstanceCount \\
--min-capacity 1 \\
--max-capacity 8
"""
# Members that differ at each registration.
OWN = ("CreationTime", "ScalableTargetARN")


class Specification(FunctionTestCase):
    """The comparison, on any model of AWS."""

    def compare(self) -> None:
        """Registers in both ways, each on a fresh AWS."""
        by_command = self.state_after(lambda cli: cli.run(PAGE.replace("\\\n", "")))
        by_function = self.state_after(lambda _: self.send_create())
        self.assertEqual(len(by_command), 1)
        self.assertEqual(by_function, by_command)

    def reset(self) -> None:
        """Resets AWS, and creates the endpoint."""
        raise NotImplementedError

    def state_after(self, registration: Callable[[AwsCli], Any]) -> list[dict[str, Any]]:
        """The scalable targets after a registration on a fresh AWS, without members that differ at each one."""
        self.reset()
        cli = AwsCli(self.aws.environment(), preloaded_aws)
        registration(cli)
        targets = cli.run(DESCRIBE_TARGETS)["ScalableTargets"]
        return [{name: value for name, value in target.items() if name not in OWN} for target in targets]

    def send_create(self) -> None:
        """Sends events/create.json to the function."""
        _, answer = self.function.send("create")
        self.assertEqual(answer and answer.json()["Status"], "SUCCESS", answer and answer.json().get("Reason"))


class OnTheLocalAws(Specification):
    """On the model in this repository."""

    def test_create_leaves_what_the_command_of_the_page_leaves(self) -> None:
        self.compare()

    def reset(self) -> None:
        self.aws.call("LocalAws.Reset")
        create_endpoint(self.aws)


class OnMoto(Specification):
    """On moto, another implementation of the services."""

    def test_create_leaves_what_the_command_of_the_page_leaves(self) -> None:
        self.compare()

    @classmethod
    def services(cls, stage: Stage) -> LocalAws:
        return stage.moto()

    def reset(self) -> None:
        urlopen(Request(f"{self.aws.url}/moto-api/reset", method="POST"), timeout=10).close()
        role = "arn:aws:iam::123456789012:role/model"
        cli = AwsCli(self.aws.environment(), preloaded_aws)
        cli.run(f"aws sagemaker create-model --model-name model --execution-role-arn {role}")
        for command in endpoint_commands("MyEndPoint", "MyVariant"):
            cli.run(command)


if __name__ == "__main__":
    unittest.main()
