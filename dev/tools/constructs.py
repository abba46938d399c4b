"""Builds, tests and packs the CDK constructs of constructs/, and checks what they make in TypeScript and in Python."""

import os
import shutil
import sys
from pathlib import Path

from demo.environment import ROOT, VENV
from tools.lint_cdk import install_python, lint, run, synthesise
from tools.package import lay_out

FOLDER = ROOT / "constructs"
OUTPUT = FOLDER / "cdk.out"
PLAYED = OUTPUT / "endpoints.template.json"
MOVING = "moving-an-endpoint-into-scaledendpoint"
"""The section of README.md with two deployments. The names of their stacks end in 1 and 2."""


def templates_of(*app: str | Path) -> dict[str, str]:
    """The templates that an app makes, by the names of their files."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    synthesise(FOLDER, *app)
    return {file.name: file.read_text() for file in OUTPUT.glob("*.template.json")}


def play(template: Path, **variables: str) -> None:
    """Runs `make try`. Users who only build the library may have no Rust, which builds the function for it."""
    if shutil.which("cargo") or "CI" in os.environ:
        run(ROOT, VENV / "python", "-m", "demo.trying", template, **variables)
    else:
        print(f"There is no cargo, so {template.name} was not played.")


def main() -> None:
    """Tests the constructs, writes the packages to constructs/dist, and checks the app and README.md's examples."""
    for old in ("build", "dist"):
        shutil.rmtree(FOLDER / old, ignore_errors=True)
    run(FOLDER, "npm", "ci", "--silent", "--no-audit", "--no-fund")
    run(FOLDER, "npm", "run", "--silent", "build")
    # A placeholder, because a build of the function takes minutes.
    program = FOLDER / "build" / "bootstrap"
    program.write_bytes(b"\x7fELF GLIBC_2.34\0")
    lay_out(program, "arm64", FOLDER / "build" / "package")
    run(FOLDER, "npm", "test", "--silent")

    run(FOLDER, "npm", "run", "--silent", "package")
    python = install_python(FOLDER)
    pip = (python, "-m", "pip", "--disable-pip-version-check")
    build = "wheel --quiet --no-deps --no-build-isolation --wheel-dir dist/python dist/python"
    run(FOLDER, *pip, *build.split())
    [built] = (FOLDER / "dist" / "python").glob("*.whl")
    run(FOLDER, *pip, "install", "--quiet", "--no-deps", "--force-reinstall", built)

    in_python = templates_of(python, "test/readme_app.py")
    in_typescript = templates_of("node", "build/test/readme-app.js")
    if not in_python.items() <= in_typescript.items():
        sys.exit("error: the TypeScript and the Python example of constructs/README.md do not make the same template")
    lint(OUTPUT.glob("*.template.json"))
    before, after = (OUTPUT / f"{MOVING}-{number}.template.json" for number in (1, 2))
    play(after, TRY_BEFORE=str(before))

    if templates_of("node", "build/test/app.js") != templates_of(python, "test/app.py"):
        sys.exit("error: constructs/test/app.ts and app.py do not make the same templates")
    lint(OUTPUT.glob("*.template.json"))
    play(PLAYED)
    print("The apps make the same templates, which pass the checks. The packages are in constructs/dist.")


if __name__ == "__main__":
    main()
