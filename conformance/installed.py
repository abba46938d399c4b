"""The package of `make package`, for a stack with a name of its own: with the commands of README's "Install it"."""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tools.package import HOST

_NAME = f"sagemaker-scaling-{HOST}"
_SECONDS = 600


class PackageError(Exception):
    """There is no package that can be installed. The message says what to do."""


class Package:
    """A package for this machine's architecture, in a folder such as target/package. Checks its sum."""

    def __init__(self, folder: Path) -> None:
        self._archive = folder / f"{_NAME}.tar.gz"
        sum_file = folder / f"{_NAME}.tar.gz.sha256"
        for file in (self._archive, sum_file):
            if not file.is_file():
                raise PackageError(f"there is no {file}; run: make package")
        if sum_file.read_text().split()[0] != hashlib.sha256(self._archive.read_bytes()).hexdigest():
            raise PackageError(f"{self._archive} does not have the sum in {sum_file.name}; run: make package")

    def uploaded(self, bucket: str, region: str, local_url: str) -> str:
        """Uploads the function to a bucket with `aws cloudformation package`. Returns the template to deploy."""
        with tempfile.TemporaryDirectory() as directory:
            with tarfile.open(self._archive) as archive:
                for entry in archive:
                    content = archive.extractfile(entry)
                    assert content, entry.name
                    Path(directory, Path(entry.name).name).write_bytes(content.read())
            packaged = Path(directory, "packaged.yaml")
            command = [sys.executable, "-m", "awscli", "cloudformation", "package", "--region", region]
            command += ["--template-file", f"{directory}/template.yaml", "--s3-bucket", bucket]
            command += ["--output-template-file", str(packaged)]
            done = subprocess.run(
                command, env=_environment(local_url), capture_output=True, text=True, timeout=_SECONDS, check=False
            )
            if done.returncode != 0:
                raise PackageError(f"aws cloudformation package: {done.stderr.strip()}")
            return packaged.read_text()


def _environment(local_url: str) -> dict[str, str]:
    local = {"AWS_ENDPOINT_URL_S3": local_url, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    return {**os.environ, **(local if local_url else {})}
