"""`make demo`: deploys real stacks, tells what happens, and checks that it is what should happen."""

import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from demo.aws_cli import DESCRIBE_TARGETS, LIST_TAGS
from demo.environment import isolate
from demo.package import build
from demo.stacks import Settled, example
from demo.timeline import Timeline
from demo.world import FUNCTION_STACK, World

_EXPORT = "sagemaker-scaling-ServiceToken"
_ENDPOINT = "ranking"
_STACK = "ranking-scaling"
_TYPO = "with-a-typo"


class Unexpected(Exception):
    """Something was not as it should be."""


class Story:
    """The steps of the demo, in the order in which they are told."""

    def __init__(self, world: World, timeline: Timeline) -> None:
        self._world = world
        self._timeline = timeline
        self._minimal = example("minimal")

    def tell(self) -> None:
        """Every step, each on what the one before it left."""
        self._deploy_the_function()
        self._create_an_endpoint()
        self._register()
        self._update()
        self._replace()
        self._exceed()
        self._misspell()
        self._delete()

    def _deploy_the_function(self) -> None:
        self._timeline.step(
            "Deploy the function",
            "template.yaml, as it is, with its role, log group and queue, into the CloudFormation of MiniStack, which "
            "runs here and runs the real function. In an AWS account this is done once per Region.",
        )
        settled = self._stack(FUNCTION_STACK, self._world.deploy_function, "CREATE_COMPLETE")
        exports = self._world.cli.run("aws cloudformation list-exports")
        self._timeline.command("aws cloudformation list-exports", exports)
        exported = {export["Name"]: export["Value"] for export in exports["Exports"]}
        self._expect(exported == {_EXPORT: settled.outputs["ServiceToken"]}, "the ServiceToken is exported")

    def _create_an_endpoint(self) -> None:
        self._timeline.step(
            "A SageMaker endpoint",
            "With two variants, by the AWS CLI. Its AWS_ENDPOINT_URL_... variables, and the function's, lead to the "
            "local AWS: a model of SageMaker and of Application Auto Scaling that runs here, too.",
        )
        for command, output in self._world.cli.create_endpoint(_ENDPOINT, "blue", "green"):
            self._timeline.command(command, output)

    def _register(self) -> None:
        self._timeline.step(
            "Create: a stack scales variant blue",
            "examples/minimal.yaml, which imports the function's ServiceToken. Nobody has registered the variant yet, "
            "so it is registered, with two tags that say whose it is.",
        )
        settled = self._stack(_STACK, lambda: self._create(_STACK, self._minimal), "CREATE_COMPLETE")
        target = self._see([("blue", 1, 4)])[0]
        self._expect_output(settled, target)
        command = f"{LIST_TAGS} {target['ScalableTargetARN']}"
        tags = self._world.cli.run(command)
        self._timeline.command(command, tags)
        owner = {self._world.stacks.stack_id(_STACK), "Scaling"}
        self._expect(owner <= set(tags["Tags"].values()), "the tags name the stack and the resource in it")

    def _update(self) -> None:
        self._timeline.step("Update: other capacities", "The same stack, with MinCapacity 2 and MaxCapacity 6.")
        self._stack(_STACK, lambda: self._update_stack("blue", least=2, most=6), "UPDATE_COMPLETE")
        self._see([("blue", 2, 6)])

    def _replace(self) -> None:
        self._timeline.step(
            "Update: another variant",
            "The physical id names the variant, so this is a replacement: CloudFormation has green registered, and "
            "then, in its clean-up, has the resource with the old id deleted.",
        )
        settled = self._stack(_STACK, lambda: self._update_stack("green", least=2, most=6), "UPDATE_COMPLETE")
        self._expect_output(settled, self._see([("green", 2, 6)])[0])

    def _exceed(self) -> None:
        self._timeline.step(
            "A mistake: the minimum exceeds the maximum",
            "The stack's events say why, nothing is changed, and CloudFormation goes back with a second Update.",
        )
        settled = self._stack(_STACK, lambda: self._update_stack("green", least=9, most=6), "UPDATE_ROLLBACK_COMPLETE")
        self._blame(settled, "MinCapacity", "9")
        self._see([("green", 2, 6)])

    def _misspell(self) -> None:
        self._timeline.step("A mistake: a misspelt property", "A second stack, whose template says MaxCapcity.")
        template = self._minimal.replace("      MaxCapacity:", "      MaxCapcity:")
        settled = self._stack(_TYPO, lambda: self._create(_TYPO, template), "ROLLBACK_COMPLETE")
        self._blame(settled, "MaxCapcity", "MaxCapacity")
        self._see([("green", 2, 6)])

    def _delete(self) -> None:
        self._timeline.step("Delete", "The stacks, and the function's own last. The endpoint stays; its target goes.")
        for stack in (_TYPO, _STACK):
            self._delete_stack(stack)
        self._see([])
        self._delete_stack(FUNCTION_STACK)

    def _create(self, name: str, template: str) -> Settled:
        return self._world.stacks.create(name, template, EndpointName=_ENDPOINT, VariantName="blue")

    def _update_stack(self, variant: str, least: int, most: int) -> Settled:
        parameters = {"VariantName": variant, "MinCapacity": str(least), "MaxCapacity": str(most)}
        return self._world.stacks.update(_STACK, self._minimal, EndpointName=_ENDPOINT, **parameters)

    def _delete_stack(self, name: str) -> None:
        self._stack(name, lambda: self._world.stacks.delete(name), "DELETE_COMPLETE")

    def _stack(self, name: str, operation: Callable[[], Settled], expected: str) -> Settled:
        """Carries out a stack operation and tells of it."""
        self._world.news()  # what the AWS CLI asked meanwhile is told of already
        settled = operation()
        for entry in self._world.news():
            if "Request" in entry:
                self._timeline.request(entry["Request"])
            elif "Answer" in entry:
                self._timeline.answer(entry["Answer"])
            else:
                self._timeline.call(entry)
        self._timeline.stack(name, settled)
        self._expect(settled.status == expected, f"stack {name} is {expected}")
        return settled

    def _see(self, expected: list[tuple[str, int, int]]) -> list[dict[str, Any]]:
        """Shows and checks the scalable targets: variant, minimum, maximum."""
        output = self._world.cli.run(DESCRIBE_TARGETS)
        self._timeline.command(DESCRIBE_TARGETS, output)
        targets: list[dict[str, Any]] = output["ScalableTargets"]
        seen = [(target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]) for target in targets]
        wanted = [(f"endpoint/{_ENDPOINT}/variant/{variant}", least, most) for variant, least, most in expected]
        self._expect(seen == wanted, f"the scalable targets are {wanted}")
        return targets

    def _expect_output(self, settled: Settled, target: dict[str, Any]) -> None:
        arn = target["ScalableTargetARN"]
        self._expect(settled.outputs["ScalableTargetARN"] == arn, "the stack's output is the target's ARN")

    def _blame(self, settled: Settled, *words: str) -> None:
        reasons = [reason for resource, reason in settled.failures() if resource == "Scaling"]
        self._expect(
            len(reasons) == 1 and all(word in reasons[0] for word in words),
            f"one event of Scaling has a reason with {' and '.join(words)}",
        )

    def _expect(self, holds: bool, what: str) -> None:
        if not holds:
            raise Unexpected(f"expected that {what}")


def main() -> int:
    """Builds, tells the story, and says whether all of it was as expected."""
    isolate()
    # So that a plain kill, too, leaves the `with` blocks.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    programs = build()
    timeline = Timeline()
    begin = time.monotonic()
    with World(programs) as world:
        try:
            Story(world, timeline).tell()
        except Unexpected as unexpected:
            print(f"\nThe end of MiniStack's log:\n{world.stage.log('ministack')[-2000:]}", file=sys.stderr)
            timeline.end(f"NOT as it should be: {unexpected}.", good=False)
            return 1
    seconds = time.monotonic() - begin
    timeline.end(f"All of it was as it should be, in {seconds:.0f} s; nothing is left running.", good=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
