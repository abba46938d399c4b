"""Creates the stack of a template, shows what scales, and deletes the stack."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from demo.aws_cli import DESCRIBE_ACTIONS, DESCRIBE_POLICIES, DESCRIBE_SNAPSHOTS, DESCRIBE_TARGETS
from demo.stacks import Settled
from demo.telling import Teller, UnexpectedError, UnsuccessfulError
from demo.timeline import Timeline
from demo.user_template import Ready
from demo.world import FUNCTION_STACK, World

STACK = "trial"
_SCALING = (DESCRIBE_TARGETS, DESCRIBE_POLICIES, DESCRIBE_ACTIONS)
_UNKNOWN_TYPES = re.compile(r"Unrecognized resource types: \[(.*)\]")


class Trial(Teller):
    """The life of one stack."""

    def __init__(self, world: World, timeline: Timeline, ready: Ready) -> None:
        super().__init__(world, timeline)
        self._ready = ready

    def tell(self) -> str:
        """Creates the stack, shows what scales, and deletes the stack. Returns the result."""
        self._create()
        self.show_scaling()
        self.delete()
        return f"{self._ready.title} was created and deleted on this machine"

    def show_scaling(self) -> None:
        """Shows what scales."""
        self.timeline.step("The result", "Scalable targets, policies and scheduled actions, as the AWS CLI shows them.")
        for shown in _SCALING:
            self.show(shown)

    def delete(self) -> None:
        """Deletes the stack, and checks that nothing is left."""
        self.timeline.step("Delete", "CloudFormation deletes the stack, and the function deregisters its targets.")
        self.delete_stack(STACK)
        self._check_nothing_is_left()

    def _create(self) -> None:
        ready = self._ready
        self.timeline.step(
            f"Create: {ready.title}",
            "A CloudFormation on this machine creates the stack and calls the function for its custom resources. An "
            "endpoint that they name and the template does not create is assumed to be in service; 'assume' shows it."
            if ready.calls_function
            else "A CloudFormation on this machine creates the stack. It has no resource of this function.",
        )
        self.timeline.tell(*({"Kind": "assume", "Text": remark} for remark in ready.remarks))
        with self.refusals_of_templates("created"):
            settled = self.carry_out(
                STACK, lambda: self.world.stacks.create(STACK, ready.body, **ready.parameters), "CREATE_COMPLETE"
            )
        if settled.status != "CREATE_COMPLETE":
            self._check_nothing_is_left()
            raise self.failed(settled, "created")

    @contextlib.contextmanager
    def refusals_of_templates(self, what: str) -> Iterator[None]:
        """Says what to do if CloudFormation refuses a template."""
        try:
            yield
        except ClientError as error:
            raise _refused(error.response["Error"]["Message"], what) from error

    def _check_nothing_is_left(self) -> None:
        found: list[Any] = []
        for asked in (*_SCALING, DESCRIBE_SNAPSHOTS):
            [items] = self.ask(asked).values()
            found += items
        if found and self._ready.retains:
            self.check(True, "the AWS CLI still shows the resources that the template retains or has adopted")
        else:
            self.check(not found, "the AWS CLI shows no target, policy, scheduled action or snapshot any more")

    def failed(self, settled: Settled, what: str) -> UnsuccessfulError:
        """What to do about a resource that failed."""
        failed = dict(settled.failures())
        advice = (
            'What to do about its reason is in README.md under "When it fails".'
            if self.refusals & {*failed.values()}
            else "If AWS accepts this resource, remove it from a copy of the template and try the copy."
        )
        return UnsuccessfulError(f"NOT {what}: {' and '.join(failed) or 'the stack'} failed. {advice}")


def deploy_function(world: World) -> str:
    """Deploys the function. Returns its ServiceToken."""
    deployed = world.deploy_function()
    if deployed.status != "CREATE_COMPLETE":
        raise UnexpectedError(f"stack {FUNCTION_STACK} is {deployed.status}: {deployed.failures()}")
    return deployed.outputs["ServiceToken"]


def _refused(message: str, what: str) -> UnsuccessfulError:
    if unknown := _UNKNOWN_TYPES.search(message):
        return UnsuccessfulError(
            f"NOT {what}: the CloudFormation on this machine does not know {unknown[1]}. Remove such resources from a "
            "copy of the template, replace references to them by parameters, and try the copy."
        )
    return UnsuccessfulError(f"NOT {what}: CloudFormation refuses the template. {message}")
