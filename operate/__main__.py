"""`python3 -m operate report` and `python3 -m operate repair`; `make report` and `make repair` run it.

Exit codes of a report: 0 if nothing needs attention; 1 if something needs attention, or could not be read. Of a
repair: 0 if it was done, or a dry run has found what to do; 1 if it refuses. Of both: 2 if there is no answer, with
the reason on standard error.
"""

import argparse
import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence

from operate import report, table
from operate.function import FailedError, Function, find

_WIDEST = 118
_DIMENSIONS = {
    "endpoint": "sagemaker:variant:DesiredInstanceCount",
    "inference-component": "sagemaker:inference-component:DesiredCopyCount",
}
"""The default dimension of each kind of resource."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Asks the function and prints the answer. Returns the exit code."""
    given = _options().parse_args(arguments)
    try:
        function = find(given.function_name, given.region)
        return _report(function, given.json) if given.what == "report" else _repair(function, given)
    except FailedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _report(function: Function, as_json: bool) -> int:
    answer = report.merged(list(report.parts(function, lambda text: print(text, file=sys.stderr))))
    if as_json:
        print(json.dumps(answer, indent=2))
    else:
        print(*table.of_report(answer, _width(), _has_colours()), sep="\n")
    return int(report.needs_attention(answer))


def _repair(function: Function, given: argparse.Namespace) -> int:
    resource = given.resource_id
    dimension = given.scalable_dimension or _DIMENSIONS.get(resource.partition("/")[0], "")
    if not resource or not dimension:
        raise FailedError(
            "name one target as the report does: RESOURCE=endpoint/my-endpoint/variant/AllTraffic. If its dimension "
            f"is not {_DIMENSIONS['endpoint']}, add DIMENSION=..."
        )
    request: dict[str, object] = {"ResourceId": resource, "ScalableDimension": dimension}
    if given.dry_run == "false":
        request["DryRun"] = False
    answer = function.ask({"Repair": request})
    if "Action" not in answer:
        raise FailedError(f"the answer of {function.name} is no repair. Check FUNCTION: is it this function?")
    if given.json:
        print(json.dumps(answer, indent=2))
    else:
        variables = [*function.shown, f"RESOURCE={resource}", f"DIMENSION={dimension}", "DRY_RUN=false"]
        again = shlex.join(["make", "repair", *variables])
        print(*table.of_repair(answer, again, _width(), _has_colours()), sep="\n")
    return int(not table.is_repairable(answer))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python3 -m operate", description=__doc__, allow_abbrev=False)
    chosen = parser.add_subparsers(dest="what", required=True)
    for what, does in (
        ("report", "show every scalable target of SageMaker, and what needs attention"),
        ("repair", "repair one target; a dry run unless you add --dry-run false"),
    ):
        command = chosen.add_parser(what, help=does, description=does, allow_abbrev=False)
        command.add_argument("--function-name", default="", help="the function's name or ARN; default: `make watch`")
        command.add_argument("--region", default="", help="its Region; default: that of the ARN or of your settings")
        command.add_argument("--json", action="store_true", help="print the answer as JSON")
        if what == "repair":
            command.add_argument("--resource-id", default="", help="endpoint/E/variant/V or inference-component/C")
            command.add_argument("--scalable-dimension", default="", help="default: that of instances, or of copies")
            command.add_argument("--dry-run", choices=["true", "false"], default="true")
    return parser


def _width() -> int:
    return min(shutil.get_terminal_size((_WIDEST, 0)).columns, _WIDEST)


def _has_colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader has ended, such as `head`. Python would complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
