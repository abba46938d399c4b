"""Runs Python programs of `.venv/bin`, each in a process of its own that has their modules from the beginning.

A program such as cfn-lint takes most of its time to import modules. A server for each program imports them once. It
forks a process for each run, which runs the program's script with the arguments, the environment and the folder of the
run.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

VENV = Path(__file__).resolve().parents[2] / ".venv" / "bin"
MODULES = {
    "aws": ("awscli.clidriver", "awscli.handlers"),
    "cfn-lint": ("cfnlint.runner", "cfnlint.rules"),
    "sam": (
        "samcli.cli.main",
        "samcli.commands.validate.validate",
        "samtranslator.translator.translator",
        "cfnlint.runner",
        "cfnlint.rules",
    ),
}
"""The modules to import for each program. `cfnlint.rules` stands for all modules in it."""


# On macOS, its own libraries may abort a process that was forked without exec.
IS_SUPPORTED = sys.platform == "linux"


class Server:
    """The process that forks the runs of a program."""

    def __init__(self, program: str) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, __file__, program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        atexit.register(self.stop)

    def stop(self) -> None:
        """Ends the process."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: str, seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Runs the program. Does not check its exit code."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin and stdout
        with self._lock, tempfile.TemporaryDirectory() as directory:
            files = [Path(directory, name) for name in ("stdout", "stderr")]
            request = {"arguments": [*arguments], "environment": {**environment}, "folder": folder}
            stdin.write(json.dumps({**request, "output": [*map(str, files)]}) + "\n")
            stdin.flush()
            if not select.select([stdout], [], [], seconds)[0]:
                os.killpg(self._process.pid, signal.SIGKILL)
                server.cache_clear()
                raise subprocess.TimeoutExpired([*arguments], seconds)
            code = int(stdout.readline())
            return subprocess.CompletedProcess([*arguments], code, *(file.read_text() for file in files))


@functools.cache
def server(program: str) -> Server:
    """The server of a program, which starts with its first run."""
    return Server(program)


def _preload(names: Sequence[str]) -> None:
    for name in names:
        module: Any = importlib.import_module(name)
        if name == "cfnlint.rules":
            for found in pkgutil.walk_packages(module.__path__, f"{name}."):
                importlib.import_module(found.name)


def _run(script: str, request: dict[str, Any], kept: Mapping[str, str]) -> None:
    """Runs the program in this process."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, file in enumerate(request["output"], start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.environ.clear()
    os.environ.update({**request["environment"], **kept})
    os.chdir(request["folder"])
    sys.argv = [script, *request["arguments"]]
    runpy.run_path(script, run_name="__main__")


def main(program: str) -> None:
    """Reads a request from each line of standard input. Writes the exit code of each run to standard output."""
    requests, codes = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    for descriptor in (requests.fileno(), codes.fileno()):
        os.set_inheritable(descriptor, False)
    script = str(VENV / program)
    # As if the program ran by itself.
    sys.path[0] = str(VENV)
    before = {**os.environ}
    _preload(MODULES[program])
    # Modules may set variables that their programs need, as awscli does.
    kept = {name: value for name, value in os.environ.items() if before.get(name) != value}
    # The collector need not look at the modules in each run.
    gc.freeze()
    for line in requests:
        child = os.fork()
        if child == 0:
            _run(script, json.loads(line), kept)
            break
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=codes, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
