"""Builds and installs the measured systems, each once, at pinned versions."""

import hashlib
import io
import json
import re
import shutil
import ssl
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from bench.cold.process import Program
from bench.faults.peers import install_node, install_python
from demo.environment import ROOT, inherited

HERE = Path(__file__).resolve().parent
_BENCH = HERE.parent
_INSTALLED = HERE / ".peers"
_RUNNERS = _BENCH / "faults" / "runners"


@dataclass(frozen=True)
class System:
    """One row."""

    name: str
    title: str
    program: Program
    binary: int | None
    """The bytes of the executable, or None for an interpreted program."""
    package: int
    """The bytes of the deployed zip."""


def systems(authority: Path, directory: Path) -> list[System]:
    """All rows, from the least to the most. They trust `authority`, as they trust the system's roots in Lambda."""
    for tool in ("cargo", "node", "npm", "openssl"):
        if not shutil.which(tool):
            sys.exit(f"error: {tool} is needed to run the systems")
    project = _cargo(ROOT, "--bin", "bootstrap")
    floor = _cargo(_BENCH / "floor")
    naive = _cargo(_BENCH / "naive")
    # The variable affects aws-lc-sys's build script, so this build has a target of its own.
    no_jitter = _cargo(
        _BENCH / "naive", "--target-dir", "target/no-jitter", environment={"AWS_LC_SYS_NO_JITTER_ENTROPY": "1"}
    )
    _install()
    versions = _versions()
    # Systems with built-in roots read one root only. The others read as many as the machine has.
    one = {"SSL_CERT_FILE": str(authority)}
    all_roots = directory / "roots.pem"
    all_roots.write_bytes(_system_roots() + authority.read_bytes())
    many = {"SSL_CERT_FILE": str(all_roots), "AWS_CA_BUNDLE": str(all_roots)}
    python = str(_INSTALLED / "venv" / "bin" / "python")
    crhelper = HERE / "handlers" / "crhelper_handler.py"
    bundle = _INSTALLED / "node" / "bundle.js"
    return [
        _executable("floor", floor, one, directory, "floor: no SDK"),
        _executable("this project", project, one, directory),
        _executable("naive, no jitter", no_jitter, many, directory, "naive Rust, no jitter entropy"),
        _executable("naive", naive, many, directory, "naive Rust"),
        System(
            "Node",
            f"Node.js {versions['node']}, AWS SDK {versions['sdk']}, bundled",
            Program(
                ["node", str(_RUNNERS / "run.js"), str(bundle), "handler"], {"NODE_EXTRA_CA_CERTS": str(authority)}
            ),
            None,
            _zipped({"index.js": bundle}),
        ),
        System(
            "Python",
            f"Python {versions['python']}, crhelper {versions['crhelper']}, boto3 {versions['boto3']}",
            Program([python, str(_RUNNERS / "run.py"), str(crhelper), "handler"], many),
            None,
            _zipped({"index.py": crhelper, **_crhelper()}),
        ),
    ]


def earlier(file: Path, authority: Path, directory: Path) -> System:
    """The row of an earlier build of the function."""
    return _executable("earlier build", file, {"SSL_CERT_FILE": str(authority)}, directory)


def _executable(name: str, file: Path, environment: dict[str, str], directory: Path, title: str = "") -> System:
    # A copy: how a file was written decides how it is in the page cache, and that takes up to 0.3 ms of a start.
    program = shutil.copy(file, directory / name.replace(" ", "-"))
    size, package = file.stat().st_size, _zipped({"bootstrap": file})
    return System(name, title or name, Program([str(program)], environment), size, package)


def _zipped(files: dict[str, Path]) -> int:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, file in files.items():
            archive.write(file, name)
    return len(package.getvalue())


def _cargo(crate: Path, *arguments: str, environment: dict[str, str] | None = None) -> Path:
    command = ["cargo", "build", "--release", "--locked", *arguments, "--message-format=json-render-diagnostics"]
    built = subprocess.run(command, cwd=crate, env=inherited(environment or {}), stdout=subprocess.PIPE, check=False)
    if built.returncode != 0:
        sys.exit(built.returncode)  # cargo has printed the error
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    [executable] = [message["executable"] for message in messages if message.get("executable")]
    return Path(executable)


def _install() -> None:
    pins = [
        HERE / "node" / "package-lock.json",
        _BENCH / "faults" / "requirements.txt",
        HERE / "handlers" / "handler.mjs",
    ]
    fingerprint = hashlib.sha256(sys.version.encode() + b"".join(file.read_bytes() for file in pins)).hexdigest()
    stamp = _INSTALLED / "installed"
    if stamp.exists() and stamp.read_text() == fingerprint:
        return
    print("Installing the peers into dev/bench/cold/.peers, once.", flush=True)
    shutil.rmtree(_INSTALLED, ignore_errors=True)
    node = _INSTALLED / "node"
    install_node(HERE / "node", node)
    install_python(_INSTALLED / "venv")
    shutil.copy(HERE / "handlers" / "handler.mjs", node)
    options = ["--bundle", "--minify", "--platform=node", "--target=node20", "--format=cjs", "--log-level=error"]
    esbuild = node / "node_modules" / ".bin" / "esbuild"
    subprocess.run([esbuild, "handler.mjs", *options, "--outfile=bundle.js"], cwd=node, check=True)
    stamp.write_text(fingerprint)


def _crhelper() -> dict[str, Path]:
    """The files of crhelper; boto3 comes with Lambda's runtime."""
    [package] = (_INSTALLED / "venv").glob("lib/python*/site-packages/crhelper")
    return {f"crhelper/{file.name}": file for file in package.glob("*.py")}


def _system_roots() -> bytes:
    file = ssl.get_default_verify_paths().cafile or ssl.get_default_verify_paths().openssl_cafile
    return Path(file).read_bytes()


def _versions() -> dict[str, str]:
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", (_BENCH / "faults" / "requirements.txt").read_text(), re.MULTILINE))
    packages = json.loads((HERE / "node" / "package.json").read_text())["dependencies"]
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return {
        "node": node.strip().lstrip("v"),
        "sdk": packages["@aws-sdk/client-sagemaker"],
        "python": ".".join(map(str, sys.version_info[:3])),
        **{name: pins[name] for name in ("crhelper", "boto3")},
    }
