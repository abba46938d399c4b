"""Installs the peers at their pinned versions, into `.peers`, once; and builds the typed handler."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from demo.environment import ROOT

HERE = Path(__file__).resolve().parent
_PEERS = HERE / ".peers"
_PYTHON = _PEERS / "venv" / "bin" / "python"
_NODE = _PEERS / "node"
_PINS = ("requirements.txt", "package.json", "package-lock.json")


@dataclass(frozen=True)
class Peers:
    """The installed versions, and their folder."""

    python: Path
    node_modules: Path
    typed: Path
    crhelper: str
    cfn_handler: str
    boto3: str
    aws_cdk: str
    aws_sdk: str
    lambda_runtime: str
    aws_lambda_events: str


def install() -> Peers:
    """Installs what is missing. If that fails, exits with advice."""
    for tool in ("node", "npm", "openssl", "cargo"):
        if not shutil.which(tool):
            sys.exit(f"error: {tool} is needed to run the peers")
    if not _is_installed():
        print("Installing the peers into dev/bench/faults/.peers, once.", flush=True)
        shutil.rmtree(_PEERS, ignore_errors=True)
        install_python(_PEERS / "venv")
        install_node(HERE, _NODE)
        _stamp().write_text(_fingerprint())
    node = json.loads((HERE / "package.json").read_text())["dependencies"]
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", (HERE / "requirements.txt").read_text(), re.MULTILINE))
    lock = (HERE / "typed" / "Cargo.lock").read_text()
    crates = dict(re.findall(r'^name = "(.+)"\nversion = "(.+)"$', lock, re.MULTILINE))
    return Peers(
        python=_PYTHON,
        node_modules=_NODE / "node_modules",
        typed=_build_typed(),
        crhelper=pins["crhelper"],
        cfn_handler=pins["cfn-handler"],
        boto3=pins["boto3"],
        aws_cdk=node["aws-cdk-lib"],
        aws_sdk=node["@aws-sdk/client-application-auto-scaling"],
        lambda_runtime=crates["lambda_runtime"],
        aws_lambda_events=crates["aws_lambda_events"],
    )


def install_python(venv: Path) -> None:
    """Installs the peers in Python and boto3 into a virtual environment of their own."""
    _run([sys.executable, "-m", "venv", str(venv)], HERE)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    _run([*pip, "--no-deps", "--require-hashes", "--requirement", str(HERE / "requirements.txt")], HERE)


def install_node(source: Path, target: Path) -> None:
    """Installs the packages that a lock file names."""
    target.mkdir(parents=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(source / name, target)
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], target)


def _build_typed() -> Path:
    """Builds the typed handler into the project's `target`, so that common crates are built once."""
    command = ["cargo", "build", "--locked", "--target-dir", str(ROOT / "target")]
    command.append("--message-format=json-render-diagnostics")
    built = subprocess.run(command, cwd=HERE / "typed", stdout=subprocess.PIPE, check=False)
    if built.returncode != 0:
        sys.exit(built.returncode)  # cargo has printed the error
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    [executable] = [message["executable"] for message in messages if message.get("executable")]
    return Path(executable)


def _run(command: list[str], directory: Path) -> None:
    if subprocess.run(command, cwd=directory, check=False).returncode != 0:
        sys.exit(f"error: the peers could not be installed: {' '.join(command[:4])} failed")


def _fingerprint() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for name in _PINS:
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()


def _stamp() -> Path:
    return _PEERS / "installed"


def _is_installed() -> bool:
    return _stamp().exists() and _stamp().read_text() == _fingerprint() and _PYTHON.exists()
