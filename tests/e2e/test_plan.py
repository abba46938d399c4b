"""What `make try` tells of an update before it is deployed: from two templates, and from a change set of AWS."""

import itertools
import json
import re
import unittest
from pathlib import Path
from typing import Any

from demo.change_set import read
from demo.compare import compare
from demo.environment import ROOT
from demo.plan import Plan, plan
from demo.stack_resources import GATE, INSTANCES, SCALING
from demo.stacks import example, without_gate
from demo.telling import UnsuccessfulError
from demo.updates import PARAMETERS
from demo.user_template import UserTemplate
from support import advice, run, scratch

WITH_GATE = example("endpoint-with-scaling")
WITHOUT = without_gate(WITH_GATE)
XLARGE = WITH_GATE.replace("Default: ml.m5.large", "Default: ml.m5.xlarge")
NATIVE = """
  Native:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties:
      MinCapacity: 1
      MaxCapacity: 2
      ServiceNamespace: sagemaker
      ScalableDimension: sagemaker:variant:DesiredInstanceCount
      ResourceId: RESOURCE_ID
"""
# A second variant.
GREEN = """\
          InitialInstanceCount: 1
        - VariantName: Green
          ModelName: !GetAtt Model.ModelName
          InstanceType: ml.m5.large
          InitialInstanceCount: 1
"""
TAGGED = """\
  Endpoint:
    Type: AWS::SageMaker::Endpoint
    Properties:
      Tags: [{Key: team, Value: ml}]
"""
SCALING_BEGINS = "\n  Scaling:\n"
POLICY = "SageMakerEndpointInvocationScalingPolicy"
OF_TARGET = f"policy {POLICY} of translation/AllTraffic"
CHANGES = "endpoint translation: variant AllTraffic changes from ml.m5.large to ml.m5.xlarge"
REFUSED = "SageMaker will refuse this: "
NOT_SCALING = "translation/AllTraffic does not scale until Scaling restores it"
ACCEPTED = "endpoint translation: no scalable target blocks this update"


class PlanTestCase(unittest.TestCase):
    """Tests of plans."""

    def setUp(self) -> None:
        self.scratch = scratch(self)

    def plan(self, before: str, after: str, **parameters: str) -> Plan:
        """The plan of an update from one template to another."""
        resources = []
        for name, text in (("before", before), ("after", after)):
            file = self.scratch / name
            file.write_text(text)
            template = UserTemplate(str(file), {})
            template.check({**PARAMETERS, **(parameters if name == "after" else {})})
            resources.append(template.resources())
        return plan(compare(*resources))

    def tells(self, found: Plan, *told: str) -> None:
        """Checks that lines begin with these texts, in this order."""
        lines = iter(found.lines)
        for text in told:
            self.assertTrue(any(line.startswith(text) for line in lines), f"{text!r} in {found.lines}")


class Updates(PlanTestCase):
    """Updates from one template to another."""

    def test_without_a_gate_sagemaker_refuses_another_instance_type(self) -> None:
        found = self.plan(WITHOUT, WITHOUT, InstanceType="ml.m5.xlarge")
        self.assertTrue(found.refused)
        self.tells(found, CHANGES, f"{REFUSED}Scaling registers translation/AllTraffic", "the update fails")
        self.assertIn("Put a Custom::SageMakerEndpointUpdateGate before Endpoint", str(found.lines))

    def test_a_gate_that_the_configuration_does_not_pass_through_has_no_effect(self) -> None:
        beside = XLARGE.replace("!GetAtt Gate.EndpointConfigName", "!GetAtt Config.EndpointConfigName")
        found = self.plan(WITHOUT, beside)
        self.assertTrue(found.refused)
        self.assertIn("Set EndpointConfigName of Endpoint to !GetAtt Gate.EndpointConfigName", str(found.lines))

    def test_a_gate_deregisters_what_blocks_the_update_also_if_it_is_new(self) -> None:
        for before in (WITH_GATE, WITHOUT):
            found = self.plan(before, XLARGE)
            self.assertEqual((found.refused, found.deregistered), (False, {"translation/AllTraffic"}))
            self.tells(found, CHANGES, "Gate takes a snapshot of translation/AllTraffic", NOT_SCALING)
            self.assertIn("translation/AllTraffic: updated, but nothing of it changes", found.lines)

    def test_other_changes_of_a_variant_block_nothing(self) -> None:
        weight = WITH_GATE.replace("InitialInstanceCount: 1", "InitialInstanceCount: 2")
        model = WITH_GATE.replace("ModelDataUrl: !Ref ModelDataUrl", "ModelDataUrl: s3://other/model.tar.gz")
        for after in (weight, model):
            found = self.plan(WITH_GATE, after)
            self.assertEqual((found.refused, found.deregistered), (False, frozenset()))
            self.tells(found, ACCEPTED, "replaced:")
            # What is replaced is followed through all references.
            self.assertTrue({"Config", "Endpoint", "Gate", "Scaling"} <= found.changed)

    def test_a_configuration_that_stays_updates_no_endpoint(self) -> None:
        found = self.plan(WITH_GATE, WITH_GATE.replace("MaxCapacity: 4", "MaxCapacity: 9"))
        self.assertEqual(found.lines, ["translation/AllTraffic: MaxCapacity 4 → 9"])
        self.assertEqual(found.changed, {"Scaling"})
        self.assertEqual(self.plan(WITH_GATE, WITH_GATE).changed, frozenset())

    def test_the_plan_shows_which_properties_of_a_target_change(self) -> None:
        after = WITH_GATE.replace("TargetValue: 70", "TargetValue: 50").replace("Morning", "Early")
        [line] = self.plan(WITH_GATE, after).lines
        for said in (
            "TargetValue of SageMakerEndpointInvocationScalingPolicy 70 → 50",
            "Morning is removed",
            "Early is new",
        ):
            self.assertIn(said, line)

    def test_another_variant_is_another_target(self) -> None:
        found = self.plan(WITH_GATE, WITH_GATE.replace("AllTraffic", "Canary"))
        self.tells(
            found,
            "endpoint translation: variant AllTraffic is removed",
            "endpoint translation: variant Canary is new: ml.m5.large",
            "Gate takes a snapshot of translation/AllTraffic",
            "Scaling registers translation/Canary, and deregisters translation/AllTraffic in the clean-up",
        )
        self.assertNotIn("does not scale", str(found.lines))

    def test_scaling_that_leaves_or_joins_the_stack_is_told(self) -> None:
        alone = WITH_GATE.partition("\n  Scaling:\n")[0]
        self.tells(
            self.plan(WITH_GATE, alone),
            "deleted in the clean-up: Scaling",
            "Scaling deregisters translation/AllTraffic in the clean-up",
        )
        self.tells(self.plan(alone, WITH_GATE), "Scaling registers translation/AllTraffic")

    def test_scaling_without_update_gate_is_restored_in_the_clean_up(self) -> None:
        ungated = [text.replace("      UpdateGate: !Ref Gate\n", "") for text in (WITH_GATE, XLARGE)]
        self.tells(
            self.plan(*ungated),
            "translation/AllTraffic does not scale until Gate, in the clean-up, restores it",
        )

    def test_a_native_target_blocks_the_update_however_it_is_written(self) -> None:
        alone = WITHOUT.partition("\n  Scaling:\n")[0]
        for resource_id in (
            "endpoint/translation/variant/AllTraffic",
            "!Sub endpoint/${Endpoint.EndpointName}/variant/AllTraffic",
            "!Sub endpoint/${EndpointName}/variant/AllTraffic",
            "!Sub endpoint/${Endpoint.EndpointName}/variant/${VariantName}",
            '!Sub ["endpoint/${E}/variant/${V}", {E: !GetAtt Endpoint.EndpointName, V: !Ref VariantName}]',
            "!Join [/, [endpoint, !GetAtt Endpoint.EndpointName, variant, AllTraffic]]",
        ):
            with self.subTest(resource_id):
                variant = "Parameters:\n  VariantName:\n    Type: String\n    Default: AllTraffic\n"
                template = alone.replace("Parameters:\n", variant, 1) + NATIVE.replace("RESOURCE_ID", resource_id)
                found = self.plan(template, template, InstanceType="ml.m5.xlarge")
                self.assertTrue(found.refused)
                self.tells(found, f"{REFUSED}Native registers translation/AllTraffic")

    def test_another_name_of_an_endpoint_makes_a_new_one(self) -> None:
        found = self.plan(WITH_GATE, XLARGE, EndpointName="other")
        self.tells(found, "endpoint other is created, and endpoint translation is deleted in the clean-up")
        self.assertIn("Scaling registers other/AllTraffic, and deregisters translation/AllTraffic", str(found.lines))
        self.assertFalse(found.refused)

    def test_a_native_target_is_compared(self) -> None:
        alone = WITH_GATE.partition("\n  Scaling:\n")[0] + NATIVE.replace("RESOURCE_ID", "endpoint/x/variant/y")
        found = self.plan(alone, alone.replace("MaxCapacity: 2", "MaxCapacity: 3"))
        self.assertEqual(found.lines, ["Native: MaxCapacity 2 → 3"])

    def test_a_value_inside_a_function_of_a_resource_is_compared(self) -> None:
        bucket = "\n  Bucket:\n    Type: AWS::S3::Bucket\n    DeletionPolicy: Delete\n    UpdateReplacePolicy: Delete\n"
        of_bucket = (WITH_GATE + bucket).replace(
            "ModelDataUrl: !Ref ModelDataUrl", "ModelDataUrl: !Sub s3://${Bucket}/${ModelDataUrl}"
        )
        self.assertIn("Model", self.plan(of_bucket, of_bucket, ModelDataUrl="s3://models/other.tar.gz").changed)

    def test_numbers_and_texts_are_the_same_as_in_cloudformation(self) -> None:
        text = WITH_GATE.replace("InitialInstanceCount: 1", 'InitialInstanceCount: "1"')
        text = text.replace("RetainAllVariantProperties: true", 'RetainAllVariantProperties: "true"')
        self.assertEqual(self.plan(WITH_GATE, text).changed, frozenset())

    def test_a_configuration_that_is_named_by_text_is_compared(self) -> None:
        name = "      EndpointConfigName: !Sub cfg-${InstanceType}\n"
        named = WITHOUT.replace("      ProductionVariants:\n", f"{name}      ProductionVariants:\n")
        named = named.replace("      EndpointConfigName: !GetAtt Config.EndpointConfigName\n", name)
        self.assertTrue(self.plan(named, named, InstanceType="ml.m5.xlarge").refused)

    def test_cloudformation_refuses_to_replace_what_keeps_its_name(self) -> None:
        name = "      EndpointConfigName: fixed\n"
        fixed = WITH_GATE.replace("      ProductionVariants:\n", f"{name}      ProductionVariants:\n")
        found = self.plan(fixed, fixed, InstanceType="ml.m5.xlarge")
        [why] = found.refused_by_cloudformation
        self.assertEqual(found.lines[0], f"CloudFormation will refuse this: {why}")
        self.assertTrue(why.startswith("Config must be replaced, but keeps its custom name fixed"))
        self.assertEqual(self.plan(WITH_GATE, XLARGE).refused_by_cloudformation, [])

    def test_the_gate_of_another_endpoint_does_not_help(self) -> None:
        wrong = XLARGE.replace("EndpointName: !Ref EndpointName", "EndpointName: wrong", 1)
        self.assertTrue(self.plan(WITHOUT, wrong).refused)

    def test_what_a_delete_does_is_told(self) -> None:
        alone = WITH_GATE.partition("\n  Scaling:\n")[0]
        adopted = WITH_GATE.replace("      MinCapacity: 1\n", "      AdoptExisting: true\n      MinCapacity: 1\n", 1)
        self.tells(
            self.plan(adopted, alone), "Scaling deregisters, or releases if it has adopted it, translation/AllTraffic"
        )
        kept = WITH_GATE.replace("  Scaling:\n", "  Scaling:\n    DeletionPolicy: Retain\n")
        self.assertEqual(self.plan(kept, alone).lines, ["no longer in the stack, and not deleted: Scaling"])
        renamed = WITH_GATE.replace("  Scaling:\n", "  New:\n").replace(
            "      MinCapacity: 1\n", "      TakeOverFrom: Scaling\n      MinCapacity: 1\n", 1
        )
        found = self.plan(WITH_GATE, renamed)
        self.tells(found, "New takes over translation/AllTraffic from Scaling")
        self.assertNotIn("deregisters", str(found.lines))

    def test_a_new_gate_is_no_help_in_a_rollback_and_restores_no_native_target(self) -> None:
        found = self.plan(WITHOUT, XLARGE)
        self.tells(found, "Gate takes a snapshot", NOT_SCALING, "if the update fails after Gate")
        alone = [text.partition("\n  Scaling:\n")[0] + NATIVE for text in (WITHOUT, XLARGE)]
        native = [text.replace("RESOURCE_ID", "!Sub endpoint/${EndpointName}/variant/AllTraffic") for text in alone]
        self.tells(self.plan(*native), "translation/AllTraffic does not scale after this update: Gate is new")
        restored = "translation/AllTraffic does not scale until Gate, in the clean-up, restores it"
        gated = native[1].replace("Default: ml.m5.xlarge", "Default: ml.m5.large")
        self.tells(self.plan(gated, native[1]), restored)

    def test_targets_of_other_stacks_are_not_known(self) -> None:
        alone = WITHOUT.partition("\n  Scaling:\n")[0]
        found = self.plan(alone, alone, InstanceType="ml.m5.xlarge")
        self.assertFalse(found.refused)
        unknown = "no resource of the old template registers translation/AllTraffic. If another stack"
        self.tells(found, CHANGES, unknown)

    def test_two_endpoints_are_told_apart(self) -> None:
        """The variants of both have one name."""
        resources = WITH_GATE.partition("Resources:\n")[2].replace("!Ref EndpointName", "second")
        names = r"(Model|Config|Gate|Endpoint|Scaling)\b"
        second = re.sub(rf"(?m)(^  |!Ref |!GetAtt ){names}", r"\1Second\2", resources)
        both = [text + second.replace("!Ref InstanceType", kind) for text, kind in ((WITH_GATE, "a"), (XLARGE, "b"))]
        found = self.plan(*both)
        self.assertEqual(found.deregistered, {"translation/AllTraffic", "second/AllTraffic"})

    def test_a_branch_of_a_condition_counts_only_if_it_is_taken(self) -> None:
        condition = "Conditions:\n  IsLarge: !Equals [!Ref InstanceType, ml.m5.xlarge]\n\nResources:\n"
        chosen = WITH_GATE.replace("Resources:\n", condition, 1).replace(
            "InstanceType: !Ref InstanceType", "InstanceType: !If [IsLarge, ml.g5.xlarge, ml.m5.large]"
        )
        found = self.plan(chosen, chosen, InstanceType="ml.m5.xlarge")
        self.tells(found, "endpoint translation: variant AllTraffic changes from ml.m5.large to ml.g5.xlarge")
        self.assertEqual(self.plan(chosen, chosen, InstanceType="ml.m5.2xlarge").changed, frozenset())

    def test_a_retained_resource_is_not_listed_as_deleted(self) -> None:
        extra = "\n  Bucket:\n    Type: AWS::S3::Bucket\n    DeletionPolicy: Retain\n    UpdateReplacePolicy: Retain\n"
        self.tells(self.plan(WITH_GATE + extra, WITH_GATE), "no longer in the stack, and not deleted: Bucket")

    def test_a_configuration_outside_the_template_is_not_compared(self) -> None:
        config = "EndpointConfigName: !GetAtt Gate.EndpointConfigName"
        before, after = (WITH_GATE.replace(config, f"EndpointConfigName: config-{number}") for number in (1, 2))
        self.tells(self.plan(before, after), "endpoint translation: BEFORE lacks its configuration")


class Owners(PlanTestCase):
    """Updates in which a target gets another resource, and changes of native resources behind a gate."""

    def native(
        self, text: str, *, limit: int = 2, value: int = 70, name: str = "Native", policy: str = "native"
    ) -> str:
        """The template with native scaling instead of this function's."""
        target = NATIVE.replace("RESOURCE_ID", "!Sub endpoint/${Endpoint.EndpointName}/variant/AllTraffic")
        target = target.replace("MaxCapacity: 2", f"MaxCapacity: {limit}")
        of_policy = f"""
  NativePolicy:
    Type: AWS::ApplicationAutoScaling::ScalingPolicy
    Properties:
      PolicyName: {policy}
      PolicyType: TargetTrackingScaling
      ScalingTargetId: !Ref Native
      TargetTrackingScalingPolicyConfiguration:
        TargetValue: {value}
        PredefinedMetricSpecification:
          PredefinedMetricType: SageMakerVariantInvocationsPerInstance
"""
        native = (target + of_policy).replace("Native:", f"{name}:").replace("!Ref Native", f"!Ref {name}")
        return text.partition("\n  Scaling:\n")[0] + native.replace("NativePolicy:", f"{name}Policy:")

    def kept(self, native: str) -> str:
        """The template with native resources that are retained."""
        return re.sub(r"(    Type: AWS::ApplicationAutoScaling::\w+\n)", r"\1    DeletionPolicy: Retain\n", native)

    def scaling(self, text: str, *given: str, name: str = "Scaling") -> str:
        """The template with these properties of its scaling resource."""
        added = "".join(f"      {each}\n" for each in given)
        scaling = text.replace("      MinCapacity: 1\n", f"{added}      MinCapacity: 1\n", 1)
        return scaling.replace("  Scaling:\n", f"  {name}:\n")

    def fails(self, found: Plan, resource: str, why: str) -> None:
        """Checks that one resource fails."""
        self.assertEqual([*found.failures], [resource], found.lines)
        self.assertIn(why, found.failures[resource])
        self.tells(found, f"{resource} will fail: {found.failures[resource]}", "so the update fails, and")

    def test_a_target_that_another_resource_owns_is_refused(self) -> None:
        renamed = self.scaling(WITH_GATE, name="Other")
        self.fails(self.plan(WITH_GATE, renamed), "Other", "Set TakeOverFrom: Scaling on Other")
        adopting = self.scaling(WITH_GATE, "AdoptExisting: true", name="Other")
        self.fails(self.plan(WITH_GATE, adopting), "Other", "Set TakeOverFrom: Scaling on Other")
        taking = self.scaling(WITH_GATE, "TakeOverFrom: Scaling", name="Other")
        self.assertEqual(self.plan(WITH_GATE, taking).failures, {})
        second = WITH_GATE + "\n  Second:\n" + WITH_GATE.partition("\n  Scaling:\n")[2]
        self.fails(
            self.plan(WITH_GATE, second), "Second", "Scaling owns translation/AllTraffic. Remove Scaling or Second"
        )
        self.fails(
            self.plan(self.kept(self.native(WITH_GATE)), WITH_GATE), "Scaling", "Set AdoptExisting: true on Scaling"
        )
        alone = WITH_GATE.partition("\n  Scaling:\n")[0]
        both = self.plan(alone, second).failures
        self.assertEqual([*both], ["Scaling", "Second"])
        self.assertIn("Second would register translation/AllTraffic, too", both["Scaling"])

    def test_scalable_targets_that_swap_are_refused(self) -> None:
        two = WITH_GATE.replace("          InitialInstanceCount: 1\n", GREEN)
        scaling = two.partition("\n  Scaling:\n")[2]
        both = f"{two}\n  Second:\n{scaling.replace('AllTraffic', 'Green')}"
        swapped = both.replace("VariantName: AllTraffic\n      Min", "VariantName: X\n      Min")
        swapped = swapped.replace("VariantName: Green\n      Min", "VariantName: AllTraffic\n      Min")
        swapped = swapped.replace("VariantName: X\n      Min", "VariantName: Green\n      Min")
        found = self.plan(both, swapped)
        self.assertEqual({*found.failures}, {"Scaling", "Second"})
        self.assertIn("Set TakeOverFrom: Second on Scaling", found.failures["Scaling"])
        one = swapped.replace("      MinCapacity: 1\n", "      TakeOverFrom: Second\n      MinCapacity: 1\n", 1)
        before, begin, last = one.rpartition("      MinCapacity: 1\n      MaxCapacity: 4\n")
        self.assertEqual(self.plan(both, f"{before}      TakeOverFrom: Scaling\n{begin}{last}").failures, {})

    def test_a_variant_that_the_endpoint_lacks_is_refused(self) -> None:
        nowhere = WITH_GATE.replace("VariantName: AllTraffic\n      Min", "VariantName: Nowhere\n      Min")
        self.fails(self.plan(WITH_GATE, nowhere), "Scaling", "endpoint translation has no variant Nowhere")
        two = WITH_GATE.replace("          InitialInstanceCount: 1\n", GREEN)
        both = f"{two}\n  Green:\n{two.partition(SCALING_BEGINS)[2].replace('AllTraffic', 'Green')}"
        of_one = f"{WITH_GATE}\n  Green:\n{two.partition(SCALING_BEGINS)[2].replace('AllTraffic', 'Green')}"
        # The gate has another id, so the resource is updated.
        self.fails(self.plan(both, of_one), "Green", "endpoint translation has no variant Green")
        ungated = [text.replace("      UpdateGate: !Ref Gate\n", "") for text in (both, of_one)]
        self.assertEqual(self.plan(*ungated).lost, {"translation/Green", OF_TARGET.replace("AllTraffic", "Green")})

    def test_no_instances_need_an_asynchronous_endpoint(self) -> None:
        zero = WITH_GATE.replace("MinCapacity: 1\n      Max", "MinCapacity: 0\n      Max")
        self.fails(
            self.plan(WITH_GATE, zero), "Scaling", "MinCapacity is 0, and endpoint translation is not asynchronous"
        )
        output = "      AsyncInferenceConfig: {OutputConfig: {S3OutputPath: s3://b/o}}\n      ProductionVariants:\n"
        texts = [text.replace("      ProductionVariants:\n", output) for text in (WITH_GATE, zero)]
        self.assertEqual(self.plan(*texts).failures, {})

    def test_what_a_delete_in_the_clean_up_takes_along_is_told(self) -> None:
        adopting = self.scaling(WITH_GATE, "AdoptExisting: true")
        native = self.native(WITH_GATE, policy=POLICY)
        found = self.plan(native, adopting)
        self.assertEqual(found.lost, {"translation/AllTraffic", OF_TARGET})
        self.tells(found, "translation/AllTraffic will be missing after this update: CloudFormation deletes Native")
        self.assertEqual(self.plan(self.kept(native), adopting).lost, frozenset())
        target_only = self.kept(native).replace("ScalingPolicy\n    DeletionPolicy: Retain\n", "ScalingPolicy\n")
        found = self.plan(target_only, adopting)
        self.assertEqual(found.lost, {OF_TARGET})
        self.tells(found, f"{OF_TARGET} will be missing after this update: CloudFormation deletes NativePolicy")
        both = {"translation/AllTraffic", "policy native of translation/AllTraffic"}
        found = self.plan(native, self.native(WITH_GATE, name="Other"))
        self.assertEqual(found.lost, both)
        self.assertIn("Keep the logical id Native", str(found.lines))
        self.assertEqual(self.plan(WITH_GATE, self.native(WITH_GATE)).lost, both)
        # It may have registered the target itself, although it may adopt it.
        found = self.plan(adopting, self.native(WITH_GATE))
        self.assertEqual((found.lost, found.may_be_lost), (frozenset(), both))
        # The gate has deregistered the target, so the former resource's Delete does not find its tags.
        self.assertEqual(self.plan(WITH_GATE, self.native(XLARGE)).lost, frozenset())

    def test_what_a_rollback_does_not_undo_is_told(self) -> None:
        adopting = self.scaling(WITH_GATE, "AdoptExisting: true")
        found = self.plan(self.kept(self.native(WITH_GATE)), adopting)
        self.assertEqual(found.differs_after_rollback, {"translation/AllTraffic"})
        self.tells(found, "if the update fails, the rollback releases translation/AllTraffic")
        found = self.plan(WITH_GATE, self.native(WITH_GATE))
        self.tells(found, "if the update fails, the rollback deletes Native, and translation/AllTraffic with it")
        self.assertEqual(self.plan(WITH_GATE, XLARGE).differs_after_rollback, frozenset())

    def test_native_resources_change_in_an_update_of_their_own(self) -> None:
        before = self.native(WITH_GATE)
        of_policy = self.plan(before, self.native(XLARGE, value=50))
        self.fails(of_policy, "NativePolicy", "translation/AllTraffic is deregistered until the clean-up")
        of_target = self.plan(before, self.native(XLARGE, limit=3))
        self.assertEqual((of_target.failures, of_target.lost), ({}, {"policy native of translation/AllTraffic"}))
        self.tells(
            of_target,
            "translation/AllTraffic does not scale until Native registers it",
            "Native registers translation/AllTraffic again, without what is on it from elsewhere",
            "if the update fails after Native, SageMaker may refuse the rollback",
        )
        self.assertTrue(of_target.rollback_may_fail)
        of_both = self.plan(before, self.native(XLARGE, limit=3, value=50))
        self.assertEqual((of_both.failures, of_both.lost), ({}, frozenset()))
        alone = self.plan(before, self.native(WITH_GATE, limit=3, value=50))
        self.assertEqual((alone.failures, alone.lost, alone.rollback_may_fail), ({}, frozenset(), False))
        # Without a dependency on the endpoint, it may be updated before the gate deregisters anything.
        texts = [
            text.replace("${Endpoint.EndpointName}", "${EndpointName}")
            for text in (before, self.native(XLARGE, value=50))
        ]
        found = self.plan(*texts)
        self.assertEqual(found.failures, {})
        self.tells(found, "NativePolicy may fail: translation/AllTraffic is deregistered")

    def test_scaling_that_the_rollback_does_not_revert_in_time_is_told(self) -> None:
        alone = WITH_GATE.partition("\n  Scaling:\n")[0]
        two = WITH_GATE.replace("          InitialInstanceCount: 1\n", GREEN)
        green = f"{two}\n  Green:\n{two.partition(SCALING_BEGINS)[2].replace('AllTraffic', 'Green')}"
        ungated = [text.replace("      UpdateGate: !Ref Gate\n", "") for text in (WITH_GATE, XLARGE)]
        for before, after, why in (
            (alone, XLARGE, "Scaling is new"),
            (WITH_GATE, green, "Green is new"),
            (ungated[0], ungated[1].replace("MaxCapacity: 4", "MaxCapacity: 5"), "Scaling has no UpdateGate"),
        ):
            found = self.plan(before, after)
            self.assertTrue(found.rollback_may_fail)
            self.assertIn(why, found.lines[-1])
            self.assertNotIn("the rollback restores the targets", str(found.lines))
        for before, after in ((WITH_GATE, XLARGE), ungated, (alone, WITH_GATE)):
            self.assertFalse(self.plan(before, after).rollback_may_fail, after)

    def test_a_renamed_gate_restores_in_the_clean_up_of_the_former_one(self) -> None:
        ungated = [text.replace("      UpdateGate: !Ref Gate\n", "") for text in (WITH_GATE, XLARGE)]
        renamed = re.sub(r"(?m)(^  |!GetAtt )Gate\b", r"\1Second", ungated[1])
        found = self.plan(ungated[0], renamed)
        self.tells(found, "Second takes a snapshot", "translation/AllTraffic does not scale until Gate, in the")

    def test_names_as_text_are_followed_through_the_gate(self) -> None:
        name = "      EndpointConfigName: !Sub of-${InstanceType}\n"
        named = WITH_GATE.replace("      ProductionVariants:\n", f"{name}      ProductionVariants:\n")
        named = named.replace("      EndpointConfigName: !GetAtt Config.EndpointConfigName\n", name)
        after_gate = named.replace("      EndpointConfigName: !GetAtt Gate.EndpointConfigName\n", name)
        after_gate = after_gate.replace("AWS::SageMaker::Endpoint\n", "AWS::SageMaker::Endpoint\n    DependsOn: Gate\n")
        for text in (named, after_gate):
            self.assertNotEqual(text, WITH_GATE)
            found = self.plan(text, text, InstanceType="ml.m5.xlarge")
            self.assertEqual((found.refused, found.deregistered), (False, {"translation/AllTraffic"}))

    def test_a_gate_that_is_put_before_an_endpoint_changes_nothing_else(self) -> None:
        for texts in ((WITHOUT, WITH_GATE), (WITH_GATE, WITHOUT)):
            found = self.plan(*texts)
            self.assertEqual((found.deregistered, "Endpoint" in found.changed), (frozenset(), False))

    def test_cloudformation_refuses_another_type_and_a_name_in_use(self) -> None:
        [why] = self.plan(WITHOUT, self.native(WITHOUT, name="Scaling")).refused_by_cloudformation
        self.assertEqual(why, "the type of Scaling changes. Give the new resource another logical id")
        moved = re.sub(r"(?m)(^  |!GetAtt )Endpoint\b", r"\1Other", WITHOUT)
        [why] = self.plan(WITHOUT, moved).refused_by_cloudformation
        self.assertTrue(why.startswith("Other has the custom name of Endpoint"), why)
        unnamed = [text.replace("      EndpointName: !Ref EndpointName\n", "", 1) for text in (WITHOUT, moved)]
        self.assertEqual(self.plan(*unnamed).refused_by_cloudformation, [])

    def test_targets_are_told_apart_and_tags_go_by_their_keys(self) -> None:
        component = (
            "  Component:\n    Type: AWS::SageMaker::InferenceComponent\n    Properties: {VariantName: AllTraffic}\n"
        )
        of_component = (
            WITHOUT.replace("Resources:\n", f"Resources:\n{component}")
            .replace("      EndpointName: !GetAtt Endpoint.EndpointName\n", "")
            .replace(
                "      VariantName: AllTraffic\n      Min",
                "      InferenceComponentName: !GetAtt Component.InferenceComponentName\n      Min",
            )
        )
        tags = [f"Tags: [{{Key: team, Value: {team}}}]" for team in ("a", "b")]
        found = self.plan(self.scaling(of_component, tags[0]), self.scaling(of_component, tags[1]))
        self.assertEqual(found.lines, ["inference-component/Component: tag team a → b"])
        provisioned = "ScalableDimension: sagemaker:variant:DesiredProvisionedConcurrency"
        found = self.plan(WITH_GATE, self.scaling(WITH_GATE, provisioned))
        self.fails(found, "Scaling", "variant AllTraffic of endpoint translation is not serverless")
        instances = "          InstanceType: !Ref InstanceType\n          InitialInstanceCount: 1\n"
        serverless = WITH_GATE.replace(
            instances, "          ServerlessConfig: {MaxConcurrency: 5, MemorySizeInMB: 1024}\n"
        )
        self.fails(
            self.plan(WITH_GATE, serverless),
            "Scaling",
            "is serverless. Set ScalableDimension: sagemaker:variant:DesiredProvisionedConcurrency",
        )
        self.tells(
            self.plan(WITH_GATE, self.scaling(serverless, provisioned)),
            "Scaling registers translation/AllTraffic (DesiredProvisionedConcurrency), and deregisters "
            "translation/AllTraffic in the clean-up",
        )
        found = self.plan(
            WITH_GATE, self.scaling(WITH_GATE).replace("ServiceTimeout: 3000\n", "ServiceTimeout: 3001\n")
        )
        self.assertIn("translation/AllTraffic: ServiceTimeout 3000 → 3001", found.lines)

    def test_the_spelling_of_a_value_does_not_matter(self) -> None:
        native = self.native(WITH_GATE)
        parts = "!Join ['', ['endpoint/', !GetAtt Endpoint.EndpointName, /variant/AllTraffic]]"
        spellings = [
            (WITH_GATE, "EndpointName: !GetAtt Endpoint.EndpointName", "EndpointName: !GetAtt Gate.EndpointName"),
            (WITH_GATE, "EndpointName: !GetAtt Endpoint.EndpointName", "EndpointName: !Sub '${Endpoint.EndpointName}'"),
            (
                WITH_GATE,
                "EndpointConfigName: !GetAtt Gate.EndpointConfigName",
                "EndpointConfigName: !GetAtt Config.EndpointConfigName",
            ),
            (
                WITH_GATE,
                "EndpointConfigName: !GetAtt Config.EndpointConfigName",
                "EndpointConfigName: !Sub ${Config.EndpointConfigName}",
            ),
            (native, "!Sub endpoint/${Endpoint.EndpointName}/variant/AllTraffic", parts),
            (
                native,
                "!Sub endpoint/${Endpoint.EndpointName}/variant/AllTraffic",
                "endpoint/translation/variant/AllTraffic",
            ),
            (
                native,
                "ScalingTargetId: !Ref Native",
                f"ScalingTargetId: endpoint/translation/variant/AllTraffic|{INSTANCES}|sagemaker",
            ),
        ]
        for template, one, other in spellings:
            with self.subTest(other):
                self.assertIn(one, template)
                respelled = template.replace(one, other)
                self.assertEqual(self.plan(template, respelled).lines, ["no scalable target changes"])
                if "Config.EndpointConfigName" not in other:
                    large, xlarge = (
                        self.plan(before, after, InstanceType="ml.m5.xlarge").lines
                        for before, after in ((template, template), (template, respelled))
                    )
                    self.assertEqual(large, xlarge)

    def test_a_target_of_an_endpoint_that_goes_is_told(self) -> None:
        native = self.native(WITH_GATE).replace("${Endpoint.EndpointName}", "translation")
        told = "Native names endpoint translation, which is deleted in the clean-up"
        self.tells(self.plan(native, native, EndpointName="other"), told)
        scaling = WITHOUT.replace("EndpointName: !GetAtt Endpoint.EndpointName", "EndpointName: translation")
        alone = re.sub(r"(?s)  Endpoint:\n.*?\n\n", "", scaling)
        self.assertNotEqual(alone, scaling)
        self.tells(self.plan(scaling, alone), "Scaling names endpoint translation, which is deleted in the clean-up")

    def test_the_gate_of_another_endpoint_is_refused(self) -> None:
        scaling = WITH_GATE.replace("EndpointName: !GetAtt Endpoint.EndpointName", "EndpointName: translation")
        found = self.plan(scaling, scaling, EndpointName="other")
        self.fails(found, "Scaling", "UpdateGate is the gate of endpoint other; expected that of translation")

    def test_what_a_take_over_means_for_a_rollback_and_for_the_former_owner_is_told(self) -> None:
        taking = self.scaling(WITH_GATE, "TakeOverFrom: Scaling", name="Other")
        self.assertEqual(self.plan(WITH_GATE, taking).differs_after_rollback, frozenset())
        raised = taking.replace("MaxCapacity: 4", "MaxCapacity: 9").replace(
            "From: Scaling", "From: !Sub '${AWS::StackName}/Scaling'"
        )
        found = self.plan(WITH_GATE, raised)
        self.assertEqual(found.failures, {})
        self.tells(found, "if the update fails, the rollback hands translation/AllTraffic back to Scaling")
        both = taking + "\n  Scaling:\n" + WITH_GATE.partition(SCALING_BEGINS)[2]
        self.tells(
            self.plan(WITH_GATE, both),
            "after this update, Other owns translation/AllTraffic, so the next update of Scaling",
        )

    def test_what_the_update_of_an_endpoint_does_besides_is_told(self) -> None:
        retained = "      RetainAllVariantProperties: true\n"
        texts = [text.replace(retained, "") for text in (WITH_GATE, XLARGE)]
        self.tells(self.plan(*texts), "endpoint translation: the update resets the instance count of AllTraffic to")
        self.assertNotIn("InitialInstanceCount", str(self.plan(WITH_GATE, XLARGE).lines))
        tagged = texts[0].replace("  Endpoint:\n    Type: AWS::SageMaker::Endpoint\n    Properties:\n", TAGGED)
        self.assertNotEqual(tagged, texts[0])
        self.assertNotIn("InitialInstanceCount", str(self.plan(texts[0], tagged).lines))
        instances = "          InstanceType: !Ref InstanceType\n          InitialInstanceCount: 1\n"
        serverless = [
            texts[0].replace(
                instances, f"          ServerlessConfig: {{MaxConcurrency: {most}, MemorySizeInMB: 1024}}\n"
            )
            for most in (5, 6)
        ]
        self.assertNotIn("InitialInstanceCount", str(self.plan(*serverless).lines))
        policy = "      DeploymentConfig: {BlueGreenUpdatePolicy: {TrafficRoutingConfiguration: {Type: ALL_AT_ONCE}}}\n"
        guarded = WITH_GATE.replace(retained, retained + policy)
        two = guarded.replace("          InitialInstanceCount: 1\n", GREEN)
        self.fails(self.plan(guarded, two), "Endpoint", "the new configuration must have the variants of the old one")

    def test_a_failure_does_not_hide_what_a_rollback_does(self) -> None:
        broken = f"{XLARGE}\n  Broken:\n{XLARGE.partition(SCALING_BEGINS)[2].replace('AllTraffic', 'Nowhere')}"
        found = self.plan(WITHOUT, broken)
        self.fails(found, "Broken", "has no variant Nowhere")
        self.tells(found, "Broken will fail", "if the update fails after Gate, SageMaker may refuse")

    def test_another_service_token_is_refused(self) -> None:
        before, after = ({"Scaling": {"Type": SCALING, "Properties": {"ServiceToken": token}}} for token in ("a", "b"))
        [why] = plan(compare(before, after)).refused_by_cloudformation
        self.assertTrue(why.startswith("the ServiceToken of Scaling changes"), why)

    def test_a_resource_that_is_kept_takes_nothing_along(self) -> None:
        two = WITH_GATE.replace("          InitialInstanceCount: 1\n", GREEN)
        moved = two.replace("VariantName: AllTraffic\n      Min", "VariantName: Green\n      Min")
        self.tells(
            self.plan(two, moved), "Scaling registers translation/Green, and deregisters translation/AllTraffic in"
        )
        kept = moved.replace("  Scaling:\n", "  Scaling:\n    UpdateReplacePolicy: Retain\n")
        self.assertIn("Scaling registers translation/Green", self.plan(two, kept).lines)
        endpoint = WITH_GATE.replace(
            "  Endpoint:\n", "  Endpoint:\n    UpdateReplacePolicy: Retain\n    DeletionPolicy: Retain\n"
        )
        found = self.plan(endpoint, endpoint, EndpointName="other")
        self.tells(found, "endpoint other is created, and endpoint translation is kept")
        native = self.native(endpoint).replace("${Endpoint.EndpointName}", "translation")
        self.assertNotIn("names endpoint", str(self.plan(native, native, EndpointName="other").lines))

    def test_a_change_of_a_retention_alone_is_an_update(self) -> None:
        kept = WITH_GATE.replace("  Scaling:\n", "  Scaling:\n    DeletionPolicy: Retain\n")
        found = self.plan(WITH_GATE, kept)
        self.assertEqual((found.lines, found.changed), (["Scaling: DeletionPolicy Delete → Retain"], {"Scaling"}))

    def test_whatever_sagemaker_refuses_to_change_is_behind_the_gate(self) -> None:
        instances = "          InstanceType: !Ref InstanceType\n          InitialInstanceCount: 1\n"
        pools = [f"          InstancePools: [{{InstanceType: {kind}, Priority: 1}}]\n" for kind in ("a", "b")]
        serverless = "          ServerlessConfig: {MaxConcurrency: 5, MemorySizeInMB: 1024}\n"
        texts = [WITH_GATE.replace(instances, each) for each in (instances, *pools, serverless)]
        for before, after in itertools.pairwise(texts):
            self.assertEqual(self.plan(before, after).deregistered, {"translation/AllTraffic"})

    def test_what_the_restore_does_not_reproduce_is_told(self) -> None:
        alarm = (
            "\n  Alarm:\n    Type: AWS::CloudWatch::Alarm\n    Properties:\n      AlarmActions: [!Ref NativePolicy]\n"
        )
        told = "the restore gives NativePolicy a new ARN, and Alarm has the old one"
        self.tells(self.plan(self.native(WITH_GATE) + alarm, self.native(XLARGE) + alarm), told)
        self.assertNotIn(told, str(self.plan(self.native(WITH_GATE) + alarm, self.native(WITH_GATE) + alarm).lines))
        alone = XLARGE.partition("\n  Scaling:\n")[0]
        kept = WITH_GATE.replace("  Scaling:\n", "  Scaling:\n    DeletionPolicy: Retain\n")
        self.tells(self.plan(kept, alone), "translation/AllTraffic may stay deregistered: Scaling leaves the template")

    def test_the_advice_fits_the_gates_that_there_are(self) -> None:
        self.assertIn("Keep Gate, and EndpointConfigName", str(self.plan(WITH_GATE, without_gate(XLARGE)).lines))
        native = self.native(WITHOUT), self.native(XLARGE)
        self.tells(self.plan(*native), "translation/AllTraffic does not scale after this update: Gate is new")
        self.tells(self.plan(WITH_GATE, XLARGE), "if the update fails, the rollback restores the targets")

    def test_a_policy_that_follows_what_restores_its_target_does_not_fail(self) -> None:
        extra = """
  Extra:
    Type: AWS::ApplicationAutoScaling::ScalingPolicy
    DependsOn: [NEEDED]
    Properties:
      PolicyName: extra
      PolicyType: StepScaling
      ServiceNamespace: sagemaker
      ScalableDimension: sagemaker:variant:DesiredInstanceCount
      ResourceId: endpoint/translation/variant/AllTraffic
      StepScalingPolicyConfiguration: {Cooldown: SECONDS}
"""
        before, after = (
            (text + extra.replace("SECONDS", seconds)) for text, seconds in ((WITH_GATE, "1"), (XLARGE, "2"))
        )
        found = self.plan(before.replace("NEEDED", "Scaling"), after.replace("NEEDED", "Scaling"))
        self.assertNotIn("fail:", str(found.lines))
        found = self.plan(before.replace("NEEDED", "Gate"), after.replace("NEEDED", "Gate"))
        self.assertEqual(found.failures, {})
        self.tells(
            found, "Extra may fail: translation/AllTraffic is deregistered until Scaling. Set DependsOn: Scaling"
        )

    def test_what_is_not_known_is_not_judged(self) -> None:
        looked_up = WITH_GATE.replace(
            "VariantName: AllTraffic\n      Min", "VariantName: !GetAtt Model.ModelName\n      Min"
        )
        raised = looked_up.replace("MaxCapacity: 4", "MaxCapacity: 5")
        self.assertEqual(self.plan(looked_up, raised).failures, {})
        everywhere = looked_up.replace("VariantName: AllTraffic", "VariantName: !GetAtt Model.ModelName")
        self.assertEqual(self.plan(everywhere, everywhere.replace("MaxCapacity: 4", "MaxCapacity: 5")).failures, {})

    def test_the_generated_name_of_an_endpoint_is_the_one_in_its_gate(self) -> None:
        generated = [
            text.replace("      EndpointName: !Ref EndpointName\n", "      EndpointName: stack-Endpoint-AB12\n", 1)
            for text in (WITH_GATE, XLARGE)
        ]
        generated = [text.replace("      EndpointName: !Ref EndpointName\n", "") for text in generated]
        found = self.plan(*generated)
        self.assertEqual((found.refused, found.deregistered), (False, {"stack-Endpoint-AB12/AllTraffic"}))
        self.assertEqual(found.failures, {})
        native = self.native(generated[0])
        as_text = native.replace("${Endpoint.EndpointName}", "stack-Endpoint-AB12")
        self.assertEqual(self.plan(native, as_text).lines, ["no scalable target changes"])

    def test_zero_limits_of_actions_and_inference_components(self) -> None:
        zero = WITH_GATE.replace("            MinCapacity: 2", "            MaxCapacity: 0")
        self.fails(self.plan(WITH_GATE, zero), "Scaling", "MaxCapacity is 0, and endpoint translation")
        component = "  Component:\n    Type: AWS::SageMaker::InferenceComponent\n"
        component += "    Properties: {InferenceComponentName: copy}\n"
        of_component = NATIVE.replace(
            "RESOURCE_ID", "!Join [/, [inference-component, !Select [1, !Split [/, !Ref Component]]]]"
        )
        of_component = of_component.replace("variant:DesiredInstanceCount", "inference-component:DesiredCopyCount")
        alone = WITHOUT.partition("\n  Scaling:\n")[0].replace("Resources:\n", f"Resources:\n{component}")
        self.tells(self.plan(alone, alone + of_component), "Native registers inference-component/copy")


class ChangeSets(PlanTestCase):
    """Change sets as AWS prints them."""

    def read(
        self,
        template: str,
        old: str,
        new: str,
        *more: dict[str, Any],
        endpoint: str = "translation",
        described: dict[str, Any] | None = None,
        before: str = "",
    ) -> Plan:
        """The plan of a change set that changes the instance type."""
        variant = {"VariantName": "AllTraffic", "InitialInstanceCount": "1", "ModelName": "model-1"}
        contexts = [{"Properties": {"ProductionVariants": [{**variant, "InstanceType": kind}]}} for kind in (old, new)]
        names = (
            {"EndpointName": endpoint, "EndpointConfigName": name, "RetainAllVariantProperties": "true"}
            for name in ("config-1", "{{changeSet:KNOWN_AFTER_APPLY}}")
        )
        changes = [
            self.change("Config", "AWS::SageMaker::EndpointConfig", "True", *contexts),
            self.change("Endpoint", "AWS::SageMaker::Endpoint", "False", *({"Properties": each} for each in names)),
            *more,
        ]
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in PARAMETERS.items()]
        change_set = {
            "StackName": "prod",
            "Status": "CREATE_COMPLETE",
            "StackId": "arn:aws:cloudformation:eu-west-1:444455556666:stack/prod/1",
            "Changes": changes,
            "Parameters": [*given, {"ParameterKey": "InstanceType", "ParameterValue": new}],
            **(described or {}),
        }
        for name, content in (
            ("change-set", json.dumps(change_set)),
            # As get-template prints YAML, and as it prints JSON.
            ("before", json.dumps({"TemplateBody": before or template, "StagesAvailable": ["Original", "Processed"]})),
            ("after", template),
        ):
            (self.scratch / name).write_text(content)
        return plan(read(*(self.scratch / name for name in ("change-set", "before", "after"))))

    def change(self, name: str, kind: str, replacement: str, before: Any, after: Any) -> dict[str, Any]:
        """One change of a resource."""
        change = {
            "Action": "Modify",
            "LogicalResourceId": name,
            "ResourceType": kind,
            "Replacement": replacement,
            "BeforeContext": json.dumps(before),
            "AfterContext": json.dumps(after),
        }
        return {"Type": "Resource", "ResourceChange": change}

    def test_a_change_set_tells_the_same_as_the_templates(self) -> None:
        for template in (WITH_GATE, WITHOUT):
            by_templates = self.plan(template, template, InstanceType="ml.m5.xlarge")
            by_change_set = self.read(template, "ml.m5.large", "ml.m5.xlarge")
            self.assertEqual(by_change_set.lines, by_templates.lines)
            self.assertEqual(by_change_set.refused, by_templates.refused)

    def test_the_name_of_the_stack_is_that_of_the_change_set(self) -> None:
        """The change set has the endpoint's name, but not that in the scaling resource, which does not change."""
        named = WITHOUT.replace(
            "EndpointName: !Ref EndpointName", "EndpointName: !Sub ${AWS::StackName}-of-${AWS::Region}"
        )
        named = named.replace(
            "EndpointName: !GetAtt Endpoint.EndpointName", "EndpointName: !Sub ${AWS::StackName}-of-${AWS::Region}"
        )
        found = self.read(named, "ml.m5.large", "ml.m5.xlarge", endpoint="prod-of-eu-west-1")
        self.assertTrue(found.refused)
        self.tells(found, "endpoint prod-of-eu-west-1: variant AllTraffic changes")

    def test_the_old_value_is_that_of_the_change_set(self) -> None:
        self.tells(
            self.read(WITH_GATE, "ml.c5.large", "ml.m5.xlarge"),
            "endpoint translation: variant AllTraffic changes from ml.c5.large to ml.m5.xlarge",
        )

    def test_make_try_tells_the_plan_of_a_change_set_and_fails_if_sagemaker_will_refuse_it(self) -> None:
        for template, code, end in (
            (WITH_GATE, 0, "The plan finds no refusal, failure or loss; nothing was deployed."),
            (WITHOUT, 2, "SageMaker will refuse this update."),
            (
                WITH_GATE.replace("MinCapacity: 1\n      Max", "MinCapacity: 0\n      Max"),
                2,
                "The update will fail: Scaling.",
            ),
        ):
            self.read(template, "ml.m5.large", "ml.m5.xlarge")
            files = {"PLAN": "change-set", "BEFORE": "before", "TEMPLATE": "after"}
            given = [f"{variable}={self.scratch / name}" for variable, name in files.items()]
            done = run(["make", "--silent", "try", *given], {})
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(f"plan     {CHANGES}", done.stdout)
            self.assertTrue(done.stdout.endswith(f"{end}\n"), done.stdout)

    def test_resources_that_a_condition_removes_are_in_the_change_set(self) -> None:
        condition = "Conditions:\n  Scales: !Equals [!Ref InstanceType, x]\nResources:\n"
        template = WITHOUT.replace("Resources:\n", condition, 1)
        template = template.replace("  Scaling:\n", "  Scaling:\n    Condition: Scales\n")
        removed = {"Properties": {"EndpointName": "translation", "VariantName": "AllTraffic"}}
        change = self.change("Scaling", SCALING, "", removed, {})
        change["ResourceChange"] |= {"Action": "Remove", "AfterContext": None}
        found = self.read(template, "ml.m5.large", "ml.m5.xlarge", change)
        self.assertTrue(found.refused)
        self.tells(found, CHANGES, f"{REFUSED}Scaling registers translation/AllTraffic")

    def test_the_old_template_need_not_allow_the_new_values(self) -> None:
        only = "    Default: ml.m5.large\n    AllowedValues: [ml.m5.large]\n"
        template = WITHOUT.replace("    Default: ml.m5.large\n", only)
        hidden = template.replace(
            "Image:\n    Type: String\n", "Image:\n    Type: String\n    MinLength: 99\n    NoEcho: true\n"
        )
        self.assertNotEqual(hidden, template)
        self.assertTrue(self.read(hidden, "ml.m5.large", "ml.m5.xlarge").refused)

    def test_a_change_set_without_values_is_refused(self) -> None:
        changes = [{"ResourceChange": {"Action": "Modify", "LogicalResourceId": "Config"}}]
        with self.assertRaisesRegex(UnsuccessfulError, "--include-property-values"):
            self.read(WITHOUT, "ml.m5.large", "ml.m5.xlarge", described={"Changes": changes})

    def test_a_change_set_that_is_not_complete_is_refused(self) -> None:
        failed = {"Status": "FAILED", "StatusReason": "The submitted information didn't contain changes."}
        for described, said in (
            (failed, "the change set is FAILED: The submitted"),
            ({"Status": "CREATE_IN_PROGRESS"}, "the change set is CREATE_IN_PROGRESS."),
            ({"NextToken": "2"}, "is one page of several"),
        ):
            with self.assertRaisesRegex(UnsuccessfulError, said) as raised:
                self.read(WITHOUT, "ml.m5.large", "ml.m5.xlarge", described=described)
            self.assertTrue(advice(str(raised.exception), ROOT / "docs" / "TRY.md", "If it fails"), raised.exception)

    def test_templates_of_another_change_set_are_refused(self) -> None:
        added = self.change("Gate", GATE, "", {}, {"Properties": {"EndpointName": "translation"}})
        added["ResourceChange"] |= {"Action": "Add", "BeforeContext": None}
        self.assertFalse(self.read(WITH_GATE, "ml.m5.large", "ml.m5.xlarge", added, before=WITHOUT).refused)
        with self.assertRaisesRegex(UnsuccessfulError, "TEMPLATE has no Gate, which the change set changes"):
            self.read(WITHOUT, "ml.m5.large", "ml.m5.xlarge", added, before=WITH_GATE)
        added["ResourceChange"]["Action"] = "Modify"
        with self.assertRaisesRegex(UnsuccessfulError, "BEFORE has no Gate, which the change set changes"):
            self.read(WITH_GATE, "ml.m5.large", "ml.m5.xlarge", added, before=WITHOUT)

    def test_a_change_set_without_its_templates_is_refused_with_the_command(self) -> None:
        (self.scratch / "changes.json").write_text("{}")
        done = run(["make", "--silent", "try", f"PLAN={self.scratch}/changes.json"], {})
        self.assertNotEqual(done.returncode, 0)
        said = f"make try PLAN={self.scratch}/changes.json BEFORE=before.json TEMPLATE=after.json"
        self.assertIn(said, " ".join((done.stdout + done.stderr).split()))

    def test_a_file_that_is_not_a_change_set_is_refused(self) -> None:
        for content in ("{", "[]", '{"Changes": [{}]}', '{"StackId": "s"}'):
            file = self.scratch / "no-change-set"
            file.write_text(content)
            with self.assertRaisesRegex(UnsuccessfulError, re.escape(f"PLAN: {file}: expected the JSON output")):
                read(file, Path(), Path())


if __name__ == "__main__":
    unittest.main()
