"""Makes a certificate for `localhost`, and the authority behind it, with the openssl command."""

import ssl
import subprocess
from pathlib import Path

_AUTHORITY = """
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
"""
_SERVER = """
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
extendedKeyUsage = serverAuth
"""


def make(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """Returns the authority's certificate, which clients trust, and the TLS context of a server."""
    _make(directory, "authority", _AUTHORITY, [])
    _make(directory, "server", _SERVER, ["-CA", "authority.pem", "-CAkey", "authority.key"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(directory / "server.pem", directory / "server.key")
    return directory / "authority.pem", tls


def _make(directory: Path, name: str, extensions: str, signed_by: list[str]) -> None:
    (directory / f"{name}.ext").write_text(extensions)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-subj", f"/CN={'localhost' if signed_by else 'bench authority'}"]
    _openssl(directory, ["req", *curve, *subject, "-keyout", f"{name}.key", "-out", f"{name}.csr"])
    signed_by = signed_by or ["-signkey", f"{name}.key"]
    _openssl(
        directory,
        [
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            "-days",
            "2",
            "-set_serial",
            str(len(name)),
            *signed_by,
            "-extfile",
            f"{name}.ext",
            "-out",
            f"{name}.pem",
        ],
    )


def _openssl(directory: Path, arguments: list[str]) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)
