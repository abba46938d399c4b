"""What every story does: carries out stack operations and commands, tells of them, and expects things of them."""

from collections.abc import Callable
from typing import Any

from demo.aws_cli import DESCRIBE_TARGETS
from demo.stacks import Settled
from demo.timeline import Timeline
from demo.world import World


class Unexpected(Exception):
    """Something was not as it should be."""


class Teller:
    """Acts on a world, and tells of it on a timeline."""

    def __init__(self, world: World, timeline: Timeline) -> None:
        self.world = world
        self.timeline = timeline

    def stack(self, name: str, operation: Callable[[], Settled], expected: str) -> Settled:
        """Carries out a stack operation and tells of it."""
        self.world.news()  # what the AWS CLI asked meanwhile is told of already
        settled = operation()
        for entry in self.world.news():
            if "Request" in entry:
                self.timeline.request(entry["Request"])
            elif "Answer" in entry:
                self.timeline.answer(entry["Answer"])
            else:
                self.timeline.call(entry)
        self.timeline.stack(name, settled)
        self.expect(settled.status == expected, f"stack {name} is {expected}")
        return settled

    def delete_stack(self, name: str) -> None:
        """Deletes a stack."""
        self.stack(name, lambda: self.world.stacks.delete(name), "DELETE_COMPLETE")

    def command(self, command: str) -> Any:
        """Runs the AWS CLI; returns what it printed."""
        output = self.world.cli.run(command)
        self.timeline.command(command, output)
        return output

    def see(self, endpoint: str, expected: list[tuple[str, int, int]]) -> list[dict[str, Any]]:
        """Shows and checks the scalable targets: variant, minimum, maximum."""
        targets: list[dict[str, Any]] = self.command(DESCRIBE_TARGETS)["ScalableTargets"]
        seen = [(target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]) for target in targets]
        wanted = [(f"endpoint/{endpoint}/variant/{variant}", least, most) for variant, least, most in expected]
        self.expect(seen == wanted, f"the scalable targets are {wanted}")
        return targets

    def blame(self, settled: Settled, resource: str, *words: str) -> None:
        """Checks that a resource's failure has a reason with these words in it."""
        reasons = [reason for failed, reason in settled.failures() if failed == resource]
        self.expect(
            len(reasons) == 1 and all(word in reasons[0] for word in words),
            f"one event of {resource} has a reason with {' and '.join(words)}",
        )

    def expect(self, holds: bool, what: str) -> None:
        """Ends the story where something does not hold."""
        if not holds:
            raise Unexpected(f"expected that {what}")
