"""`make conformance ONLY=examples` on this machine: what it plays and finds, its guard, and what it leaves behind."""

import contextlib
import re
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qs

from conformance_runs import OUTSIDE_CI, run_main, start

from conformance import account, examples, leftovers, scene
from conformance.account import PREFIX, TAG
from conformance.leftovers import SNAPSHOTS
from conformance.stacks import body_of
from demo.environment import ROOT
from demo.world import World
from forwarding_proxy import ForwardingProxy
from lying_proxy import Call, LyingProxy, Members, accept, instead
from support import README, programs
from tools import package

REGION = "us-east-1"
_SECONDS = 120
EXPORT = "sagemaker-scaling-ServiceToken"
"""The export of a function that the user has installed."""
_PLACEHOLDER = "AWS::CloudFormation::WaitConditionHandle"
LOG_GROUP = "/aws/sagemaker/Endpoints/"


def _name_of(method: str, _path: str, _target: str, body: bytes) -> str:
    """`CreateStack minimal` for the stack of that example, `PUT` for an upload."""
    if not body.startswith(b"Action="):
        return method
    form = parse_qs(body.decode())
    stack = re.sub(rf"^(arn:.*:stack/)?{PREFIX}[0-9a-f]*-?|/.*$", "", form.get("StackName", [""])[0])
    return f"{form['Action'][0]} {stack}".rstrip()


def make_package(folder: Path) -> None:
    """Makes a package of the tests' program, which is too large with its debug symbols: a script that starts it."""
    script = folder / "bootstrap"
    script.write_text(f"#!/bin/sh\nexec '{programs().function}' \"$@\"\n")
    package.lay_out(script, package.HOST, folder / package.HOST, [ROOT / "LICENSE", README])
    package.pack(folder / package.HOST)


class Mishaps:
    """Lies of AWS, and failures, in a run of several examples."""

    def __init__(self, place: "Place") -> None:
        self._control = place.world.local_aws.call
        self._shown: Members = {}
        self._is_stale = False

    def before(self, name: str) -> None:
        """Prepares what happens after a call of CloudFormation."""
        self._is_stale = name == "DeleteStack target-tracking-customized" or (
            self._is_stale and not name.startswith("CreateStack")
        )
        if name == "DeleteStack minimal":
            # The function's next call, whose failure fails the deletion, each time.
            fault = {"Operation": "DescribeScalableTargets", "Code": "AccessDeniedException"}
            self._control("LocalAws.InjectFaults", **fault, Times=1)
        if name == "CreateStack serverless":
            self._control("LocalAws.FailNextEndpoint", Reason="no capacity")

    def lie(self, call: Call) -> tuple[int, Members] | None:
        """Shows a maximum of 9 for one of 8, hides the action `Launch`, and shows a target after its deletion."""
        if call.operation not in ("DescribeScalableTargets", "DescribeScheduledActions"):
            return None
        status, members = call.honest()
        if status == 200 and call.operation == "DescribeScheduledActions":
            actions = members["ScheduledActions"]
            members["ScheduledActions"] = [each for each in actions if each["ScheduledActionName"] != "Launch"]
        elif status == 200:
            for target in members["ScalableTargets"]:
                target["MaxCapacity"] = {8: 9}.get(target["MaxCapacity"], target["MaxCapacity"])
            members = self._shown if self._is_stale else members
            self._shown = members
        return status, members


class Place:
    """A world, with resources of others, which have to stay as they are. It is entered for the time of a class."""

    def __init__(self, resources: contextlib.ExitStack) -> None:
        self.world = resources.enter_context(World(programs()))
        self.proxy = resources.enter_context(LyingProxy(self.world.local_aws.url))
        self.forwarding = resources.enter_context(ForwardingProxy(self.world.environment["AWS_ENDPOINT_URL"], _name_of))
        self.packages = Path(resources.enter_context(tempfile.TemporaryDirectory()))
        make_package(self.packages)
        client = account.Account(REGION, self.world.environment["AWS_ENDPOINT_URL"]).client
        self._cloudformation, self.logs, self._buckets = map(client, ("cloudformation", "logs", "s3"))
        self._make_resources_of_others()
        self._others = self._everything()

    def addresses(self) -> list[str]:
        """The options with which a run plays here."""
        return ["--region", REGION, "--local-aws", self.proxy.url, "--local-cloudformation", self.forwarding.url]

    def options(self, names: str) -> list[str]:
        """The options of a run."""
        return [*self.addresses(), "--packages", str(self.packages), "--only", "examples", "--examples", names]

    def start(self, names: str) -> "subprocess.Popen[str]":
        """Starts a run as a process of its own."""
        return start(*self.options(names))

    def has_more(self) -> bool:
        """Whether there is anything besides the resources of others, or one of these has changed."""
        return self._everything() != self._others

    def _make_resources_of_others(self) -> None:
        """Another function, with the usual export. Resources with our prefix or our tag, but not both."""
        exported = {"Token": {"Value": "another function", "Export": {"Name": EXPORT}}}
        stacks, aws = self.world.stacks, self.world.local_aws
        stacks.create("sagemaker-scaling", body_of({"Function": {"Type": _PLACEHOLDER}}, Outputs=exported))
        stacks.create(f"{PREFIX}mine", body_of({"Nothing": {"Type": _PLACEHOLDER}}))
        stacks.tags = {TAG: "mine"}
        stacks.create("tagged", body_of({"Nothing": {"Type": _PLACEHOLDER}}))
        self.logs.create_log_group(logGroupName=f"{LOG_GROUP}{PREFIX}mine")
        for name in ("prod", f"{PREFIX}mine"):
            variant = {"VariantName": "MyVariant", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
            aws.call("SageMaker.CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[variant])
            aws.call("SageMaker.CreateEndpoint", EndpointName=name, EndpointConfigName=name)
            resource = f"endpoint/{name}/variant/MyVariant"
            key = {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": account.INSTANCES}
            aws.call("AnyScaleFrontendService.RegisterScalableTarget", **key, MinCapacity=1, MaxCapacity=2)
            aws.call("AmazonSSM.PutParameter", Name=f"{SNAPSHOTS}/{resource}/i", Value="1", Type="String")

    def _everything(self) -> list[Any]:
        call = self.world.local_aws.call
        return [
            sorted(stack["StackId"] for stack in self._cloudformation.describe_stacks()["Stacks"]),
            self._buckets.list_buckets()["Buckets"],
            [group["logGroupName"] for group in self.logs.describe_log_groups()["logGroups"]],
            call("SageMaker.ListEndpoints")["Endpoints"],
            call("SageMaker.ListEndpointConfigs")["EndpointConfigs"],
            self.world.scaling(),
            call("AmazonSSM.GetParametersByPath", Path="/", Recursive=True)["Parameters"],
        ]


class OnMiniStack(unittest.TestCase):
    """Tests in one place. In another one, a run plays meanwhile: the function takes its time for the gate."""

    place: Place
    other_place: Place
    honest: "subprocess.Popen[str]"

    @classmethod
    def setUpClass(cls) -> None:
        """Starts the worlds, and the run."""
        resources = contextlib.ExitStack()
        cls.addClassCleanup(resources.close)
        cls.other_place = Place(resources)
        cls.honest = cls.other_place.start("minimal policies-and-schedules endpoint-with-scaling")
        resources.callback(cls.honest.wait)
        resources.callback(cls.honest.kill)
        cls.place = Place(resources)
        resources.enter_context(mock.patch.object(scene, "VISIBLE_SECONDS", 0.2))

    def setUp(self) -> None:
        self.place.proxy.forget()
        self.place.forwarding.forget()

    def test_it_tells_what_differs_and_what_it_could_not_check_and_nothing_is_left(self) -> None:
        mishaps = Mishaps(self.place)
        self.place.proxy.tell(mishaps.lie)
        self.place.forwarding.before_call = mishaps.before
        names = (
            "minimal target-tracking-predefined target-tracking-customized scheduled-actions policies-and-schedules"
            " serverless-concurrency"
        )
        code, output = run_main("run", *self.place.options(names))
        self.assertEqual(code, 1)
        for line in (
            "DIFFERS  minimal: deletion: DELETE_FAILED, Scaling .*AccessDeniedException",
            "holds    target-tracking-predefined: ",
            "DIFFERS  target-tracking-customized: deleted: endpoint/.*: declared nothing, on AWS ",
            "DIFFERS  scheduled-actions: created: .*Launch: declared .* on AWS nothing",
            "DIFFERS  policies-and-schedules: created: .*MaxCapacity: declared 8, on AWS 9",
            "unclear  serverless-concurrency: stack serverless is ROLLBACK_COMPLETE: Endpoint .*no capacity",
            f"deleted stack {PREFIX}[0-9a-f]{{8}}-minimal",
            "1 hold, 4 differ, 1 could not be checked",
        ):
            self.assertRegex(output, line)
        self.assertFalse(self.place.has_more())

    def play(self, point: str, kind: signal.Signals, *, before: bool) -> tuple[int, str]:
        """Plays a run, and sends it a signal right before or right after its first call of this name."""
        self.place.forwarding.forget()
        process = self.place.start("minimal")

        def act(name: str) -> None:
            if name == point and self.place.forwarding.calls.count(name) == 1:
                process.send_signal(kind)
                if kind is signal.SIGKILL:
                    process.wait()

        setattr(self.place.forwarding, "before_call" if before else "after_call", act)
        output, _ = process.communicate(timeout=_SECONDS)
        self.place.forwarding.before_call = self.place.forwarding.after_call = lambda _: None
        return process.returncode, output

    def test_after_a_kill_at_any_point_the_next_clean_leaves_nothing(self) -> None:
        self.place.logs.create_log_group(logGroupName=f"{LOG_GROUP}{PREFIX}0123abcd-variants")
        for point, before in (
            ("PUT", False),
            ("CreateStack minimal", False),
            ("DeleteStack minimal", True),
        ):
            with self.subTest(point):
                code, output = self.play(point, signal.SIGKILL, before=before)
                self.assertEqual(code, -signal.SIGKILL, output)
                self.assertTrue(self.place.has_more())
                code, output = run_main("clean", *self.place.addresses())
                self.assertEqual(code, 0, output)
                self.assertFalse(self.place.has_more())

    def test_an_interrupted_run_deletes_everything_itself(self) -> None:
        code, output = self.play("UpdateStack minimal", signal.SIGINT, before=True)
        self.assertEqual(code, 130, output)
        self.assertIn("ended by SIGINT; everything that was made is deleted", output)
        # MiniStack also deletes a bucket that has objects; AWS does not.
        calls = self.place.forwarding.calls
        before = calls[: calls.index("DeleteStack base")]
        self.assertGreaterEqual(before.count("PUT"), 2)
        self.assertEqual(before.count("DELETE"), before.count("PUT"))
        self.assertFalse(self.place.has_more())

    def test_examples_hold_and_nothing_is_left(self) -> None:
        output, _ = self.honest.communicate(timeout=_SECONDS)
        self.assertEqual(self.honest.returncode, 0, output)
        for name, what in (
            ("minimal", "1 target, 0 policies, 0 actions"),
            ("policies-and-schedules", "1 target, 2 policies, 2 actions"),
            ("endpoint-with-scaling", "1 target, 1 policy, 2 actions"),
        ):
            self.assertIn(f"holds    {name}: created: {what}; updated: {what}; deleted, nothing is left", output)
        for line in (
            "n/a      through-sns-topic: ",
            "3 hold, 0 differ, 0 could not be checked, 4 not applicable",
        ):
            self.assertIn(line, output)
        # Only the gate makes this update possible.
        updates = [
            call for call in self.other_place.world.local_aws.calls() if call["Target"] == "SageMaker.UpdateEndpoint"
        ]
        self.assertEqual([call["Outcome"] for call in updates], ["ok"])
        self.assertFalse(self.other_place.has_more())


class Guard(unittest.TestCase):
    """What has to be true before anything is made. These tests take the proxy for AWS."""

    def setUp(self) -> None:
        resources = contextlib.ExitStack()
        self.addCleanup(resources.close)
        self.proxy = resources.enter_context(LyingProxy("http://127.0.0.1:1"))
        settings = {"AWS_ENDPOINT_URL": self.proxy.url, **OUTSIDE_CI}
        resources.enter_context(mock.patch.dict("os.environ", settings))
        self.packages = Path(resources.enter_context(tempfile.TemporaryDirectory()))
        (self.packages / "content").write_text("a package")
        packed = package.pack(self.packages)
        packed.rename(self.packages / f"sagemaker-scaling-{package.HOST}.tar.gz")
        sums = packed.with_name(f"{packed.name}.sha256")
        sums.rename(self.packages / f"sagemaker-scaling-{package.HOST}.tar.gz.sha256")

    def run_on_aws(self, *arguments: str) -> tuple[int, str]:
        """Runs the examples as a user does."""
        return run_main("run", "--region", REGION, "--only", "examples", "--packages", str(self.packages), *arguments)

    def test_it_says_what_it_makes_and_makes_nothing_without_a_confirmation(self) -> None:
        for given in ("", "no"):
            code, output = self.run_on_aws("--confirm", given)
            self.assertEqual(code, 2)
            for part in (
                "account 222233334444, Region us-east-1",
                "the stacks of these examples: model minimal ",
                "costs less than",
                PREFIX,
                "CONFIRM=yes",
            ):
                self.assertIn(part, output)
            self.assertEqual(set(self.proxy.calls), {"GetCallerIdentity"})

    def test_any_answer_but_yes_makes_nothing(self) -> None:
        with mock.patch("sys.stdin.isatty", return_value=True), mock.patch("builtins.input", return_value="y"):
            code, output = self.run_on_aws()
        self.assertEqual((code, "nothing was made" in output), (2, True))
        self.assertEqual(set(self.proxy.calls), {"GetCallerIdentity"})

    def test_it_refuses_without_a_call_what_it_cannot_do(self) -> None:
        for arguments, told in (
            (["--examples", "none"], "EXAMPLES: none: expected some of model minimal"),
            (["--examples", "through-sns-topic"], "cannot be played here: it is for stacks of other accounts"),
            (["--only", "minimum-zero", "--examples", "minimal"], "EXAMPLES needs ONLY=examples"),
            (["--packages", "/nowhere"], "run: make package"),
            (["--local-aws", "http://127.0.0.1:1"], "need a CloudFormation"),
            (["--local-aws", "http://127.0.0.1:1", "--local-cloudformation", "https://example.com"], "of this machine"),
        ):
            with self.subTest(told):
                code, output = self.run_on_aws("--confirm", "yes", *arguments)
                self.assertEqual((code, told in output), (2, True), output)
        with mock.patch.dict("os.environ", {"CI": "true"}):
            code, output = self.run_on_aws("--confirm", "yes")
        self.assertEqual((code, "it does not run in CI" in output), (2, True))
        self.assertEqual(self.proxy.calls, [])

    def test_a_changed_package_is_not_installed(self) -> None:
        with next(self.packages.glob("*.tar.gz")).open("ab") as file:
            file.write(b"more")
        code, output = self.run_on_aws("--confirm", "yes")
        self.assertEqual((code, "does not have the sum" in output, self.proxy.calls), (2, True, []))

    def test_a_model_of_the_user_must_have_what_the_examples_need(self) -> None:
        self.proxy.tell(instead("DescribeModel", accept(PrimaryContainer={"Image": "i"}, ExecutionRoleArn="r")))
        code, output = self.run_on_aws("--confirm", "yes", "--model", "my-model")
        self.assertEqual((code, "my-model has no ModelDataUrl" in output), (2, True))
        self.assertEqual(self.proxy.calls, ["DescribeModel"])

    def test_the_cost_and_the_time_follow_from_the_examples(self) -> None:
        def told(names: str) -> tuple[int, float]:
            text = examples.told(names.split(), "")
            found = re.search(r"about (\d+) minutes, and costs less than ([\d.]+)\sUSD", text)
            assert found
            return int(found[1]), float(found[2])

        few, many = told("model"), told("model minimal endpoint-with-scaling")
        self.assertLess(few[0], many[0])
        self.assertLess(few[1], many[1])


class Lists(unittest.TestCase):
    """What is listed here follows what is listed elsewhere."""

    def test_every_example_is_played_or_has_a_reason(self) -> None:
        played = {step.template for play in examples.PLAYS.values() for step in play.steps}
        folder = ROOT / "examples"
        files = {file.stem for file in folder.glob("*.yaml")} | {file.name for file in folder.glob("cdk-*")}
        self.assertEqual(played | set(examples.NOT_APPLICABLE), files)
        self.assertFalse(played & set(examples.NOT_APPLICABLE))

    def test_every_play_with_scaling_updates_it(self) -> None:
        for name, play in examples.PLAYS.items():
            texts = [step.change((ROOT / f"examples/{step.template}.yaml").read_text()) for step in play.steps]
            changes = {(text, *sorted(step.parameters.items())) for text, step in zip(texts, play.steps, strict=True)}
            self.assertEqual(len(changes), len(play.steps), name)
            self.assertTrue(len(changes) > 1 or name == "model", name)

    def test_snapshots_are_where_the_function_stores_them(self) -> None:
        source = (ROOT / "src" / "snapshot" / "parameter.rs").read_text()
        self.assertIn(f'ALL_SNAPSHOTS: &str = "{leftovers.SNAPSHOTS}"', source)

    def test_names_of_endpoints_are_short_enough(self) -> None:
        values = {"prefix": f"{PREFIX}01234567", "role": "", "image": "", "data": ""}
        named = ("EndpointName", "InferenceComponentName", "ModelName")
        names = [
            step.parameters[name].format(**values)
            for play in examples.PLAYS.values()
            for step in play.steps
            for name in named
            if name in step.parameters
        ]
        self.assertLessEqual(max(map(len, names)), 63)


if __name__ == "__main__":
    unittest.main()
