"""How the tests run `make conformance`: in this process, or as a process of its own, with a proxy in front of AWS."""

import contextlib
import io
import subprocess
import sys
import unittest
from collections.abc import Mapping
from typing import Any

from conformance.__main__ import CI_VARIABLES, main
from demo.environment import ROOT, inherited
from demo.stage import LocalAws
from demo.stage import Stage as Processes
from lying_proxy import LyingProxy
from support import programs

OUTSIDE_CI = dict.fromkeys(CI_VARIABLES, "")
"""An environment that is not one of CI, wherever the tests run."""


def run_main(*arguments: str) -> tuple[int, str]:
    """Runs the command in this process. Returns its exit code and output."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = main(arguments)
    return code, output.getvalue()


def start(*arguments: str, environment: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """Starts a run as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "conformance", "run", *arguments],
        cwd=ROOT,
        env=inherited(environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


class ProxiedTestCase(unittest.TestCase):
    """Tests on one local AWS behind a proxy."""

    aws: LocalAws
    proxy: LyingProxy

    @classmethod
    def setUpClass(cls) -> None:
        """Starts the local AWS and the proxy."""
        processes = cls.entered(Processes())
        cls.aws = processes.local_aws(programs().local_aws)
        cls.proxy = cls.entered(LyingProxy(cls.aws.url))

    @classmethod
    def entered(cls, context: Any) -> Any:
        """Enters a context for the time of the class."""
        value = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        return value

    def enter(self, context: Any) -> Any:
        """Enters a context for the time of the test."""
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def setUp(self) -> None:
        """Empties the local AWS, and lets the proxy forget."""
        self.aws.call("LocalAws.Reset")
        self.proxy.forget()
