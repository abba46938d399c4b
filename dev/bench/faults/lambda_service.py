"""Simulates Lambda: runs functions behind a Runtime API on loopback, and kills them at their time limit.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_INIT_SECONDS = 90
_ARN = "arn:aws:lambda:us-east-1:111122223333:function:"


@dataclass(frozen=True)
class End:
    """How an invocation ended."""

    how: str
    """`ok`, `error`, `killed` at the time limit, or `exit` if the process ended."""
    payload: bytes = b""
    """The result or the error."""


@dataclass(frozen=True)
class Program:
    """A function's code and configuration."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    seconds: float = 8


class Function:
    """A deployed function with one environment, which stays warm and is frozen between invocations."""

    def __init__(self, program: Program, environment: dict[str, str], log: Path) -> None:
        self._program = program
        self._environment = {**environment, **program.environment}
        self._log = log
        self._running: _Environment | None = None

    @property
    def arn(self) -> str:
        """The function's ARN."""
        return _ARN + self._program.name

    def invoke(self, event: bytes) -> End:
        """Invokes the function once, and waits for the end."""
        if self._running is None:
            self._running = _Environment(self._program, self._environment, self._log)
        end = self._running.invoke(event, self.arn, self._program.seconds)
        if end.how in ("killed", "exit"):
            self.close()
        return end

    def kill(self) -> None:
        """Kills the process in the middle of its work, as Lambda does when memory runs out."""
        if self._running:
            self._running.signal(signal.SIGKILL)

    def output(self) -> str:
        """The whole output of its processes."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def close(self) -> None:
        """Ends the environment."""
        if self._running:
            self._running.close()
            self._running = None


class _Environment:
    """One process and its Runtime API."""

    def __init__(self, program: Program, environment: dict[str, str], log: Path) -> None:
        self._events: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        self._ends: queue.Queue[End] = queue.Queue()
        self._ready = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._api())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        function = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": program.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{program.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"2026/01/01/[$LATEST]{uuid.uuid4().hex}",
        }
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment, **function},
                start_new_session=True,
            )

    def invoke(self, event: bytes, arn: str, seconds: float) -> End:
        self.signal(signal.SIGCONT)
        if not self._wait_until_ready():
            return End("exit", b"the process did not start")
        deadline = time.time() + seconds
        self._events.put(
            (
                {
                    "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
                    "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": arn,
                    "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
                },
                event,
            )
        )
        end = self._wait_for_end(deadline)
        self.signal(signal.SIGSTOP)
        return end

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def close(self) -> None:
        self.signal(signal.SIGKILL)
        self._process.wait()
        self._server.shutdown()
        self._server.server_close()

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + _INIT_SECONDS
        while not self._ready.wait(0.05):
            if self._process.poll() is not None or time.monotonic() > deadline:
                return False
        return True

    def _wait_for_end(self, deadline: float) -> End:
        while True:
            try:
                return self._ends.get(timeout=0.02)
            except queue.Empty:
                if self._process.poll() is not None:
                    return End("exit")
                if time.time() > deadline:
                    return End("killed")

    def _api(self) -> type[BaseHTTPRequestHandler]:
        environment = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                environment._ready.set()
                headers, event = environment._events.get()
                environment._ready.clear()
                self._reply(200, headers, event)

            def do_POST(self) -> None:
                payload = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if not self.headers.get("Content-Length"):
                    payload = self._chunks()
                environment._ends.put(End("ok" if self.path.endswith("/response") else "error", payload))
                self._reply(202, {}, b"")

            def _chunks(self) -> bytes:
                chunks = b""
                while size := int(self.rfile.readline() or b"0", 16):
                    chunks += self.rfile.read(size)
                    self.rfile.readline()
                return chunks

            def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Does not log requests."""

        return Handler


def error_payload(end: End) -> bytes:
    """Lambda's reply to the invocation of a function that failed."""
    messages = {"killed": "Task timed out", "exit": "Error: Runtime exited with error: signal: killed"}
    if end.how == "error":
        return end.payload
    return json.dumps({"errorType": "Runtime.ExitError", "errorMessage": messages[end.how]}).encode()
