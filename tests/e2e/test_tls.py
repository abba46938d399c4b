"""The answer over TLS, as in AWS."""

import json
import ssl
import subprocess
import tempfile
import unittest
from pathlib import Path

from demo.receiver import Receiver
from demo.stage import Stage, cargo_lambda_invoke
from support import event, programs, write_certificate


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
            subprocess.run(cargo_lambda_invoke(port, file), capture_output=True, timeout=90, check=True)
            answer = receiver.take(target, seconds=5)
            assert answer, "no answer"
            self.assertIn("MaxCapcity", answer.json()["Reason"])


if __name__ == "__main__":
    unittest.main()
