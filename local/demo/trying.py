"""`make try`: plays a template of your own on this machine, or an update from one template to another."""

import functools
import os
from pathlib import Path

from demo import change_set
from demo.performing import options, perform, run
from demo.plan import plan
from demo.telling import UnsuccessfulError
from demo.timeline import Timeline
from demo.trial import Trial, deploy_function
from demo.trial_of_update import Templates, TrialOfUpdate
from demo.user_template import UserTemplate, command, lint, settings
from demo.world import World

_USAGE = command("examples/minimal.yaml", {"EndpointName": "my-endpoint", "VariantName": "AllTraffic"}, {})


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
        for file in filter(None, (template, self.before, self.plan)):
            if not Path(file).is_file():
                raise UnsuccessfulError(f"There is no file {file!r}. Name a template: {_USAGE}")
        if not template:
            raise UnsuccessfulError(f"Name a template: {_USAGE}")
        if not self.before and (others := [name for name in ("BEFORE_PARAMETERS", "FAIL", "PLAN") if read(name)]):
            raise UnsuccessfulError(f"{others[0]} is for an update: name the template before it, too, as BEFORE=file.")


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
    after = UserTemplate(given.template, given.values)
    after.check(given.parameters)
    before = UserTemplate(given.before, given.values)
    shared = {name: value for name, value in given.parameters.items() if name in before.parameters()}
    before.check({**shared, **given.before_parameters})
    return before, after


def _play(world: World, timeline: Timeline, given: Given) -> str:
    with timeline.waiting("deploying the function"):
        function = deploy_function(world)
    if given.before:
        return TrialOfUpdate(world, timeline, function, functools.partial(templates, given), given.fails).tell()
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
    """Tells what a change set will do. Fails if SageMaker will refuse it."""
    told = plan(change_set.read(Path(given.plan), Path(given.before), Path(given.template)))
    timeline.step("What the update will do", f"From the change set {given.plan} and the two templates.")
    timeline.tell(*({"Kind": "plan", "Text": line} for line in told.lines))
    timeline.end("SageMaker will refuse this update." if told.refused else "Nothing was deployed.", not told.refused)
    return int(told.refused)


if __name__ == "__main__":
    run(main)
