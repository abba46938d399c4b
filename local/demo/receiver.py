"""Receives answers in place of CloudFormation: takes a PUT on any path, and returns its body once by GET."""

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from demo.loopback import LoopbackServer


@dataclass(frozen=True)
class Answer:
    """One PUT, as it arrived."""

    target: str
    """Path and query, byte for byte."""
    headers: dict[str, str]
    """The headers by name in lower case."""
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Receiver(LoopbackServer):
    """The receiver."""

    def __init__(self, port: int = 0, on_answer: Callable[[Answer], None] = lambda answer: None) -> None:
        super().__init__(self._handler(), port)
        self.refuses = False
        """Whether it refuses answers, like an expired response URL."""
        self._answers: dict[str, Answer] = {}
        self._arrival = threading.Condition()
        self._on_answer = on_answer

    def secure(self, tls: ssl.SSLContext) -> None:
        """Speaks TLS from now on."""
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    def take(self, target: str, seconds: float) -> Answer | None:
        """Waits for the answer to one URL, and removes it."""
        with self._arrival:
            self._arrival.wait_for(lambda: target in self._answers, seconds)
            return self._answers.pop(target, None)

    def _accept(self, answer: Answer) -> None:
        with self._arrival:
            self._answers[answer.target] = answer
            self._arrival.notify_all()
        self._on_answer(answer)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                if receiver.refuses:
                    self._reply(403, b"")
                    return
                receiver._accept(Answer(self.path, headers, body))
                self._reply(200, b"")

            def do_GET(self) -> None:
                answer = receiver.take(self.path, seconds=0)
                self._reply(200, answer.body) if answer else self._reply(404, b"")

            def _reply(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Logs nothing: the response URL is a secret, even here."""

        return Handler
