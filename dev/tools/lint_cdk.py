"""Synthesises the CDK apps of examples/, and checks their templates with cfn-lint and the rule of this repository."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from demo.environment import ROOT, inherited

EXAMPLES = ROOT / "examples"
TEMPLATE = Path("cdk.out", "scaled-endpoint.template.json")


def run(folder: Path, *command: str | Path, **variables: str) -> None:
    """Runs a command in a folder, with these variables."""
    environment = inherited({"JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1", **variables})
    subprocess.run(command, cwd=folder, env=environment, check=True)


def synthesise(folder: Path, *app: str | Path) -> None:
    """Runs an app, which writes its templates to cdk.out in the folder."""
    run(folder, *app, CDK_OUTDIR="cdk.out")


def install_python(folder: Path) -> Path:
    """Installs the requirements of a folder into its own virtual environment. Returns the Python in it."""
    python = folder / ".venv/bin/python"
    if not python.exists():
        run(folder, sys.executable, "-m", "venv", ".venv")
    run(folder, python, "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", "requirements.txt")
    return python


def lint(templates: Iterable[Path]) -> None:
    """Checks templates with cfn-lint and the rules of this repository. Any finding fails."""
    rules = ["--include-checks", "I", "--append-rules", "schema/rules"]
    run(ROOT, ROOT / ".venv/bin/cfn-lint", *rules, "--template", *templates)


def main() -> None:
    """Synthesises both apps, compares their templates, and checks them."""
    in_typescript, in_python = EXAMPLES / "cdk-typescript", EXAMPLES / "cdk-python"
    run(in_typescript, "npm", "ci", "--silent", "--no-audit", "--no-fund")
    synthesise(in_typescript, "npm", "run", "--silent", "synth")
    synthesise(in_python, install_python(in_python), "app.py")

    templates = [folder / TEMPLATE for folder in (in_typescript, in_python)]
    if templates[0].read_text() != templates[1].read_text():
        sys.exit("The two apps do not make the same template.")
    lint(templates)
    print("The two apps make the same template, and it passes the checks.")


if __name__ == "__main__":
    main()
