"""Measures starts of fresh processes, the systems in turn, so that other work of the machine affects all alike."""

import os
import shutil
import signal
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cold.network import Aws
from bench.cold.process import Process
from bench.cold.programs import System
from bench.cold.quota import Quota

_WARM = 20
_SYSTEM_CALLS_WITHIN = 30


@dataclass(frozen=True)
class Scenario:
    """The conditions of a start."""

    name: str
    period: int | None
    """The period of the quota in milliseconds, or None without a quota."""
    round_trip: float


NEAR = Scenario("full CPU", None, 0)
FAR = Scenario("full CPU, 15 ms round trip", None, 0.015)
THROTTLED = Scenario("7 % of a CPU", 100, 0)
THROTTLED_OFTEN = Scenario("7 % of a CPU, in periods of 20 ms", 20, 0)
THROTTLED_FAR = Scenario("7 % of a CPU, 15 ms round trip", 100, 0.015)
SCENARIOS = (NEAR, FAR, THROTTLED, THROTTLED_OFTEN, THROTTLED_FAR)


@dataclass(frozen=True)
class Start:
    """One process: times and CPU times in milliseconds, memory in MiB."""

    init: float
    cold: float
    init_cpu: float
    cold_cpu: float
    warm: float
    warm_cpu: float
    peak: float
    threads: int

    @property
    def total(self) -> float:
        """From exec to the end of the first invocation, without the idle time in between."""
        return self.init + self.cold


def start(system: System, scenario: Scenario, aws: Aws) -> Start:
    """Starts a process, and sends it the first request; in the first scenario, also the warm ones."""
    aws.far_away(scenario.round_trip)
    with Quota(scenario.period) if scenario.period else _Nothing() as quota, Process(system.program, aws) as process:
        init = process.init()
        settled = process.cpu()
        if isinstance(quota, Quota):
            quota.hold(process.id)
        cold = process.create().seconds
        process.idle()
        served = process.cpu()
        warm = []
        for _ in range(_WARM if scenario == NEAR else 0):
            warm.append(process.create().seconds)
            process.idle()
        return Start(
            init=init * 1e3,
            cold=cold * 1e3,
            init_cpu=settled * 1e3,
            cold_cpu=(served - settled) * 1e3,
            warm=statistics.median(warm or [0]) * 1e3,
            warm_cpu=(process.cpu() - served) / _WARM * 1e3,
            peak=process.status("VmHWM") / 1024,
            threads=process.status("Threads"),
        )


def starts(systems: Sequence[System], scenario: Scenario, aws: Aws, rounds: int) -> dict[str, list[Start]]:
    """Starts each system this many times. Starts with the same index form a pair."""
    found: dict[str, list[Start]] = {system.name: [] for system in systems}
    for number in range(rounds):
        # The order rotates: the system that follows Python has cold caches.
        turn = number % len(systems)
        for system in [*systems[turn:], *systems[:turn]]:
            found[system.name].append(start(system, scenario, aws))
    return found


def system_calls(system: System, aws: Aws, directory: Path) -> int | None:
    """The number of system calls of a start with its first request, or None without strace."""
    if not shutil.which("strace"):
        return None
    aws.far_away(0)
    summary = directory / "strace.txt"
    with Process(system.program, aws, ("strace", "-f", "-c", "-o", str(summary))) as tracer:
        tracer.init()
        tracer.create()
        tracer.idle()
        for child in Path(f"/proc/{tracer.id}/task/{tracer.id}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        deadline = time.monotonic() + _SYSTEM_CALLS_WITHIN
        while not (summary.exists() and " total" in summary.read_text()):
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)
    return int(summary.read_text().strip().splitlines()[-1].split()[3])


class _Nothing:
    def __enter__(self) -> None:
        """No quota."""

    def __exit__(self, *_: object) -> None:
        """Nothing to undo."""
