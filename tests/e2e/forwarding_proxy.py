"""A proxy that forwards requests of any AWS protocol as they are, names them, and may answer some itself."""

import re
from collections.abc import Callable, Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler
from urllib.error import HTTPError
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

from demo.loopback import LoopbackServer

Reply = tuple[int, Mapping[str, str], bytes]
"""Status, headers, content."""
_HOP = ("connection", "content-length", "expect", "host", "transfer-encoding", "accept-encoding")
_SECONDS = 120


class ForwardingProxy(LoopbackServer):
    """The proxy."""

    def __init__(self, upstream: str, name: Callable[[str, str, str, bytes], str] | None = None) -> None:
        """`name` names a call by its method, path, target and body."""
        super().__init__(type("Handler", (_Handler,), {"proxy": self}))
        self.name = name or _name
        self.before_call: Callable[[str], None] = lambda _: None
        self.after_call: Callable[[str], None] = lambda _: None
        self.instead: Callable[[str, bytes, Callable[[], Reply]], Reply | None] = lambda *_: None
        """Gets the name of a call, its body, and a function that forwards it."""
        self.calls: list[str] = []
        self._upstream = upstream

    def forget(self) -> None:
        """Forwards everything, and forgets the calls."""
        self.before_call = self.after_call = lambda _: None
        self.instead = lambda *_: None
        self.calls.clear()

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """The reply of the upstream server."""
        request = Request(f"{self._upstream}{path}", body or None, headers, method=method)
        try:
            with urlopen(request, timeout=_SECONDS) as reply:
                return reply.status, _end_to_end(reply.headers), reply.read()
        except HTTPError as error:
            return error.code, _end_to_end(error.headers), error.read()


class _Handler(BaseHTTPRequestHandler):
    """Answers a client of the proxy."""

    protocol_version = "HTTP/1.1"
    proxy: ForwardingProxy

    def do_GET(self) -> None:
        proxy = self.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        name = proxy.name(self.command, self.path, self.headers.get("X-Amz-Target", ""), body)
        headers = _end_to_end(self.headers)
        proxy.calls.append(name)
        proxy.before_call(name)
        forward: Callable[[], Reply] = lambda: proxy.forward(self.command, self.path, headers, body)
        status, shown, reply = proxy.instead(name, body, forward) or forward()
        proxy.after_call(name)
        self.send_response_only(status)
        for key, value in shown.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply)

    def do_DELETE(self) -> None:
        self.do_GET()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            # The client was killed.
            self.close_connection = True


def _end_to_end(headers: Message) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP}


def _name(method: str, path: str, target: str, body: bytes) -> str:
    """The operation of a call: of AWS JSON, of AWS Query, or the method and the path without names."""
    if target:
        return target.rpartition(".")[2]
    if b"Action=" in body:
        return parse_qs(body.decode())["Action"][0]
    return f"{method} {re.sub('/functions/[^/]+', '/functions', path).partition('?')[0]}"
