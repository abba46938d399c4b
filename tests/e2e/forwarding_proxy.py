"""A proxy that forwards requests of any AWS protocol as they are, names them, and may answer some itself."""

import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

Reply = tuple[int, str, bytes]
"""Status, type of the content, content."""
_HOP = ("connection", "content-length", "host", "transfer-encoding", "accept-encoding")
_SECONDS = 120


class ForwardingProxy:
    """The proxy. It runs during the `with` block."""

    def __init__(self, upstream: str) -> None:
        self.before_call: Callable[[str], None] = lambda _: None
        self.after_call: Callable[[str], None] = lambda _: None
        self.instead: Callable[[str, bytes, Callable[[], Reply]], Reply | None] = lambda *_: None
        """Gets the name of a call, its body, and a function that forwards it."""
        self.calls: list[str] = []
        self._upstream = upstream
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "ForwardingProxy":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forget(self) -> None:
        """Forwards everything, and forgets the calls."""
        self.before_call = self.after_call = lambda _: None
        self.instead = lambda *_: None
        self.calls.clear()

    def _forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        request = Request(f"{self._upstream}{path}", body or None, headers, method=method)
        try:
            with urlopen(request, timeout=_SECONDS) as reply:
                return reply.status, reply.headers.get("Content-Type", ""), reply.read()
        except HTTPError as error:
            return error.code, error.headers.get("Content-Type", ""), error.read()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                name = _name(self.command, self.path, self.headers.get("X-Amz-Target", ""), body)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
                proxy.calls.append(name)
                proxy.before_call(name)
                forward: Callable[[], Reply] = lambda: proxy._forward(self.command, self.path, headers, body)
                status, kind, reply = proxy.instead(name, body, forward) or forward()
                proxy.after_call(name)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

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

        return Handler


def _name(method: str, path: str, target: str, body: bytes) -> str:
    """The operation of a call: of AWS JSON, of AWS Query, or the method and the path without names."""
    if target:
        return target.rpartition(".")[2]
    if b"Action=" in body:
        return parse_qs(body.decode())["Action"][0]
    return f"{method} {re.sub('/functions/[^/]+', '/functions', path).partition('?')[0]}"
