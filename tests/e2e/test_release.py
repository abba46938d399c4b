"""The release build: how large it is, and what a first request takes."""

import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import zlib
from collections.abc import Callable
from pathlib import Path

from demo.environment import ROOT
from test_tls import write_certificate

sys.path.append(str(ROOT / "bench" / "cold"))

from network import Aws, Server  # noqa: E402
from process import Process, Program  # noqa: E402

_BINARY = ROOT / "target" / "release" / "bootstrap"
_MIB = 2**20
# What it has, and a little more.
_LARGEST_BINARY, _LARGEST_PACKAGE = 5.5 * _MIB, 2.5 * _MIB
# The function's own, and those that look up names.
_MOST_THREADS = 3


class Release(unittest.TestCase):
    """The function as it is deployed, but for its architecture."""

    @classmethod
    def setUpClass(cls) -> None:
        subprocess.run(["cargo", "build", "--quiet", "--release", "--bin", "bootstrap"], cwd=ROOT, check=True)

    def test_it_is_small(self) -> None:
        binary = _BINARY.read_bytes()
        self.assertLess(len(binary), _LARGEST_BINARY)
        self.assertLess(len(zlib.compress(binary, 9)), _LARGEST_PACKAGE)

    def test_the_handshakes_come_before_the_first_request_and_the_threads_are_few(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            certificate, key = write_certificate(Path(directory))
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate, key)
            aws = Aws(tls)
            self.addCleanup(aws.close)
            with Process(Program([str(_BINARY)], {"SSL_CERT_FILE": str(certificate)}), aws) as process:
                process.init()
                self._wait_for(lambda: self._opened(aws), [1, 1, 0])
                for _ in range(3):
                    process.create()  # two calls and one answer
                    process.idle()
                    self.assertEqual(self._opened(aws), [1, 1, 1])
                self.assertLessEqual(process.status("Threads"), _MOST_THREADS)

    def _wait_for(self, look: Callable[[], list[int]], expected: list[int]) -> None:
        deadline = time.monotonic() + 10
        while look() != expected and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(look(), expected)

    @staticmethod
    def _opened(aws: Aws) -> list[int]:
        servers: tuple[Server, ...] = aws.servers
        return [len(server.opened) for server in servers]


if __name__ == "__main__":
    unittest.main()
