"""Invokes the function with the AWS CLI: the deployed function, or the one that `make watch` runs."""

import json
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WATCH_PORT = 9000
"""The port of `cargo lambda watch` under `make watch`. A test compares it with that of `demo.watch`."""
_WATCHED = "bootstrap"
_ROOT = Path(__file__).resolve().parents[1]
_PYTHON = _ROOT / ".venv" / "bin" / "python"
_NO_FUNCTION = """\
name the function: FUNCTION=arn:aws:lambda:us-east-1:111122223333:function:NAME. Its ARN is the output ServiceToken
of its stack:
  aws cloudformation describe-stacks --stack-name sagemaker-scaling --query "Stacks[0].Outputs"
Or run `make watch` in another terminal, and leave out FUNCTION: the default is the function that it runs."""
_INSTALL_CLI = "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
_EARLIER = "If the function is an earlier version, which has no report and no repair, install this version."

Answer = dict[str, Any]


class FailedError(Exception):
    """There is no answer. The message says why, and what to do."""


@dataclass(frozen=True)
class Function:
    """A function, and how the AWS CLI reaches it."""

    name: str
    """Its name or ARN."""
    region: str = ""
    """Its Region. Empty stands for that of the user's settings."""
    cli: Sequence[str] = ("aws",)
    environment: Mapping[str, str] | None = None
    """The environment of the AWS CLI. `None` stands for that of this process: the user's own settings."""
    shown: Sequence[str] = ()
    """The variables of `make` that name it."""

    def ask(self, request: Mapping[str, Any]) -> Answer:
        """Sends a request and returns the answer. Fails if the answer is an error."""
        with tempfile.TemporaryDirectory() as folder:
            payload, out = Path(folder, "request.json"), Path(folder, "answer.json")
            payload.write_text(json.dumps(request))
            invoked = self._run([*self._command(), "--payload", f"fileb://{payload}", str(out)])
            body = out.read_text() if out.exists() else ""
        try:
            failed = "FunctionError" in json.loads(invoked)
            answer = json.loads(body)
        except (ValueError, TypeError):
            raise FailedError(f"the answer of {self.name} is not JSON: {_short(body or invoked)}. {_EARLIER}") from None
        if failed:
            reason = answer.get("errorMessage", answer) if isinstance(answer, dict) else answer
            raise FailedError(f"{self.name} failed: {_short(reason)}\nIts log says more. {_EARLIER}")
        if not isinstance(answer, dict):
            raise FailedError(f"{self.name} answered {_short(body)}, which is no report and no repair. {_EARLIER}")
        if "Error" in answer:
            raise FailedError(f"{self.name} answered with an error: {answer['Error']}")
        return answer

    def _command(self) -> list[str]:
        # The function may take as long as Lambda lets it, so the AWS CLI waits without a limit.
        command = [*self.cli, "lambda", "invoke", "--function-name", self.name, "--cli-read-timeout", "0"]
        return [*command, "--output", "json", *(["--region", self.region] if self.region else [])]

    def _run(self, command: list[str]) -> str:
        environment = dict(os.environ if self.environment is None else self.environment)
        try:
            done = subprocess.run(
                command, env={**environment, "AWS_PAGER": ""}, capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            missing = f"there is no AWS CLI: the program `aws` is not on your PATH. Install it: {_INSTALL_CLI}"
            raise FailedError(missing) from None
        if done.returncode != 0:
            raise FailedError(_advice(done.stderr, self))
        return done.stdout


def find(name: str, region: str) -> Function:
    """The function of that name or ARN. Without a name, the one that `make watch` runs."""
    if name:
        of_arn = re.match(r"arn:[^:]+:lambda:([^:]+):", name)
        shown = [f"FUNCTION={name}", *([f"REGION={region}"] if region else [])]
        return Function(name, region or (of_arn[1] if of_arn else ""), shown=shown)
    if region or not _is_watching():
        raise FailedError(_NO_FUNCTION)
    if not _PYTHON.exists():
        raise FailedError("`make watch` runs in another folder. Run it in this folder, or name a FUNCTION.")
    return watched()


def watched() -> Function:
    """The function that `make watch` runs."""
    # A local process gets no AWS settings of the user.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{WATCH_PORT}",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    # Not the script `aws`: its first line cannot name a Python whose path has a space.
    return Function(_WATCHED, "us-east-1", (str(_PYTHON), "-m", "awscli"), environment)


def _is_watching() -> bool:
    try:
        socket.create_connection(("127.0.0.1", WATCH_PORT), timeout=2).close()
    except OSError:
        return False
    return True


def _short(text: object) -> str:
    return str(text).strip()[:500] or "empty"


def _advice(error: str, function: Function) -> str:
    """What to do about a message of the AWS CLI, and the message."""
    said = f"\nThe AWS CLI says: {_short(error)}"
    return next((say(function) for part, say in _ADVICE if re.search(part, error)), "could not invoke it.") + said


_ADVICE: tuple[tuple[str, Callable[[Function], str]], ...] = (
    (
        "ResourceNotFoundException",
        lambda function: (
            f"there is no function {function.name} in {function.region or 'the Region of your settings'}. "
            "Correct FUNCTION or REGION: the output ServiceToken of the function's stack is its ARN."
        ),
    ),
    (
        "AccessDenied",
        lambda function: f"you may not invoke {function.name}: you need the permission lambda:InvokeFunction on it.",
    ),
    (
        "Unable to locate credentials|ExpiredToken|InvalidClientTokenId|UnrecognizedClient|SSO|[Tt]oken has expired",
        lambda function: "the AWS CLI has no valid credentials. Log in, or name a profile: AWS_PROFILE=...",
    ),
    ("specify a region", lambda function: "name the Region of the function: REGION=us-east-1"),
    ("config profile", lambda function: "the AWS CLI does not know the profile: correct AWS_PROFILE."),
    (
        "TooManyRequestsException",
        lambda function: f"all invocations that {function.name} may run at a time are in use. Ask again later.",
    ),
    (
        # The answer of `cargo lambda watch`, where Lambda answers with a FunctionError.
        r"error occurred \(500\)",
        lambda function: f"{function.name} failed; the terminal with `make watch` says why. {_EARLIER}",
    ),
    (
        "Could not connect|EndpointConnectionError|[Tt]imed? ?out|Connection was closed",
        lambda function: "the AWS CLI could not reach Lambda. Check REGION and the network.",
    ),
)
