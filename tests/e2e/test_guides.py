"""docs/START.md and docs/MOVING.md: their templates, commands and CDK code are valid, and their steps work."""

import shlex
import tempfile
import unittest
from pathlib import Path
from typing import Any

from demo.aws_cli import AwsCliError
from demo.endpoints import ENDPOINT, create_endpoint
from demo.environment import ROOT, VENV
from demo.stacks import example
from support import StackTestCase, as_template, blocks, cfn_lint, commands, run, sam, sam_validate

START, MOVING = ROOT / "docs" / "START.md", ROOT / "docs" / "MOVING.md"
TEMPLATE, TRANSFORM = blocks("yaml", page=START)
HAND_WRITTEN = (ROOT / "tests/e2e/moved/hand-written.yaml").read_text()
CLOSED_PORT = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
ADOPTED = "sagemaker-scaling:adopted"
OWNER = {ADOPTED, "sagemaker-scaling:declared", "sagemaker-scaling:logical-id", "sagemaker-scaling:stack-id"}
PARAMETERS = {"EndpointName": ENDPOINT, "VariantName": "MyVariant"}
TARGET = (
    f"--service-namespace sagemaker --resource-id endpoint/{ENDPOINT}/variant/MyVariant "
    "--scalable-dimension sagemaker:variant:DesiredInstanceCount"
)
TRACKING = (
    '{"PredefinedMetricSpecification":{"PredefinedMetricType":"SageMakerVariantInvocationsPerInstance"},'
    '"TargetValue":70}'
)


class Texts(unittest.TestCase):
    """What the pages show."""

    def test_the_template_passes_the_linter_with_and_without_the_transform(self) -> None:
        for text in (TEMPLATE, TRANSFORM + TEMPLATE):
            with tempfile.TemporaryDirectory() as directory:
                template = Path(directory, "endpoint.yaml")
                template.write_text(text)
                self.assertEqual(as_template(text), text, "the template is whole")
                for check in (cfn_lint, sam_validate):
                    if check is cfn_lint or text.startswith(TRANSFORM):
                        checked = check(template)
                        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_the_options_of_their_commands_exist(self) -> None:
        """The AWS CLI checks its options before it connects. Its endpoint here is a closed port."""
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "examples").symlink_to(ROOT / "examples")
            Path(directory, "endpoint.yaml").write_text(TEMPLATE)
            Path(directory, "body.json").write_text("{}")
            for line in [line for page in (START, MOVING) for line in commands(page)]:
                with self.subTest(line):
                    self.check(line.rpartition("| xargs -P 8 -I N ")[2], Path(directory))

    def check(self, line: str, folder: Path) -> None:
        """Checks that the options of a command exist."""
        program, *arguments = shlex.split(line)
        match program:
            case "make":
                done = run(["make", "--dry-run", *arguments], {})
                self.assertEqual(done.returncode, 0, done.stderr)
            case "sam":
                done = sam(*arguments, "--help")
                self.assertEqual(done.returncode, 0, done.stderr)
            case "aws":
                done = run([str(VENV / "aws"), *arguments], CLOSED_PORT, folder=folder)
                self.assertRegex(done.stdout + done.stderr, "Could not connect to the endpoint URL")
            case "npx":
                self.assertIn(line, (ROOT / "examples/README.md").read_text())
            case "echo":
                self.assertEqual(arguments[1:], [">", "body.json"])
            case _:
                self.fail(f"this test does not know how to check {program}")

    def test_the_cdk_code_of_start_is_the_first_example_of_the_constructs(self) -> None:
        """`make constructs` runs it, and compares the templates that it makes in both languages."""
        page = ROOT / "constructs" / "README.md"
        for language in ("ts", "python"):
            self.assertEqual(blocks(language, page=START), blocks(language, page=page)[:1])


class Start(StackTestCase):
    """The steps of START.md."""

    def test_the_endpoint_gets_another_instance_type_while_it_scales(self) -> None:
        created = self.world.stacks.create("start", TRANSFORM + TEMPLATE)
        self.assertEqual(created.status, "CREATE_COMPLETE", created.failures())
        scaling = self.world.scaling()
        self.assertEqual(len(scaling), 2)
        self.world.news()
        updated = self.world.stacks.update("start", TRANSFORM + TEMPLATE, InstanceType="ml.m5.xlarge")
        self.assertEqual(updated.status, "UPDATE_COMPLETE", updated.failures())
        called = [str(entry.get("Target")).rpartition(".")[2] for entry in self.world.news()]
        for call in ("DeregisterScalableTarget", "RegisterScalableTarget"):
            self.assertIn(call, called)
        self.assertEqual((self.world.scaling(), self.world.snapshots()), (scaling, []))
        deleted = self.world.stacks.delete("start")
        self.assertEqual((deleted.status, self.world.targets()), ("DELETE_COMPLETE", []))


class Moving(StackTestCase):
    """The steps of MOVING.md. test_examples and test_try_update have those for native resources."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        create_endpoint(cls.world.local_aws)

    def test_a_target_of_terraform_is_adopted_again_after_terraform_has_removed_the_tags(self) -> None:
        arn = self.registered()
        before = self.world.targets()
        self.deploy("create", "terraform", example("moving-over"))
        self.assertEqual(self.world.targets(), before)
        self.assertEqual(self.world.tags(arn).keys(), {"team", *OWNER})
        self.aws(f"untag-resource --resource-arn {arn} --tag-keys {' '.join(OWNER)}")
        self.deploy("update", "terraform", example("moving-over").replace("MaxCapacity: 4", "MaxCapacity: 5"))
        self.assertEqual(self.world.tags(arn).keys(), {"team", *OWNER})
        self.world.stacks.delete("terraform")
        [target] = self.world.targets()
        self.assertEqual((target["ScalableTargetARN"], target["MaxCapacity"]), (arn, 5))
        self.assertEqual(self.world.tags(arn), {"team": "search"})

    def test_a_hand_written_resource_moves_and_moves_back_while_its_target_stays_registered(self) -> None:
        self.deploy("create", "hand-written", HAND_WRITTEN)
        [before] = self.world.targets()
        retained = HAND_WRITTEN.replace("  Former:\n", "  Former:\n    DeletionPolicy: Retain\n")
        self.world.news()
        self.deploy("update", "hand-written", retained)
        self.assertEqual([entry for entry in self.world.news() if "Request" in entry or "Target" in entry], [])
        moved = HAND_WRITTEN.partition("  Former:\n")[0] + example("moving-over").partition("Resources:\n")[2]
        moved = moved.replace("Fn::ImportValue: !Ref ExportName", "Fn::ImportValue: sagemaker-scaling-ServiceToken")
        for template, tags in ((moved, OWNER), (retained, set())):
            self.deploy("update", "hand-written", template)
            self.assertEqual(self.world.targets(), [before])
            self.assertEqual(self.world.tags(before["ScalableTargetARN"]).keys(), tags)
        called = {str(entry.get("Target")).rpartition(".")[2] for entry in self.world.news()}
        self.assertEqual(called & {"DeregisterScalableTarget", "DeleteScalingPolicy"}, set())
        self.world.stacks.delete("hand-written")

    def test_a_delete_deregisters_a_target_whose_adopted_tag_was_removed(self) -> None:
        arn = self.registered()
        self.deploy("create", "owned", example("moving-over"))
        for line in blocks("sh", page=MOVING)[-1].splitlines():
            self.world.cli.run(line.replace("TARGET_ARN", arn))
        self.deploy("update", "owned", example("moving-over").replace("MaxCapacity: 4", "MaxCapacity: 5"))
        self.assertEqual(self.world.tags(arn).keys(), {"team", *OWNER} - {ADOPTED})
        self.world.stacks.delete("owned")
        self.assertEqual(self.world.targets(), [])

    def registered(self) -> str:
        """Registers a target as Terraform does. Returns its ARN."""
        self.aws(f"register-scalable-target {TARGET} --min-capacity 1 --max-capacity 4 --tags team=search")
        self.aws(
            f"put-scaling-policy {TARGET} --policy-name Invocations --policy-type TargetTrackingScaling "
            f"--target-tracking-scaling-policy-configuration '{TRACKING}'"
        )
        [target] = self.world.targets()
        arn: str = target["ScalableTargetARN"]
        return arn

    def deploy(self, how: str, stack: str, template: str) -> None:
        """Creates or updates a stack."""
        settled = getattr(self.world.stacks, how)(stack, template, **PARAMETERS)
        self.assertEqual(settled.status, f"{how.upper()}_COMPLETE", settled.failures())

    def aws(self, command: str) -> Any:
        """Runs a command of Application Auto Scaling."""
        return self.world.cli.run(f"aws application-autoscaling {command}")

    def tearDown(self) -> None:
        """Deregisters what a test leaves."""
        try:
            self.aws(f"deregister-scalable-target {TARGET}")
        except AwsCliError:
            self.assertEqual(self.world.targets(), [])


if __name__ == "__main__":
    unittest.main()
