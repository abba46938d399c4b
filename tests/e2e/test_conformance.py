"""`make conformance` on the local AWS: its checks, the lies that they find, its guard, and what it leaves behind."""

import io
import random
import signal
import subprocess
import tempfile
import unittest
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import time_ns
from typing import Any
from unittest import mock

import lies
from conformance_runs import OUTSIDE_CI, ProxiedTestCase, run_main, start

from conformance import account, beliefs, scene
from conformance.account import PARAMETERS, PREFIX, TAG, VARIANT
from conformance.bill import CONFIGS
from conformance.check import UNCHECKED, UNSEEN, Stage
from conformance.checks import CHECKS
from demo.environment import ROOT
from lying_proxy import Call, Lie, Members, accept, after, another_code, changed, instead, refuse

REGION = "us-east-1"
MODEL = ["--model", "my-model"]
HIDDEN_SECONDS = 2
_SECONDS = 60
CHANGES = ("Create", "Delete", "Deregister", "Put", "Register", "Tag", "Untag", "Update")
"""How the names of operations that change something begin."""
TRACKING = "TargetTrackingScalingPolicyConfiguration"
SEED = 22


def target_of_missing(call: Call) -> tuple[int, Members] | None:
    """Accepts a target of an endpoint that does not exist."""
    is_missing = call.operation == "RegisterScalableTarget" and "-missing/" in call.members["ResourceId"]
    return accept(ScalableTargetARN="arn") if is_missing else None


def unless_in_service(call: Call) -> tuple[int, Members] | None:
    """Refuses a target of an endpoint that changes."""
    if call.operation != "RegisterScalableTarget":
        return None
    memory = call.memory
    return refuse("ValidationException") if memory.get("changes") else None


def while_changing(call: Call) -> tuple[int, Members] | None:
    """Refuses a target right after the endpoint began to change."""
    if call.operation in ("CreateEndpoint", "UpdateEndpoint"):
        status, members = call.honest()
        call.memory["changes"] = status == 200
        return status, members
    return unless_in_service(call)


def in_lower_case(call: Call) -> tuple[int, Members] | None:
    """Ignores the letter case of resource ids."""
    for member in ("ResourceId", "ResourceIds"):
        given = call.members.get(member)
        if given and "endpoint/" in str(given):
            call.members[member] = given.lower() if isinstance(given, str) else [name.lower() for name in given]
    return None


def without_tags(call: Call) -> tuple[int, Members] | None:
    """Accepts tags for a registered target."""
    if call.operation == "RegisterScalableTarget":
        call.members.pop("Tags", None)
    return None


def no_empty_tags(call: Call) -> tuple[int, Members] | None:
    """Refuses an empty map of tags."""
    is_empty = call.operation == "RegisterScalableTarget" and call.members.get("Tags") == {}
    return refuse("ValidationException") if is_empty else None


def one_instance_at_least(call: Call) -> tuple[int, Members] | None:
    """Refuses a minimum of 0."""
    is_zero = call.operation == "RegisterScalableTarget" and call.members.get("MinCapacity") == 0
    return refuse("ValidationException", "the minimum is 1") if is_zero else None


def case_matters(call: Call) -> tuple[int, Members] | None:
    """Finds an endpoint only in the letter case of its creation."""
    is_other = call.operation == "DescribeEndpoint" and call.members["EndpointName"].isupper()
    return refuse("ValidationException", "Could not find endpoint") if is_other else None


def no_target(call: Call) -> tuple[int, Members] | None:
    """Shows no target."""
    return accept(ScalableTargets=[]) if call.operation == "DescribeScalableTargets" else None


def no_tags(call: Call) -> tuple[int, Members] | None:
    """Shows no tags of a target."""
    is_target = call.operation == "ListTagsForResource" and "ResourceARN" in call.members
    return accept(Tags={}) if is_target else None


def no_parameter(call: Call) -> tuple[int, Members] | None:
    """Shows no parameter."""
    return refuse("ParameterNotFound") if call.operation == "GetParameter" else None


def any_policy(call: Call) -> tuple[int, Members] | None:
    """Accepts two policies with one metric."""
    is_second = call.operation == "PutScalingPolicy" and call.members["PolicyName"] == "second"
    return accept(PolicyARN="arn", Alarms=[]) if is_second else None


def reserved_keys(call: Call) -> tuple[int, Members] | None:
    """Accepts reserved tags in capitals."""
    is_reserved = call.operation == "RegisterScalableTarget" and "AWS:x" in call.members.get("Tags", {})
    return accept(ScalableTargetARN="arn") if is_reserved else None


def compared_by_case(call: Call) -> tuple[int, Members] | None:
    """Lists only endpoints whose names contain a text in its letter case."""
    if call.operation != "ListEndpoints":
        return None
    status, members = call.honest()
    found = [item for item in members["Endpoints"] if call.members.get("NameContains", "") in item["EndpointName"]]
    return status, {**members, "Endpoints": found}


def each(member: str, change: Callable[[Members], object]) -> Callable[[Members], None]:
    """Changes each item of a list in a reply."""

    def change_each(members: Members) -> None:
        for item in members[member]:
            change(item)

    return change_each


def in_capitals(member: str) -> Lie:
    """Describes an endpoint in the letter case of the call."""

    def lie(call: Call) -> tuple[int, Members] | None:
        if call.operation != "DescribeEndpoint" or not call.members["EndpointName"].isupper():
            return None
        status, members = call.honest()
        return status, {**members, member: members[member].upper()}

    return lie


LIES: dict[str, Lie] = {
    "register-missing": target_of_missing,
    "unknown-target": instead("DescribeScalableTargets", refuse("ObjectNotFoundException")),
    "deregister-missing": another_code("DeregisterScalableTarget", "ValidationException"),
    "policy-without-target": another_code("PutScheduledAction", "ValidationException"),
    "endpoint-missing": another_code("DescribeEndpoint", "ResourceNotFound"),
    "parameter-visible": after("PutParameter", HIDDEN_SECONDS, no_parameter),
    "register-creating": while_changing,
    "minimum-zero": one_instance_at_least,
    "resource-id-case": in_lower_case,
    "target-visible": after("RegisterScalableTarget", HIDDEN_SECONDS, no_target),
    "tags-visible": after("RegisterScalableTarget", HIDDEN_SECONDS, no_tags),
    "tags-on-registered": without_tags,
    "empty-tags": no_empty_tags,
    "suspended-flags": changed(
        "DescribeScalableTargets",
        each("ScalableTargets", lambda item: item["SuspendedState"].update(DynamicScalingOutSuspended=True)),
    ),
    "new-arn": changed("RegisterScalableTarget", lambda members: members.update(ScalableTargetARN="arn/" + "0" * 36)),
    "untag-missing-key": instead("UntagResource", refuse("ValidationException")),
    "reserved-tags": reserved_keys,
    "time-zone-kept": changed(
        "DescribeScheduledActions", each("ScheduledActions", lambda item: item.update(Timezone="UTC"))
    ),
    "put-replaces": changed(
        "DescribeScheduledActions",
        each("ScheduledActions", lambda item: item["ScalableTargetAction"].update(MinCapacity=1)),
    ),
    "same-metric": any_policy,
    "limit-exceeded": another_code("PutScalingPolicy", "ValidationException"),
    "endpoint-name-case": case_matters,
    "update-refused": another_code("UpdateEndpoint", "ResourceInUse"),
    "register-updating": while_changing,
    "old-config-while-updating": changed("DescribeEndpoint", lies.configuration_to_come),
    "targets-after-delete": lies.targets_outlive,
    **lies.LIES,
}
"""For each check, a wrong reply of the local AWS. The check has to find it."""
SECOND_LIES: list[tuple[str, Lie]] = [
    ("policy-without-target", another_code("PutScalingPolicy", "ValidationException")),
    ("deregister-missing", instead("DeregisterScalableTarget", accept())),
    ("endpoint-name-case", in_capitals("EndpointName")),
    ("endpoint-name-case", in_capitals("EndpointArn")),
    ("tags-on-registered", another_code("RegisterScalableTarget", "ObjectAlreadyExists")),
    ("reserved-tags", another_code("RegisterScalableTarget", "InvalidTag")),
    (
        "new-arn",
        changed("RegisterScalableTarget", lambda members: members.update(ScalableTargetARN=f"arn/{time_ns()}")),
    ),
    (
        "time-zone-kept",
        changed("DescribeScheduledActions", each("ScheduledActions", lambda item: item.update(EndTime=1))),
    ),
    (
        "put-replaces",
        changed(
            "DescribeScalingPolicies",
            each("ScalingPolicies", lambda item: item[TRACKING].update(ScaleInCooldown=60)),
        ),
    ),
]
"""Lies about another part of what a check looks at."""
WITHOUT_STACKS = {name for name, check in CHECKS.items() if check.stage is not Stage.STACKS}
"""The checks that need no CloudFormation. `test_conformance_stacks.py` has the others."""
ON_AWS = {"permission-probe"}
"""The checks that are not applicable to the local AWS. `test_conformance_aws.py` lies to them."""


def interrupt(kind: signal.Signals, process: "subprocess.Popen[str]") -> None:
    """Sends a signal to a run."""
    process.send_signal(kind)


class ConformanceTestCase(ProxiedTestCase):
    """Tests on a local AWS that also has resources of others, which have to stay as they are."""

    def setUp(self) -> None:
        super().setUp()
        self.make_resources_of_others()
        self.others = self.everything()

    def make_resources_of_others(self) -> None:
        """Makes an endpoint that scales, and resources that have either our prefix or our tag."""
        tags = [{"Key": TAG, "Value": "1"}]
        mine = f"{PREFIX}mine"
        for name, tagged in (("prod", {}), (mine, {}), ("tagged", {"Tags": tags})):
            variant = {"VariantName": VARIANT, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
            given = {"EndpointConfigName": name, "ProductionVariants": [variant]}
            self.aws.call("SageMaker.CreateEndpointConfig", **given, **tagged)
            self.aws.call("SageMaker.CreateEndpoint", EndpointName=name, EndpointConfigName=name, **tagged)
            self.aws.call(
                "AnyScaleFrontendService.RegisterScalableTarget",
                ServiceNamespace="sagemaker",
                ResourceId=f"endpoint/{name}/variant/{VARIANT}",
                ScalableDimension=account.INSTANCES,
                MinCapacity=1,
                MaxCapacity=2,
            )
        self.aws.call(
            "SageMaker.CreateInferenceComponent", InferenceComponentName=mine, EndpointName=mine, VariantName=VARIANT
        )
        self.aws.call(
            "AnyScaleFrontendService.RegisterScalableTarget",
            ServiceNamespace="sagemaker",
            ResourceId=f"inference-component/{mine}",
            ScalableDimension="sagemaker:inference-component:DesiredCopyCount",
            MinCapacity=1,
            MaxCapacity=2,
        )
        for name, tagged in ((f"{PARAMETERS}/{mine}", {}), ("/prod", {"Tags": tags})):
            self.aws.call("AmazonSSM.PutParameter", Name=name, Value="1", Type="String", **tagged)

    def everything(self) -> list[Any]:
        """What the local AWS has."""
        call = self.aws.call
        return [
            call("SageMaker.ListEndpoints")["Endpoints"],
            call("SageMaker.ListEndpointConfigs")["EndpointConfigs"],
            call("SageMaker.ListInferenceComponents")["InferenceComponents"],
            call("AnyScaleFrontendService.DescribeScalableTargets", ServiceNamespace="sagemaker")["ScalableTargets"],
            call("AmazonSSM.GetParametersByPath", Path="/", Recursive=True)["Parameters"],
        ]

    def assert_only_others_left(self) -> None:
        """Nothing of a run is left, and everything else is as it was."""
        self.assertEqual(self.everything(), self.others)

    def run_locally(self, *arguments: str) -> tuple[int, str]:
        """Runs the checks on the local AWS."""
        return run_main("run", "--region", REGION, "--local-aws", self.proxy.url, *arguments)


class Checks(ConformanceTestCase):
    """The checks."""

    def test_every_belief_holds_in_the_local_aws_and_nothing_is_left(self) -> None:
        self.aws.call("LocalAws.SetEndpointTakes", Seconds=1)
        code, output = self.run_locally(*MODEL)
        self.assertEqual(code, 0, output)
        self.assertIn(f"{len(LIES)} hold, 0 differ, 0 could not be checked, {len(ON_AWS)} not applicable", output)
        self.assertGreaterEqual(len(LIES), 40)
        self.assertLessEqual(self.proxy.calls.count("CreateEndpointConfig"), CONFIGS)
        self.assert_only_others_left()

    def test_a_lie_about_any_belief_is_found_and_nothing_is_left(self) -> None:
        self.assertEqual(LIES.keys() | ON_AWS, WITHOUT_STACKS)
        rows = {row.id: row for row in beliefs.beliefs()}
        for belief, lie in LIES.items():
            with self.subTest(belief):
                self.setUp()
                changes = CHECKS[belief].stage in (Stage.CREATING, Stage.UPDATING)
                self.aws.call("LocalAws.SetEndpointTakes", Seconds=1 if changes else 0)
                self.proxy.tell(lie)
                self.enter(mock.patch.object(scene, "VISIBLE_SECONDS", HIDDEN_SECONDS / 2))
                code, output = self.run_locally(*MODEL, "--only", belief)
                self.assertIn(f"DIFFERS  {belief}: ", output)
                self.assertIn(f"then: {rows[belief].then}", output)
                self.assertEqual(code, 1, output)
                self.assert_only_others_left()

    def test_a_policy_or_an_action_that_is_visible_late_is_found(self) -> None:
        for put, described in (
            ("PutScalingPolicy", instead("DescribeScalingPolicies", accept(ScalingPolicies=[]))),
            ("PutScheduledAction", instead("DescribeScheduledActions", accept(ScheduledActions=[]))),
        ):
            with self.subTest(put), mock.patch.object(scene, "VISIBLE_SECONDS", HIDDEN_SECONDS / 2):
                self.proxy.tell(after(put, HIDDEN_SECONDS, described))
                code, output = self.run_locally(*MODEL, "--only", "target-visible")
                self.assertIn("DIFFERS  target-visible: ", output)
                self.assertEqual(code, 1)

    def test_what_is_never_visible_neither_holds_nor_differs(self) -> None:
        with mock.patch.object(scene, "VISIBLE_SECONDS", HIDDEN_SECONDS / 2):
            self.proxy.tell(instead("DescribeScheduledActions", accept(ScheduledActions=[])))
            _, output = self.run_locally(*MODEL, "--only", "time-zone-kept put-replaces")
        self.assertIn("0 hold, 0 differ, 2 could not be checked", output)

    def test_a_lie_about_another_part_of_a_belief_is_found(self) -> None:
        for belief, lie in SECOND_LIES:
            with self.subTest(belief), mock.patch.object(scene, "VISIBLE_SECONDS", HIDDEN_SECONDS / 2):
                self.proxy.tell(lie)
                code, output = self.run_locally(*MODEL, "--only", belief)
                self.assertIn(f"DIFFERS  {belief}: ", output)
                self.assertEqual(code, 1)

    def test_a_belief_is_unclear_if_the_endpoint_is_not_in_service(self) -> None:
        self.aws.call("LocalAws.FailNextEndpoint", Reason="no capacity")
        code, output = self.run_locally(*MODEL, "--only", "deregister-missing minimum-zero targets-after-delete")
        self.assertIn("unclear  minimum-zero: the endpoint is Failed, and not in service", output)
        self.assertIn("1 hold, 0 differ, 2 could not be checked", output)
        self.assertEqual(code, 1)
        self.assert_only_others_left()

    def test_a_belief_is_unclear_if_aws_does_not_judge_the_call(self) -> None:
        for status, code in ((400, "AccessDeniedException"), (400, "ExpiredTokenException"), (501, "InternalFailure")):
            with self.subTest(code):
                self.proxy.tell(instead("DeregisterScalableTarget", (status, refuse(code)[1])))
                code_of_exit, output = self.run_locally("--only", "deregister-missing")
                self.assertIn("unclear  deregister-missing: ", output)
                self.assertEqual(code_of_exit, 1)

    def test_a_missing_permission_of_the_caller_or_a_quota_of_the_account_confirms_and_refutes_nothing(self) -> None:
        missing = "User is missing the following permissions: cloudwatch:DescribeAlarms"
        for belief, operation, reply in (
            ("register-missing", "RegisterScalableTarget", refuse("ValidationException", missing)),
            ("update-refused", "UpdateEndpoint", refuse("ResourceLimitExceeded", "ml.c5.large for endpoint usage")),
        ):
            with self.subTest(belief):
                self.proxy.tell(instead(operation, reply))
                code, output = self.run_locally(*MODEL, "--only", belief)
                self.assertIn(f"unclear  {belief}: ", output)
                self.assertEqual(code, 1)

    def test_a_reply_of_an_unexpected_shape_leaves_the_other_beliefs_checked(self) -> None:
        without_variants = changed("DescribeEndpoint", lambda members: members.update(ProductionVariants=[]))
        self.proxy.tell(without_variants)
        code, output = self.run_locally(*MODEL, "--only", "managed-scaling component-copies")
        self.assertIn("1 hold, 0 differ, 1 could not be checked", output)
        self.assertEqual(code, 1)

    def test_the_rest_is_deleted_if_one_kind_cannot_be_listed(self) -> None:
        for operation in ("DescribeScalableTargets", "ListInferenceComponents", "GetParametersByPath"):
            with self.subTest(operation):
                self.setUp()
                self.proxy.tell(instead(operation, refuse("AccessDeniedException", f"no {operation}")))
                code, output = self.run_locally(*MODEL, "--only", "update-refused")
                self.assertIn(f"no {operation}", output)
                self.assertEqual(code, 1)
                self.proxy.forget()
                names = [item["EndpointName"] for item in self.everything()[0]]
                self.assertEqual(names, [item["EndpointName"] for item in self.others[0]])

    def test_what_another_made_with_the_prefix_in_other_letters_stays(self) -> None:
        name = f"{PREFIX}prod".title()
        variant = {"VariantName": VARIANT, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        self.aws.call("SageMaker.CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[variant])
        self.aws.call("SageMaker.CreateEndpoint", EndpointName=name, EndpointConfigName=name)
        key = {"ServiceNamespace": "sagemaker", "ScalableDimension": account.INSTANCES}
        capacities = {"ResourceId": f"endpoint/{name}/variant/{VARIANT}", "MinCapacity": 1, "MaxCapacity": 2}
        self.aws.call("AnyScaleFrontendService.RegisterScalableTarget", **key, **capacities)
        others = self.everything()
        self.proxy.tell(compared_by_case)
        code, output = run_main("clean", "--region", REGION, "--local-aws", self.proxy.url)
        self.assertEqual(code, 0, output)
        self.assertEqual(self.everything(), others)

    def test_a_clean_up_that_cannot_read_tags_does_not_say_that_nothing_is_left(self) -> None:
        self.proxy.tell(instead("ListTags", refuse("AccessDeniedException", "no sagemaker:ListTags")))
        code, output = run_main("clean", "--region", REGION, "--local-aws", self.proxy.url)
        self.assertEqual(code, 2)
        self.assertIn("no sagemaker:ListTags", output)
        self.assertNotIn("is left", output)

    def test_without_a_model_only_rows_without_an_endpoint_are_checked(self) -> None:
        without_image = ("run", "--region", "cn-north-1", "--local-aws", self.proxy.url)
        code, output = run_main(*without_image)
        self.assertEqual(code, 0, output)
        self.assertNotIn("CreateEndpoint", self.proxy.calls)
        code, output = run_main(*without_image, "--only", "minimum-zero")
        self.assertEqual((code, "name a SageMaker model" in output), (2, True))

    def test_every_check_is_of_a_row_and_has_the_figure_of_the_function(self) -> None:
        self.assertLessEqual(CHECKS.keys() | UNCHECKED.keys(), {row.id for row in beliefs.beliefs()})
        self.assertFalse(CHECKS.keys() & UNCHECKED.keys())
        self.assertLessEqual(UNSEEN.keys(), CHECKS.keys())
        timing = (ROOT / "src" / "timing.rs").read_text()
        self.assertIn(f"VISIBLE_WITHIN: Duration = Duration::from_secs({scene.VISIBLE_SECONDS:.0f})", timing)


class Guard(ConformanceTestCase):
    """What has to be true before anything is made. These tests take the proxy for AWS."""

    def setUp(self) -> None:
        super().setUp()
        results = Path(self.enter(tempfile.TemporaryDirectory()), "results.json")
        results.write_text("[]")
        settings = {"AWS_ENDPOINT_URL": self.proxy.url, **OUTSIDE_CI}
        self.enter(mock.patch.dict("os.environ", settings))
        self.enter(mock.patch.object(beliefs, "RESULTS", results))
        self.enter(mock.patch.object(account, "PAUSE_SECONDS", 0.05))
        # test_conformance_aws.py tests these kinds, which the local AWS does not have.
        self.enter(mock.patch.object(account, "KINDS", []))

    def run_on_aws(self, *arguments: str) -> tuple[int, str]:
        """Runs the checks as a user does."""
        return run_main("run", "--region", REGION, *MODEL, *arguments)

    def assert_nothing_made(self) -> None:
        """No call was made that changes something."""
        self.assertLessEqual(set(self.proxy.calls), {"GetCallerIdentity"})
        self.assert_only_others_left()

    def test_it_says_what_it_makes_and_makes_nothing_without_a_confirmation(self) -> None:
        for given in ("", "no", "YES"):
            with self.subTest(given), mock.patch("sys.stdin", io.StringIO("yes\n")):
                code, output = self.run_on_aws("--confirm", given)
                self.assertEqual(code, 2)
                for part in (
                    "account 222233334444, Region us-east-1",
                    "costs less than",
                    PREFIX,
                    "CONFIRM=yes",
                    "a role in IAM",
                ):
                    self.assertIn(part, output)
                self.assert_nothing_made()

    def test_any_answer_but_yes_makes_nothing(self) -> None:
        for answer in ("", "no", "y", "Yes"):
            with self.subTest(answer), mock.patch("sys.stdin.isatty", return_value=True):
                with mock.patch("builtins.input", return_value=answer):
                    code, output = self.run_on_aws()
                self.assertEqual((code, "nothing was made" in output), (2, True))
                self.assert_nothing_made()

    def test_ctrl_c_or_ctrl_d_instead_of_an_answer_makes_nothing(self) -> None:
        for ends in (KeyboardInterrupt, EOFError):
            with self.subTest(ends), mock.patch("sys.stdin.isatty", return_value=True):
                with mock.patch("builtins.input", side_effect=ends):
                    code, output = self.run_on_aws()
                self.assertEqual((code, "nothing was made" in output), (2, True))
                self.assert_nothing_made()

    def test_it_makes_nothing_if_it_could_not_clean_up(self) -> None:
        self.proxy.tell(instead("ListInferenceComponents", refuse("AccessDeniedException", "no list")))
        code, output = self.run_on_aws("--confirm", "yes", "--only", "minimum-zero")
        self.assertEqual((code, "no list" in output), (2, True))
        self.assertFalse([name for name in self.proxy.calls if name.startswith(CHANGES)])

    def test_a_reply_that_cannot_be_parsed_ends_no_clean_up(self) -> None:
        self.proxy.tell(instead("DescribeStacks", (403, {"no": "XML"})))
        code, output = run_main("clean", "--region", REGION)
        self.assertEqual((code, "error: Unable to parse response" in output), (2, True), output)
        self.assertIn("ListEndpoints", self.proxy.calls)
        self.proxy.forget()
        code, output = run_main("clean", "--region", REGION)
        self.assertEqual((code, "is left in account 222233334444, Region us-east-1" in output), (0, True), output)

    def test_only_yes_confirms_and_records(self) -> None:
        for arguments, told in (
            (["--confirm", "maybe"], "without CONFIRM, or set CONFIRM=yes"),
            (["--record", "true"], "RECORD: true: expected yes"),
        ):
            with self.subTest(told):
                code, output = self.run_on_aws(*arguments)
                self.assertEqual((code, told in output), (2, True))
                self.assert_nothing_made()

    def test_it_refuses_to_run_in_ci_even_if_it_is_confirmed(self) -> None:
        for variable in ("CI", "GITHUB_ACTIONS", "CODEBUILD_BUILD_ID"):
            with self.subTest(variable), mock.patch.dict("os.environ", {variable: "true"}):
                code, output = self.run_on_aws("--confirm", "yes")
                self.assertEqual((code, "it does not run in CI" in output), (2, True))
                self.assertEqual(self.proxy.calls, [])

    def test_it_needs_a_region_and_rows_that_can_be_checked(self) -> None:
        for arguments, told in (
            (["run"], "name the Region"),
            (["run", "--region", REGION, "--only", "no-such-row"], "expected the id of a row of docs/BELIEFS.md"),
            (["run", "--region", REGION, "--only", "activity-texts"], "activity-texts cannot be checked"),
            (["run", "--region", REGION, "--local-aws", "https://example.com"], "an address of this machine"),
        ):
            with self.subTest(told):
                code, output = run_main(*arguments)
                self.assertEqual((code, told in output), (2, True))
                self.assertEqual(self.proxy.calls, [])

    def test_a_confirmed_run_keeps_what_it_has_seen_without_the_account(self) -> None:
        self.proxy.tell(
            instead("DeregisterScalableTarget", refuse("ValidationException", "not in account 222233334444"))
        )
        with mock.patch("sys.stdin.isatty", return_value=True), mock.patch("builtins.input", return_value="yes"):
            code, output = self.run_on_aws("--only", "unknown-target deregister-missing")
        self.assertEqual(code, 1, output)
        found = beliefs.results()
        self.assertEqual(
            {name: result.holds for name, result in found.items()},
            {"unknown-target": True, "deregister-missing": False},
        )
        self.assertIn("not in account 111122223333", found["deregister-missing"].seen)
        self.assertEqual(found["unknown-target"].region, REGION)
        code, _ = self.run_on_aws("--confirm", "yes", "--only", "unknown-target")
        self.assertEqual((code, len(beliefs.results())), (0, 2))
        self.assert_only_others_left()


class Deaths(ConformanceTestCase):
    """A run that is killed or interrupted at a random call."""

    rows = (
        "parameter-visible register-creating tags-on-registered update-refused register-updating targets-after-delete "
        "component-target-left"
    )

    def setUp(self) -> None:
        super().setUp()
        self.random = random.Random(SEED)
        self.aws.call("LocalAws.SetEndpointTakes", Seconds=0.3)

    def start(self) -> "subprocess.Popen[str]":
        """Starts a run of the rows."""
        return start("--region", REGION, "--local-aws", self.proxy.url, *MODEL, "--only", self.rows)

    def points(self) -> list[tuple[str, int]]:
        """For each kind of call that changes something, one of an undisturbed run: name, and how many precede it."""
        code, output = self.run_locally(*MODEL, "--only", self.rows)
        self.assertNotEqual(code, 2, output)
        changes = {name: self.proxy.calls.count(name) for name in self.proxy.calls if name.startswith(CHANGES)}
        self.assertGreater(len(changes), 8)
        return [(name, self.random.randrange(count)) for name, count in changes.items()]

    def play(
        self, point: tuple[str, int], act: "Callable[[subprocess.Popen[str]], None]", *, before: bool
    ) -> tuple[int, str]:
        """Plays a run, and does something right before or right after a call of it."""
        self.proxy.forget()
        process = self.start()

        def acts(number: int) -> None:
            name = self.proxy.calls[number]
            if (name, self.proxy.calls[:number].count(name)) == point:
                act(process)

        if before:
            self.proxy.before_call = acts
        else:
            self.proxy.after_call = acts
        output, _ = process.communicate(timeout=_SECONDS)
        return process.returncode, output

    def test_after_a_kill_at_any_point_the_next_clean_leaves_nothing(self) -> None:
        for point in self.points():
            before = self.random.random() < 0.5
            with self.subTest(point=point, before=before):
                code, output = self.play(point, lambda process: process.kill(), before=before)
                self.assertEqual(code, -signal.SIGKILL, output)
                code, output = run_main("clean", "--region", REGION, "--local-aws", self.proxy.url)
                self.assertEqual(code, 0, output)
                self.assert_only_others_left()

    def test_a_run_that_is_interrupted_at_any_point_deletes_everything_itself(self) -> None:
        points = self.points()
        for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for point in self.random.sample(points, 2):
                with self.subTest(point=point, kind=kind.name):
                    code, output = self.play(point, partial(interrupt, kind), before=True)
                    # A signal that comes while everything is deleted at the end changes nothing.
                    self.assertIn(code, (0, 130), output)
                    self.assert_only_others_left()

    def test_a_run_whose_output_nobody_reads_any_more_deletes_everything(self) -> None:
        self.proxy.forget()
        process = self.start()
        output = process.stdout
        assert output

        def hang_up(number: int) -> None:
            if self.proxy.calls[number] == "CreateEndpoint":
                output.close()
                interrupt(signal.SIGHUP, process)

        self.proxy.after_call = hang_up
        process.wait(_SECONDS)
        self.assertIn("DeleteEndpoint", self.proxy.calls)
        self.assert_only_others_left()

    def test_a_second_interrupt_does_not_stop_the_deletion(self) -> None:
        self.proxy.forget()
        process = self.start()

        def interrupt_again_and_again(_: int) -> None:
            if "CreateEndpoint" in self.proxy.calls:
                interrupt(signal.SIGINT, process)

        self.proxy.before_call = interrupt_again_and_again
        output, _ = process.communicate(timeout=_SECONDS)
        self.assertEqual(process.returncode, 130, output)
        self.assertIn("deleting what was made", output)
        self.assert_only_others_left()


if __name__ == "__main__":
    unittest.main()
