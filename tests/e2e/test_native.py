"""docs/NATIVE.md has each property of the native resources, and is what `make digest` writes."""

import copy
import unittest

from tools import native

KINDS = (native.TARGET, native.POLICY)


class Page(unittest.TestCase):
    """The page, the schemas of the pinned cfn-lint, and our schema."""

    def setUp(self) -> None:
        self.schemas = {kind: copy.deepcopy(native.native(kind)) for kind in KINDS}
        self.decisions = copy.deepcopy(native.DECISIONS)

    def test_it_is_what_the_schemas_give(self) -> None:
        self.assertEqual(native.PAGE.read_text(), native.page(self.schemas), "run `make digest`")

    def test_every_property_is_decided(self) -> None:
        self.assertEqual(self.undecided(), [])

    def test_a_new_native_property_has_to_be_decided(self) -> None:
        self.schemas[native.TARGET]["definitions"]["SuspendedState"]["properties"]["New"] = {"type": "string"}
        self.assertEqual(self.undecided(), [f"{native.TARGET}.SuspendedState.New: decide what becomes of it here"])

    def test_a_changed_requirement_or_value_has_to_be_decided(self) -> None:
        definitions = self.schemas[native.POLICY]["definitions"]
        definitions["StepAdjustment"]["required"].append("MetricIntervalLowerBound")
        definitions["StepScalingPolicyConfiguration"]["properties"]["MetricAggregationType"]["enum"] = ["Average"]
        above = f"{native.POLICY}.StepScalingPolicyConfiguration"
        self.assertEqual(
            self.undecided(),
            [
                f"{above}.{path}: decide what becomes of it here"
                for path in ("MetricAggregationType", "StepAdjustments.MetricIntervalLowerBound")
            ],
        )

    def test_a_property_of_ours_and_a_decision_without_a_property_are_told(self) -> None:
        del self.decisions[native.OURS]["UpdateGate"]
        self.decisions[native.TARGET]["Spare"] = "refused: a test"
        self.assertEqual(
            self.undecided(),
            [
                f"{native.TARGET}.Spare: there is no such property",
                f"{native.OURS}.UpdateGate: decide what becomes of it here",
            ],
        )

    def test_every_output_of_a_native_resource_is_among_the_attributes(self) -> None:
        outputs = {
            (kind, path.rpartition("/")[2])
            for kind, schema in self.schemas.items()
            for path in schema["readOnlyProperties"]
        }
        self.assertEqual(outputs, native.RETURNED.keys())

    def undecided(self) -> list[str]:
        """What lacks a decision, or a property."""
        return native.undecided(native.tables(self.schemas, self.decisions), self.decisions)


if __name__ == "__main__":
    unittest.main()
