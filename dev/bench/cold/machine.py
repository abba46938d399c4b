"""Describes the machine of the measurement."""

import os
import platform
import subprocess
from pathlib import Path


class Load:
    """The load averages of the machine during the measurement."""

    def __init__(self) -> None:
        self._seen: list[float] = []
        self.look()

    def look(self) -> None:
        """Reads the load average once more."""
        self._seen.append(os.getloadavg()[0])

    def __str__(self) -> str:
        return ", ".join(f"{load:.1f}" for load in self._seen)


def describe() -> str:
    """Processor, memory, kernel, compiler."""
    processor = next(
        (line.split(": ", 1)[1] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    libc = " ".join(platform.libc_ver())
    return (
        f"{processor}, {os.cpu_count()} CPUs, {memory:.0f} GiB, {platform.machine()}, "
        f"Linux {platform.release().split('-')[0]}, {libc}, rustc {rustc}"
    )
