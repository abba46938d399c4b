"""The checks on other implementations of AWS: routes, time limits, what is kept, and the columns of docs/BELIEFS.md."""

import contextlib
import io
import time
import unittest
from dataclasses import replace
from typing import Any
from unittest import mock

from conformance_runs import ProxiedTestCase
from test_beliefs import ROW

from conformance import beliefs, implementations, page
from conformance.account import PREFIX, Account, UnclearError
from conformance.check import Check, Seen, Stage
from conformance.checks import CHECKS
from conformance.implementations import Implementation, checked_on, found_on, state, steady
from conformance.limit import limited
from conformance.others import DIFFERS, HOLDS, UNCLEAR, Found, others
from conformance.router import Router
from conformance.run import Outcome, run
from conformance.scene import Scene
from demo.environment import REGION
from demo.stage import Stage as Processes
from demo.stage import StageError
from lying_proxy import Call, Members, another_code, instead

SCALING = "Application Auto Scaling"


def pages_without_end(call: Call) -> tuple[int, Members] | None:
    """Lists targets in pages, each of which has a next one."""
    if call.operation != "DescribeScalableTargets":
        return None
    call.memory["pages"] = call.memory.get("pages", 0) + 1
    return 200, {"ScalableTargets": [], "NextToken": str(call.memory["pages"])}


def look_at_all_targets(scene: Scene) -> Seen:
    """Lists all targets."""
    return Seen(not scene.account.targets(scene.prefix), "none")


class Liar(ProxiedTestCase):
    """Another implementation: the local AWS behind a proxy that lies."""

    def setUp(self) -> None:
        super().setUp()
        self.liar = Implementation("Liar", lambda: "1.0", (SCALING,), lambda _: self.proxy.url)

    def check(self, *chosen: str) -> dict[str, str]:
        """Checks these rows on the liar. Returns the state of each."""
        outcomes = implementations.check(self.liar, self.proxy.url, self.aws.url, chosen)
        return {row.belief: row.state for row in found_on(self.liar, outcomes, "2026-12-01")}

    def test_only_services_of_the_implementation_are_called_there(self) -> None:
        self.proxy.tell(another_code("DeregisterScalableTarget", "ValidationException"))
        states = self.check("unknown-target", "deregister-missing", "minimum-zero")
        expected = {"minimum-zero": HOLDS, "deregister-missing": DIFFERS, "unknown-target": HOLDS}
        self.assertEqual(states, expected)
        self.assertIn("RegisterScalableTarget", self.proxy.calls)
        self.assertNotIn("CreateEndpoint", self.proxy.calls)
        self.assertIn("SageMaker.CreateEndpoint", [call["Target"] for call in self.aws.calls()])

    def test_the_rows_of_other_services_are_not_checked(self) -> None:
        about = {row.id: row.about for row in beliefs.beliefs()}
        self.assertEqual({about[name] for name in checked_on(self.liar)}, {SCALING})

    def test_a_stage_that_is_not_reached_leaves_later_stages_clear(self) -> None:
        self.liar = replace(self.liar, services=(SCALING, "SageMaker"))
        self.proxy.tell(instead("UpdateEndpoint", (501, {"__type": "NotImplemented"})))
        states = self.check("old-config-while-updating", "targets-after-delete")
        self.assertEqual(states, {"old-config-while-updating": UNCLEAR, "targets-after-delete": HOLDS})

    def test_a_check_that_reads_pages_without_end_is_unclear_and_the_run_ends(self) -> None:
        self.proxy.tell(pages_without_end)
        account = Account(REGION, self.proxy.url)
        account.longest_check = 0.5
        endless = {"unknown-target": Check(Stage.NO_ENDPOINT, look_at_all_targets)}
        outcomes: list[Outcome | str] = []
        began = time.monotonic()
        with mock.patch.dict(CHECKS, endless), self.assertRaisesRegex(UnclearError, "no result after 0.5 s"):
            run(account, ["unknown-target"], "", outcomes.append)
        self.assertEqual(outcomes, [Outcome("unknown-target", None, "UnclearError: no result after 0.5 s")])
        self.assertLess(time.monotonic() - began, 10)

    def test_the_router_needs_a_signature_to_know_the_service(self) -> None:
        with Router({"ssm": "http://a"}, "http://b") as router:
            of_ssm = "AWS4-HMAC-SHA256 Credential=local/20261201/us-east-1/ssm/aws4_request, SignedHeaders=host"
            for header, address in ((of_ssm, "http://a"), (of_ssm.replace("ssm", "sts"), "http://b"), ("", "http://b")):
                self.assertEqual(router.address(header), address)


class Limit(unittest.TestCase):
    """A time limit."""

    def test_it_ends_a_block_and_its_clean_up_and_nothing_after_it(self) -> None:
        events = []
        with self.assertRaisesRegex(UnclearError, "no result after 0.05 s"), limited(0.05):
            try:
                time.sleep(10)
            finally:
                events.append("clean-up")
                time.sleep(10)
        time.sleep(0.1)
        self.assertEqual(events, ["clean-up"])

    def test_a_block_that_ends_in_time_is_left_alone(self) -> None:
        for seconds in (0.05, None):
            with limited(seconds):
                pass
            time.sleep(0.1)


class Kept(unittest.TestCase):
    """conformance/others.json."""

    def test_it_has_only_known_rows_of_known_implementations_in_their_order(self) -> None:
        rows = [row.id for row in beliefs.beliefs()]
        names = [implementation.name for implementation in implementations.IMPLEMENTATIONS]
        found = others()
        self.assertEqual({item.implementation for item in found}, set(names))
        self.assertLessEqual({item.state for item in found}, {HOLDS, DIFFERS, UNCLEAR})
        places = [(names.index(item.implementation), rows.index(item.belief)) for item in found]
        self.assertEqual(places, sorted(set(places)))

    def test_nothing_in_it_differs_from_run_to_run(self) -> None:
        for item in others():
            self.assertEqual(steady(item.seen), item.seen)

    def test_what_differs_from_run_to_run_is_taken_out(self) -> None:
        for seen, expected in (
            (f"no {PREFIX}0a1b2c3d-missing", f"no {PREFIX}RUN-missing"),
            (f"no {PREFIX.upper()}0A1B2C3D", f"no {PREFIX.upper()}RUN"),
            ("visible: registered after 0.1 s, put after 12.0 s", "visible: registered, put"),
            ("visible: put after more than 6.0 s", "visible: put after more than 6.0 s"),
            ("deregistered 3 s later at most", "deregistered"),
            ("An error (500) (reached max retries: 1): <!DOCTYPE html>\n<title>500</title>", "An error (500)"),
        ):
            self.assertEqual(steady(seen), expected)

    def test_each_outcome_has_a_word(self) -> None:
        states = [state(Outcome("first", holds, "")) for holds in (True, False, None)]
        self.assertEqual(states, [HOLDS, DIFFERS, UNCLEAR])


class Command(unittest.TestCase):
    """`make conformance-others`."""

    def test_an_unknown_name_is_told_with_those_that_are_known(self) -> None:
        told = io.StringIO()
        with contextlib.redirect_stderr(told):
            self.assertEqual(implementations.main(["motto"]), 2)
        self.assertEqual(
            told.getvalue(),
            "error: IMPLEMENTATIONS: motto: expected one of moto, ministack, winterbaume, awsim\n",
        )

    def test_one_that_does_not_start_leaves_what_was_found_before(self) -> None:
        def fail(_: Processes) -> str:
            raise StageError("no port")

        found = [Found("Liar", "0.9", "2026-12-01", "register-missing", HOLDS, "It is so.")]
        liar = Implementation("Liar", lambda: "1.0", (SCALING,), fail)
        saved: list[Any] = []
        with (
            mock.patch.object(implementations, "IMPLEMENTATIONS", (liar,)),
            mock.patch.object(implementations, "others", lambda: found),
            mock.patch.object(implementations, "save", saved.append),
            contextlib.redirect_stderr(io.StringIO()) as told,
        ):
            self.assertEqual(implementations.main([]), 1)
        self.assertIn("error: Liar: no port", told.getvalue())
        self.assertEqual(saved, [found])


class Columns(unittest.TestCase):
    """docs/BELIEFS.md."""

    def setUp(self) -> None:
        self.rows = beliefs.beliefs(ROW + ROW.replace("first", "second") + ROW.replace("first", "third"))
        self.elsewhere = [
            Found("moto", "5.2.5", "2026-12-01", "first", DIFFERS, "It is not so."),
            Found("moto", "5.2.5", "2026-12-01", "second", HOLDS, "It is so."),
            Found("AWSim", "0.8.0", "2026-12-01", "first", UNCLEAR, "Nothing."),
        ]

    def test_it_shows_a_column_for_each_implementation(self) -> None:
        shown = page.page(self.rows, {}, {}, {}, self.elsewhere)
        self.assertIn("| last run on AWS | moto | AWSim |\n|---|---|---|---|---|---|\n", shown)
        self.assertIn("| [first](#first) | undocumented | not yet | not run yet | **differs** | unclear |\n", shown)
        self.assertIn("| [second](#second) | undocumented | not yet | not run yet | holds |  |\n", shown)
        self.assertIn("| [third](#third) | undocumented | not yet | not run yet |  |  |\n", shown)
        self.assertIn("The last run was on moto 5.2.5, AWSim 0.8.0.", shown)

    def test_it_tells_what_differs_and_nothing_else(self) -> None:
        shown = page.page(self.rows, {}, {}, {}, self.elsewhere)
        self.assertEqual(shown.count(" showed: "), 1)
        self.assertIn("* moto 5.2.5 showed: It is not so.", shown)

    def test_without_results_there_are_no_columns(self) -> None:
        self.assertIn("| last run on AWS |\n|---|---|---|---|\n", page.page(self.rows, {}, {}, {}))


if __name__ == "__main__":
    unittest.main()
