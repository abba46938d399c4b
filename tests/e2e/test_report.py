"""`make report` and `make repair`: the table, the parts of a long report, the AWS CLI's arguments, and the exit codes.

The AWS CLI here is a recorder. test_report_played.py asks the real function.
"""

import json
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

from demo import watch
from demo.environment import ROOT
from operate import function, report, table
from support import blocks, run, scratch

STACK = "arn:aws:cloudformation:us-east-1:111122223333:stack/{}/51af3dc0-da77-11e4-872e-1234567db123"
INSTANCES = "sagemaker:variant:DesiredInstanceCount"
ARN = "arn:aws:lambda:eu-central-1:111122223333:function:scaling-Function-1A2B"
RECORDER = """\
import json, os, sys
from pathlib import Path
folder, arguments = Path(os.environ["RECORDER"]), sys.argv[1:]
[payload] = [each.removeprefix("fileb://") for each in arguments if each.startswith("fileb://")]
calls = len(list(folder.glob("call-*")))
settings = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
(folder / f"call-{calls}").write_text(json.dumps([arguments, json.loads(Path(payload).read_text()), settings]))
reply = json.loads((folder / "replies").read_text())[calls]
if "stderr" in reply:
    sys.exit(reply["stderr"])
Path(arguments[-1]).write_text(reply["body"])
print(json.dumps(reply["metadata"]))
"""


def finding(code: str, attention: bool = True, **others: Any) -> dict[str, Any]:
    """A finding with a message."""
    return {"Code": code, "Attention": attention, "Message": f"What is wrong with {code}.", **others}


def target(name: str, *findings: dict[str, Any], owner: str | None = "ranking", **others: Any) -> dict[str, Any]:
    """A registered variant of endpoint `ranking`."""
    return {
        "ResourceId": f"endpoint/ranking/variant/{name}",
        "ScalableDimension": INSTANCES,
        "Registered": True,
        **({"Owner": {"StackId": STACK.format(owner), "LogicalResourceId": "Scaling"}} if owner else {}),
        "MinCapacity": 1,
        "MaxCapacity": 4,
        "Findings": list(findings),
        **others,
    }


def answer(*targets: dict[str, Any], **others: Any) -> dict[str, Any]:
    """A report."""
    return {
        "Region": "us-east-1",
        "Account": "111122223333",
        "Function": "sagemaker-scaling",
        "At": "2026-11-30T16:00:00Z",
        "Targets": list(targets),
        "Snapshots": [],
        "NotLookedAt": [],
        "Summary": {"Targets": len(targets), "Owned": len(targets)},
        **others,
    }


SNAPSHOT = {
    "ResourceId": "endpoint/ranking/variant/green",
    "ScalableDimension": INSTANCES,
    "Parameter": "/sagemaker-scaling/snapshots/endpoint/ranking/variant/green",
    "AgeSeconds": 3 * 86_400 + 5,
    "Owner": {"StackId": STACK.format("ranking"), "LogicalResourceId": "Scaling"},
    "Findings": [finding("Stale", Next="Deploy its stack.")],
}
DRIFTED = finding("LimitsChanged", Next="Deploy stack ranking with other limits than these, and back again. " * 2)
FULL = answer(
    target("b", finding("NoOwner", attention=False), owner=None),
    target("c", DRIFTED, finding("ActivityFailed", Cause="Capacity", Count=3), Adopted=True),
    target("a", Registered=False, MinCapacity=None),
    target("d", ScalableDimension="sagemaker:variant:DesiredProvisionedConcurrency"),
    {
        "ResourceId": "inference-component/chat",
        "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
        "Registered": True,
        "MinCapacity": 0,
        "MaxCapacity": 2,
        "Findings": [],
    },
    Snapshots=[SNAPSHOT],
    NotLookedAt=["The stack blue could not be read: AccessDenied."],
    Summary={
        "Targets": 4,
        "Owned": 2,
        "Orphans": 0,
        "Unregistered": 1,
        "Drifted": 1,
        "Snapshots": 1,
        "StaleSnapshots": 1,
        "FailedActivities": 3,
        "Attention": 3,
    },
)
SHOWN = """\
SageMaker's scalable targets in us-east-1, account 111122223333, on 2026-11-30 at 16:00:00 UTC

endpoint/ranking/variant/c, instances, of resource ranking/Scaling (adopted)
  LimitsChanged   What is wrong with LimitsChanged.
                  → Deploy stack ranking with other limits than these, and back again. Deploy
                    stack ranking with other limits than these, and back again.
  ActivityFailed  What is wrong with ActivityFailed.

snapshot of endpoint/ranking/variant/green, instances, of resource ranking/Scaling
  /sagemaker-scaling/snapshots/endpoint/ranking/variant/green
  Stale           What is wrong with Stale.
                  → Deploy its stack.

TARGET     LIMITS                       OWNER                      STATE
ranking/c  1 to 4 instances             ranking/Scaling (adopted)  LimitsChanged, ActivityFailed (Capacity, 3 times)
ranking/a  not registered               ranking/Scaling            ok
ranking/b  1 to 4 instances             –                          NoOwner
ranking/d  1 to 4 units of concurrency  ranking/Scaling            ok
chat       0 to 2 copies                –                          ok

SNAPSHOT OF    AGE     OWNER            STATE
ranking/green  3 days  ranking/Scaling  Stale

Could not be read
* The stack blue could not be read: AccessDenied.

4 targets, 2 owned by stacks: 1 not registered, 1 drifted, 3 failed activities. 1 snapshot, 1
stale. 3 findings need attention. The report is not complete."""


class Table(unittest.TestCase):
    """The lines for people."""

    def test_what_needs_attention_is_first_and_names_the_next_step(self) -> None:
        self.assertEqual("\n".join(table.of_report(FULL, width=96)), SHOWN)

    def test_a_report_without_findings_is_short(self) -> None:
        self.assertEqual(
            table.of_report(answer(target("a")), width=96)[1:],
            [
                "",
                "TARGET     LIMITS            OWNER            STATE",
                "ranking/a  1 to 4 instances  ranking/Scaling  ok",
                "",
                "1 target, 1 owned by stacks. No snapshots. Nothing needs attention.",
            ],
        )
        self.assertIn("No targets. No snapshots.", table.of_report(answer(), width=96)[-1])

    def test_the_page_shows_what_is_printed(self) -> None:
        changed = finding(
            "LimitsChanged",
            Message="Its limits are 1 to 9; the resource declared 1 to 4",
            Next="Deploy its stack again, with a changed property of resource Scaling, such as ServiceTimeout",
        )
        note = finding("NoOwner", attention=False)
        shown = answer(
            target("blue", changed, MaxCapacity=9),
            target("green", note, owner=None),
            Summary={"Targets": 2, "Owned": 1, "Drifted": 1},
        )
        [example] = blocks("text", page=ROOT / "docs" / "REPORT.md")
        self.assertEqual(example.splitlines(), table.of_report(shown, width=118))

    def test_colours_change_nothing_else(self) -> None:
        coloured = table.of_report(FULL, width=96, colours=True)
        self.assertIn("\x1b[31mLimitsChanged   \x1b[0mWhat", "".join(coloured))
        self.assertNotIn("\x1b", "".join(table.of_report(FULL, width=96)))

    def test_a_text_of_aws_does_not_control_the_terminal(self) -> None:
        wrong = answer(target("a", finding("ActivityFailed", Message="no\x1b[2J capacity\r")))
        shown = "\n".join(table.of_report(wrong, width=96, colours=True))
        self.assertNotIn("\x1b[2J", shown)
        self.assertNotIn("\r", shown)

    def test_a_snapshot_that_cannot_be_read_is_shown_by_its_parameter(self) -> None:
        finding = {"Code": "Unreadable", "Attention": True, "Message": "It holds something else", "Next": "Delete it"}
        parameter = "/sagemaker-scaling/snapshots/x"
        unreadable = {"Parameter": parameter, "Findings": [finding]}
        shown = table.of_report(answer(Snapshots=[SNAPSHOT, unreadable]), width=96)
        self.assertIn(f"  {parameter}", shown)
        self.assertTrue(any(line.startswith(parameter) and line.endswith("Unreadable") for line in shown), shown)

    def test_ages_are_in_the_largest_unit(self) -> None:
        ages = {59: "less than a minute", 60: "1 minute", 7_300: "2 hours", 86_399: "23 hours", 86_400: "1 day"}
        for seconds, age in ages.items():
            shown = table.of_report(answer(Snapshots=[{**SNAPSHOT, "AgeSeconds": seconds}]), width=96)
            self.assertTrue(any(f"ranking/green  {age} " in line for line in shown), shown)


class Report(unittest.TestCase):
    """A report in several answers."""

    def test_the_parts_are_one_report_with_the_sum_of_their_counts(self) -> None:
        first = answer(target("a"), Continuation="more", NotLookedAt=["x", "y"], Summary={"Targets": 1, "Drifted": 1})
        last = answer(target("b"), At="later", NotLookedAt=["y", "z"], Snapshots=[SNAPSHOT], Summary={"Targets": 1})
        whole = report.merged([first, last])
        self.assertEqual([each["ResourceId"][-1] for each in whole["Targets"]], ["a", "b"])
        self.assertEqual(whole["Summary"], {"Targets": 2, "Drifted": 1})
        self.assertEqual((whole["NotLookedAt"], len(whole["Snapshots"])), (["x", "y", "z"], 1))
        self.assertEqual((whole["At"], "Continuation" in whole), (first["At"], False))

    def test_notes_need_no_attention_and_what_was_not_looked_at_does(self) -> None:
        note = finding("NoOwner", attention=False)
        self.assertFalse(report.needs_attention(answer(target("a", note))))
        self.assertTrue(report.needs_attention(answer(target("a", note, DRIFTED))))
        self.assertTrue(report.needs_attention(answer(Snapshots=[SNAPSHOT])))
        self.assertTrue(report.needs_attention(answer(NotLookedAt=["x"])))

    def test_the_function_of_make_watch_is_where_make_watch_says(self) -> None:
        self.assertEqual(function.WATCH_PORT, watch.WATCH_PORT)
        environment = function.watched().environment or {}
        self.assertEqual(environment["AWS_ENDPOINT_URL_LAMBDA"], f"http://127.0.0.1:{watch.WATCH_PORT}")


class Command(unittest.TestCase):
    """The program, with a recorder instead of the AWS CLI."""

    def setUp(self) -> None:
        self.folder = scratch(self)
        Path(self.folder, "recorder.py").write_text(RECORDER)
        aws = Path(self.folder, "aws")
        aws.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{self.folder}/recorder.py" "$@"\n')
        aws.chmod(0o755)

    def replies(self, *bodies: Any, **metadata: Any) -> None:
        """Sets the answers of the function, in their order."""
        replies = [
            {"body": body if isinstance(body, str) else json.dumps(body), "metadata": {"StatusCode": 200, **metadata}}
            for body in bodies
        ]
        Path(self.folder, "replies").write_text(json.dumps(replies))

    def fails(self, error: str) -> None:
        """Lets the AWS CLI fail."""
        Path(self.folder, "replies").write_text(json.dumps([{"stderr": error}]))

    def operate(self, *arguments: str, name: str = ARN) -> subprocess.CompletedProcess[str]:
        """Runs the program."""
        what, *others = arguments
        return self.run_here([sys.executable, "-m", "operate", what, "--function-name", name, *others])

    def run_here(self, command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a command with the recorder as the AWS CLI."""
        path = f"{self.folder}:/usr/bin:/bin"
        return run(command, {"PATH": path, "RECORDER": str(self.folder), "COLUMNS": "96", **environment})

    def calls(self) -> list[tuple[list[str], Any, dict[str, str]]]:
        """The arguments, payload and AWS settings of each call of the AWS CLI."""
        return [tuple(json.loads(call.read_text())) for call in sorted(self.folder.glob("call-*"))]

    def test_it_invokes_the_function_and_waits_as_long_as_it_takes(self) -> None:
        self.replies(answer(target("a")))
        done = self.operate("report")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stderr)
        self.assertIn("Nothing needs attention.", done.stdout)
        [(arguments, payload, _)] = self.calls()
        self.assertEqual(arguments[:2], ["lambda", "invoke"])
        options = dict(zip(arguments[2:-1:2], arguments[3:-1:2], strict=True))
        self.assertEqual((options["--function-name"], options["--region"]), (ARN, "eu-central-1"))
        self.assertEqual((options["--cli-read-timeout"], payload), ("0", {"Report": {}}))

    def test_it_asks_until_the_report_is_complete(self) -> None:
        first, last = answer(target("a", DRIFTED), Continuation="after-a"), answer(target("b"))
        self.replies(first, last)
        done = self.operate("report", "--region", "us-west-2", "--json", name="scaling")
        self.assertEqual((done.returncode, json.loads(done.stdout)), (1, report.merged([first, last])), done.stderr)
        self.assertIn("1 target so far", done.stderr)
        self.assertEqual(
            [payload for _, payload, _ in self.calls()], [{"Report": {}}, {"Report": {"Continuation": "after-a"}}]
        )
        self.assertIn("us-west-2", self.calls()[0][0])

    def test_it_fails_with_what_to_do(self) -> None:
        service = "\nAn error occurred ({}) when calling the Invoke operation: no"
        cases = {
            service.format("ResourceNotFoundException"): "there is no function .* in eu-central-1.*Correct FUNCTION",
            service.format("AccessDeniedException"): "you need the permission lambda:InvokeFunction on it",
            service.format("ExpiredTokenException"): "Log in",
            service.format("TooManyRequestsException"): "Ask again later",
            "Unable to locate credentials": "Log in",
            "You must specify a region.": "REGION=us-east-1",
            "The config profile (x) could not be found": "AWS_PROFILE",
            'Could not connect to the endpoint URL: "https://lambda"': "Check REGION",
            service.format("500"): "the terminal with `make watch` says why",
            "Something else": "could not invoke it",
        }
        for error, advice in cases.items():
            with self.subTest(error):
                self.fails(error)
                self.assert_fails(self.operate("report"), advice, f"The AWS CLI says: {error.strip()}".splitlines()[0])

    def test_it_fails_if_the_function_fails_or_answers_something_else(self) -> None:
        self.replies({"errorMessage": "there is no ResponseURL", "errorType": "E"}, FunctionError="Unhandled")
        self.assert_fails(self.operate("report"), "failed: there is no ResponseURL", "earlier version")
        for body, advice in (
            ({"Error": "DescribeScalableTargets failed."}, "answered with an error: DescribeScalableTargets failed."),
            ("null", "answered null, which is no report"),
            ("<html>", "not JSON: <html>"),
            ({"statusCode": 200}, "is no report. Check FUNCTION: is it this function?"),
        ):
            with self.subTest(body):
                self.replies(body)
                self.assert_fails(self.operate("report"), advice)
        self.replies(*[answer(target("a"), Continuation="same")] * 2)
        self.assert_fails(self.operate("report"), "makes no progress")

    def test_it_fails_without_the_aws_cli_or_a_function(self) -> None:
        Path(self.folder, "aws").unlink()
        command = [sys.executable, "-m", "operate", "report"]
        environment = {"PATH": str(self.folder)}
        self.assert_fails(
            run([*command, "--function-name", ARN], environment), "there is no AWS CLI.*Install it: https"
        )
        self.assert_fails(run([*command, "--region", "us-east-1"], environment), "name the function: FUNCTION=")

    def test_a_repair_is_a_dry_run_unless_said_otherwise(self) -> None:
        resource = "endpoint/ranking/variant/a"
        would = {
            "ResourceId": resource,
            "ScalableDimension": INSTANCES,
            "DryRun": True,
            "Action": "Deregister",
            "Done": False,
            "Message": "It would deregister the target, because stack ranking is gone.",
        }
        self.replies(would)
        done = self.operate("repair", "--resource-id", resource)
        again = f"make repair FUNCTION={ARN} RESOURCE={resource} DIMENSION={INSTANCES} DRY_RUN=false"
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(
            done.stdout.splitlines(),
            [
                f"{resource}, {INSTANCES}",
                "Deregister: It would deregister the target, because stack ranking is gone.",
                "This was a dry run: nothing was changed. To carry it out:",
                f"  {again}",
            ],
        )
        self.replies(would, {**would, "DryRun": False, "Done": True, "Message": "Deregistered it."})
        done = self.run_here(again.split())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Deregister: Deregistered it.", done.stdout)
        self.assertNotIn("dry run", done.stdout)
        named = {"ResourceId": resource, "ScalableDimension": INSTANCES}
        self.assertEqual(
            [payload for _, payload, _ in self.calls()], [{"Repair": named}, {"Repair": {**named, "DryRun": False}}]
        )

    def test_a_repair_that_does_nothing_ends_with_1(self) -> None:
        refused = {"DryRun": False, "Action": "None", "Done": False, "Message": "Stack ranking exists."}
        component = {
            "ResourceId": "inference-component/chat",
            "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
        }
        self.replies({**component, **refused})
        done = self.operate("repair", "--resource-id", component["ResourceId"], "--dry-run", "false")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn("\nStack ranking exists.\n", done.stdout)
        self.assertEqual(self.calls()[0][1], {"Repair": {**component, "DryRun": False}})

    def test_a_repair_without_a_target_fails(self) -> None:
        self.assert_fails(self.operate("repair"), "name one target as the report does: RESOURCE=")
        self.assert_fails(self.operate("repair", "--resource-id", "table/t"), "name one target")
        done = self.run_here(["make", "repair", f"FUNCTION={ARN}", "RESOURCE=endpoint/e/variant/v", "DRY_RUN=no"])
        self.assertIn("invalid choice: 'no'", done.stderr)
        self.assertEqual(self.calls(), [])

    def test_make_passes_on_the_settings_of_the_user_unless_it_has_other_targets(self) -> None:
        self.replies(answer(), answer())
        for command in (["make", "report", f"FUNCTION={ARN}"], ["make", "build", "report", f"FUNCTION={ARN}"]):
            # With -o, make does not build.
            done = self.run_here([*command, "-o", "build"], AWS_PROFILE="mine", AWS_ACCESS_KEY_ID="key")
            self.assertEqual(done.returncode, 0, done.stderr)
        alone, with_others = [settings for _, _, settings in self.calls()]
        self.assertEqual((alone["AWS_PROFILE"], alone["AWS_ACCESS_KEY_ID"]), ("mine", "key"))
        self.assertEqual(("AWS_PROFILE" in with_others, with_others["AWS_ACCESS_KEY_ID"]), (False, "local"))

    def assert_fails(self, done: subprocess.CompletedProcess[str], *advice: str) -> None:
        """Whether the program has failed, and says why."""
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertIn("error: ", done.stderr)
        for text in advice:
            self.assertRegex(done.stderr, text.replace("(", r"\(").replace(")", r"\)").replace("?", r"\?"))
        for call in self.folder.glob("call-*"):
            call.unlink()


if __name__ == "__main__":
    unittest.main()
