"""The answer over TLS, as in AWS."""

import datetime
import json
import ssl
import subprocess
import tempfile
import unittest
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from demo.environment import VENV
from demo.receiver import Receiver
from demo.stage import Stage
from support import event, programs


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


class Tls(unittest.TestCase):
    """The function's own TLS stack, through `cargo lambda watch`."""

    def test_the_answer_arrives_over_tls(self) -> None:
        programs()
        with tempfile.TemporaryDirectory() as directory, Stage() as stage, Receiver() as receiver:
            certificate, key = write_certificate(Path(directory))
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate, key)
            receiver.secure(tls)
            port = stage.cargo_lambda_watch({"SSL_CERT_FILE": str(certificate)})
            request = event("bad-misspelt-property")
            target = request["ResponseURL"].partition("127.0.0.1:9011")[2]
            request["ResponseURL"] = f"https://localhost:{receiver.netloc.rpartition(':')[2]}{target}"
            file = Path(directory, "event.json")
            file.write_text(json.dumps(request))
            subprocess.run(
                [
                    VENV / "cargo-lambda",
                    "lambda",
                    "invoke",
                    "bootstrap",
                    "-A",
                    "127.0.0.1",
                    "-P",
                    str(port),
                    "--data-file",
                    file,
                ],
                capture_output=True,
                timeout=90,
                check=True,
            )
            answer = receiver.take(target, seconds=5)
            assert answer, "no answer"
            self.assertIn("MaxCapcity", answer.json()["Reason"])


if __name__ == "__main__":
    unittest.main()
