"""Runs a command until standard input closes: `python guard.py COMMAND...`.

The process that starts the guard owns the other end of its standard input. When that process ends, the pipe closes, and
the guard ends the command and all its descendants: cargo-lambda and MiniStack run functions in
process groups of their own, which outlive a plain kill.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

_GRACE_SECONDS = 5
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PROC = Path("/proc")


def _prctl(option: int, value: int) -> None:
    """Calls prctl on Linux, and does nothing elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _die_with_guard() -> None:
    """Ends the command even if the guard itself is killed."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def descendants(ancestor: int) -> list[int]:
    """All descendants of a process. None if there is no /proc."""
    children: dict[int, list[int]] = {}
    for stat in _PROC.glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = list(children.get(ancestor, []))
    for process in found:
        found.extend(children.get(process, []))
    return found


def _end(child: subprocess.Popen[bytes]) -> None:
    """Asks the command to end, then kills its remaining descendants."""
    child.terminate()
    try:
        child.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
    for process in descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError):  # it has ended
            os.kill(process, signal.SIGKILL)


def main() -> int:
    """Runs the command; its exit code is the guard's."""
    # Orphans of the command become the guard's children, where it finds them.
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    # preexec_fn is safe, because there are no threads yet.
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, preexec_fn=_die_with_guard)  # noqa: PLW1509

    def end_with_stdin() -> None:
        sys.stdin.buffer.read()
        _end(child)

    threading.Thread(target=end_with_stdin, daemon=True).start()
    code = child.wait()
    _end(child)
    return code


if __name__ == "__main__":
    sys.exit(main())
