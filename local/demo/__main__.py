"""`make demo`: deploys real stacks, prints what happens, and checks the results."""

from typing import Any

from demo import updates
from demo.aws_cli import LIST_TAGS, endpoint_commands
from demo.performing import options, perform, run
from demo.stacks import Settled, example
from demo.telling import Teller
from demo.timeline import Timeline
from demo.world import FUNCTION_STACK, World

_EXPORT = "sagemaker-scaling-ServiceToken"
_ENDPOINT = "ranking"
_STACK = "ranking-scaling"
_TYPO = "with-a-typo"


class Story(Teller):
    """The steps of the demo, in order."""

    def __init__(self, world: World, timeline: Timeline) -> None:
        super().__init__(world, timeline)
        self._minimal = example("minimal")

    def tell(self) -> str:
        """Runs every step; each continues from the state that the previous step leaves. Returns the result."""
        self._deploy_the_function()
        self._create_an_endpoint()
        self._register()
        self._update()
        self._replace()
        self._exceed()
        self._misspell()
        self._delete()
        updates.Updates(self.world, self.timeline).tell()
        self._delete_the_rest()
        return "All checks passed"

    def _deploy_the_function(self) -> None:
        self.timeline.step(
            "Deploy the function",
            "template.yaml unchanged, in a CloudFormation on this machine (MiniStack) that runs the real function.",
        )
        settled = self.stack(FUNCTION_STACK, self.world.deploy_function, "CREATE_COMPLETE")
        exports = self.ask("aws cloudformation list-exports")
        exported = {export["Name"]: export["Value"] for export in exports["Exports"]}
        self.check(exported == {_EXPORT: settled.outputs["ServiceToken"]}, f"its ServiceToken is exported as {_EXPORT}")

    def _create_an_endpoint(self) -> None:
        self.timeline.step(
            "A SageMaker endpoint",
            "The AWS CLI creates it in a local model of SageMaker, Application Auto Scaling and Parameter Store.",
        )
        for command in endpoint_commands(_ENDPOINT, "blue", "green"):
            self.ask(command)
        self.check(True, f"endpoint {_ENDPOINT} exists, with the variants blue and green")

    def _register(self) -> None:
        self.timeline.step(
            "Create: register variant blue",
            "examples/minimal.yaml registers the variant, with two tags that name the owner.",
        )
        settled = self.stack(_STACK, lambda: self._create(_STACK, self._minimal), "CREATE_COMPLETE")
        target = self.see(_ENDPOINT, [("blue", 1, 4)])[0]
        self._expect_output(settled, target)
        tags = self.ask(f"{LIST_TAGS} {target['ScalableTargetARN']}")
        owner = {self.world.stacks.stack_id(_STACK), "Scaling"}
        self.check(owner <= set(tags["Tags"].values()), "its tags name the stack and the resource in it")

    def _update(self) -> None:
        self.timeline.step("Update: other capacities", "The function updates the target with the new limits.")
        self.stack(_STACK, lambda: self._update_stack("blue", least=2, most=6), "UPDATE_COMPLETE")
        self.see(_ENDPOINT, [("blue", 2, 6)])

    def _replace(self) -> None:
        self.timeline.step(
            "Update: another variant",
            "The physical id names the variant: CloudFormation first creates green, and deletes blue in its clean-up.",
        )
        settled = self.stack(_STACK, lambda: self._update_stack("green", least=2, most=6), "UPDATE_COMPLETE")
        self._expect_output(settled, self.see(_ENDPOINT, [("green", 2, 6)])[0])

    def _exceed(self) -> None:
        self.timeline.step(
            "A mistake: the minimum exceeds the maximum",
            "The function changes nothing, the stack's events give the reason, and CloudFormation rolls back.",
        )
        settled = self.stack(_STACK, lambda: self._update_stack("green", least=9, most=6), "UPDATE_ROLLBACK_COMPLETE")
        self.blame(settled, "Scaling", "MinCapacity", "9")
        self.see(_ENDPOINT, [("green", 2, 6)])

    def _misspell(self) -> None:
        self.timeline.step(
            "A mistake: a misspelt property",
            "A second stack has MaxCapcity, and the reason names the nearest property.",
        )
        template = self._minimal.replace("      MaxCapacity:", "      MaxCapcity:")
        settled = self.stack(_TYPO, lambda: self._create(_TYPO, template), "ROLLBACK_COMPLETE")
        self.blame(settled, "Scaling", "MaxCapcity", "MaxCapacity")
        self.see(_ENDPOINT, [("green", 2, 6)])

    def _delete(self) -> None:
        self.timeline.step(
            "Delete", "CloudFormation deletes both stacks, and the function deregisters the target. The endpoint stays."
        )
        for stack in (_TYPO, _STACK):
            self.delete_stack(stack)
        self.see(_ENDPOINT, [])

    def _delete_the_rest(self) -> None:
        self.timeline.step("Delete everything", "The stack with the endpoint first, then the function's own stack.")
        self.delete_stack(updates.STACK)
        self.see(updates.ENDPOINT, [])
        self.delete_stack(FUNCTION_STACK)

    def _create(self, name: str, template: str) -> Settled:
        return self.world.stacks.create(name, template, EndpointName=_ENDPOINT, VariantName="blue")

    def _update_stack(self, variant: str, least: int, most: int) -> Settled:
        parameters = {"VariantName": variant, "MinCapacity": str(least), "MaxCapacity": str(most)}
        return self.world.stacks.update(_STACK, self._minimal, EndpointName=_ENDPOINT, **parameters)

    def _expect_output(self, settled: Settled, target: dict[str, Any]) -> None:
        arn = target["ScalableTargetARN"]
        self.expect(settled.outputs["ScalableTargetARN"] == arn, "the stack's output is the target's ARN")


def main() -> int:
    """Runs the demo. Returns the exit code."""
    chosen = options("demo", __doc__).parse_args()
    timeline = Timeline(as_json=chosen.json, verbose=chosen.verbose)
    return perform(timeline, lambda world: Story(world, timeline).tell())


if __name__ == "__main__":
    run(main)
