"""The recorder: a Lambda function that answers and records the requests of stacks, and the templates that use it."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from conformance.stacks import Stacks

RUNTIME = "python3.13"
TIMEOUT_SECONDS = 120
SOURCE = Path(__file__).with_name("recorder_function.py").read_text()
_READY_SECONDS = 60
_ANSWER_SECONDS = 120
"""How long CloudFormation waits for an answer, if the function cannot answer."""


@dataclass(frozen=True)
class Recording:
    """A request, as the function has recorded it. `recorder_function.py` writes it."""

    stack: str
    type: str
    resource: str
    id: str
    arrived: float
    answered: float
    dated: str
    step: str
    old_step: str
    succeeds: bool
    tags: Mapping[str, str]
    statuses: Sequence[Sequence[Any]]
    """After how many seconds DescribeStackResource showed which status, and when that status was recorded."""


def recording(value: str) -> Recording | None:
    """A recording from its text. `None` for that of a probe."""
    found: dict[str, Any] = json.loads(value)
    return None if "probe" in found else Recording(**found)


class Recorder:
    """The recorder of a run."""

    def __init__(self, stacks: Stacks, functions: Any, parameters: Any, prefix: str, run: str) -> None:
        self._stacks = stacks
        self._functions = functions
        self._parameters = parameters
        self._stack = f"{prefix}-recorder"
        self._prefix = prefix
        self._run = run
        self._known: dict[str, Recording | None] = {}
        self.arn = ""

    @property
    def name(self) -> str:
        """The name of the function."""
        return self._stack

    def deploy(self, recordings: str, tag: str) -> str:
        """Deploys the function, and waits until its role is effective. Returns why it is not ready, or nothing."""
        template = template_of(self._stack, self._prefix, recordings, tag, self._run)
        settled = self._stacks.create(self._stack, template, self._run, Capabilities=["CAPABILITY_NAMED_IAM"])
        if not settled.is_complete:
            return f"the stack of the recorder is {settled}"
        self.arn = settled.outputs["Arn"]
        # IAM is eventually consistent: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html
        deadline = time.monotonic() + _READY_SECONDS
        while (probed := self._probe()) != '"ready"':
            if time.monotonic() > deadline:
                return f"the recorder is not ready: {probed}"
            time.sleep(1)
        return ""

    def recordings(self, path: str) -> list[Recording]:
        """Every request so far, in the order of arrival. Deletes the parameters that it has read."""
        pages = self._parameters.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
        values = {parameter["Name"]: parameter["Value"] for page in pages for parameter in page["Parameters"]}
        for name in values.keys() - self._known.keys():
            self._known[name] = recording(values[name])
            self._parameters.delete_parameter(Name=name)
        found = [each for each in self._known.values() if each]
        return sorted(found, key=lambda each: each.arrived)

    def resources(self, *resources: dict[str, Any]) -> str:
        """A template with custom resources of this function."""
        return json.dumps({"Resources": {key: value for each in resources for key, value in each.items()}})

    def resource(self, name: str, after: str = "", **properties: str) -> dict[str, Any]:
        """A custom resource, which comes after another one."""
        common = {"ServiceToken": self.arn, "ServiceTimeout": str(_ANSWER_SECONDS)}
        order = {"DependsOn": after} if after else {}
        return {name: {"Type": "Custom::Recorded", "Properties": {**common, **properties}, **order}}

    def _probe(self) -> str:
        payload = json.dumps({"Probe": self._stack}).encode()
        try:
            return str(self._functions.invoke(FunctionName=self._stack, Payload=payload)["Payload"].read().decode())
        except ClientError as error:
            return str(error)


def template_of(name: str, prefix: str, recordings: str, tag: str, run: str) -> str:
    """The stack with the function, its role and its log."""
    arn = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
    statements = [
        _allow(["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::GetAtt": ["Log", "Arn"]}),
        _allow(
            ["cloudformation:DescribeStackResource", "cloudformation:DescribeStacks"],
            {"Fn::Sub": arn % ("cloudformation", f"stack/{prefix}-*/*")},
        ),
        _allow(["ssm:PutParameter", "ssm:AddTagsToResource"], {"Fn::Sub": arn % ("ssm", f"parameter{recordings}/*")}),
    ]
    role = {
        # A generated name would not begin with the whole prefix.
        "RoleName": name,
        "AssumeRolePolicyDocument": _policy(
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ),
        "Policies": [{"PolicyName": "recorder", "PolicyDocument": _policy(*statements)}],
    }
    function = {
        "FunctionName": name,
        "Runtime": RUNTIME,
        "Handler": "index.handler",
        "Timeout": TIMEOUT_SECONDS,
        "MemorySize": 256,
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": SOURCE},
        "LoggingConfig": {"LogGroup": {"Ref": "Log"}},
        "Environment": {"Variables": {"RECORDINGS": recordings, "TAG": tag, "RUN": run}},
    }
    log = {"LogGroupName": f"/aws/lambda/{name}", "RetentionInDays": 1}
    return json.dumps(
        {
            "Resources": {
                "Log": {"Type": "AWS::Logs::LogGroup", "Properties": log},
                "Role": {"Type": "AWS::IAM::Role", "Properties": role},
                "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            },
            "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Function", "Arn"]}}},
        }
    )


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(actions: Sequence[str], resource: dict[str, Any]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}
