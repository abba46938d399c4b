"""`make try`: plays a template of your own on this machine, or an update from one template to another."""

import functools
import os
from pathlib import Path

from demo import change_set, words
from demo.performing import options, perform, run
from demo.plan import plan
from demo.telling import UnsuccessfulError
from demo.timeline import Timeline
from demo.trial import Trial, deploy_function
from demo.update_trial import Templates, UpdateTrial
from demo.user_template import Named, UserTemplate, check_values, command, lint, settings
from demo.world import World

_USAGE = command(
    TEMPLATE="examples/minimal.yaml", PARAMETERS={"EndpointName": "my-endpoint", "VariantName": "AllTraffic"}
)
_OF_UPDATES = ("BEFORE_PARAMETERS", "FAIL", "PLAN")
_OF_TEMPLATES = ("PARAMETERS", "BEFORE_PARAMETERS", "VALUES", "FAIL")


class Given:
    """The variables of `make try`."""

    def __init__(self, template: str) -> None:
        def read(name: str) -> str:
            return os.environ.get(f"TRY_{name}", "")

        self.template = template
        self.before = read("BEFORE")
        self.fails = read("FAIL")
        self.plan = read("PLAN")
        self.parameters = settings("PARAMETERS", read("PARAMETERS"))
        self.before_parameters = settings("BEFORE_PARAMETERS", read("BEFORE_PARAMETERS"))
        self.values = settings("VALUES", read("VALUES"))
        if self.plan and not (template and self.before):
            files = {"PLAN": self.plan, "BEFORE": self.before or "before.json", "TEMPLATE": template or "after.json"}
            raise UnsuccessfulError(
                f"PLAN needs the templates before and after the change set: {command(**files)}. docs/TRY.md has the "
                "commands that write them."
            )
        if not template:
            raise UnsuccessfulError(f"Name a template: {_USAGE}")
        for variable, file in (("TEMPLATE", template), ("BEFORE", self.before), ("PLAN", self.plan)):
            if file and not Path(file).is_file():
                if Path(file).is_dir():
                    raise UnsuccessfulError(f"{variable}: {file!r} is a folder. Name a file in it.")
                raise UnsuccessfulError(f"{variable}: there is no file {file!r}. Correct the path.")
        if not self.before and (others := [name for name in _OF_UPDATES if read(name)]):
            raise UnsuccessfulError(f"{others[0]} needs BEFORE: set BEFORE to the template that the stack has now.")
        if self.plan and (ignored := [name for name in _OF_TEMPLATES if read(name)]):
            raise UnsuccessfulError(f"Remove {ignored[0]}: with PLAN, the values come from the change set.")

    def command(self, parameters: Named, values: Named) -> str:
        """This command with other parameters and values."""
        return self._command(PARAMETERS=parameters, VALUES=values)

    def command_of_before(self, parameters: Named, values: Named) -> str:
        """This command with other parameters of the template before the update, and other values."""
        own = {name: value for name, value in parameters.items() if self.parameters.get(name) != value}
        return self._command(BEFORE_PARAMETERS=own, VALUES=values)

    def _command(self, **changed: Named) -> str:
        given: dict[str, str | Named] = {
            "BEFORE": self.before,
            "TEMPLATE": self.template,
            "BEFORE_PARAMETERS": self.before_parameters,
            "PARAMETERS": self.parameters,
            "VALUES": self.values,
            "FAIL": self.fails,
        }
        return command(**{**given, **changed})


def _check(timeline: Timeline, given: Given) -> None:
    """Checks the templates and what is given for them. Fails if there is a mistake."""
    files = [*dict.fromkeys(filter(None, (given.template, given.before)))]
    _lint(timeline, files)
    _lint(timeline, [nested for file in files for nested in UserTemplate(file, given.values).nested()])
    if given.before:
        templates(given)
    else:
        UserTemplate(given.template, given.values).check(given.parameters)


def _lint(timeline: Timeline, files: list[str]) -> None:
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


def templates(given: Given) -> Templates:
    """The two templates, with their parameters."""
    after = UserTemplate(given.template, given.values, given.command)
    after.check(given.parameters, shares_values=True)
    before = UserTemplate(given.before, given.values, given.command_of_before)
    shared = {name: value for name, value in given.parameters.items() if name in before.parameters()}
    try:
        before.check({**shared, **given.before_parameters}, shares_values=True)
    except UnsuccessfulError as error:
        raise UnsuccessfulError(f"BEFORE (its parameters are in BEFORE_PARAMETERS): {error}") from error
    check_values(before, after)
    return before, after


def _play(world: World, timeline: Timeline, given: Given) -> str:
    with timeline.waiting("deploying the function"):
        function = deploy_function(world)
    if given.before:
        return UpdateTrial(world, timeline, function, functools.partial(templates, given), given.fails).tell()
    template = UserTemplate(given.template, given.values)
    template.check(given.parameters)
    return Trial(world, timeline, template.ready(function, world.stacks.upload)).tell()


def main() -> int:
    """Checks the templates, and plays them if they have no mistakes."""
    parser = options("demo.trying", __doc__)
    parser.add_argument("template")
    chosen = parser.parse_args()
    timeline = Timeline(as_json=chosen.json, verbose=chosen.verbose)
    try:
        given = Given(chosen.template)
        if given.plan:
            return _tell_plan(timeline, given)
        _check(timeline, given)
    except UnsuccessfulError as unsuccessful:
        timeline.end(f"{unsuccessful}", good=False)
        return 1
    return perform(timeline, lambda world: _play(world, timeline, given), assumes=True)


def _tell_plan(timeline: Timeline, given: Given) -> int:
    """Prints the plan of a change set. Fails if the update will fail, or lose something."""
    planned = plan(change_set.read(Path(given.plan), Path(given.before), Path(given.template)))
    timeline.step("The plan", f"From the change set {given.plan} and the two templates.")
    timeline.tell(*({"Kind": "plan", "Text": line} for line in planned.lines))
    problem = ""
    if planned.refused_by_cloudformation:
        problem = "CloudFormation will refuse this update."
    elif planned.refused:
        problem = "SageMaker will refuse this update."
    elif planned.failures:
        problem = f"The update will fail: {words.joined([*planned.failures])}."
    elif lost := planned.lost | planned.may_be_lost:
        problem = f"The update {'will' if planned.lost else 'may'} lose {words.joined(sorted(lost))}."
    timeline.end(problem or "The plan finds no refusal, failure or loss; nothing was deployed.", good=not problem)
    return int(bool(problem))


if __name__ == "__main__":
    run(main)
