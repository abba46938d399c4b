"""Simulates Lambda for a crowd: starts processes, waits until each has polled, and sends each a Create at once."""

import asyncio
import contextlib
import json
import os
import signal
import ssl
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.faults.systems import System
from bench.scale.http_server import Reply, Request, listen
from bench.scale.services import Limit, Services

LIMIT_SECONDS = 900
_INIT_SECONDS = 300
_STACK = "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/6f0a6b50-c84e-11f0-9c1a-0e4f5c8d2b11"
_ARN = "arn:aws:lambda:us-east-1:111122223333:function:scaling"


@dataclass(frozen=True)
class Outcome:
    """The result of a crowd."""

    size: int
    succeeded: int
    """Creates that were answered with SUCCESS and whose targets are registered."""
    seconds: float
    """The time from the events to the last answer."""
    api: Limit
    cloudformation: Limit
    reasons: list[str]
    """The reasons of the failed Creates."""


@dataclass
class _Lambda:
    """The Runtime API of all processes, and the receiver of answers."""

    polls: list[asyncio.Future[int]] = field(default_factory=list)
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    last_answer: float = 0.0
    events: list[bytes] = field(default_factory=list)
    deadline: float = 0.0

    async def serve_runtime(self, request: Request) -> Reply:
        parts = request.path.strip("/").split("/")
        if parts[-1] == "next":
            poll: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            self.polls.append(poll)
            number = await poll
            headers = {
                "Lambda-Runtime-Aws-Request-Id": f"{uuid.UUID(int=number)}",
                "Lambda-Runtime-Deadline-Ms": str(int(self.deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": _ARN,
                "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
            }
            return Reply(200, self.events[number], headers)
        self.ended.add(uuid.UUID(parts[-2]).int)
        return Reply(202)

    async def serve_answers(self, request: Request) -> Reply:
        self.answers[int(request.path.partition("?")[0].rpartition("/")[2])] = json.loads(request.body)
        self.last_answer = time.monotonic()
        return Reply()


def play(system: System, copies: int, size: int, tls: tuple[Path, ssl.SSLContext]) -> Outcome:
    """Runs a crowd of this size. A process forks itself into this many copies, each of which serves one Create."""
    return asyncio.run(_play(system, copies, size, tls))


async def _play(system: System, copies: int, size: int, tls: tuple[Path, ssl.SSLContext]) -> Outcome:
    authority, context = tls
    world, services = _Lambda(), Services()
    async with (
        listen(world.serve_runtime) as runtime_api,
        listen(services.serve) as aws,
        listen(world.serve_answers, context) as answers,
    ):
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws}",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime_api}",
            "AWS_LAMBDA_FUNCTION_NAME": "scaling",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/scaling",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0",
            "SSL_CERT_FILE": str(authority),
        }
        with _processes(system, copies, size, environment):
            await _until(lambda: len(world.polls) == size, _INIT_SECONDS, "not every process polls")
            world.events = [_create(system, number, answers) for number in range(size)]
            world.deadline = time.time() + LIMIT_SECONDS
            release = services.began = time.monotonic()
            for number, poll in enumerate(list(world.polls)):
                poll.set_result(number)
            await _until(lambda: len(world.ended) == size, LIMIT_SECONDS, "")
        succeeded = [number for number, answer in world.answers.items() if answer["Status"] == "SUCCESS"]
        if not all(f"endpoint/prod-{number}/variant/blue" in services.registered for number in succeeded):
            raise AssertionError(f"{system.name}: a success without a registration")
        return Outcome(
            size=size,
            succeeded=len(succeeded),
            seconds=world.last_answer - release,
            api=services.api,
            cloudformation=services.cloudformation,
            reasons=[answer["Reason"] for answer in world.answers.values() if answer["Status"] != "SUCCESS"],
        )


@contextlib.contextmanager
def _processes(system: System, copies: int, size: int, environment: dict[str, str]) -> Iterator[None]:
    running: list[subprocess.Popen[bytes]] = []
    try:
        for first in range(0, size, copies):
            command = [*system.function.command, *([str(min(copies, size - first))] if copies > 1 else [])]
            running.append(
                subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**environment, **system.function.environment},
                    start_new_session=True,
                )
            )
        yield
    finally:
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


async def _until(holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Waits for a condition. If it does not hold in time, fails with the message, or returns if that is empty."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            if otherwise:
                raise AssertionError(otherwise)
            return
        await asyncio.sleep(0.05)


def _create(system: System, number: int, port: int) -> bytes:
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return json.dumps(
        {
            "RequestType": "Create",
            "ServiceToken": "token",
            "ResponseURL": f"https://localhost:{port}/answers/{number}"
            f"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={now}&X-Amz-Expires=7200&X-Amz-Signature=0",
            "StackId": _STACK,
            "RequestId": f"{uuid.UUID(int=number)}",
            "LogicalResourceId": f"Scaling{number}",
            "ResourceType": system.resource_type,
            "ResourceProperties": system.properties("blue", "1", "4", f"prod-{number}"),
        }
    ).encode()
