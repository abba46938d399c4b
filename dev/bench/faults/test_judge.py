"""The judge can fail: for each mark, an observation that gets it, and its neighbour that does not."""

import json
import unittest
from dataclasses import replace
from typing import Any

from bench.faults.judge import Expected, Observed, Verdict, judge

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
        self.mark("L", replace(SILENT, after={"t": TARGET}), UNANSWERABLE, "work was done")

    def test_others_and_other_urls_come_first(self) -> None:
        self.mark("L", replace(DONE, others_before={"o": TARGET}), SUCCEEDS, "others")
        self.mark("L", replace(SILENT, elsewhere=1), UNDELIVERABLE, "another URL")

    def test_a_leak_spoils_any_cell(self) -> None:
        leaky = replace(DONE, leaks=("the signature in the log",))
        self.assertEqual(self.mark("OK", leaky, SUCCEEDS).cell(), "OK, leak")
        self.assertFalse(judge(leaky, SUCCEEDS).is_good)
        self.mark("F", replace(REFUSED, leaks=leaky.leaks), FAILS)
        self.mark("F!", replace(REFUSED, leaks=("the signature in the answer",)), FAILS, "secret")


if __name__ == "__main__":
    unittest.main()
