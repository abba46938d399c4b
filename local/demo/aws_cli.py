"""The AWS CLI, as a user would type it."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from demo.environment import inherited

DESCRIBE_TARGETS = "aws application-autoscaling describe-scalable-targets --service-namespace sagemaker"
DESCRIBE_POLICIES = "aws application-autoscaling describe-scaling-policies --service-namespace sagemaker"
DESCRIBE_ACTIONS = "aws application-autoscaling describe-scheduled-actions --service-namespace sagemaker"
DESCRIBE_SNAPSHOTS = "aws ssm get-parameters-by-path --path /sagemaker-scaling/snapshots --recursive"
LIST_TAGS = "aws application-autoscaling list-tags-for-resource --resource-arn"
_VARIANT = "VariantName={},ModelName=model,InitialInstanceCount=1,InstanceType=ml.m5.large"
_SECONDS = 60


class AwsCliError(Exception):
    """The AWS CLI failed; the message is its own."""


Execute = Callable[[list[str], dict[str, str], float], subprocess.CompletedProcess[str]]
"""Runs the AWS CLI with these arguments and this environment, for at most so many seconds."""


def execute(arguments: list[str], environment: dict[str, str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Runs the pinned AWS CLI."""
    # Not the script `aws`: its first line cannot name a Python whose path has a space.
    command = [sys.executable, "-m", "awscli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds, check=False)


class AwsCli:
    """The pinned AWS CLI, with the addresses of the local AWS."""

    def __init__(self, environment: dict[str, str], execute: Execute = execute) -> None:
        self._environment = environment
        self._execute = execute

    def run(self, command: str) -> Any:
        """Runs an `aws ...` command. Returns its output, parsed as JSON."""
        program, *arguments = shlex.split(command)
        assert program == "aws", command
        done = self._execute(arguments, inherited(self._environment), _SECONDS)
        if done.returncode != 0:
            raise AwsCliError(f"$ {command}\n{done.stderr.strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else None


def endpoint_commands(name: str, *variants: str) -> tuple[str, str]:
    """The commands that create an endpoint."""
    production = " ".join(map(_VARIANT.format, variants))
    return (
        f"aws sagemaker create-endpoint-config --endpoint-config-name {name}-config --production-variants {production}",
        f"aws sagemaker create-endpoint --endpoint-name {name} --endpoint-config-name {name}-config",
    )
