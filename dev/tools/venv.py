"""Sets up `.venv` with the pinned tools of `make demo` or `make test`. Does nothing if they are installed.

Runs on the Python that the machine has, before anything is installed: standard library only, and syntax that an old
Python 3 still parses, so that it can say that it is too old.
"""

import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
OLDEST = (3, 10)
# The test tools include the demo's.
COVERED_BY = {"demo": ("demo", "test"), "test": ("test",)}


def requirements(name: str) -> str:
    """The file that pins a set of tools."""
    return os.path.join(ROOT, "dev", "tools", f"requirements-{name}.txt")


def fingerprint(name: str) -> str:
    """A hash of the pins of a set of tools and of the Python version."""
    with open(requirements(name), "rb") as pins:
        return hashlib.sha256(pins.read() + sys.version.encode()).hexdigest()


def stamp(name: str) -> str:
    """The file with the fingerprint of the installed tools."""
    return os.path.join(VENV, f"installed-{name}")


def is_installed(name: str) -> bool:
    """Whether the tools are completely installed, from the current pins."""
    try:
        with open(stamp(name)) as installed:
            return installed.read() == fingerprint(name) and os.path.exists(PYTHON)
    except OSError:
        return False


def create_venv() -> None:
    """Creates an empty virtual environment. If Python cannot, exits with advice."""
    shutil.rmtree(VENV, ignore_errors=True)
    if subprocess.run([sys.executable, "-m", "venv", VENV], check=False).returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit(f"error: {sys.executable} cannot make a virtual environment; on Debian: apt install python3-venv")


def install(name: str) -> bool:
    """Installs the tools with uv, or with pip if uv cannot. Returns whether it worked."""
    # --no-compile: Python compiles a module when a program imports it first, and most modules are never imported.
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile"]
    uv = [PYTHON, "-m", "uv", "pip", "install", "--quiet", "--python", PYTHON]
    # uv needs a tenth of pip's CPU time. It does not read pip's settings, such as the address of another package index.
    has_uv = run([*pip, "--only-binary=:all:", *pinned("uv")])
    return (has_uv and run([*uv, *pinned(name)])) or run([*pip, *pinned(name)])


def pinned(name: str) -> "list[str]":
    """The arguments that install a set of tools."""
    # --no-deps: the pins are complete, except for ziglang, which the demo does not need (see requirements-demo.in).
    return ["--no-deps", "--require-hashes", "--requirement", requirements(name)]


def run(command: "list[str]") -> bool:
    """Runs a command. Returns whether it was successful."""
    return subprocess.run(command, check=False).returncode == 0


def main() -> None:
    """Installs the set of tools that the first argument names."""
    name = sys.argv[1]
    if sys.version_info < OLDEST:
        version = ".".join(map(str, sys.version_info[:2]))
        sys.exit(f"error: {sys.executable} is Python {version}; 3.10 or newer is needed: make PYTHON=python3.12 {name}")
    if any(is_installed(covering) for covering in COVERED_BY[name]):
        return
    print(f"Installing the tools of `make {name}` into .venv, once: about a minute.", file=sys.stderr)
    create_venv()
    if not install(name):
        sys.exit("error: the tools could not be installed; the first set-up needs a package index of Python")
    with open(stamp(name), "w") as installed:
        installed.write(fingerprint(name))


if __name__ == "__main__":
    main()
