"""Starts the processes of the demo and the tests on loopback ports, and stops them in any case."""

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from demo.environment import ACCOUNT, REGION, ROOT, VENV, inherited

_START_SECONDS = 60
_STOP_SECONDS = 15
_ATTEMPTS = 3
_GUARD = ROOT / "local" / "demo" / "guard.py"
_LOCAL_AWS_GREETING = "local AWS: "


class StageError(Exception):
    """A process did not start. The message ends with its output."""


class CallError(StageError):
    """A service refused a call."""

    def __init__(self, target: str, body: str) -> None:
        super().__init__(f"{target}: {body}")
        self._body = body

    def fault(self) -> dict[str, str]:
        """Its `__type` and `message`."""
        fault: dict[str, str] = json.loads(self._body)
        return fault


class LocalAws:
    """A server of AWS's JSON protocol that needs no signatures."""

    def __init__(self, url: str) -> None:
        self.url = url

    def call(self, target: str, **members: Any) -> Any:
        """Calls an operation, such as `SageMaker.DescribeEndpoint`; those of `LocalAws` control the local AWS."""
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
        try:
            with urlopen(Request(self.url, json.dumps(members).encode(), headers), timeout=10) as reply:
                return json.load(reply)
        except HTTPError as error:
            raise CallError(target, error.read().decode()) from error

    def calls(self) -> list[dict[str, Any]]:
        """Every service call so far, with its input and outcome."""
        calls: list[dict[str, Any]] = self.call("LocalAws.Calls")["Calls"]
        return calls

    def environment(self) -> dict[str, str]:
        """The environment in which an AWS SDK or the AWS CLI calls this server."""
        return {
            "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING": self.url,
            "AWS_ENDPOINT_URL_CLOUDFORMATION": self.url,
            "AWS_ENDPOINT_URL_SAGEMAKER": self.url,
            "AWS_ENDPOINT_URL_SSM": self.url,
        }


class Stage:
    """The running processes. They end with the `with` block, and with this process."""

    def __init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="sagemaker-scaling-")
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.directory = Path(self._scratch.name)
        self.record = self.directory / "cloudformation.jsonl"

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends every process and removes its files."""
        for _, process in self._running:
            assert process.stdin
            process.stdin.close()
        while self._running:
            _, process = self._running.pop()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._scratch.cleanup()

    def processes(self) -> list[int]:
        """The ids of the processes that were started here and not stopped yet."""
        return [process.pid for _, process in self._running]

    def local_aws(self, program: Path, listen: str = "127.0.0.1:0") -> LocalAws:
        """Starts the local AWS."""
        command = [str(program), "--listen", listen, "--until-stdin-closes", "--region", REGION, "--account", ACCOUNT]
        process = self._start("local-aws", command, {})
        log = self._log("local-aws")
        self._wait("local-aws", process, lambda: "\n" in log.read_text())
        return LocalAws(log.read_text().splitlines()[0].removeprefix(_LOCAL_AWS_GREETING))

    def ministack(self, environment: dict[str, str]) -> str:
        """Starts MiniStack, whose functions see `environment`; returns its URL."""
        command = [sys.executable, str(ROOT / "local" / "demo" / "ministack_tap.py"), str(self.record)]
        port = self._start_on_free_port(
            "ministack",
            lambda _: command,
            lambda port: {
                **environment,
                # The function invokes itself to continue a request.
                "AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{port}",
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "MINISTACK_HOST": "127.0.0.1",
                "MINISTACK_ACCOUNT_ID": ACCOUNT,
                "MINISTACK_REGION": REGION,
                # Only these of its services: others would listen on fixed ports.
                "SERVICES": "cloudformation,cloudwatch,events,iam,lambda,logs,s3,sns,sqs,ssm,sts",
                "IOT_MTLS_ENABLED": "0",
                "SFTP_ENABLED": "0",
            },
            "_ministack/health",
        )
        return f"http://127.0.0.1:{port}"

    def moto(self) -> LocalAws:
        """Starts moto's server: an independent model of Application Auto Scaling and SageMaker."""

        def command(port: int) -> list[str]:
            return [str(VENV / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]

        port = self._start_on_free_port("moto", command, lambda _: {}, "moto-api/data.json")
        return LocalAws(f"http://127.0.0.1:{port}")

    def server(self, name: str, command: Callable[[int], list[str]]) -> str:
        """Starts a server with the command for a port. Returns its URL."""
        port = self._start_on_free_port(name, command, lambda _: {}, None)
        return f"http://127.0.0.1:{port}"

    def cargo_lambda_watch(self, environment: dict[str, str], port: int | None = None) -> int:
        """Starts `cargo lambda watch`; returns its port. The function starts with the first request."""

        def command(port: int) -> list[str]:
            program = [str(VENV / "cargo-lambda"), "lambda", "watch"]
            return [*program, "-A", "127.0.0.1", "-P", str(port), "--ignore-changes"]

        if port is None:
            return self._start_on_free_port("cargo-lambda", command, lambda _: environment, None)
        process = self._start("cargo-lambda", _guarded(command(port)), environment)
        self._wait("cargo-lambda", process, lambda: _listens(port, None))
        return port

    def log(self, name: str) -> str:
        """The output of a process so far."""
        return self._log(name).read_text(errors="replace")

    def end_of_any(self) -> str | None:
        """The name of a process that has ended by itself, or None."""
        return next((name for name, process in self._running if process.poll() is not None), None)

    def _start_on_free_port(
        self,
        name: str,
        command: Callable[[int], list[str]],
        environment: Callable[[int], dict[str, str]],
        health: str | None,
    ) -> int:
        """Starts a process on a free port. If another program takes the port first, tries another one."""
        for attempt in range(1, _ATTEMPTS + 1):
            port = free_port()
            process = self._start(name, _guarded(command(port)), environment(port))
            try:
                self._wait(name, process, lambda port=port: _listens(port, health))  # type: ignore[misc]
                return port
            except StageError:
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _start(self, name: str, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with self._log(name).open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=inherited({"PYTHONPATH": str(ROOT / "local"), "TMPDIR": str(self.directory), **environment}),
                # A Ctrl-C in the terminal reaches this process only, which then stops the others in order.
                start_new_session=True,
            )
        self._running.append((name, process))
        return process

    def _wait(self, name: str, process: subprocess.Popen[bytes], is_up: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not is_up():
            if process.poll() is not None or time.monotonic() > deadline:
                what = "took too long to start" if process.poll() is None else f"ended with code {process.returncode}"
                raise StageError(f"{name} {what}; the end of its log:\n{self.log(name)[-2000:]}")
            time.sleep(0.05)

    def _log(self, name: str) -> Path:
        return self.directory / f"{name}.log"


def cargo_lambda_invoke(port: int, file: Path) -> list[str]:
    """The command that sends the request in a file to the function under `cargo lambda watch`."""
    program = [str(VENV / "cargo-lambda"), "lambda", "invoke", "bootstrap"]
    return [*program, "-A", "127.0.0.1", "-P", str(port), "--data-file", str(file)]


def free_port() -> int:
    """A loopback port that is free at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _guarded(command: list[str]) -> list[str]:
    """The command, which ends when standard input closes."""
    return [sys.executable, str(_GUARD), *command]


def _listens(port: int, health: str | None) -> bool:
    """Whether a server accepts connections, and answers at its health path if it has one."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            pass
        if health:
            urlopen(f"http://127.0.0.1:{port}/{health}", timeout=5).close()
        return True
    except (URLError, OSError):
        return False
