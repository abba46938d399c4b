"""`make conformance ONLY=examples`: installs the function, and plays the stacks of examples/ on an account.

It creates, updates and deletes each example. After each step, it compares what AWS has registered with what the
template declares.
"""

import contextlib
import enum
import io
import itertools
import math
import re
import secrets
import tarfile
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance import scene
from conformance.account import AWS_ERRORS, PREFIX, TAG, Account
from conformance.beliefs import ROOT
from conformance.declared import (
    Scaling,
    Template,
    counted,
    declared,
    declared_alarms,
    declared_endpoints,
    differences,
    registered,
    registered_alarms,
    registered_endpoints,
)
from conformance.installed import Package, PackageError
from conformance.leftovers import snapshots
from conformance.run import cleaned
from conformance.stacks import Failure, Settled, body_of

EXAMPLES = ROOT / "examples"
_FUNCTION_TYPES = "Custom::SageMaker"
_REFUSAL = "deregistered as scalable targets"
"""A part of SageMaker's refusal of an update that a gate has to make possible."""
_LOOK_SECONDS = 0.2
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
_TINY_MODEL = """\
def model_fn(model_dir):
    return model_dir


def predict_fn(data, model):
    return data
"""
"""A model without artifacts: https://github.com/aws/sagemaker-python-sdk/issues/3361."""


class ExamplesError(Exception):
    """Nothing can be played. The message says why, and what to do."""


class Verdict(enum.Enum):
    """The result of an example."""

    HOLDS = "holds"
    DIFFERS = "DIFFERS"
    UNCLEAR = "unclear"
    NOT_APPLICABLE = "n/a"


@dataclass(frozen=True)
class Outcome:
    """The outcome of an example."""

    example: str
    verdict: Verdict
    seen: str


@dataclass(frozen=True)
class Step:
    """Deploys a stack. The first step of a stack creates it."""

    template: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    stack: str = ""
    """The end of its name, if it is not the stack of the example."""
    change: Callable[[str], str] = str
    """Changes the text of the template."""


@dataclass(frozen=True)
class Example:
    """An example, and what it costs."""

    group: str
    """The group of existing endpoints that it scales. It may be none."""
    steps: tuple[Step, ...]
    minutes: int
    instance_minutes: int
    """At most, as minutes of `scene.SMALL`."""
    keeps_target: bool = False
    """Whether the target stays registered, without an owner."""
    only_if_named: str = ""
    """Why a run plays it only if it is named."""


def _fewer(text: str) -> str:
    """A template with lower maximums."""
    return re.sub(r"(?m)^( {6}MaxCapacity: )(\d+)$", lambda found: f"{found[1]}{int(found[2]) - 1}", text)


def _short_waits(text: str) -> str:
    """A template whose updates wait for half a minute where they would wait for ten."""
    return text.replace("WaitIntervalInSeconds: 600", "WaitIntervalInSeconds: 30")


def _other_pool(text: str) -> str:
    return text.replace("ml.g6e.2xlarge", "ml.g6.4xlarge")


def _scaled(name: str, group: str, **more: str) -> Example:
    """An example that scales an endpoint that exists."""
    given = {"EndpointName": f"{{prefix}}-{group}", "VariantName": "MyVariant", **more}
    return Example(group, (Step(name, given), Step(name, given, change=_fewer)), 5, 30)


def _whole(
    name: str, suffix: str, minutes: int, instance_minutes: int, *others: Step, change: Callable[[str], str] = str
) -> Example:
    """An example that creates an endpoint. Its update changes the instance type."""
    given = {**_WHOLE, "EndpointName": f"{{prefix}}-{suffix}"}
    update = Step(name, {**given, "InstanceType": "ml.m5.xlarge"}, change=change)
    return Example("", (Step(name, given), *others, update), minutes, instance_minutes)


_WHOLE = {"ExecutionRoleArn": "{role}", "Image": "{image}", "ModelDataUrl": "{data}"}
_ON_VARIANT = {"EndpointName": "{prefix}-variants", "VariantName": "MyVariant"}
_COMPONENT = {"InferenceComponentName": "{prefix}-component"}
_POOLS = {**_WHOLE, "EndpointName": "{prefix}-pools"}
PLAYS: dict[str, Example] = {
    "model": Example("", (Step("model", {"ModelName": "{prefix}-model"}),), 3, 0),
    "minimal": Example(
        "variants", (Step("minimal", _ON_VARIANT), Step("minimal", {**_ON_VARIANT, "MaxCapacity": "3"})), 5, 10
    ),
    "target-tracking-predefined": _scaled("target-tracking-predefined", "variants"),
    "target-tracking-customized": _scaled("target-tracking-customized", "variants"),
    "target-tracking-metric-math": _scaled("target-tracking-metric-math", "variants"),
    "scheduled-actions": _scaled("scheduled-actions", "variants"),
    "policies-and-schedules": _scaled("policies-and-schedules", "variants"),
    "moving-over": Example(
        "variants",
        (Step("moving-over-before", _ON_VARIANT), Step("moving-over", _ON_VARIANT)),
        6,
        36,
        keeps_target=True,
    ),
    "two-variants": _scaled("two-variants", "variants", OtherVariantName="MyOtherVariant"),
    "asynchronous-to-zero": _scaled("asynchronous-to-zero", "asynchronous"),
    "serverless-concurrency": _scaled("serverless-concurrency", "serverless"),
    "inference-component-to-zero": Example(
        "component",
        (
            Step("inference-component-to-zero", _COMPONENT),
            Step("inference-component-to-zero", _COMPONENT, change=_fewer),
        ),
        5,
        30,
    ),
    "endpoint-with-scaling": _whole("endpoint-with-scaling", "scaling", 35, 150),
    "endpoint-for-other-stacks": _whole(
        "endpoint-for-other-stacks",
        "others",
        40,
        150,
        Step(
            "target-tracking-predefined",
            {"EndpointName": "{prefix}-others", "VariantName": "AllTraffic"},
            stack="scaling-of-other-stack",
        ),
    ),
    "deployment-guardrails": _whole("deployment-guardrails", "guardrails", 45, 200, change=_short_waits),
    "instance-pools": Example(
        "",
        (Step("instance-pools", _POOLS), Step("instance-pools", _POOLS, change=_other_pool)),
        40,
        # GPU instances: an hour of ml.g6.4xlarge counts as 15 of ml.m5.large.
        1_500,
        only_if_named="it needs GPU instances, for which few accounts have a quota; EXAMPLES=instance-pools plays it",
    ),
}
"""The order is that of a run. `two-variants` scales out, so it is the last of its endpoint."""
NOT_APPLICABLE = {
    "through-sns-topic": "it is for stacks of other accounts",
    "cdk-typescript": "it needs Node.js and the bootstrap stack of the CDK; make lint-cdk checks what it makes",
    "cdk-python": "it needs Node.js and the bootstrap stack of the CDK; make lint-cdk checks what it makes",
}
_GROUP_MINUTES = 20
_GROUP_INSTANCE_MINUTES = {"": 0, "variants": 40, "asynchronous": 20, "serverless": 20, "component": 20}
_GROUPS = {
    "variants": "2 variants on one {small} each",
    "asynchronous": "an asynchronous variant on one {small}",
    "serverless": "a serverless variant with a provisioned concurrency of 1",
    "component": "one {small}, with an inference component",
}
_FUNCTION_MINUTES = 12
_PRICE = 0.12
_MARGIN = 2
"""For endpoints that take longer to change than usual."""
_WIDTH = 120
_PRICING = "https://aws.amazon.com/sagemaker/pricing/"


@dataclass(frozen=True)
class Container:
    """A container image with a model, and the role that runs it."""

    image: str
    data: str
    role: str


class Run:
    """The stacks of one run."""

    def __init__(self, account: Account, package: Package, container: Container | None) -> None:
        assert account.stacks
        self.stacks = account.stacks
        self.account = account
        self.id = secrets.token_hex(4)
        self.prefix = f"{PREFIX}{self.id}"
        self._package = package
        self._container = container
        self._values = {"prefix": self.prefix, "export": f"{self.prefix}-ServiceToken"}

    def install(self) -> None:
        """Creates a bucket and a role, uploads the model and the function, and deploys the function."""
        base = self.must("base", body_of(_base(self.prefix), Outputs={"Role": {"Value": _arn_of("Role")}}))
        container = self._container or self._own(base.outputs["Role"])
        self._values |= {"image": container.image, "data": container.data, "role": container.role}
        template = self._package.uploaded(self.prefix, self.account.region, self.account.local_cloudformation)
        self.must("function", template, ExportName=self._values["export"])

    def must(self, suffix: str, body: str, **parameters: str) -> Settled:
        """Creates a stack that examples need."""
        settled = self.stacks.create(f"{self.prefix}-{suffix}", body, self.id, **_members(parameters))
        if not settled.is_complete:
            raise ExamplesError(f"stack {suffix} is {settled}")
        return settled

    def given(self, step: Step, text: str) -> dict[str, str]:
        """The parameters of a step."""
        given = {name: value.format(**self._values) for name, value in step.parameters.items()}
        return given | ({"ExportName": self._values["export"]} if "\n  ExportName:\n" in text else {})

    @contextlib.contextmanager
    def endpoints(self, group: str) -> Iterator[None]:
        """Creates the endpoints of a group, for a block."""
        if not group:
            yield
            return
        settled = self.must(group, body_of(_group(group, f"{self.prefix}-{group}", self._values)))
        yield
        self.stacks.delete(settled.id)

    def _own(self, role: str) -> Container:
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w:gz") as archive:
            entry = tarfile.TarInfo("code/inference.py")
            entry.size = len(_TINY_MODEL)
            archive.addfile(entry, io.BytesIO(_TINY_MODEL.encode()))
        self.account.of_stacks("s3").put_object(Bucket=self.prefix, Key="model.tar.gz", Body=content.getvalue())
        region = self.account.region
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        template = Template((EXAMPLES / "model.yaml").read_text(), {}, Region=region, URLSuffix=suffix)
        [(_, model)] = template.of_type("AWS::SageMaker::Model")
        return Container(model["PrimaryContainer"]["Image"], f"s3://{self.prefix}/model.tar.gz", role)


def chosen(names: Sequence[str]) -> list[str]:
    """The examples to play, in the order of a run."""
    for name in names:
        if name in NOT_APPLICABLE:
            raise ExamplesError(f"EXAMPLES: {name} cannot be played here: {NOT_APPLICABLE[name]}")
        if name not in PLAYS:
            raise ExamplesError(f"EXAMPLES: {name}: expected some of {' '.join(PLAYS)}")
    return [name for name, example in PLAYS.items() if name in names or not (names or example.only_if_named)]


def container_of(account: Account, model: str) -> Container:
    """The container of a model of the user."""
    described = account.sagemaker.describe_model(ModelName=model)
    container = described.get("PrimaryContainer") or described["Containers"][0]
    if not container.get("ModelDataUrl"):
        raise ExamplesError(f"MODEL: {model} has no ModelDataUrl, which the examples need. Leave out MODEL")
    return Container(container["Image"], container["ModelDataUrl"], described["ExecutionRoleArn"])


def told(names: Sequence[str], model: str) -> str:
    """What a run makes, how long it takes, and what it costs at most."""
    plays = [PLAYS[name] for name in names]
    groups = [group for group in dict.fromkeys(play.group for play in plays) if group]
    minutes = _FUNCTION_MINUTES + _GROUP_MINUTES * len(groups) + sum(play.minutes for play in plays)
    instance_minutes = sum(_GROUP_INSTANCE_MINUTES[group] for group in groups)
    instance_minutes += sum(play.instance_minutes for play in plays)
    cost = math.ceil(instance_minutes / 60 * _PRICE * _MARGIN * 10 + 1) / 10
    lines = [
        "a stack with an S3 bucket and a role for models" + ("" if model else ", and a tiny model in the bucket"),
        "a stack of template.yaml: the function, its role, queue, log group and alarms, with an export of its own",
        *(f"a stack with an endpoint: {_GROUPS[group].format(small=scene.SMALL)}" for group in groups),
        f"one after the other, the stacks of these examples: {' '.join(names)}",
        "an example may scale its endpoint out to 4 instances, and the update of an endpoint runs two fleets",
    ]
    has_gpu = any(play.only_if_named for play in plays)
    paragraphs = f"""\
It takes about {minutes} minutes, and costs less than {cost:.2f} USD: at {_PRICE} USD for an hour of {scene.SMALL}, \
twice that for ml.m5.xlarge{", 15 times that for a GPU instance" if has_gpu else ""} (us-east-1, noted on \
2026-11-30, not read from AWS), and at most twice as much elsewhere. See {_PRICING}.
At 7:00 and 19:00 in Berlin, scheduled actions of the examples change limits, which a run then reports as a difference.
The names of all stacks, and of what they name, begin with {PREFIX}; CloudFormation names the rest. All stacks \
have the tag {TAG}."""
    listed = [
        textwrap.fill(line, _WIDTH, break_on_hyphens=False, initial_indent="  ", subsequent_indent="    ")
        for line in lines
    ]
    filled = [textwrap.fill(line, _WIDTH, break_on_hyphens=False) for line in paragraphs.splitlines()]
    return "\n".join(["It makes these resources, and deletes them in every case:", *listed, *filled])


def play(run: Run, names: Sequence[str], tell: Callable[[Outcome | str], None]) -> None:
    """Plays these examples. Whatever happens, deletes what it has made."""

    def play_all() -> None:
        try:
            run.install()
        except (ExamplesError, PackageError, *AWS_ERRORS) as error:
            _unclear(names, str(error), tell)
            return
        for group, of_group in itertools.groupby(names, lambda name: PLAYS[name].group):
            left = list(of_group)
            try:
                with run.endpoints(group):
                    while left:
                        tell(_played(run, left[0]))
                        left.pop(0)
            except (ExamplesError, *AWS_ERRORS) as error:
                _unclear(left, str(error), tell)

    cleaned(run.account, run.prefix, tell, play_all)


def not_applicable(names: Sequence[str]) -> list[Outcome]:
    """The examples that a run skips, with the reasons."""
    reasons = {name: play.only_if_named for name, play in PLAYS.items() if play.only_if_named and name not in names}
    return [Outcome(name, Verdict.NOT_APPLICABLE, why) for name, why in {**reasons, **NOT_APPLICABLE}.items()]


def _unclear(names: Sequence[str], reason: str, tell: Callable[[Outcome], None]) -> None:
    for name in names:
        tell(Outcome(name, Verdict.UNCLEAR, reason))


@dataclass
class _Live:
    """A stack of an example that exists."""

    id: str
    template: Template


def _played(run: Run, name: str) -> Outcome:
    """Plays an example: deploys its stacks step by step, deletes them, and checks AWS after each step."""
    example = PLAYS[name]
    live: dict[str, _Live] = {}
    seen: list[str] = []
    try:
        problem = _deployed(run, name, live, seen)
        endpoints = [endpoint for stack in live.values() for endpoint in declared_endpoints(stack.template)]
        kept: Scaling = {}
        for stack in live.values() if example.keeps_target else ():
            kept |= {key: {**target, "Owner": {}} for key, target in declared(stack.template, stack.id).items()}
        for stack in reversed(live.values()):
            settled = run.stacks.delete(stack.id)
            if not settled.is_complete:
                problem = problem or (Verdict.DIFFERS, f"deletion: {settled.status}, {settled.failure}")
        # After a failure, the target may not have been adopted.
        left = _unequal(run, {} if problem else kept, {}, endpoints)
        _deregister(run)
        if left and not problem:
            problem = Verdict.DIFFERS, f"deleted: {'; '.join(left)}"
    except (*AWS_ERRORS, KeyError) as error:
        return Outcome(name, Verdict.UNCLEAR, f"{type(error).__name__}: {error}")
    if problem:
        return Outcome(name, *problem)
    left_text = "its target is kept without an owner, and then deregistered" if kept else "nothing is left"
    return Outcome(name, Verdict.HOLDS, "; ".join(seen) + f"; deleted, {left_text}")


def _deployed(run: Run, name: str, live: dict[str, _Live], seen: list[str]) -> tuple[Verdict, str] | None:
    """Deploys the stacks of an example. Returns the first problem."""
    for step in PLAYS[name].steps:
        text = step.change((EXAMPLES / f"{step.template}.yaml").read_text())
        parameters = run.given(step, text)
        stack = f"{run.prefix}-{step.stack or name}"
        what = "updated" if stack in live else "created"
        deploy = run.stacks.update if stack in live else run.stacks.create
        settled = deploy(stack, text, run.id, **_members(parameters))
        live[stack] = _Live(settled.id, Template(text, parameters))
        if not settled.is_complete:
            return _judged(settled.failure), f"not {what}: {settled.status}, {settled.failure}"
        if unequal := _unequal(run, _all_declared(live), live, []):
            return Verdict.DIFFERS, f"{what}: {'; '.join(unequal)}"
        of_other = "" if step.template == name else f"{step.template} "
        seen.append(f"{of_other}{what}: {counted(_all_declared(live))}")
    return None


def _judged(failure: Failure | None) -> Verdict:
    """Whether a failure says something about the function: it is of its resource, or its gate should prevent it."""
    is_of_function = failure and (failure.type.startswith(_FUNCTION_TYPES) or _REFUSAL in failure.reason)
    return Verdict.DIFFERS if is_of_function else Verdict.UNCLEAR


def _all_declared(live: Mapping[str, _Live]) -> Scaling:
    return {key: target for stack in live.values() for key, target in declared(stack.template, stack.id).items()}


def _unequal(run: Run, scaling: Scaling, live: Mapping[str, _Live], gone: Sequence[str]) -> list[str]:
    """How AWS differs from what is declared, after the time that it may take to show it.

    The endpoints `gone` must not exist.
    """
    expected: dict[str, Any] = {
        "alarms": {name: declared_alarms(stack.template) for name, stack in live.items()},
        "endpoints": {
            name: types for stack in live.values() for name, types in declared_endpoints(stack.template).items()
        },
        "snapshots": [],
    }
    expected |= scaling

    def found() -> dict[str, Any]:
        account = run.account
        return {
            "alarms": {
                name: registered_alarms(account, run.stacks.resources(stack.id)) for name, stack in live.items()
            },
            "endpoints": registered_endpoints(account, expected["endpoints"])
            | {name: account.status(name) for name in gone if account.status(name)},
            "snapshots": snapshots(account, run.prefix),
            **registered(account, run.prefix),
        }

    deadline = time.monotonic() + scene.VISIBLE_SECONDS
    while (unequal := differences(expected, found())) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return unequal


def _deregister(run: Run) -> None:
    """Deregisters what an example has left, so that the next one begins without a target."""
    for target in run.account.named_targets(run.prefix):
        key = {name: target[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
        with contextlib.suppress(run.account.scaling.exceptions.ObjectNotFoundException):
            run.account.scaling.deregister_scalable_target(**key)


def _members(parameters: Mapping[str, str]) -> dict[str, Any]:
    """The members of a call that creates or updates a stack."""
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    return {"Parameters": given, "Capabilities": _CAPABILITIES}


def _arn_of(resource: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [resource, "Arn"]}


def _base(bucket: str) -> dict[str, Any]:
    """A bucket, and a role that runs models. Without permissions for logs: SageMaker keeps log groups of endpoints."""
    objects = {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{bucket}/*"}
    actions = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken")
    others = ("ecr:GetDownloadUrlForLayer", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricData")
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": [*actions, *others], "Resource": "*"},
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": objects},
    ]
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}
    role = {
        "AssumeRolePolicyDocument": _policy_document([trust]),
        "Policies": [{"PolicyName": "serve", "PolicyDocument": _policy_document(statements)}],
    }
    return {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}},
        "Role": {"Type": "AWS::IAM::Role", "Properties": role},
    }


def _policy_document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def _group(group: str, name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """The resources of a group of endpoints: a model, an endpoint, and what more it needs."""
    on_instance = {"InstanceType": scene.SMALL, "InitialInstanceCount": 1}
    # 10 is the smallest quota of an account, and the maximum of the example.
    serverless = {"ServerlessConfig": {"MemorySizeInMB": 3072, "MaxConcurrency": 10, "ProvisionedConcurrency": 1}}
    of_model = {"ModelName": {"Fn::GetAtt": ["Model", "ModelName"]}}
    kind: dict[str, Any] = serverless if group == "serverless" else on_instance
    names = ("MyVariant", "MyOtherVariant") if group == "variants" else ("MyVariant",)
    config: dict[str, Any] = {
        "EndpointConfigName": name,
        "ProductionVariants": [
            {"VariantName": each, **kind, **({} if group == "component" else of_model)} for each in names
        ],
    }
    container = {"Image": values["image"], "ModelDataUrl": values["data"]}
    model = {"ModelName": name, "ExecutionRoleArn": values["role"], "PrimaryContainer": container}
    endpoint = {"EndpointName": name, "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}}
    if group == "asynchronous":
        answers = f"s3://{values['prefix']}/answers/"
        config["AsyncInferenceConfig"] = {"OutputConfig": {"S3OutputPath": answers}}
    resources: dict[str, Any] = {
        "Model": {"Type": "AWS::SageMaker::Model", "Properties": model},
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": config},
        "Endpoint": {"Type": "AWS::SageMaker::Endpoint", "Properties": endpoint},
    }
    if group == "component":
        config["ExecutionRoleArn"] = values["role"]
        # The configuration does not refer to the model.
        requirements = {"NumberOfCpuCoresRequired": 1, "MinMemoryRequiredInMb": 1024}
        component = {
            "InferenceComponentName": name,
            "EndpointName": {"Fn::GetAtt": ["Endpoint", "EndpointName"]},
            "VariantName": names[0],
            "Specification": {**of_model, "ComputeResourceRequirements": requirements},
            "RuntimeConfig": {"CopyCount": 1},
        }
        resources["Component"] = {"Type": "AWS::SageMaker::InferenceComponent", "Properties": component}
    return resources
