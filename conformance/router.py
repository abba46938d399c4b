"""A loopback server that forwards each call to the server of its service."""

import http.client
import re
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from demo.loopback import LoopbackServer

_SERVICE = re.compile(r"Credential=[^/]*/[^/]*/[^/]*/([^/]*)/aws4_request")
_SECONDS = 120


class Router(LoopbackServer):
    """The server."""

    def __init__(self, by_service: Mapping[str, str], of_others: str) -> None:
        """`by_service` has the addresses of some services, by their names in signatures."""
        super().__init__(self._handler())
        self._by_service = by_service
        self._of_others = of_others

    def address(self, authorization: str) -> str:
        """Where a call goes, by the header that signs it."""
        found = _SERVICE.search(authorization)
        return self._by_service.get(found[1], self._of_others) if found else self._of_others

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        router = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                address = urlsplit(router.address(self.headers.get("Authorization", "")))
                connection = http.client.HTTPConnection(address.netloc, timeout=_SECONDS)
                try:
                    headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                    connection.request(self.command, self.path, body, headers)
                    reply = connection.getresponse()
                    content = reply.read()
                finally:
                    connection.close()
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.headers.get("Content-Type", "application/x-amz-json-1.1"))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self) -> None:
                self._pass_on()

            def do_POST(self) -> None:
                self._pass_on()

            def do_PUT(self) -> None:
                self._pass_on()

            def do_DELETE(self) -> None:
                self._pass_on()

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
