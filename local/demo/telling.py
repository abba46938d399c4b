"""Runs stack operations and commands, prints what happens, and checks the results."""

import time
from collections.abc import Callable
from typing import Any

from demo import words
from demo.aws_cli import DESCRIBE_TARGETS
from demo.retelling import retold
from demo.stacks import Settled
from demo.timeline import Timeline
from demo.world import World


class UnexpectedError(Exception):
    """A check failed."""


class UnsuccessfulError(Exception):
    """The user's template or parameters are wrong. The message says what to do."""


class Teller:
    """Acts on a world, and prints events on a timeline."""

    def __init__(self, world: World, timeline: Timeline) -> None:
        self.world = world
        self.timeline = timeline
        self.refusals: set[str] = set()
        """The function's reasons for failures during the last stack operation."""
        self.news: list[dict[str, Any]] = []
        """The requests, answers and calls of AWS during the last stack operation."""
        self._asked: list[dict[str, Any]] = []

    def stack(self, name: str, operation: Callable[[], Settled], expected: str) -> Settled:
        """Runs a stack operation and prints it. Fails if the stack ends in another status than expected."""
        settled = self.carry_out(name, operation, expected)
        self.expect(settled.status == expected, f"stack {name} is {expected}")
        return settled

    def carry_out(self, name: str, operation: Callable[[], Settled], expected: str) -> Settled:
        """Runs a stack operation and prints it, whatever the result is."""
        self.world.news()  # drops the calls of the AWS CLI
        begin = time.time()
        with self.timeline.waiting(f"stack {name} is on its way to {expected}"):
            settled = operation()
        told = {"Kind": "stack", "Seconds": round(time.time() - begin, 3), "Name": name, "Status": settled.status}
        failures = [{"Resource": resource, "Reason": reason} for resource, reason in settled.failures()]
        news = self.news = self.world.news()
        answers = [entry["Answer"] for entry in news if "Answer" in entry]
        self.refusals = {answer["Reason"] for answer in answers if answer["Status"] == "FAILED"}
        self.timeline.tell(*retold(news, begin), {**told, "Failures": failures})
        return settled

    def delete_stack(self, name: str) -> None:
        """Deletes a stack."""
        self.stack(name, lambda: self.world.stacks.delete(name), "DELETE_COMPLETE")

    def show(self, command: str) -> Any:
        """Runs the AWS CLI, and prints the command with its output."""
        output = self._run(command)
        self.timeline.tell({"Kind": "command", "Command": command, "Output": output})
        return output

    def ask(self, command: str) -> Any:
        """Runs the AWS CLI for a later check; returns its output."""
        output = self._run(command)
        self._asked.append({"Command": command, "Output": output})
        return output

    def check(self, condition: bool, what: str) -> None:
        """Prints a check of what `ask` returned. Fails if the condition is false."""
        self.expect(condition, what)
        self.timeline.tell({"Kind": "check", "Text": what, "Commands": self._asked})
        self._asked = []

    def see(self, endpoint: str, expected: list[tuple[str, int, int]]) -> list[dict[str, Any]]:
        """Checks the scalable targets: variant, minimum, maximum."""
        targets: list[dict[str, Any]] = self.ask(DESCRIBE_TARGETS)["ScalableTargets"]
        seen = [(target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]) for target in targets]
        wanted = [(f"endpoint/{endpoint}/variant/{variant}", least, most) for variant, least, most in expected]
        told = [f"{words.target(variant)}, {least} to {most}" for variant, least, most in wanted]
        self.check(seen == wanted, f"the AWS CLI shows these scalable targets: {', '.join(told) or 'none'}")
        return targets

    def blame(self, settled: Settled, resource: str, *said: str) -> None:
        """Checks that the reason of a resource's failure contains these words."""
        reasons = [reason for failed, reason in settled.failures() if failed == resource]
        self.expect(
            len(reasons) == 1 and all(word in reasons[0] for word in said),
            f"one event of {resource} has a reason with {' and '.join(said)}",
        )

    def expect(self, condition: bool, what: str) -> None:
        """Fails if the condition is false."""
        if not condition:
            raise UnexpectedError(f"expected that {what}")

    def _run(self, command: str) -> Any:
        with self.timeline.waiting("the AWS CLI is running"):
            return self.world.cli.run(command)
