"""`make try`: deploys your template on this machine, and prints what happens."""

import os
import re
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from demo.aws_cli import DESCRIBE_ACTIONS, DESCRIBE_POLICIES, DESCRIBE_SNAPSHOTS, DESCRIBE_TARGETS
from demo.performing import options, perform, run
from demo.stacks import Settled
from demo.telling import Teller, UnexpectedError, UnsuccessfulError
from demo.timeline import Timeline
from demo.user_template import Ready, UserTemplate, command, lint, settings
from demo.world import FUNCTION_STACK, World

STACK = "trial"
_USAGE = command("examples/minimal.yaml", {"EndpointName": "my-endpoint", "VariantName": "AllTraffic"}, {})
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
        self.timeline.step("The result", "Scalable targets, policies and scheduled actions, as the AWS CLI shows them.")
        for shown in _SCALING:
            self.show(shown)
        self.timeline.step("Delete", "CloudFormation deletes the stack, and the function deregisters its targets.")
        self.delete_stack(STACK)
        self._check_nothing_is_left()
        return f"{self._ready.title} was created and deleted on this machine"

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
        try:
            settled = self.carry_out(
                STACK, lambda: self.world.stacks.create(STACK, ready.body, **ready.parameters), "CREATE_COMPLETE"
            )
        except ClientError as error:
            raise _refused(error.response["Error"]["Message"]) from error
        if settled.status != "CREATE_COMPLETE":
            self._check_nothing_is_left()
            raise self._failed(settled)

    def _check_nothing_is_left(self) -> None:
        found: list[Any] = []
        for asked in (*_SCALING, DESCRIBE_SNAPSHOTS):
            [items] = self.ask(asked).values()
            found += items
        if found and self._ready.retains:
            self.check(True, "the AWS CLI still shows the resources that the template retains")
        else:
            self.check(not found, "the AWS CLI shows no target, policy, scheduled action or snapshot any more")

    def _failed(self, settled: Settled) -> UnsuccessfulError:
        failed = dict(settled.failures())
        advice = (
            'What to do about its reason is in README.md under "When it fails".'
            if self.refusals & {*failed.values()}
            else "If AWS accepts this resource, remove it from a copy of the template and try the copy."
        )
        return UnsuccessfulError(f"NOT created: {' and '.join(failed) or 'the stack'} failed. {advice}")


def _refused(message: str) -> UnsuccessfulError:
    if unknown := _UNKNOWN_TYPES.search(message):
        return UnsuccessfulError(
            f"NOT created: the CloudFormation on this machine does not know {unknown[1]}. Remove such resources from a "
            "copy of the template, replace references to them by parameters, and try the copy."
        )
    return UnsuccessfulError(f"NOT created: CloudFormation refuses the template. {message}")


def play(world: World, timeline: Timeline, template: UserTemplate) -> str:
    """Deploys the function and then the template. Returns the result."""
    with timeline.waiting("deploying the function"):
        deployed = world.deploy_function()
    if deployed.status != "CREATE_COMPLETE":
        raise UnexpectedError(f"stack {FUNCTION_STACK} is {deployed.status}: {deployed.failures()}")
    return Trial(world, timeline, template.ready(deployed.outputs["ServiceToken"], world.stacks.upload)).tell()


def _check(timeline: Timeline, files: list[str]) -> None:
    """Runs cfn-lint, and prints its findings. Fails if there is a mistake."""
    if not files:
        return
    with timeline.waiting("cfn-lint is checking"):
        findings, has_mistakes = lint(files)
    if findings:
        timeline.tell({"Kind": "findings", "Text": findings})
    if has_mistakes:
        raise UnsuccessfulError("cfn-lint has found mistakes; nothing was deployed.")
    checked = " and ".join(Path(file).name for file in files)
    timeline.tell({"Kind": "check", "Text": f"cfn-lint finds no mistake in {checked}", "Commands": []})


def main() -> int:
    """Checks the template, and deploys it if it has no mistakes."""
    parser = options("demo.trial", __doc__)
    parser.add_argument("template")
    for name in ("parameters", "values"):
        default = os.environ.get(f"TRY_{name.upper()}", "")
        parser.add_argument(f"--{name}", default=default, metavar='"NAME=VALUE …"')
    chosen = parser.parse_args()
    timeline = Timeline(as_json=chosen.json, verbose=chosen.verbose)
    try:
        if not chosen.template:
            raise UnsuccessfulError(f"Name a template: {_USAGE}")
        if not Path(chosen.template).is_file():
            raise UnsuccessfulError(f"There is no file {chosen.template!r}. Name a template: {_USAGE}")
        given = settings("PARAMETERS", chosen.parameters)
        values = settings("VALUES", chosen.values)
        _check(timeline, [chosen.template])
        template = UserTemplate(chosen.template, values)
        _check(timeline, template.nested())
        template.check(given)
    except UnsuccessfulError as unsuccessful:
        timeline.end(f"{unsuccessful}", good=False)
        return 1
    return perform(timeline, lambda world: play(world, timeline, template), assumes=True)


if __name__ == "__main__":
    run(main)
