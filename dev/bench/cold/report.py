"""Compares the measurements with the goals, and writes docs/BENCHMARKS.md with its plots."""

import platform
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cold.cost import section
from bench.cold.machine import Load
from bench.cold.measure import FAR, NEAR, SCENARIOS, THROTTLED, THROTTLED_FAR, THROTTLED_OFTEN, Scenario, Start
from bench.cold.plot import Bar, bars
from bench.cold.programs import System
from bench.cold.quota import SHARE

OURS, FLOOR = "this project", "floor"
_MIB = 2**20

_PAGE = """\
# Benchmarks: cold start, memory, size

A plain Create (two calls to AWS, one answer) from a fresh process, side by side with other implementations.
`make bench` builds, measures and writes this page; [dev/bench/cold/](../dev/bench/cold/README.md) says how. For
hundreds of requests at once, see [SCALE.md](SCALE.md).

Measured on {machine}. Load
average at the start and after each scenario: {load}. There were {starts} starts of each system in
each scenario, in turn. The figures are medians, with the quartiles in brackets. On another machine, times differ more
than ratios.

![INIT and cold invocation](benchmarks/start.svg)

## From exec to the first answer, at full CPU

{times}

**INIT**: from exec to the first poll of Lambda's Runtime API. **Cold**: from the delivery of the first event to the end
of its invocation. **Warm**: the same for the median of twenty further Creates. **Over this project**: INIT and cold,
pair by pair.

## With a slow CPU or network

Cold:

{cold}

INIT + cold:

{total}

{quota}

## CPU time, memory, size

{costs}

CPU time in milliseconds of INIT, of the cold invocation and of a warm one. Peak: `VmHWM` after twenty-one requests.
Threads: at that time. System calls: INIT and the cold invocation{strace}. Package: the deployed zip; Lambda's Python
runtime includes boto3.

![Peak memory](benchmarks/memory.svg)

## Goals

| goal | measured | |
|---|---|---|
{goals}

{reasons}

{cost}
## How it is measured

* The harness simulates Lambda's Runtime API, SageMaker, Application Auto Scaling and the bucket of the response URL: on
  loopback, in Python, over TLS 1.3 with a P-256 certificate. Every figure includes the harness's own time, so real
  ratios are larger.
* Systems with built-in root certificates read a file with one root instead. The other systems read as many roots as
  this machine has.
* The stubs wait a round trip twice for the handshakes of TCP and TLS, and once for each reply. The Runtime API has no
  round trip.
* The **floor** has no SDK, runtime or retries: blocking sockets, rustls on ring, signatures by hand
  (`dev/bench/floor`). It opens its connections when this project does: those to the services in INIT, and that of the
  answer while it calls them. So it is the limit of what this design can reach.
* **Naive Rust** is a typed handler with the defaults of the SDK, `aws-config` and `reqwest`, in cargo's default profile
  (`dev/bench/naive`). It does not use SageMaker's crate, which takes 5.4 GiB to compile; it makes another call to the
  same stub. Its first use of aws-lc collects jitter entropy; "no jitter" is the same program, built with
  `AWS_LC_SYS_NO_JITTER_ENTROPY=1`.
* **Node.js** and **Python** run under minimal runtimes (`dev/bench/faults/runners`). Lambda's own runtimes would add to
  their INIT.
* Not measured: arm64, which this machine cannot run, and Lambda itself.

## Calls to AWS

[benchmarks/calls.md](benchmarks/calls.md) lists the calls and the waits of each kind of request.

## Build choices

[benchmarks/build.md](benchmarks/build.md) compares the choices of the build: link-time optimisation, `opt-level`, the
allocator.
"""


class Results:
    """All measurements."""

    def __init__(
        self,
        systems: Sequence[System],
        found: dict[Scenario, dict[str, list[Start]]],
        system_calls: dict[str, int | None],
    ) -> None:
        self.systems, self.found, self.system_calls = systems, found, system_calls

    def values(self, name: str, of: Callable[[Start], float], scenario: Scenario = NEAR) -> list[float]:
        """One figure of each start."""
        return [of(start) for start in self.found[scenario][name]]

    def median(self, name: str, of: Callable[[Start], float], scenario: Scenario = NEAR) -> float:
        """The median of a figure."""
        return statistics.median(self.values(name, of, scenario))

    def ratio(self, name: str, to: str, of: Callable[[Start], float], scenario: Scenario = NEAR) -> float:
        """The median of the ratios of all pairs."""
        return statistics.median(self.ratios(name, to, of, scenario))

    def ratios(self, name: str, to: str, of: Callable[[Start], float], scenario: Scenario) -> list[float]:
        """The ratios of all pairs."""
        pairs = zip(self.values(name, of, scenario), self.values(to, of, scenario), strict=True)
        return [one / other for one, other in pairs]

    def summary(self) -> str:
        """A few lines for the terminal."""
        return "\n".join(
            f"{scenario.name:34} {name:18} INIT {self.median(name, _init, scenario):7.2f}  "
            f"cold {self.median(name, _cold, scenario):7.2f}  warm {self.median(name, _warm, scenario):6.2f}"
            for scenario, rows in self.found.items()
            for name in rows
        )

    def compared(self, other: str) -> str:
        """This project over another build, pair by pair: medians with quartiles."""
        figures = {"INIT": _init, "cold": _cold, "INIT + cold": _total, "warm": _warm, "CPU": _start_cpu, "peak": _peak}
        return "\n".join(
            f"{scenario.name:34} {what:12} over {other}: {_spread(self.ratios(OURS, other, of, scenario))}"
            for scenario in self.found
            for what, of in figures.items()
            if of is not _warm or scenario == NEAR
        )


def _init(start: Start) -> float:
    return start.init


def _cold(start: Start) -> float:
    return start.cold


def _start_cpu(start: Start) -> float:
    return start.init_cpu + start.cold_cpu


def _cold_cpu(start: Start) -> float:
    return start.cold_cpu


def _warm(start: Start) -> float:
    return start.warm


def _warm_cpu(start: Start) -> float:
    return start.warm_cpu


def _total(start: Start) -> float:
    return start.total


def _peak(start: Start) -> float:
    return start.peak


@dataclass(frozen=True)
class Goal:
    """A goal, its figure, and the reason if it is missed."""

    what: str
    measured: str
    is_met: bool
    reason: str = ""

    def row(self) -> str:
        """The goal as a row of the table."""
        return f"| {self.what} | {self.measured} | {'met' if self.is_met else '**not met**'} |"


def write(page: Path, plots: Path, results: Results, machine: str, load: Load, root: Path) -> None:
    """Writes the page and its plots."""
    plots.mkdir(exist_ok=True)
    plot = _plot(results, "INIT and cold invocation, full CPU", "ms", _total, NEAR)
    (plots / "start.svg").write_text(plot)
    (plots / "memory.svg").write_text(_plot(results, "Peak memory", "MiB", _peak, NEAR))
    quota = (
        f"The quota is {SHARE:.0%} of a CPU, as a function of 128 MB has. It begins after INIT, which Lambda does not throttle. A process\n"
        "that has used its share of a period stops until the next. The share is 7 ms in the kernel's usual periods of 100 ms,\n"
        "and 1.4 ms in periods of 20 ms. AWS does not document the length of Lambda's periods."
    ).replace("%", " %")
    if THROTTLED in results.found:
        (plots / "throttled.svg").write_text(_plot(results, "Cold invocation, 7 % of a CPU", "ms", _cold, THROTTLED))
        quota = f"![Cold invocation under a quota](benchmarks/throttled.svg)\n\n{quota}"
    else:
        quota = "This machine does not let the harness create a control group, so nothing was measured under a quota."
    goals = _goals(results)
    reasons = [f"* **{goal.what}**: {goal.reason}" for goal in goals if not goal.is_met]
    memory = int(re.search(r"MemorySize: (\d+)", (root / "template.yaml").read_text())[1])  # type: ignore[index]
    page.write_text(
        _PAGE.format(
            machine=machine,
            load=load,
            starts=len(results.found[NEAR][OURS]),
            times=_times(results),
            cold=_everywhere(results, _cold),
            total=_everywhere(results, _total),
            quota=quota,
            costs=_costs(results),
            strace="" if any(results.system_calls.values()) else " (not counted: there is no strace here)",
            goals="\n".join(goal.row() for goal in goals),
            reasons="\n".join(["The goals that are not met:", "", *reasons]) if reasons else "All are met.",
            cost=_cost(results, memory),
        )
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _spread(values: Sequence[float]) -> str:
    low, middle, high = _quartiles(values)
    digits = 0 if middle >= 100 else 1 if middle >= 10 else 2
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def _times(results: Results) -> str:
    rows = []
    for system in results.systems:
        cells = [_spread(results.values(system.name, of)) for of in (_init, _cold, _total, _warm)]
        over = results.ratio(system.name, OURS, _total)
        rows.append([system.title, *cells, f"{over:.2f}" if over < 10 else f"{over:.0f}"])
    return _table(["ms", "INIT", "cold", "INIT + cold", "warm", "over this project"], rows)


def _everywhere(results: Results, of: Callable[[Start], float]) -> str:
    scenarios = [scenario for scenario in SCENARIOS if scenario in results.found]
    return _table(
        ["ms", *(scenario.name for scenario in scenarios)],
        [
            [system.title, *(_spread(results.values(system.name, of, scenario)) for scenario in scenarios)]
            for system in results.systems
        ],
    )


def _costs(results: Results) -> str:
    rows = []
    for system in results.systems:
        starts = results.found[NEAR][system.name]
        cpu = [
            f"{statistics.median(values):.2f}"
            for values in (
                [start.init_cpu for start in starts],
                [start.cold_cpu for start in starts],
                [start.warm_cpu for start in starts],
            )
        ]
        calls = results.system_calls[system.name]
        rows.append(
            [
                system.title,
                *cpu,
                f"{results.median(system.name, _peak):.1f} MiB",
                str(max(start.threads for start in starts)),
                str(calls or "–"),
                f"{system.binary / _MIB:.1f} MiB" if system.binary else "–",
                f"{system.package / _MIB:.2f} MiB",
            ]
        )
    head = ["", "CPU: INIT", "cold", "warm", "peak", "threads", "system calls", "binary", "package"]
    return _table(head, rows)


def _goals(results: Results) -> list[Goal]:
    package = next(system.package for system in results.systems if system.name == OURS) / _MIB
    peak = results.median(OURS, _peak)
    over_floor = results.ratio(OURS, FLOOR, _total)
    warm = results.ratio(OURS, FLOOR, _warm)
    goals = [
        Goal(
            "INIT + cold, over the floor: at most 1.35",
            f"{over_floor:.2f}",
            over_floor <= 1.35,
            f"the total CPU time is {_cpu(results, OURS):.1f} ms, the floor's {_cpu(results, FLOOR):.1f} ms; the rest is the SDK's.",
        )
    ]
    for name, least in (("naive", 10), ("naive, no jitter", 2), ("Node", 30), ("Python", 80)):
        faster = results.ratio(name, OURS, _total)
        limit = results.ratio(name, FLOOR, _total)
        goals.append(
            Goal(
                f"INIT + cold, faster than {name}: at least {least} times",
                f"{faster:.1f} times",
                faster >= least,
                f"the floor is only {limit:.1f} times as fast."
                if limit < least
                else f"the floor is {limit:.1f} times as fast; the difference is the SDK's work: the total CPU time is "
                f"{_cpu(results, OURS):.1f} ms, the floor's {_cpu(results, FLOOR):.1f} ms.",
            )
        )
    for scenario, where in ((THROTTLED, ""), (THROTTLED_OFTEN, ", in periods of 20 ms")):
        if scenario in results.found:
            throttled = results.ratio(OURS, FLOOR, _total, scenario)
            goals.append(
                Goal(
                    f"INIT + cold under the quota{where}, over the floor: at most 1.35",
                    f"{throttled:.2f}",
                    throttled <= 1.35,
                    f"CPU time of the invocation is {results.median(OURS, _cold_cpu, scenario):.1f} ms, the floor's "
                    f"{results.median(FLOOR, _cold_cpu, scenario):.1f} ms: a process that has used up a period waits for the next.",
                )
            )
    goals += [
        Goal(
            "warm, over the floor: at most 1.4",
            f"{warm:.2f}",
            warm <= 1.4,
            f"the CPU time of an invocation is {results.median(OURS, _warm_cpu):.2f} ms, the floor's "
            f"{results.median(FLOOR, _warm_cpu):.2f} ms.",
        ),
        Goal(
            "peak memory: at most 6 MiB",
            f"{peak:.1f} MiB",
            peak <= 6,
            "see [build choices](benchmarks/build.md#memory).",
        ),
        Goal(
            f"package: at most 2.1 MiB, on {platform.machine()}; [build choices](benchmarks/build.md) has arm64's",
            f"{package:.2f} MiB",
            package <= 2.1,
            "see [build choices](benchmarks/build.md#size).",
        ),
    ]
    return goals


def _cpu(results: Results, name: str) -> float:
    return results.median(name, _start_cpu)


def _plot(results: Results, title: str, unit: str, of: Callable[[Start], float], scenario: Scenario) -> str:
    return bars(
        title,
        unit,
        [
            Bar(system.title, *_quartiles(results.values(system.name, of, scenario)), ours=system.name == OURS)
            for system in results.systems
        ],
    )


def _cost(results: Results, memory: int) -> str:
    scenario = THROTTLED_FAR if THROTTLED_FAR in results.found else FAR
    near = [each for each in (NEAR, THROTTLED, THROTTLED_OFTEN) if each in results.found]
    invocations = {each.name: results.median(OURS, _cold, each) for each in near}
    return section(memory, results.median(OURS, _total, scenario), scenario.name, invocations)
