"""The reviewed digest of AWS's service models fits the pinned models, our schema, and what the function reads."""

import json
import re
import unittest

import botocore

from demo.environment import ROOT
from tools import digest

VARIANT = "DescribeEndpointConfig.ProductionVariant"
# A structure, and its fields that are read. Three have the form of lists in XML.
STRUCTURE = re.compile(
    r"^(?:pub )?struct (?!(?:StackResources|Stacks|Stack) )(\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL
)
FIELD = re.compile(r"((?:^    #\[.*\n)*)^    (?:pub )?(\w+): (.*),$", re.MULTILINE)


def read_by_the_function() -> dict[tuple[str, str], bool]:
    """The members that the function reads, by structure and name, and whether it requires them."""
    sources = [ROOT / "src/aws" / name for name in ("cloudformation.rs", "parameter_store.rs", "sagemaker.rs")]
    found = {}
    for structure, body in STRUCTURE.findall("".join(source.read_text() for source in sources)):
        for attributes, field, rust_type in FIELD.findall(body):
            name = "".join(word.capitalize() for word in field.split("_"))
            required = "default" not in attributes and not rust_type.startswith("Option<")
            found[structure.removesuffix("Output"), name] = required
    return found


def shapes_of(structure: str, shapes: digest.Shapes) -> list[str]:
    """The titles in the digest for a type of the function."""
    return [title for title in shapes if title.rpartition(".")[2] == structure]


class Models(unittest.TestCase):
    """The digest and the models of the pinned botocore."""

    def setUp(self) -> None:
        self.committed = digest.committed()

    def test_every_member_of_the_models_is_reviewed(self) -> None:
        current = digest.current(self.committed)
        self.assertEqual(
            digest.differences(self.committed, current), [], "run `make digest`, and review the difference"
        )
        self.assertEqual(digest.DIGEST.read_text(), digest.text(current), "run `make digest`")

    def test_a_new_member_has_to_be_decided_on(self) -> None:
        del self.committed[VARIANT]["AcceleratorPartitionLayouts"]
        told = digest.differences(self.committed, digest.current(self.committed))
        self.assertEqual(
            told, [f"{VARIANT} gained AcceleratorPartitionLayouts: decide whether the gate must look at it"]
        )

    def test_a_member_that_the_model_lacks_has_to_be_decided_on(self) -> None:
        self.committed[VARIANT]["Spare"] = {"model": "string", "review": "ignored: a test"}
        told = digest.differences(self.committed, digest.current(self.committed))
        self.assertEqual(told, [f"{VARIANT} lost Spare: decide whether the gate must look at it"])

    def test_a_changed_bound_value_or_requirement_has_to_be_decided_on(self) -> None:
        query = self.committed["PutScalingPolicy.TargetTrackingMetricDataQuery"]
        query["Expression"]["model"] = "string 1..1024"
        query["Id"]["model"] = "string 1..255"
        self.committed["PutScalingPolicy"]["PolicyType"]["schema"] = "required string one of StepScaling"
        told = digest.differences(self.committed, digest.current(self.committed))
        self.assertEqual(len(told), 3, told)
        self.assertIn("says 'string 1..2048', and said 'string 1..1024'", told[1])

    def test_a_member_without_a_review_is_told(self) -> None:
        self.committed[VARIANT]["AcceleratorPartitionLayouts"]["review"] = ""
        told = digest.differences(self.committed, digest.current(self.committed))
        self.assertEqual(
            told, [f"{VARIANT}.AcceleratorPartitionLayouts has no review: decide whether the gate must look at it"]
        )

    def test_what_is_ignored_or_refused_has_a_reason(self) -> None:
        for title, members in self.committed.items():
            for name, entry in members.items():
                with self.subTest(f"{title}.{name}"):
                    self.assertRegex(entry["review"], r"^(sent|read|present|(ignored|refused): )")

    def test_the_addresses_are_those_of_the_pinned_botocore(self) -> None:
        addresses = json.loads((ROOT / "dev/oracle/botocore-endpoints.json").read_text())
        self.assertEqual(addresses["botocore"], botocore.__version__, "run `make digest`")


class Schema(unittest.TestCase):
    """The digest and our schema."""

    def test_the_schema_allows_nothing_that_the_model_does_not(self) -> None:
        self.assertEqual(digest.contradictions(digest.committed()), [])

    def test_a_wider_bound_and_an_unknown_value_are_told(self) -> None:
        model, schema = "string 1..255 one of A, B", "required string 0..256 one of A, C"
        self.assertEqual(
            digest.contradictions({"S": {"M": {"model": model, "schema": schema, "review": "sent"}}}),
            ["S.M: C", "S.M: lowest 0, and the model says 1", "S.M: highest 256, and the model says 255"],
        )


class Function(unittest.TestCase):
    """The digest and what the function reads."""

    def setUp(self) -> None:
        self.shapes = digest.committed()

    def test_the_digest_says_read_of_what_the_function_reads(self) -> None:
        read = read_by_the_function()
        self.assertGreater(len(read), 15)
        self.assertEqual(self.undeclared(read), [])

    def test_an_undeclared_member_and_an_optional_one_that_is_required_are_told(self) -> None:
        self.shapes[VARIANT]["VariantName"]["model"] = "string"
        self.shapes["DescribeEndpoint"]["EndpointStatus"]["review"] = "ignored: a test"
        told = self.undeclared(read_by_the_function())
        self.assertEqual(
            told, ["DescribeEndpoint.EndpointStatus: ignored: a test", f"{VARIANT}.VariantName is optional"]
        )

    def test_a_snapshot_has_only_members_that_register_and_put_take(self) -> None:
        source = (ROOT / "src/snapshot/capture.rs").read_text()
        constant = (
            source.partition("const OUTPUT_ONLY")[2].partition(";")[0].replace("TARGET_ARN", '"ScalableTargetARN"')
        )
        output_only = set(re.findall(r'"(\w+)"', constant))
        self.assertIn("CreationTime", output_only)
        for described, put in (
            ("DescribeScalableTargets.ScalableTarget", "RegisterScalableTarget"),
            ("DescribeScalingPolicies.ScalingPolicy", "PutScalingPolicy"),
            ("DescribeScheduledActions.ScheduledAction", "PutScheduledAction"),
        ):
            self.assertLessEqual(self.shapes[described].keys() - output_only, self.shapes[put].keys(), described)

    def undeclared(self, read: dict[tuple[str, str], bool]) -> list[str]:
        """What the digest does not say of the members that the function reads."""
        told = []
        for (structure, name), required in read.items():
            titles = shapes_of(structure, self.shapes)
            self.assertTrue(titles, f"{structure} is in no digest")
            having = [(title, self.shapes[title][name]) for title in titles if name in self.shapes[title]]
            self.assertTrue(having, f"{structure}.{name} is in no model")
            for title, entry in having:
                review = entry["review"]
                if not review.startswith(("read", "present")):
                    told.append(f"{title}.{name}: {review}")
                elif required and not entry["model"].startswith("required") and "as required" not in review:
                    told.append(f"{title}.{name} is optional")
        return sorted(told)


if __name__ == "__main__":
    unittest.main()
