"""The common part of `make demo` and `make try`: options, the processes, and the result."""

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from botocore.exceptions import ClientError

from demo.aws_cli import AwsCliError
from demo.environment import isolate
from demo.package import build
from demo.stacks import StackError
from demo.stage import StageError
from demo.telling import UnexpectedError, UnsuccessfulError
from demo.timeline import Timeline
from demo.world import World


def options(name: str, description: str | None) -> argparse.ArgumentParser:
    """A parser of the common options."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=description)
    parser.add_argument("--json", action="store_true", help="one JSON object a line, and nothing else")
    parser.add_argument("--verbose", action="store_true", help="all properties, inputs, outputs and commands")
    return parser


def run(main: Callable[[], int]) -> NoReturn:
    """Runs a command in an isolated environment, and exits with its code."""
    isolate()
    # A SIGTERM leaves the `with` blocks, which stops the processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, _interrupt)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)


def _interrupt(*_: object) -> NoReturn:
    """Says at once that Ctrl-C has arrived: a process may take seconds to end."""
    print("\nStopping all processes.", file=sys.stderr, flush=True)
    raise KeyboardInterrupt


def perform(timeline: Timeline, story: Callable[[World], str], *, assumes: bool = False) -> int:
    """Builds the programs, starts the processes and runs a story, which returns its result. Returns the exit code."""
    programs = build()
    begin = time.monotonic()
    with contextlib.ExitStack() as stack:
        try:
            with timeline.waiting("starting the local AWS and CloudFormation"):
                world = stack.enter_context(World(programs, assumes=assumes))
        except StageError as error:
            sys.exit(f"error: {error}")
        try:
            result = story(world)
        except UnsuccessfulError as unsuccessful:
            timeline.end(f"{unsuccessful}", good=False)
            return 1
        except (AwsCliError, ClientError, StackError, StageError, UnexpectedError) as unexpected:
            print(f"\nThe end of MiniStack's log:\n{world.stage.log('ministack')[-2000:]}", file=sys.stderr)
            timeline.end(f"FAILED: {unexpected}.", good=False)
            return 1
    timeline.end(f"{result}, in {time.monotonic() - begin:.0f} s; nothing is left running.", good=True)
    return 0
