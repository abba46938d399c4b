"""What `make try` tells of an update before it is deployed: from two templates, and from a change set of AWS."""

import json
import re
import unittest
from pathlib import Path
from typing import Any

from demo import change_set
from demo.plan import SCALING, Plan, compare, plan
from demo.stacks import example, without_gate
from demo.telling import UnsuccessfulError
from demo.updates import PARAMETERS
from demo.user_template import UserTemplate
from support import run, scratch

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
CHANGES = "endpoint translation: variant AllTraffic changes from ml.m5.large to ml.m5.xlarge"
REFUSED = "SageMaker will refuse this: translation/AllTraffic is registered by "
NOT_SCALING = "translation/AllTraffic does not scale from then until Scaling restores it"
ACCEPTED = "endpoint translation: SageMaker accepts the update of variants that are scalable targets"


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
        self.tells(found, CHANGES, f"{REFUSED}Scaling", "the update fails")
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
            self.assertIn("translation/AllTraffic: its properties do not change", found.lines)

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
        for said in ("TargetValue of SageMakerEndpointInvocationScalingPolicy 70 → 50", "removed: Schedule of Morning"):
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
            "translation/AllTraffic does not scale from then until Gate, in the clean-up, restores it",
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
                self.tells(found, f"{REFUSED}Native")

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
        self.assertEqual(found.keeps_name, {"Config"})
        self.tells(found, "CloudFormation will refuse this: it does not replace Config")
        self.assertEqual(self.plan(WITH_GATE, XLARGE).keeps_name, frozenset())

    def test_the_gate_of_another_endpoint_does_not_help(self) -> None:
        wrong = XLARGE.replace("EndpointName: !Ref EndpointName", "EndpointName: wrong", 1)
        self.assertTrue(self.plan(WITHOUT, wrong).refused)

    def test_what_a_delete_does_is_told(self) -> None:
        alone = WITH_GATE.partition("\n  Scaling:\n")[0]
        adopted = WITH_GATE.replace("      MinCapacity: 1\n", "      AdoptExisting: true\n      MinCapacity: 1\n", 1)
        self.tells(self.plan(adopted, alone), "Scaling releases translation/AllTraffic")
        kept = WITH_GATE.replace("  Scaling:\n", "  Scaling:\n    DeletionPolicy: Retain\n")
        self.assertEqual(self.plan(kept, alone).lines, ["no longer in the stack, and not deleted: Scaling"])
        renamed = WITH_GATE.replace("  Scaling:\n", "  New:\n").replace(
            "      MinCapacity: 1\n", "      TakeOverFrom: Scaling\n      MinCapacity: 1\n", 1
        )
        found = self.plan(WITH_GATE, renamed)
        self.tells(found, "New takes over from Scaling: translation/AllTraffic")
        self.assertNotIn("deregisters", str(found.lines))

    def test_a_new_gate_is_no_help_in_a_rollback_and_restores_no_native_target(self) -> None:
        found = self.plan(WITHOUT, XLARGE)
        self.tells(found, "Gate takes a snapshot", NOT_SCALING, "Gate is new in this update")
        alone = [text.partition("\n  Scaling:\n")[0] + NATIVE for text in (WITHOUT, XLARGE)]
        native = [text.replace("RESOURCE_ID", "!Sub endpoint/${EndpointName}/variant/AllTraffic") for text in alone]
        self.tells(self.plan(*native), "translation/AllTraffic does not scale after this update, because Gate is new")
        restored = "translation/AllTraffic does not scale from then until Gate, in the clean-up, restores it"
        gated = native[1].replace("Default: ml.m5.xlarge", "Default: ml.m5.large")
        self.tells(self.plan(gated, native[1]), restored)

    def test_targets_of_other_stacks_are_not_known(self) -> None:
        alone = WITHOUT.partition("\n  Scaling:\n")[0]
        found = self.plan(alone, alone, InstanceType="ml.m5.xlarge")
        self.assertFalse(found.refused)
        unknown = "no resource of this template registers translation/AllTraffic, and SageMaker refuses"
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
        self.tells(self.plan(before, after), "endpoint translation: its configuration is not in the template")


class ChangeSets(PlanTestCase):
    """Change sets as AWS prints them."""

    def read(
        self,
        template: str,
        old: str,
        new: str,
        *more: dict[str, Any],
        with_values: bool = True,
        endpoint: str = "translation",
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
        for change in changes if not with_values else []:
            del change["ResourceChange"]["BeforeContext"], change["ResourceChange"]["AfterContext"]
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in PARAMETERS.items()]
        described = {
            "StackName": "prod",
            "StackId": "arn:aws:cloudformation:eu-west-1:444455556666:stack/prod/1",
            "Changes": changes,
            "Parameters": [*given, {"ParameterKey": "InstanceType", "ParameterValue": new}],
        }
        for name, content in (
            ("change-set", json.dumps(described)),
            # As get-template prints YAML, and as it prints JSON.
            ("before", json.dumps({"TemplateBody": template, "StagesAvailable": ["Original", "Processed"]})),
            ("after", template),
        ):
            (self.scratch / name).write_text(content)
        return plan(change_set.read(*(self.scratch / name for name in ("change-set", "before", "after"))))

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
            (WITH_GATE, 0, "The plan is complete; nothing was deployed."),
            (WITHOUT, 2, "SageMaker will refuse this update."),
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
        self.tells(found, CHANGES, f"{REFUSED}Scaling")

    def test_the_old_template_need_not_allow_the_new_values(self) -> None:
        only = "    Default: ml.m5.large\n    AllowedValues: [ml.m5.large]\n"
        template = WITHOUT.replace("    Default: ml.m5.large\n", only)
        hidden = template.replace(
            "Image:\n    Type: String\n", "Image:\n    Type: String\n    MinLength: 99\n    NoEcho: true\n"
        )
        self.assertNotEqual(hidden, template)
        self.assertTrue(self.read(hidden, "ml.m5.large", "ml.m5.xlarge").refused)

    def test_a_change_set_without_values_is_refused(self) -> None:
        with self.assertRaisesRegex(UnsuccessfulError, "--include-property-values"):
            self.read(WITHOUT, "ml.m5.large", "ml.m5.xlarge", with_values=False)

    def test_a_file_that_is_not_a_change_set_is_refused(self) -> None:
        for content in ("{", "[]", '{"Changes": [{}]}', '{"StackId": "s"}'):
            file = self.scratch / "no-change-set"
            file.write_text(content)
            with self.assertRaisesRegex(UnsuccessfulError, re.escape(f"PLAN: {file}: expected the JSON output")):
                change_set.read(file, Path(), Path())


if __name__ == "__main__":
    unittest.main()
