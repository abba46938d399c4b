"""The release build: its size, and the calls, threads and connections of a first request."""

import contextlib
import json
import os
import signal
import ssl
import tempfile
import threading
import time
import unittest
from collections.abc import Callable
from pathlib import Path

from bench.cold.network import Aws, Server
from bench.cold.process import Process, Program
from demo.package import archive
from support import release_build, write_certificate
from tools import package

# The current size, and a little more.
_LARGEST_BINARY = 6 * 2**20
# The function's own, and those that look up names.
_MOST_THREADS = 3


class Release(unittest.TestCase):
    """The output of README's `sam build`, for this machine's architecture."""

    program: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.program = release_build("release")

    def test_it_is_small(self) -> None:
        self.assertLess(self.program.stat().st_size, _LARGEST_BINARY)
        self.assertLess(len(archive(self.program, compressed=True)), package.LARGEST)

    def test_lambda_can_load_it(self) -> None:
        self.assertLessEqual(package.newest_glibc(self.program.read_bytes()), package.GLIBC)
        self.assertEqual([file.name for file in self.program.parent.iterdir()], [self.program.name])

    def test_the_handshakes_come_before_the_first_request_and_the_threads_are_few(self) -> None:
        process, aws, _ = self._started()
        self._wait_for(lambda: self._opened(aws), [1, 1, 0])
        for _ in range(3):
            process.create()  # two calls and one answer
            process.idle()
            self.assertEqual(self._opened(aws), [1, 1, 1])
        self.assertLessEqual(process.status("Threads"), _MOST_THREADS)

    def test_connections_that_the_other_side_has_closed_cost_no_attempt(self) -> None:
        process, aws, log = self._started()
        self._wait_for(lambda: self._opened(aws), [1, 1, 0])
        for opened in [2, 2, 1], [3, 3, 2]:
            # Lambda freezes it between requests.
            os.kill(process.id, signal.SIGSTOP)
            for server in aws.servers:
                server.hang_up()
            thaw = threading.Timer(0.2, os.kill, (process.id, signal.SIGCONT))
            thaw.start()
            process.create()
            process.idle()
            self.assertEqual(self._opened(aws), opened)
            told = json.loads(log.read_text().splitlines()[-1])
            self.assertEqual((told["retries"], told["delivery_attempts"]), (0, 1))

    def _started(self) -> tuple[Process, Aws, Path]:
        resources = contextlib.ExitStack()
        self.addCleanup(resources.close)
        directory = Path(resources.enter_context(tempfile.TemporaryDirectory()))
        certificate, key = write_certificate(directory)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        aws, log = Aws(tls), directory / "log"
        resources.callback(aws.close)
        program = Program([str(self.program)], {"SSL_CERT_FILE": str(certificate)})
        process = resources.enter_context(Process(program, aws, log=resources.enter_context(log.open("wb"))))
        process.init()
        return process, aws, log

    def _wait_for(self, read: Callable[[], list[int]], expected: list[int]) -> None:
        deadline = time.monotonic() + 10
        while read() != expected and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(read(), expected)

    @staticmethod
    def _opened(aws: Aws) -> list[int]:
        servers: tuple[Server, ...] = aws.servers
        return [len(server.opened) for server in servers]


if __name__ == "__main__":
    unittest.main()
