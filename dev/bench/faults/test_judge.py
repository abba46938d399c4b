"""The judge can fail: for each mark, an observation that gets it, and its neighbour that does not."""

import json
import unittest
from dataclasses import replace
from typing import Any

from bench.faults.faults import ROWS
from bench.faults.judge import NO_OWNERSHIP, OUR_HANDLER, Expected, Observed, Tally, Verdict, judge, tally

TARGET = {"MinCapacity": 2, "MaxCapacity": 6}
REQUEST = {"StackId": "s", "RequestId": "r", "LogicalResourceId": "l"}
UPDATE = {**REQUEST, "PhysicalResourceId": "id"}
SUCCEEDS = Expected(frozenset({"SUCCESS"}), targets={"t": (2, 6)})
FAILS = Expected(frozenset({"FAILED"}), clues=("cause",))
UNANSWERABLE = Expected(frozenset({"unanswerable"}))
UNDELIVERABLE = Expected(frozenset({"undeliverable"}))


def body(status: str, **members: Any) -> bytes:
    """An answer's body; a member that is None is left out."""
    answer = {"Status": status, "PhysicalResourceId": "id", "Reason": "the cause", **REQUEST, **members}
    return json.dumps({name: value for name, value in answer.items() if value is not None}).encode()


DONE = Observed(REQUEST, ("ok",), body("SUCCESS"), 1, after={"t": TARGET})
REFUSED = Observed(REQUEST, ("ok",), body("FAILED"), 1, left_over={}, clean_up="SUCCESS")
SILENT = Observed(REQUEST, ("error", "error"), None)


class Judge(unittest.TestCase):
    """One rule for all."""

    def mark(self, expected_mark: str, seen: Observed, expected: Expected, why: str = "") -> Verdict:
        verdict = judge(seen, expected)
        self.assertEqual(verdict.mark, expected_mark, verdict.why)
        self.assertIn(why, verdict.why)
        return verdict

    def test_a_truthful_success_is_ok_and_says_which_delivery_made_it(self) -> None:
        self.assertEqual(self.mark("OK", DONE, SUCCEEDS).cell(), "OK")
        self.assertEqual(self.mark("OK", replace(DONE, answered_at=2), SUCCEEDS).cell(), "OK (2nd)")

    def test_a_success_without_the_work_is_wrong(self) -> None:
        self.mark("S!", replace(DONE, after={}), SUCCEEDS)
        self.mark("S!", replace(DONE, after={"t": {**TARGET, "MaxCapacity": 7}}), SUCCEEDS)
        self.mark("S!", replace(DONE, after={"t": TARGET, "u": TARGET}), SUCCEEDS)
        self.mark("S!", DONE, FAILS, "refused")
        self.mark("S!", DONE, replace(SUCCEEDS, shows="arn"), "data")
        self.mark("OK", replace(DONE, answer=body("SUCCESS", Data={"a": "arn"})), replace(SUCCEEDS, shows="arn"))

    def test_a_success_under_a_bad_id_is_wrong(self) -> None:
        for found in (None, "", 7, 1025 * "x"):
            self.mark("S!", replace(DONE, answer=body("SUCCESS", PhysicalResourceId=found)), SUCCEEDS, "id")
        deleted = replace(DONE, request=UPDATE, after={})
        keeps = Expected(frozenset({"SUCCESS"}), keeps_id=True)
        self.mark("OK", deleted, keeps)
        self.mark("S!", replace(deleted, answer=body("SUCCESS", PhysicalResourceId="other")), keeps, "another")

    def test_a_duplicate_with_another_answer_is_wrong(self) -> None:
        self.mark("OK", replace(DONE, first_answer=body("SUCCESS")), SUCCEEDS)
        self.mark(
            "S!", replace(DONE, first_answer=body("SUCCESS", PhysicalResourceId="other")), SUCCEEDS, "another answer"
        )
        self.mark("S!", replace(DONE, first_answer=b"{"), SUCCEEDS, "another answer")

    def test_a_truthful_failure_is_f(self) -> None:
        self.assertTrue(self.mark("F", REFUSED, FAILS).is_good)
        self.mark("F", REFUSED, SUCCEEDS, "did not retry")

    def test_a_failure_under_a_bad_id_or_without_the_cause_is_bad(self) -> None:
        self.mark("F!", replace(REFUSED, answer=body("FAILED", PhysicalResourceId="")), FAILS, "no physical id")
        self.mark("F!", replace(REFUSED, answer=body("FAILED", Reason="?")), FAILS, "cause")
        keeps = replace(FAILS, keeps_id_when_failed=True)
        other = replace(REFUSED, request=UPDATE, answer=body("FAILED", PhysicalResourceId="other"))
        self.mark("F!", other, keeps, "another")
        self.mark("F", other, FAILS)

    def test_a_failure_although_the_work_was_done_is_bad(self) -> None:
        self.mark("F!", replace(REFUSED, after={"t": TARGET}), SUCCEEDS, "done")
        either = replace(SUCCEEDS, outcomes=frozenset({"SUCCESS", "FAILED"}))
        self.mark("F", replace(REFUSED, after={"t": TARGET}), either)

    def test_a_failure_is_a_loss_if_the_delete_leaves_something_and_bad_if_it_fails(self) -> None:
        self.mark("L", replace(REFUSED, left_over={"t": TARGET}), FAILS, "leaves")
        self.mark("F!", replace(REFUSED, clean_up="FAILED"), FAILS, "stuck")
        self.mark("F!", replace(REFUSED, clean_up="no answer"), FAILS, "stuck")

    def test_the_notes_name_a_retry_of_a_final_error(self) -> None:
        self.mark("F", replace(REFUSED, calls=3), replace(FAILS, most_calls=1), "final")
        self.assertEqual(self.mark("F", replace(REFUSED, calls=1), replace(FAILS, most_calls=1)).why, "")

    def test_no_answer_is_a_hang(self) -> None:
        self.mark("H", SILENT, SUCCEEDS, "an error")
        self.mark("H", replace(SILENT, ends=("killed", "exit")), SUCCEEDS, "a kill")
        self.mark("H", replace(SILENT, ends=("ok",)), UNDELIVERABLE, "does not retry")

    def test_an_answer_that_cloudformation_does_not_accept_is_a_hang(self) -> None:
        for answer in (
            b"{",
            b"[]",
            b"{}",
            body("DONE"),
            body("SUCCESS", StackId=None),
            body("SUCCESS", RequestId="other"),
            body("FAILED", Reason=5000 * "x"),
        ):
            self.mark("H", replace(DONE, answer=answer), SUCCEEDS, "does not accept")
        optional = replace(SUCCEEDS, optional=frozenset({"RequestId"}))
        self.mark("OK", replace(DONE, answer=body("SUCCESS", RequestId=None)), optional)

    def test_an_error_is_right_if_no_answer_is_ever_accepted(self) -> None:
        for end in ("error", "killed", "exit"):
            self.mark("OK", replace(SILENT, ends=(end,)), UNDELIVERABLE)

    def test_an_error_at_once_is_right_if_no_answer_is_possible(self) -> None:
        self.mark("OK", SILENT, UNANSWERABLE)
        self.mark("H", replace(SILENT, ends=("killed",)), UNANSWERABLE, "until it was killed")
        self.mark("H", replace(SILENT, ends=("ok",)), UNANSWERABLE)

    def test_a_target_that_no_request_will_delete_is_lost_however_the_invocation_ends(self) -> None:
        for end in ("ok", "error", "killed", "exit"):
            registered = replace(SILENT, ends=(end,), after={"t": TARGET})
            self.mark("L", registered, UNANSWERABLE, "work was done")
            self.mark("L", replace(registered, elsewhere=1), UNANSWERABLE, "work was done")
        self.mark("L", replace(REFUSED, left_over={"t": TARGET}), FAILS, "leaves the target registered")

    def test_targets_of_others_come_first_and_other_urls_next(self) -> None:
        self.mark("L", replace(DONE, others_before={"o": TARGET}, elsewhere=1), SUCCEEDS, "others")
        self.mark("W", replace(SILENT, elsewhere=1), UNDELIVERABLE, "another URL")
        self.mark("W", replace(DONE, elsewhere=1), SUCCEEDS, "another URL")

    def test_a_loss_without_ownership_logic_says_so(self) -> None:
        owned = replace(FAILS, tests_ownership=True)
        lost = replace(DONE, others_before={"o": TARGET})
        verdict = judge(lost, owned, has_ownership=False)
        self.assertEqual((verdict.ours, verdict.cell()), (NO_OWNERSHIP, "L†"))
        self.assertFalse(verdict.is_good)
        for seen, expected, has_ownership in (
            (lost, owned, True),  # its logic has a bug
            (lost, FAILS, False),  # the row does not test ownership
            (replace(SILENT, elsewhere=1), owned, False),
            (SILENT, owned, False),
            (REFUSED, owned, False),
        ):
            self.assertEqual(judge(seen, expected, has_ownership=has_ownership).ours, "")

    def test_a_bad_result_that_our_handler_causes_says_so(self) -> None:
        for seen in (SILENT, DONE, replace(REFUSED, answer=body("FAILED", Reason="?"))):
            self.assertEqual(judge(seen, FAILS, handler_fails=True).ours, OUR_HANDLER)
            self.assertEqual(judge(seen, FAILS).ours, "")
        self.assertEqual(judge(REFUSED, FAILS, handler_fails=True).ours, "")
        leaky = replace(SILENT, leaks=("the signature in the log",))
        self.assertEqual(judge(leaky, FAILS, handler_fails=True).cell(), "H‡, leak")

    def test_every_row_in_which_the_target_has_another_owner_tests_ownership(self) -> None:
        self.assertEqual([row.number for row in ROWS if row.expected.tests_ownership], ["25", "26", "27", "28"])
        self.assertEqual([row.number for row in ROWS if "their target" in row.right], ["25", "26", "27", "28"])

    def test_a_leak_spoils_any_cell(self) -> None:
        leaky = replace(DONE, leaks=("the signature in the log",))
        self.assertEqual(self.mark("OK", leaky, SUCCEEDS).cell(), "OK, leak")
        self.assertFalse(judge(leaky, SUCCEEDS).is_good)
        self.mark("F", replace(REFUSED, leaks=leaky.leaks), FAILS)
        self.mark("F!", replace(REFUSED, leaks=("the signature in the answer",)), FAILS, "secret")


class Tallies(unittest.TestCase):
    """What the summary counts."""

    def test_lost_targets_lost_answers_and_leaks_are_counted_apart(self) -> None:
        log, answer = "the signature in the log", "the signature in the answer"
        column = [
            Verdict("OK", leaks=(log,)),
            Verdict("OK"),
            Verdict("F", leaks=(log, "the session token in the log")),
            Verdict("F!", leaks=(log, answer)),
            Verdict("S!", leaks=(answer,)),
            Verdict("S!", ours=OUR_HANDLER),
            Verdict("H", leaks=(log,)),
            Verdict("H", ours=OUR_HANDLER),
            Verdict("W", ours=OUR_HANDLER),
            Verdict("L", ours=NO_OWNERSHIP),
            Verdict("L", ours=NO_OWNERSHIP),
            Verdict("L"),
            Verdict("L"),
        ]
        counts = tally(column)
        self.assertEqual(
            counts,
            Tally(
                right=3,
                wrong_answers=3,
                lost_answers=3,
                lost_targets=4,
                without_ownership=2,
                by_our_handler=3,
                leaks_in_log=4,
                leaks_in_answer=2,
            ),
        )
        total = counts.right + counts.wrong_answers + counts.lost_answers + counts.lost_targets
        self.assertEqual(total, len(column))

    def test_each_mark_that_the_judge_gives_is_counted_once(self) -> None:
        for seen, expected in (
            (DONE, SUCCEEDS),
            (REFUSED, FAILS),
            (replace(REFUSED, answer=body("FAILED", Reason="?")), FAILS),
            (DONE, FAILS),
            (SILENT, SUCCEEDS),
            (replace(SILENT, elsewhere=1), SUCCEEDS),
            (replace(DONE, others_before={"o": TARGET}), SUCCEEDS),
        ):
            verdict = judge(seen, expected)
            counts = tally([verdict])
            self.assertEqual(
                counts.right + counts.wrong_answers + counts.lost_answers + counts.lost_targets, 1, verdict.mark
            )


if __name__ == "__main__":
    unittest.main()
