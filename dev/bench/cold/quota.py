"""A CPU quota for one process, by a control group of its own, if this machine allows one."""

import contextlib
import os
from pathlib import Path

SHARE = 0.07
"""The share of a CPU that Lambda gives at 128 MB; at 1,769 MB it gives a whole one."""

_V1 = Path("/sys/fs/cgroup/cpu")
_V2 = Path("/sys/fs/cgroup")


class Quota:
    """A control group with a quota of CPU time in each period, in milliseconds. It limits the processes in it."""

    def __init__(self, period: int) -> None:
        self._period = period * 1000
        self._group: Path | None = None

    def __enter__(self) -> "Quota":
        micros = int(SHARE * self._period)
        with contextlib.suppress(OSError):
            if (_V1 / "cpu.cfs_quota_us").exists():
                self._group = self._make(_V1)
                (self._group / "cpu.cfs_period_us").write_text(str(self._period))
                (self._group / "cpu.cfs_quota_us").write_text(str(micros))
            elif "cpu" in (_V2 / "cgroup.subtree_control").read_text().split():
                self._group = self._make(_V2)
                (self._group / "cpu.max").write_text(f"{micros} {self._period}")
            return self
        self.__exit__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._group:
            with contextlib.suppress(OSError):
                self._group.rmdir()
        self._group = None

    @property
    def is_possible(self) -> bool:
        """Whether this machine allowed a control group."""
        return self._group is not None

    def hold(self, process: int) -> None:
        """Puts a process and its threads into the control group."""
        assert self._group
        (self._group / "cgroup.procs").write_text(str(process))

    @staticmethod
    def _make(parent: Path) -> Path:
        group = parent / f"bench-cold-{os.getpid()}"
        group.mkdir()
        return group
