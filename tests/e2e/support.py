"""Common parts of the end-to-end tests. The import isolates the process from the user's AWS settings."""

import contextlib
import datetime
import fcntl
import functools
import json
import re
import subprocess
import tempfile
import textwrap
import time
import unittest
from pathlib import Path
from typing import Any

import botocore.session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import preloaded
from demo import package
from demo.aws_cli import AwsCli, execute
from demo.environment import ROOT, VENV, inherited, isolate
from demo.receiver import Answer, Receiver
from demo.stacks import Settled
from demo.stage import LocalAws, Stage, cargo_lambda_invoke
from demo.world import World
from tools.package import HOST

EVENTS = ROOT / "events"
TEMPLATES = [ROOT / "template.yaml", *sorted((ROOT / "examples").glob("*.yaml"))]
README = ROOT / "README.md"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHELL = ("sh", "bash", "console", "shell")
_ANSWER_SECONDS = 180
_CHECK_SECONDS = 300
_BUILD_SECONDS = 1_500
_GONE_SECONDS = 15

isolate()
# All sessions of this process share the parsed service models.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)


@functools.cache
def programs() -> package.Programs:
    """The built programs."""
    return package.build()


def event(name: str) -> dict[str, Any]:
    """A request of events/."""
    request: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return request


def scratch(test: unittest.TestCase) -> Path:
    """A folder for the time of a test."""
    directory = tempfile.TemporaryDirectory()
    test.addCleanup(directory.cleanup)
    return Path(directory.name)


def run(
    command: list[str], environment: dict[str, str], seconds: int = _CHECK_SECONDS, folder: str | Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Runs a command. Does not check its exit code."""
    program, *arguments = command
    name = Path(program).name
    # `PYTHONPATH` would add modules to those that a server has imported.
    if (
        preloaded.IS_SUPPORTED
        and name in preloaded.MODULES
        and program == str(VENV / name)
        and "PYTHONPATH" not in environment
    ):
        return preloaded.server(name).run(arguments, inherited(environment), str(folder), seconds)
    return subprocess.run(
        command,
        cwd=folder,
        env=inherited(environment),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def runbook(title: str, meanings: dict[str, str], environment: dict[str, str], without: str | None = None) -> str:
    """Runs the commands of a section of docs/RUNBOOK.md, and returns their output.

    Replaces placeholders by their `meanings`. Skips blocks in which the pattern `without` is found.
    """
    part = section(ROOT / "docs" / "RUNBOOK.md", title)
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", part, re.MULTILINE | re.DOTALL)
    commands = "".join(textwrap.dedent(block) for block in blocks if without is None or not re.search(without, block))
    for word, meaning in meanings.items():
        commands = re.sub(rf"\b{word}\b", meaning, commands)
    with tempfile.TemporaryDirectory() as directory:
        done = run(["bash", "-euo", "pipefail", "-c", commands], environment, folder=directory)
        assert done.returncode == 0, f"{commands}\n{done.stderr}"
    return done.stdout


def preloaded_aws(
    arguments: list[str], environment: dict[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    """Runs the AWS CLI."""
    if not preloaded.IS_SUPPORTED:
        return execute(arguments, environment, seconds)
    return preloaded.server("aws").run(arguments, environment, str(ROOT), seconds)


def cfn_lint(template: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Checks a template with all rules of cfn-lint and of this repository."""
    rules = ["--include-checks", "I", "--append-rules", "schema/rules"]
    return run([str(VENV / "cfn-lint"), *rules, *options, "--template", str(template)], {})


def sam_validate(template: Path) -> subprocess.CompletedProcess[str]:
    """Validates a template with the SAM CLI."""
    return sam("validate", "--lint", "--template-file", str(template))


def sam(*arguments: str, seconds: int = 120, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the SAM CLI."""
    with tempfile.TemporaryDirectory() as settings:
        # With this file, the SAM CLI does not look for a newer version of itself.
        Path(settings, "metadata.json").write_text(json.dumps({"lastVersionCheck": time.time()}))
        return run([str(VENV / "sam"), *arguments], {"__SAM_CLI_APP_DIR": settings, **environment}, seconds)


@functools.cache
def release_build(name: str) -> Path:
    """The program of README's `sam build`, for this machine's architecture, in a folder for those who use this name."""
    # Not in .aws-sam, which may have a build that somebody wants to deploy.
    folder = ROOT / "target" / "sam" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    caches = ("CARGO_ZIGBUILD_CACHE_DIR", "ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")
    environment = dict.fromkeys(caches, str(ROOT / "target" / "zig"))
    arguments = ["--parameter-overrides", f"Architecture={HOST}", "--build-dir", str(folder)]
    with (folder.parent / "lock").open("w") as lock:
        # cargo-lambda puts the program into one folder for all builds.
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = sam("build", *arguments, seconds=_BUILD_SECONDS, **environment)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "Function" / "bootstrap"


def section(page: Path, title: str) -> str:
    """The text below a heading of a page, up to the next heading of its level."""
    return page.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(*languages: str, page: Path = README, title: str | None = None) -> list[str]:
    """The fenced blocks of a page, or of a section of it, in some languages. The default page is README."""
    text = section(page, title) if title else page.read_text()
    return [block for language, block in _BLOCK.findall(text) if language in languages]


def commands(page: Path = README) -> list[str]:
    """The shell commands of a page, each in one line."""
    return "".join(blocks(*_SHELL, page=page)).replace("\\\n", " ").splitlines()


def language_of_blocks() -> list[str]:
    """The language of each of README's fenced blocks."""
    return [language for language, _ in _BLOCK.findall(README.read_text())]


def advice(reason: str, page: Path = README, title: str = "When it fails") -> list[str]:
    """The advice for a reason in a table, which is README's if no other one is named.

    The first cell of a row quotes parts of reasons. In a quote, … stands for any text, a property for any property, and
    a found value for any value.
    """
    rows = re.findall(r"^\| (.*`.*) \| (.*) \|$", section(page, title), re.MULTILINE)
    return [
        what_to_do
        for cell, what_to_do in rows
        if any(re.search(_as_pattern(quoted), reason) for quoted in re.findall("`([^`]+)`", cell))
    ]


def _as_pattern(quoted: str) -> str:
    general = re.sub(r"^[\w\[\]…]+: (?=expected .*found|unknown)", "", quoted)
    parts = re.sub('found "[^"]*"', "found …", general).split("…")
    return ".*".join(re.escape(part.strip()) for part in parts)


def as_template(block: str) -> str:
    """A block as a template: unchanged if it is whole, otherwise as its resources."""
    return block if re.search("^Resources:", block, re.MULTILINE) else "Resources:\n" + textwrap.indent(block, "  ")


def write_certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = directory / "certificate.pem", directory / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, no_password))
    return certificate_file, key_file


def are_running(processes: list[int]) -> list[int]:
    """The processes that have not ended."""
    return [process for process in processes if Path(f"/proc/{process}/exe").exists() and not is_zombie(process)]


def is_zombie(process: int) -> bool:
    """Whether the process has ended, and its parent has not read its exit code."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def outlive(processes: list[int]) -> list[int]:
    """The processes that still run after a while."""
    deadline = time.monotonic() + _GONE_SECONDS
    while are_running(processes) and time.monotonic() < deadline:
        time.sleep(0.1)
    return are_running(processes)


class Function:
    """The function under `cargo lambda watch`, and the receiver of its answers."""

    def __init__(self, stage: Stage, receiver: Receiver, environment: dict[str, str]) -> None:
        programs()
        self._stage = stage
        self._receiver = receiver
        self._port = stage.cargo_lambda_watch(environment)

    def environment(self) -> dict[str, str]:
        """The environment in which the AWS CLI invokes the function, under the name `bootstrap`."""
        # cargo-lambda answers a failure as an internal error, which the AWS CLI would retry.
        return {"AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{self._port}", "AWS_MAX_ATTEMPTS": "1"}

    def send(self, name: str) -> tuple[str, Answer | None]:
        """Sends a file of events/ with `cargo lambda invoke`; returns the response URL's target, and the answer."""
        request = event(name)
        url = request["ResponseURL"].replace("127.0.0.1:9011", self._receiver.netloc)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({**request, "ResponseURL": url}, file)
            file.flush()
            invoked = subprocess.run(
                cargo_lambda_invoke(self._port, Path(file.name)),
                capture_output=True,
                text=True,
                timeout=_ANSWER_SECONDS,
                check=False,
            )
        assert invoked.returncode == 0, f"{name}: {invoked.stderr}\n{self._stage.log('cargo-lambda')[-2000:]}"
        target = url.partition(self._receiver.netloc)[2]
        return target, self._receiver.take(target, seconds=5)


class StackTestCase(unittest.TestCase):
    """Tests of the function on MiniStack, with one world for all tests of a class."""

    world: World
    deployed: Settled
    assumes = False

    @classmethod
    def setUpClass(cls) -> None:
        """Deploys the function."""
        world = World(programs(), assumes=cls.assumes)
        world.__enter__()
        cls.addClassCleanup(world.__exit__, None, None, None)
        world.cli = AwsCli(world.environment, preloaded_aws)
        cls.world = world
        cls.deployed = world.deploy_function()
        assert cls.deployed.status == "CREATE_COMPLETE", cls.deployed.failures()


class FunctionTestCase(unittest.TestCase):
    """Tests of the function under `cargo lambda watch`, with one AWS for all tests of a class."""

    aws: LocalAws
    function: Function

    @classmethod
    def setUpClass(cls) -> None:
        """Starts AWS, the receiver and the function."""
        resources = contextlib.ExitStack()
        cls.addClassCleanup(resources.close)
        stage = resources.enter_context(Stage())
        receiver = resources.enter_context(Receiver())
        cls.aws = cls.services(stage)
        cls.function = Function(stage, receiver, cls.aws.environment())

    @classmethod
    def services(cls, stage: Stage) -> LocalAws:
        """The AWS that the function calls."""
        return stage.local_aws(programs().local_aws)

    def on_stack(self, name: str, target: str) -> None:
        """Lets CloudFormation know the resource of a file's request, with the id of its target."""
        request = event(name)
        self.aws.call(
            "LocalAws.SetStackResource",
            StackId=request["StackId"],
            LogicalResourceId=request["LogicalResourceId"],
            ResourceType=request["ResourceType"],
            PhysicalResourceId=target,
        )

    def answer(self, name: str) -> dict[str, Any]:
        """Sends a file. Checks what every answer must have, and returns the answer."""
        request = event(name)
        target, answer = self.function.send(name)
        # The receiver found the answer by path and query, byte for byte.
        assert answer, f"no answer at {target}"
        self.assertEqual(answer.target, target)
        self.assertLessEqual(len(answer.body), 4_096)
        self.assertEqual(answer.headers["content-length"], str(len(answer.body)))
        self.assertNotIn("content-type", answer.headers)
        self.assertNotIn("transfer-encoding", answer.headers)
        body: dict[str, Any] = answer.json()
        for member in ("StackId", "RequestId", "LogicalResourceId"):
            self.assertEqual(body[member], request[member])
        self.assertTrue(body["PhysicalResourceId"])
        self.assertNotIn(request["ResponseURL"].partition("X-Amz-Signature=")[2], answer.body.decode())
        return body
