"""Starts, invokes, observes and ends one process of a function."""

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from bench.cold.network import Aws, Invocation, RuntimeApi, event

_INIT_SECONDS = 60


@dataclass(frozen=True)
class Program:
    """The command of a system, and its environment."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


class Process:
    """A fresh process with a Runtime API of its own. It ends with the `with` block."""

    def __init__(self, program: Program, aws: Aws, wrapper: tuple[str, ...] = (), log: BinaryIO | None = None) -> None:
        self._aws = aws
        self.api = RuntimeApi()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "LANG": "en_US.UTF-8",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_SESSION_TOKEN": "bench",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING": f"https://localhost:{aws.scaling.port}",
            "AWS_ENDPOINT_URL_SAGEMAKER": f"https://localhost:{aws.sagemaker.port}",
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/bench",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]bench",
            **program.environment,
        }
        self._process = subprocess.Popen(
            [*wrapper, *program.command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log or subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.started = time.perf_counter()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self.api.close()

    @property
    def id(self) -> int:
        """The process id."""
        return self._process.pid

    def init(self) -> float:
        """Waits until the process polls for an event. Returns the time since its start."""
        return self.api.polled.get(timeout=_INIT_SECONDS) - self.started

    def create(self) -> Invocation:
        """Sends a plain Create. Fails unless it takes two calls and one answer, which is a success."""
        self._aws.take()
        invocation = self.api.invoke(event(self._aws.bucket.port))
        seen = self._aws.take()
        if not invocation.ok or len(seen.calls) != 2 or [b'"SUCCESS"' in put for put in seen.puts] != [True]:
            raise AssertionError(f"not a plain Create: {invocation} {seen}")
        return invocation

    def idle(self) -> None:
        """Waits until the process polls for the next event."""
        self.api.polled.get(timeout=_INIT_SECONDS)

    def cpu(self) -> float:
        """The CPU time of its threads in seconds, exact to the nanosecond."""
        tasks = Path(f"/proc/{self.id}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def status(self, name: str) -> int:
        """A number in `/proc/PID/status`."""
        lines = Path(f"/proc/{self.id}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
