"""The output of the demo: for people, for scripts, and as the picture in README."""

import io
import json
import re
import unittest
from typing import Any
from unittest import mock
from xml.etree import ElementTree

from demo.retelling import retold
from demo.screen import PICTURE, picture, recorded
from demo.timeline import WIDTH, Timeline, lines, plain

SCALING = {
    "LogicalResourceId": "Scaling",
    "ResourceType": "Custom::SageMakerScalableTarget",
    "ResponseURL": "https://example.com/?X-Amz-Signature=secret",
}
ID = "endpoint/prod/variant/blue|sagemaker:variant:DesiredInstanceCount|sagemaker"
VARIANT = {"ResourceId": "endpoint/prod/variant/blue", "MinCapacity": 1, "MaxCapacity": 4}
TAGS = {
    "sagemaker-scaling:stack-id": "arn:aws:cloudformation:r:a:stack/one/1",
    "sagemaker-scaling:logical-id": "Scaling",
}


def call(time: float, target: str, given: Any = None, seen: Any = None, outcome: str = "ok") -> dict[str, Any]:
    """A call as the local AWS records it."""
    return {"Time": time, "Target": target, "Input": given or {}, "Outcome": outcome, "Output": seen}


def request(time: float, kind: str, **more: Any) -> dict[str, Any]:
    """A recorded request."""
    return {"Time": time, "Request": {"RequestType": kind, **SCALING, **more}}


def answer(time: float, status: str = "SUCCESS", **more: Any) -> dict[str, Any]:
    """A recorded answer."""
    return {"Time": time, "Answer": {"Status": status, "PhysicalResourceId": ID, **more}}


def told(*news: dict[str, Any]) -> list[str]:
    """The lines that a terminal without colours shows."""
    return [plain(line) for line in lines(list(retold(news, begin=100.0)))]


class Telling(unittest.TestCase):
    """From the recording to the lines."""

    def test_it_prints_a_request_of_any_shape(self) -> None:
        strange: Any
        for strange in (
            None,
            1,
            "text",
            [],
            [1],
            [None],
            [{}],
            {},
            {"MaxCapacity": [4]},
            {"Tags": [None]},
            {"a": {"b": 1}},
        ):
            for kind in ("Create", "Update", "Delete", "Strange", 5, None):
                for name in ("ResourceProperties", "OldResourceProperties", "PhysicalResourceId", "LogicalResourceId"):
                    with self.subTest(strange=strange, kind=kind, name=name):
                        asked = {"Time": 100.0, "Request": {"RequestType": kind, name: strange}}
                        said = told(asked, answer(101.0, "FAILED", Reason="no"))
                        self.assertIn(f"request  {kind} of", said[0])
        [first, *_] = told(
            request(100.0, "Create", ResourceProperties={"MaxCapacity": [4]}), answer(101.0, "FAILED", Reason="no")
        )
        self.assertEqual(first, "    0.00 s  request  Create of Scaling: MaxCapacity [4]")

    def test_a_create_shows_request_observation_decision_call_and_answer(self) -> None:
        properties = {"ServiceToken": "arn", "EndpointName": "prod", "MinCapacity": "1"}
        endpoint = {
            "EndpointName": "prod",
            "EndpointStatus": "InService",
            "ProductionVariants": [{"VariantName": "blue"}],
        }
        self.assertEqual(
            told(
                request(100.0, "Create", ResourceProperties=properties),
                call(100.25, "SageMaker.DescribeEndpoint", {"EndpointName": "prod"}, endpoint),
                call(100.5, "AnyScaleFrontendService.RegisterScalableTarget", {**VARIANT, "Tags": TAGS}, {}),
                answer(101.0),
            ),
            [
                "    0.00 s  request  Create of Scaling: EndpointName prod, MinCapacity 1",
                "    0.25 s  observe  SageMaker DescribeEndpoint             prod is InService, with blue",
                "            decide   register it, unless it is registered already",
                "    0.50 s  act      Auto Scaling RegisterScalableTarget    prod/blue, 1 to 4; owner one/Scaling",
                f"    1.00 s  answer   SUCCESS: {ID}",
            ],
        )

    def test_a_long_wait_shows_each_invocation_and_stays_one_request(self) -> None:
        shown = told(
            request(100.0, "Create", ResourceProperties={"EndpointName": "prod"}),
            call(100.25, "SageMaker.DescribeEndpoint", {"EndpointName": "prod"}, outcome="Throttling"),
            {"Time": 970.0, "Continuation": {"Invocation": 2, "FirstBegan": 100}},
            call(980.0, "AnyScaleFrontendService.RegisterScalableTarget", {**VARIANT, "Tags": TAGS}, {}),
            answer(980.5),
        )
        self.assertEqual([line.split()[0] for line in shown], ["0.00", "0.25", "870.00", "decide", "880.00", "880.50"])
        self.assertRegex(shown[2], "wait +Lambda's time limit is near: invocation 2 of the function waits on")

    def test_an_update_shows_the_changed_properties(self) -> None:
        new = {"MinCapacity": "2", "MaxCapacity": "4", "ScalingPolicies": [{"PolicyName": "cpu", "PolicyType": "x"}]}
        old = {"MinCapacity": "1", "MaxCapacity": "4", "UpdateGate": "gate"}
        [line] = told(request(100, "Update", ResourceProperties=new, OldResourceProperties=old))
        self.assertTrue(line.endswith("Update of Scaling: MinCapacity 1 → 2, ScalingPolicies cpu, no UpdateGate"), line)

    def test_it_names_each_decision(self) -> None:
        seen = call(100, "AnyScaleFrontendService.DescribeScalableTargets", {}, {"ScalableTargets": []})
        create = call(100, "AnyScaleFrontendService.RegisterScalableTarget", {**VARIANT, "Tags": TAGS})
        update = call(100, "AnyScaleFrontendService.RegisterScalableTarget", VARIANT)
        restore = call(
            100,
            "AnyScaleFrontendService.RegisterScalableTarget",
            {**VARIANT, "Tags": {**TAGS, "sagemaker-scaling:restoring": "true"}},
        )
        tag = call(100, "AnyScaleFrontendService.TagResource", {"Tags": TAGS})
        take = call(
            100,
            "AnyScaleFrontendService.TagResource",
            {"Tags": {**TAGS, "sagemaker-scaling:former-logical-id": "Old"}},
        )
        untag = call(100, "AnyScaleFrontendService.UntagResource", {"TagKeys": list(TAGS)})
        deregister = call(100, "AnyScaleFrontendService.DeregisterScalableTarget", VARIANT)
        put = call(100, "AmazonSSM.PutParameter", {"Name": "snapshot", "Value": "{}"}, {})
        gate = {"ResourceType": "Custom::SageMakerEndpointUpdateGate"}
        properties = {"ResourceProperties": {}, "PhysicalResourceId": ID}
        for what, calls, decision in (
            (request(100, "Update", **properties), [seen, create], "it is not registered: register it"),
            (request(100, "Update", **properties), [seen, update], "this resource owns it: update it"),
            (request(100, "Update", **properties), [seen, tag, update], "it has no owner: adopt it"),
            (
                request(100, "Update", **properties),
                [restore, update],
                "restore the target from its snapshot, with what the template says",
            ),
            (request(100, "Delete", **properties), [seen, deregister], "this resource owns it: deregister it"),
            (request(100, "Delete", **properties), [seen, untag], "it was adopted: release it"),
            (
                request(100, "Create", **properties),
                [create, seen, take, update],
                "TakeOverFrom names its owner: take it over",
            ),
            (request(100, "Delete", **properties), [seen, tag, untag], "its former owner exists: hand it back"),
            (request(100, "Delete", **properties), [seen], "this resource does not own it: do nothing"),
            (
                request(100, "Update", **properties, **gate),
                [seen, deregister],
                "the target blocks the update: take a snapshot of it and deregister it",
            ),
            (request(100, "Delete", **properties, **gate), [restore], "restore the target from its snapshot"),
            (request(100, "Create", **properties, **gate), [seen], "nothing to do"),
            (request(100, "Update", **properties, **gate), [put], "use the snapshots of an earlier request"),
            (
                request(100, "Update", **properties),
                [put, deregister],
                "the endpoint is about to roll back: keep the target as a snapshot",
            ),
        ):
            with self.subTest(decision):
                decisions = [line.split("decide   ")[1] for line in told(what, *calls, answer(101)) if "decide" in line]
                self.assertEqual(decisions, [decision])
        refused = told(request(100, "Create", **properties), answer(101, "FAILED", Reason="MinCapacity: no"))
        self.assertEqual(
            refused[1:],
            [
                "            decide   refuse the request and change nothing",
                "    1.00 s  answer   FAILED: MinCapacity: no",
            ],
        )

    def test_it_gives_the_reason_for_a_pause_before_the_answer(self) -> None:
        deregister = call(100.2, "AnyScaleFrontendService.DeregisterScalableTarget", VARIANT, {})
        read = call(100.3, "SSM.GetParameter", {}, {})
        asked = request(100.1, "Update", ResourceProperties={})
        for calls, seconds, pauses in (
            ([deregister, read], 105.2, ["4.9 s"]),
            ([deregister, read], 100.5, []),
            # A start, or a wait for an endpoint, which has its own lines.
            ([read], 105.2, []),
        ):
            with self.subTest(seconds=seconds, calls=calls):
                found = " ".join(line.strip() for line in told(asked, *calls, answer(seconds)))
                self.assertEqual(re.findall("wait +([^,]*)", found), pauses)
                self.assertEqual("check that CloudFormation has not cancelled" in found, bool(pauses))

    def test_it_names_each_assumption_and_shows_its_calls_only_in_the_verbose_output(self) -> None:
        created = {**call(100, "SageMaker.DeleteEndpoint", {"EndpointName": "prod"}, {}), "By": "assumption"}
        news = [
            created,
            {"Time": 100.5, "Assumed": "endpoint prod is in service"},
            request(101, "Create", ResourceProperties={}),
        ]
        short = told(*news)
        self.assertEqual(short[0], "    0.50 s  assume   endpoint prod is in service")
        self.assertEqual(len(short), 2)
        long = [plain(line) for line in lines(list(retold(news, begin=100.0)), verbose=True)]
        self.assertIn("assume   SageMaker DeleteEndpoint", long[0])

    def test_calls_of_one_operation_in_a_row_share_a_line(self) -> None:
        puts = [
            call(100, "AnyScaleFrontendService.PutScheduledAction", {"ScheduledActionName": name}, {})
            for name in ("Morning", "Evening")
        ]
        [line] = told(*puts)
        self.assertTrue(line.endswith("PutScheduledAction        Morning, Evening"), line)

    def test_it_shows_the_whole_reason_in_lines_of_limited_width(self) -> None:
        reason = "MinCapacity: " + "expected something else, " * 20
        found = told(request(100, "Create", ResourceProperties={}), answer(101, "FAILED", Reason=reason))
        self.assertIn(reason.split(), [" ".join(found[2:]).split()[4:]])
        self.assertLessEqual(max(map(len, found)), WIDTH)

    def test_the_verbose_output_has_inputs_and_outputs(self) -> None:
        events = list(retold([call(100, "SageMaker.DeleteEndpoint", {"EndpointName": "prod"}, {"a": 1})], 100))
        self.assertEqual(
            [plain(line).strip() for line in lines(events, verbose=True)][1:],
            ['Input: {"EndpointName": "prod"}', 'Output: {"a": 1}'],
        )

    def test_it_names_an_unknown_operation(self) -> None:
        [line] = told(call(100, "SageMaker.SomethingNew", {"A": 1}, {}))
        self.assertTrue(line.endswith("act      SageMaker SomethingNew"), line)


class Writing(unittest.TestCase):
    """Output to a terminal, to a file, and for scripts."""

    def write(self, terminal: bool = False, environment: dict[str, str] | None = None, **options: bool) -> str:
        """The output for the recording, after a wait."""
        stream = io.StringIO()
        with (
            mock.patch.object(stream, "isatty", lambda: terminal),
            mock.patch.dict("os.environ", environment or {"NO_COLOR": ""}),
        ):
            timeline = Timeline(stream, **options)
            with timeline.waiting("a stack"):
                if terminal and not options:
                    while "a stack" not in stream.getvalue():
                        pass
            timeline.tell(*recorded())
        return stream.getvalue()

    def test_colours_appear_only_on_a_terminal_without_no_color(self) -> None:
        self.assertIn("\x1b[32m", self.write(terminal=True))
        self.assertNotIn("\x1b[32m", self.write(terminal=True, environment={"NO_COLOR": "1"}))
        self.assertNotIn("\x1b", self.write())

    def test_a_progress_line_appears_only_on_a_terminal_and_disappears(self) -> None:
        self.assertIn("a stack … 0 s\r\x1b[K", self.write(terminal=True))
        self.assertNotIn("a stack …", self.write())
        self.assertNotIn("a stack …", self.write(terminal=True, as_json=True))

    def test_it_prints_the_findings_of_cfn_lint_unchanged(self) -> None:
        stream = io.StringIO()
        Timeline(stream).tell({"Kind": "findings", "Text": "E9301 no\na.yaml:1:1\n\n"})
        self.assertEqual(stream.getvalue(), "E9301 no\na.yaml:1:1\n")

    def test_scripts_get_one_json_object_a_line(self) -> None:
        written = self.write(as_json=True)
        self.assertEqual([json.loads(line) for line in written.splitlines()], recorded())


class Picture(unittest.TestCase):
    """docs/demo.svg."""

    def test_it_is_current(self) -> None:
        self.assertEqual(PICTURE.read_text(), picture(recorded()), "run `make screen`")

    def test_it_shows_every_word_of_the_recording(self) -> None:
        shown = "".join(ElementTree.parse(PICTURE).getroot().itertext())
        for line in lines(recorded()):
            for word in plain(line).split():
                self.assertIn(word, shown)

    def test_the_recording_contains_no_response_url(self) -> None:
        self.assertNotIn("ResponseURL", json.dumps(recorded()))


if __name__ == "__main__":
    unittest.main()
