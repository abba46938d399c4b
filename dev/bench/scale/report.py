"""Judges crowds, and writes docs/SCALE.md."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass

from bench.faults.peers import Peers
from bench.scale.crowd import LIMIT_SECONDS, Outcome
from bench.scale.services import BURST, RATE

OURS = "this project"
CALLS = {OURS: 2, "typed": 1, "crhelper": 1}
"""The calls that a Create of each system needs."""
LARGEST = 500
_MOST_OVER_IDEAL = 1.25
_MOST_REFUSED = 5.0

_PAGE = """\
# Scale, side by side

A stack with hundreds of variants sends hundreds of Creates at once. Each runs in its own process; all share one AWS
rate limit. On this page, such a set of Creates is a *crowd*. The real programs ran, with the same stubs.
`make bench-scale` runs everything and writes this page; [dev/bench/scale/](../dev/bench/scale/README.md) says how it
works. It takes about seven minutes once everything is built.

| system | Creates | failed | last answer after | ideal | time over ideal | accepted calls | refused for each | DescribeStackResource |
|---|---|---|---|---|---|---|---|---|
{rows}

This project's largest crowd ran {runs} times. Goals: no Create of this project fails; at {largest}, each time, the time
over the ideal is at most {most_over:.2f}, and at most {most_refused:.0f} calls are refused for each accepted one.
{verdict}

{failures}

## What is measured

* **Limit**: {rate:.0f} calls a second, and a burst of {burst:.0f}, for Application Auto Scaling and SageMaker together.
  Other calls are refused with status 400 and `ThrottlingException: Rate exceeded`. AWS does not publish its own limits.
  CloudFormation has an equal limit of its own.
* **Failed**: no SUCCESS within an invocation of {limit} s, the default of `template.yaml`.
* **Ideal**: calls needed / {rate:.0f} a second. A Create of this project needs two calls (it reads the endpoint, then
  registers); a Create of a peer needs one. The burst saves {ahead:.0f} s of it. Over the remaining time, this project
  takes {over_shortest} at most.
* **DescribeStackResource**: a Create of this project checks that it is fresh if it is older than five seconds, or if
  its registration was refused once. It does so before it registers, and two seconds after: see
  [SEMANTICS.md](SEMANTICS.md#stale-requests). These calls do not count as needed, but their time counts.
* The clock starts when every process has polled for its first event; then all get one at once. The time to start the
  processes is excluded. It depends on this machine ({machine}), while Lambda gives each its
  own environment.

## The systems

| system | what ran | retries |
|---|---|---|
| this project | `bootstrap`, as `cargo build --release` makes it | until the deadline, see [DESIGN.md](DESIGN.md) |
| typed | the handler of the [table of faults](FAULTS.md) on lambda_runtime {lambda_runtime}: registers, with the AWS SDK for Rust | the SDK's default: three attempts |
| crhelper | the handler of the table of faults on crhelper {crhelper}: registers, with boto3 {boto3} | boto3's default since 1.44, likewise; before, it was five |

All get the same events. The AWS stubs speak plain HTTP, to leave the processor to the functions; answers go over TLS.
{largest} Python processes with boto3 do not fit into memory, so the harness forks them from one that has imported
everything. Each then has its own connections and random numbers. A small machine takes seconds for their work. That
spreads their calls, to their advantage.
"""


@dataclass(frozen=True)
class Cell:
    """One crowd of one system."""

    name: str
    title: str
    outcome: Outcome

    @property
    def ideal(self) -> float:
        """The time of the needed calls at the allowed rate."""
        return CALLS[self.name] * self.outcome.size / RATE

    @property
    def over_shortest(self) -> float:
        """The time over the shortest that the limit allows, with its burst."""
        return self.outcome.seconds / (self.ideal - BURST / RATE)

    @property
    def refused(self) -> float:
        """Refused calls for each accepted one."""
        return self.outcome.api.refused / max(1, self.outcome.api.taken)

    @property
    def failed(self) -> int:
        """Creates that were not answered with SUCCESS."""
        return self.outcome.size - self.outcome.succeeded

    def is_good(self) -> bool:
        """Whether it meets the goals."""
        if self.failed or self.outcome.size < LARGEST:
            return not self.failed
        return self.outcome.seconds <= _MOST_OVER_IDEAL * self.ideal and self.refused <= _MOST_REFUSED

    def __str__(self) -> str:
        outcome = self.outcome
        # A system that gives up ends early, so its time means nothing.
        over_ideal = "" if self.failed else f"{outcome.seconds / self.ideal:.2f}"
        asked = f"{outcome.cloudformation.taken}, refused {outcome.cloudformation.refused}"
        cells = [
            self.title,
            outcome.size,
            self.failed,
            f"{outcome.seconds:.1f} s",
            f"{self.ideal:.1f} s",
            over_ideal,
            outcome.api.taken,
            f"{self.refused:.1f}",
            asked if outcome.cloudformation.taken else "",
        ]
        return f"| {' | '.join(map(str, cells))} |"


def write(cells: Sequence[Cell], peers: Peers) -> str:
    """The page."""
    ours = [cell for cell in cells if cell.name == OURS]
    return _PAGE.format(
        rows="\n".join(map(str, cells)),
        largest=LARGEST,
        runs=sum(cell.outcome.size == LARGEST for cell in ours),
        most_over=_MOST_OVER_IDEAL,
        most_refused=_MOST_REFUSED,
        verdict="They are met." if all(cell.is_good() for cell in ours) else "**They are not met.**",
        failures=_failures(cells),
        ahead=BURST / RATE,
        over_shortest=" and ".join(
            f"{max(cell.over_shortest for cell in ours if cell.outcome.size == size):.2f} at {size}"
            for size in (100, LARGEST)
        ),
        rate=RATE,
        burst=BURST,
        limit=LIMIT_SECONDS,
        machine=f"{os.cpu_count()} processors, {platform.system()} on {platform.machine()}",
        lambda_runtime=peers.lambda_runtime,
        crhelper=peers.crhelper,
        boto3=peers.boto3,
    )


def _failures(cells: Sequence[Cell]) -> str:
    failed = sum(cell.failed for cell in cells)
    throttled = sum("ThrottlingException" in reason for cell in cells for reason in cell.outcome.reasons)
    return (
        f"{failed} Creates failed; {throttled} of them were answered with a reason that names `ThrottlingException`: they had used up\n"
        "their retries. In a stack, the first of them makes CloudFormation roll everything back."
    )
