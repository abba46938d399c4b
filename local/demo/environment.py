"""The environment of all processes of the demo and the tests: without the user's AWS settings, on loopback only."""

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv" / "bin"
ACCOUNT = "111122223333"
REGION = "us-east-1"

_FIXED = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_PAGER": "",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
    "PYTHONUNBUFFERED": "1",
    # Compiled modules, out of the source folders.
    "PYTHONPYCACHEPREFIX": str(ROOT / "target" / "pycache"),
    # A name that does not exist: with the real rustup, cargo-lambda would download a target.
    "RUSTUP": "no-rustup",
    "SAM_CLI_TELEMETRY": "0",
}
_DROPPED = ("AWS_", "SAM_", "MINISTACK_", "LAMBDA_", "MOTO_", "CARGO_LAMBDA_")


def isolate() -> None:
    """Removes the user's AWS settings from the environment of this process and its children, and sets local ones."""
    for name in list(os.environ):
        if name.startswith(_DROPPED):
            del os.environ[name]
    os.environ.update(_FIXED)
    os.environ["PATH"] = f"{VENV}{os.pathsep}{os.environ['PATH']}"


def inherited(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child process: that of this process, with these variables."""
    return {**os.environ, **variables}
