"""Synthesises the CDK apps of examples/, and checks their templates with cfn-lint and the rule of this repository."""

import subprocess
import sys
from pathlib import Path

from demo.environment import ROOT, inherited

EXAMPLES = ROOT / "examples"
TEMPLATE = Path("cdk.out", "scaled-endpoint.template.json")


def run(folder: Path, *command: str | Path) -> None:
    """Runs a command in a folder, where it also writes its output."""
    environment = inherited({"CDK_OUTDIR": "cdk.out", "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1"})
    subprocess.run(command, cwd=folder, env=environment, check=True)


def main() -> None:
    """Synthesises both apps, compares their templates, and checks them."""
    in_typescript, in_python = EXAMPLES / "cdk-typescript", EXAMPLES / "cdk-python"
    run(in_typescript, "npm", "ci", "--silent", "--no-audit", "--no-fund")
    run(in_typescript, "npm", "run", "--silent", "synth")
    python = in_python / ".venv/bin/python"
    if not python.exists():
        run(in_python, sys.executable, "-m", "venv", ".venv")
    run(in_python, python, "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", "requirements.txt")
    run(in_python, python, "app.py")

    templates = [folder / TEMPLATE for folder in (in_typescript, in_python)]
    if templates[0].read_text() != templates[1].read_text():
        sys.exit("The two apps do not make the same template.")
    rules = ["--include-checks", "I", "--append-rules", "schema/rules"]
    run(ROOT, ROOT / ".venv/bin/cfn-lint", *rules, "--template", *templates)
    print("The two apps make the same template, and it passes the checks.")


if __name__ == "__main__":
    main()
