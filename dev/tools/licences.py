"""Writes target/THIRD-PARTY-LICENSES.txt: the licence and notice files of every crate in the function.

`cargo about` is not used: an unoptimised build of it takes minutes of CPU for this, and its output lacks the notices.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from demo.environment import ROOT

OUTPUT = ROOT / "target" / "THIRD-PARTY-LICENSES.txt"
_FUNCTION = "sagemaker-scaling"
_LICENCE_FILE_NAME = re.compile(r"(licen[cs]e|copying|notice|copyright|unlicense)", re.IGNORECASE)
_TARGETS = ("aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu")
APACHE = ROOT / "LICENSE"
# For crates that are published without a licence file.
_STANDARD_TEXTS = {"Apache-2.0": APACHE, "MIT": Path(__file__).with_name("licence-mit.txt")}


def crates() -> list[dict[str, Any]]:
    """The crates whose code is in the function, as `cargo metadata` describes them."""
    command = [
        "cargo",
        "tree",
        "--locked",
        "--package",
        _FUNCTION,
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
    ]
    listed = {
        line.split()[0] + " " + line.split()[1].removeprefix("v")
        for target in _TARGETS
        for line in _output_of([*command, "--no-dedupe", "--target", target]).splitlines()
    }
    packages = json.loads(_output_of(["cargo", "metadata", "--locked", "--format-version", "1"]))["packages"]
    found = [package for package in packages if f"{package['name']} {package['version']}" in listed]
    assert len(found) == len(listed), listed
    return [package for package in found if package["name"] != _FUNCTION]


def _output_of(command: list[str]) -> str:
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def texts(crate: dict[str, Any]) -> list[str]:
    """The licence and notice files of a crate. If it has none, the standard text of a licence in its manifest."""
    folder = Path(crate["manifest_path"]).parent
    files = sorted(file for file in folder.rglob("*") if file.is_file() and _LICENCE_FILE_NAME.match(file.name))
    if not files:
        standard = [
            _STANDARD_TEXTS[name] for name in re.findall(r"[\w.-]+", crate["license"]) if name in _STANDARD_TEXTS
        ]
        if not standard:
            sys.exit(
                f"error: crate {crate['name']} has no licence file; add the text of {crate['license']} to {__file__}"
            )
        files = standard[:1]
    return [file.read_text().strip() for file in files]


def page() -> str:
    """The texts, each with the crates that have it."""
    users: dict[str, list[str]] = defaultdict(list)
    for crate in crates():
        name = f"{crate['name']} {crate['version']}, {crate['license']}, {crate['repository']}"
        for text in texts(crate):
            users[text].append(name)
    parts = ["\n".join([*(f"* {name}" for name in names), "", text]) for text, names in users.items()]
    parts += [
        f"* Rust's standard library, MIT OR Apache-2.0, https://github.com/rust-lang/rust\n\n{APACHE.read_text()}"
    ]
    return f"\n\n{'=' * 80}\n\n".join(["The function contains these crates.", *parts]) + "\n"


def main() -> None:
    """Writes the file."""
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(page())


if __name__ == "__main__":
    main()
