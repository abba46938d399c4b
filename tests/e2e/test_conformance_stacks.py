"""`make conformance` on MiniStack: its checks of CloudFormation and Lambda, their lies, and what is left behind."""

import contextlib
import signal
import unittest
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3
from conformance_runs import run_main, start

from conformance import recorder
from conformance.account import PREFIX, TAG
from conformance.check import NotApplicableError, Seen, Stage
from conformance.checks import CHECKS, cloudformation
from conformance.played import Operation
from conformance.recorder import SOURCE, Recording
from conformance.stacks import Settled
from demo.environment import REGION, ROOT
from demo.stage import Stage as Processes
from forwarding_proxy import ForwardingProxy, Reply
from support import programs

ROWS = [name for name, check in CHECKS.items() if check.stage is Stage.STACKS]
NOT_ON_MINISTACK = ("cancelled-requests", "delete-retries", "express-mode", "old-properties", "request-date")
"""Rows about features that MiniStack lacks. `Judgements` tests their checks with records that AWS could give."""
SECONDS = 60
LIES = {
    "rollback-order": ('event["LogicalResourceId"],', '{"B": "C", "C": "B"}.get(*[event["LogicalResourceId"]] * 2),'),
    "rollback-update": (
        "    name = f",
        "    if 'E1' == f'{recording.get(\"resource\")}{recording.get(\"step\")}': return\n    name = f",
    ),
    "record-lag": ('[detail["ResourceStatus"],', '["UPDATE_COMPLETE",'),
    "stack-tags": ("return {tag[", 'return {"step": "2"} or {tag['),
}
"""For each row, a part of the recorder, and the code that replaces it: the recorder then records something wrong."""
OF_SERVICES = ("stack-of-resource", "lambda-timeout")
"""Rows about which a service lies."""
MISSING = b"""\
<DescribeStackResourcesResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
<DescribeStackResourcesResult><StackResources/></DescribeStackResourcesResult></DescribeStackResourcesResponse>"""


def make_stacks_of_others(client: Any) -> None:
    """Makes stacks that have either our prefix or our tag."""
    template = '{"Resources": {"Log": {"Type": "AWS::Logs::LogGroup"}}}'
    for name, tags in ((f"{PREFIX}mine", []), ("tagged", [{"Key": TAG, "Value": "1"}])):
        client.create_stack(StackName=name, TemplateBody=template, Tags=tags)
        client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


class StacksTestCase(unittest.TestCase):
    """Tests on one local AWS and one MiniStack behind proxies. MiniStack also has stacks of others."""

    aws: ForwardingProxy
    cloudformation: ForwardingProxy
    direct: Any

    @classmethod
    def setUpClass(cls) -> None:
        """Starts the processes and the proxies. Makes the stacks of others."""
        resources = contextlib.ExitStack()
        cls.addClassCleanup(resources.close)
        processes = resources.enter_context(Processes())
        local_aws = processes.local_aws(programs().local_aws)
        ministack = processes.ministack(local_aws.environment())
        cls.aws = resources.enter_context(ForwardingProxy(local_aws.url))
        cls.cloudformation = resources.enter_context(ForwardingProxy(ministack))
        session = boto3.Session("local", "local", region_name=REGION)
        clients = {
            name: session.client(name, endpoint_url=ministack) for name in ("cloudformation", "iam", "lambda", "logs")
        }
        cls.direct = SimpleNamespace(**clients, ssm=session.client("ssm", endpoint_url=local_aws.url))
        make_stacks_of_others(cls.direct.cloudformation)
        cls.others = cls.everything()

    @classmethod
    def everything(cls) -> dict[str, list[str]]:
        """What there is of the kinds that a run makes."""
        direct = cls.direct
        stacks = direct.cloudformation.describe_stacks()["Stacks"]
        below = direct.ssm.get_parameters_by_path(Path="/", Recursive=True)["Parameters"]
        return {
            "stacks": [stack["StackName"] for stack in stacks],
            "functions": [each["FunctionName"] for each in direct.__dict__["lambda"].list_functions()["Functions"]],
            "roles": [role["RoleName"] for role in direct.iam.list_roles()["Roles"]],
            "log groups": [group["logGroupName"] for group in direct.logs.describe_log_groups()["logGroups"]],
            "parameters": [parameter["Name"] for parameter in below],
        }

    others: dict[str, list[str]]

    def setUp(self) -> None:
        self.aws.forget()
        self.cloudformation.forget()

    def assert_only_others_left(self) -> None:
        """Nothing of a run is left, and everything else is as it was."""
        self.assertEqual(self.everything(), self.others)

    def addresses(self) -> list[str]:
        """The options that name the local services."""
        local = ["--local-aws", self.aws.url, "--local-cloudformation", self.cloudformation.url]
        return ["--region", REGION, *local]

    def run_main(self, what: str, *arguments: str) -> tuple[int, str]:
        """Runs the command in this process, on the local services. Returns its exit code and output."""
        return run_main(what, *self.addresses(), *arguments)


class Checks(StacksTestCase):
    """The checks."""

    def test_every_applicable_belief_holds_on_ministack_and_nothing_is_left(self) -> None:
        code, output = self.run_main("run", "--only", " ".join(ROWS))
        self.assertEqual(code, 0, output)
        not_here = [line.split()[1].rstrip(":") for line in output.splitlines() if line.startswith("n/a ")]
        self.assertEqual(sorted(not_here), sorted(NOT_ON_MINISTACK), output)
        others = len(NOT_ON_MINISTACK)
        counts = f"{len(ROWS) - others} hold, 0 differ, 0 could not be checked, {others} not applicable"
        self.assertIn(counts, output)
        self.assertEqual({*LIES, *OF_SERVICES, *NOT_ON_MINISTACK}, set(ROWS))
        self.assert_only_others_left()

    def test_a_recorder_that_lies_is_found(self) -> None:
        source = SOURCE
        for old, new in LIES.values():
            self.assertIn(old, source)
            source = source.replace(old, new)
        self.assert_differ(source, LIES.keys())

    def test_a_lie_of_a_service_is_found(self) -> None:
        def refuse_timeout(name: str, body: bytes, _: Callable[[], Reply]) -> Reply | None:
            is_long = name.startswith("PUT ") and b'"Timeout": 1800' in body
            return (400, {}, b'{"__type": "InvalidParameterValueException"}') if is_long else None

        def find_deleted(name: str, _: bytes, forward: Callable[[], Reply]) -> Reply | None:
            if name != "DescribeStackResources":
                return None
            status, headers, content = forward()
            return (200, headers, MISSING) if status == 400 else (status, headers, content)

        self.cloudformation.instead = refuse_timeout
        self.aws.instead = find_deleted
        self.assert_differ(SOURCE, OF_SERVICES)

    def assert_differ(self, source: str, rows: Iterable[str]) -> None:
        """Each of these rows differs with this recorder, and nothing is left."""
        with mock.patch.object(recorder, "SOURCE", source):
            code, output = self.run_main("run", "--only", " ".join(rows))
        for row in rows:
            self.assertIn(f"DIFFERS  {row}: ", output)
        self.assertEqual(code, 1)
        self.assert_only_others_left()


class Deaths(StacksTestCase):
    """A run that is killed or interrupted at a call."""

    def play(self, row: str, kind: signal.Signals, name: str, number: int, *, before: bool) -> tuple[int, str]:
        """Plays a run, and sends it a signal right before or right after a call of it."""
        self.cloudformation.forget()
        process = start(*self.addresses(), "--only", row)

        def act(called: str) -> None:
            if called == name and self.cloudformation.calls.count(name) == number:
                process.send_signal(kind)

        if before:
            self.cloudformation.before_call = act
        else:
            self.cloudformation.after_call = act
        output, _ = process.communicate(timeout=SECONDS)
        return process.returncode, output

    def test_after_a_kill_the_next_clean_leaves_nothing(self) -> None:
        for row, name, number, before in (
            ("stack-tags", "CreateStack", 1, False),
            ("stack-tags", "UpdateStack", 1, False),
            # Its Delete fails, so its stack has to be deleted without it.
            ("delete-retries", "UpdateStack", 1, True),
        ):
            with self.subTest(row, name=name, number=number):
                code, output = self.play(row, signal.SIGKILL, name, number, before=before)
                self.assertEqual(code, -signal.SIGKILL, output)
                code, output = self.run_main("clean")
                self.assertEqual(code, 0, output)
                self.assert_only_others_left()

    def test_a_run_that_is_interrupted_deletes_everything_itself(self) -> None:
        code, output = self.play("stack-tags", signal.SIGINT, "CreateStack", 2, before=False)
        self.assertEqual(code, 130, output)
        self.assert_only_others_left()


class Judgements(unittest.TestCase):
    """The checks, with records that AWS could give and MiniStack does not."""

    def look(self, row: str, *, is_local: bool = False, **found: Any) -> Seen:
        """The check of a row, on a scene in which this was played."""
        scene: Any = SimpleNamespace(account=SimpleNamespace(is_local=is_local))
        played = SimpleNamespace(**{name: lambda value=value: value for name, value in found.items()})
        with mock.patch.object(cloudformation, "played", return_value=played):
            return CHECKS[row].look(scene)

    def test_requests_that_are_cancelled(self) -> None:
        slow = request(
            "Create", "Slow", 0, 40, statuses=[(0, "CREATE_IN_PROGRESS", 0), (14.5, "DELETE_IN_PROGRESS", 14)]
        )
        quick = request("Create", "Quick", 0, 10)
        delete = request("Delete", "Slow", 14, 15)
        failed = [event("Quick", "CREATE_FAILED", 11), event("Slow", "CREATE_FAILED", 12)]
        slow_update, quick_update = request("Update", "Slow", 0, 40), request("Update", "Quick", 0, 10)
        reverted = request("Update", "Slow", 13, 14, step="1")
        failed_update = [event("Quick", "UPDATE_FAILED", 11), event("Slow", "UPDATE_FAILED", 11)]
        updated = operation("UPDATE_ROLLBACK_COMPLETE", [slow_update, quick_update, reverted], failed_update)

        def seen(requests: list[Recording], events: list[dict[str, Any]]) -> Seen:
            created = operation("ROLLBACK_COMPLETE", requests, events)
            return self.look("cancelled-requests", cancelled_create=created, cancelled_update=updated)

        held = seen([slow, quick, delete], failed)
        self.assertTrue(held.holds)
        for part in (
            "1.0 s after the one beside it",
            "26 s before the Create had ended",
            "+0.5 s after it",
            "Update 1",
        ):
            self.assertIn(part, held.text)
        self.assertFalse(seen([slow, quick], failed).holds)
        self.assertFalse(seen([slow, quick, delete], failed[:1]).holds)
        self.assertFalse(seen([slow, quick, delete], [failed[0], event("Slow", "CREATE_FAILED", 41)]).holds)
        with self.assertRaises(NotApplicableError):
            seen([request("Create", "Slow", 0, 1), request("Create", "Quick", 1, 2)], failed)

    def test_deletes_that_fail(self) -> None:
        def seen(count: int, status: str = "UPDATE_COMPLETE", *, is_left: bool = False, is_local: bool = False) -> Seen:
            deletes = [request("Delete", "Leaves", number, number) for number in range(count)]
            return self.look("delete-retries", is_local=is_local, failing_delete=(operation(status, deletes), is_left))

        self.assertTrue(seen(3).holds)
        for other in (seen(1), seen(2), seen(4), seen(3, "UPDATE_FAILED"), seen(3, is_left=True)):
            self.assertFalse(other.holds, other.text)
        with self.assertRaises(NotApplicableError):
            seen(1, is_local=True)

    def test_express_mode(self) -> None:
        def seen(complete: float, *statuses: str) -> Seen:
            create = request("Create", "A", 0, 8)
            created = operation("CREATE_COMPLETE", [create], [event("A", "CREATE_COMPLETE", complete)])
            return self.look("express-mode", express=(created, *map(operation, statuses)))

        self.assertTrue(seen(9, "UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE").holds)
        self.assertFalse(seen(1, "UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE").holds)
        self.assertFalse(seen(9, "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE").holds)

    def test_old_properties(self) -> None:
        def seen(fixed: list[Recording], status: str = "UPDATE_FAILED") -> Seen:
            played = operation(status), operation("UPDATE_COMPLETE", fixed)
            return self.look("old-properties", not_rolled_back=played)

        again = request("Update", "B", 10, 11, step="3", old_step="2")
        delete = request("Delete", "A", 12, 13)
        self.assertIn("those that failed", seen([again, delete]).text)
        self.assertTrue(seen([again, delete]).holds)
        self.assertTrue(seen([request("Update", "B", 10, 11, step="3", old_step="1")]).holds)
        self.assertFalse(seen([]).holds)
        self.assertFalse(seen([request("Delete", "A", 9, 10), again]).holds)
        self.assertFalse(seen([request("Update", "B", 10, 11, step="3", old_step="3")]).holds)
        self.assertFalse(seen([again], "UPDATE_ROLLBACK_COMPLETE").holds)

    def test_the_date_of_a_request(self) -> None:
        def seen(dated: str, *, arrived: float, changed: float, is_local: bool = False) -> Seen:
            shown = [(0, "CREATE_IN_PROGRESS", changed)]
            one = operation("", [request("Create", "A", arrived, arrived + 3, dated=dated, statuses=shown)])
            chain = SimpleNamespace(created=one, updated=operation(""), deleted=operation(""))
            return self.look("request-date", is_local=is_local, chain=chain)

        date = "19700101T000100Z"
        self.assertTrue(seen(date, arrived=61, changed=62.9).holds)
        self.assertFalse(seen(date, arrived=61, changed=63.1).holds)
        self.assertFalse(seen(date, arrived=75, changed=60).holds)
        self.assertFalse(seen("", arrived=61, changed=61).holds)
        with self.assertRaises(NotApplicableError):
            seen("", arrived=61, changed=61, is_local=True)

    def test_resources_that_are_reverted_all_at_once(self) -> None:
        def seen(reverted: list[tuple[str, float]], deleted: str = "CA") -> Seen:
            updates = [request("Update", name, arrived, arrived + 1, step="1") for name, arrived in reverted]
            deletes = [request("Delete", name, 20 + number * 2, 21 + number * 2) for number, name in enumerate(deleted)]
            chain = SimpleNamespace(updated=operation("UPDATE_ROLLBACK_COMPLETE", [*updates, *deletes]))
            return self.look("rollback-order", chain=chain)

        self.assertTrue(seen([("A", 0), ("B", 1), ("C", 2)]).holds)
        self.assertTrue(seen([("C", 0), ("B", 1), ("A", 2)], "AC").holds)
        self.assertFalse(seen([("A", 0), ("B", 0.5), ("C", 2)]).holds)
        self.assertFalse(seen([("B", 0), ("A", 1), ("C", 2)]).holds)
        self.assertFalse(seen([("A", 0), ("B", 1), ("C", 2)], "CAD").holds)

    def test_the_checks_have_the_figures_of_the_function(self) -> None:
        timing = (ROOT / "src" / "timing.rs").read_text()
        for name, seconds in (
            ("RECORD_LAG", cloudformation.RECORD_LAG_SECONDS),
            ("SAME_EVENT", cloudformation.SAME_EVENT_SECONDS),
        ):
            self.assertIn(f"{name}: Duration = Duration::from_secs({seconds:.0f})", timing)


def request(kind: str, resource: str, arrived: float, answered: float, **members: Any) -> Recording:
    """A request, as the recorder records it."""
    given = {"type": kind, "resource": resource, "arrived": arrived, "answered": answered, **members}
    texts = dict.fromkeys(("stack", "id", "dated", "step", "old_step"), "")
    return Recording(**{**texts, "succeeds": True, "tags": {}, "statuses": (), **given})


def event(resource: str, status: str, seconds: float) -> dict[str, Any]:
    """An event of a stack."""
    time = SimpleNamespace(timestamp=lambda: seconds)
    return {"LogicalResourceId": resource, "ResourceStatus": status, "Timestamp": time}


def operation(status: str, requests: Iterable[Recording] = (), events: Iterable[dict[str, Any]] = ()) -> Operation:
    """An operation of a stack."""
    return Operation(Settled("", status, {}, list(events)), list(requests))


if __name__ == "__main__":
    unittest.main()
