"""The stubs around a function: the receiver of answers, a proxy before the local AWS, and Lambda's Invoke API.

They inject the faults of a row. All of them listen on loopback only.
"""

import json
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from bench.faults.lambda_service import Function, error_payload

TAKE, RESET, HANG, REDIRECT = "take", "reset", "hang", "redirect"


@dataclass(frozen=True)
class Put:
    """One PUT, and the reply to it."""

    target: str
    body: bytes
    taken: bool


@dataclass
class ApiFault:
    """A fault of the next calls of an operation."""

    action: str
    """`error`, `kill`, `replace` (the reply's body), `HANG` or `RESET`."""
    operation: str = "RegisterScalableTarget"
    times: int = 1_000_000
    status: int = 400
    code: str = ""
    message: str = ""
    body: bytes = b""

    def reply(self) -> bytes:
        """The body of an error."""
        return json.dumps({"__type": self.code, "Message": self.message, "message": self.message}).encode()


class _Stub:
    """A server on a loopback port. It listens until it is closed."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.closed = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if tls:
            # The handshake takes place at the first read, in the connection's own thread.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Ends the hanging connections and the server."""
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()

    def serve(self, exchange: "Exchange") -> None:
        """Answers one request."""
        raise NotImplementedError

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(Exchange):
            def do_PUT(self) -> None:
                stub.serve(self)

            do_GET = do_POST = do_PUT  # noqa: N815

        return Handler


class Exchange(BaseHTTPRequestHandler):
    """One request, and ways to answer it."""

    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        """Serves a connection until either side closes it."""
        try:
            super().handle()
        except (OSError, ValueError):
            self.close_connection = True  # the client closed the connection

    def body(self) -> bytes:
        """Reads the body of the request."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Sends a reply."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def reset(self) -> None:
        """Resets the connection, without closing TLS or HTTP."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Does not log requests."""


class Receiver(_Stub):
    """The receiver of answers."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.puts: list[Put] = []
        self.script: list[str | int] = []
        """The replies to the next PUTs, in order."""
        self.otherwise: str | int = TAKE
        """The reply to all later PUTs."""
        super().__init__(tls)

    def serve(self, exchange: Exchange) -> None:
        """Stores an answer, and replies as the row says."""
        body = exchange.body()
        elsewhere = exchange.path == "/elsewhere"
        action = TAKE if elsewhere else self.script.pop(0) if self.script else self.otherwise
        self.puts.append(Put(exchange.path, body, action == TAKE))
        if action == TAKE:
            exchange.reply(200)
        elif action == REDIRECT:
            exchange.reply(307, Location=f"https://localhost:{self.port}/elsewhere")
        elif action == RESET:
            exchange.reset()
        elif action == HANG:
            self.closed.wait()
        else:
            exchange.reply(int(action))


@dataclass
class Call:
    """One call of Application Auto Scaling or SageMaker."""

    operation: str
    faulty: bool


class ApiProxy(_Stub):
    """A proxy before the local AWS."""

    def __init__(self, url: str, kill: Callable[[], None]) -> None:
        self._upstream = urlsplit(url).netloc
        self._kill = kill
        self.faults: list[ApiFault] = []
        self.calls: list[Call] = []
        super().__init__()

    def count(self, operation: str) -> int:
        """How often an operation was called."""
        return sum(call.operation == operation for call in self.calls)

    def serve(self, exchange: Exchange) -> None:
        """Sends a call on to the local AWS, unless it has a fault."""
        body = exchange.body()
        operation = exchange.headers.get("X-Amz-Target", "").rpartition(".")[2]
        fault = next((fault for fault in self.faults if fault.operation == operation and fault.times > 0), None)
        self.calls.append(Call(operation, fault is not None))
        if not fault:
            exchange.reply(*self._forward(exchange, body))
            return
        fault.times -= 1
        if fault.action == "error":
            exchange.reply(fault.status, fault.reply(), Content_Type="application/x-amz-json-1.1")
        elif fault.action == "replace":
            self._forward(exchange, body)
            exchange.reply(200, fault.body, Content_Type="application/x-amz-json-1.1")
        elif fault.action == RESET:
            exchange.reset()
        else:
            if fault.action == "kill":
                self._kill()
            self.closed.wait()

    def _forward(self, exchange: Exchange, body: bytes) -> tuple[int, bytes]:
        names = ("X-Amz-Target", "Content-Type")
        upstream = HTTPConnection(self._upstream, timeout=30)
        upstream.request("POST", "/", body, {name: exchange.headers.get(name, "") for name in names})
        response = upstream.getresponse()
        return response.status, response.read()


@dataclass
class Functions:
    """The functions that Lambda's API can invoke, by ARN."""

    by_arn: dict[str, Function] = field(default_factory=dict)


class LambdaApi(_Stub):
    """Lambda's Invoke, for the provider framework.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
    """

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        super().__init__()

    def serve(self, exchange: Exchange) -> None:
        """Invokes the function that the path names."""
        event = exchange.body()
        _, _, _, arn, what = unquote(exchange.path).split("/", 4)
        if what.startswith("configuration"):
            exchange.reply(200, b'{"State":"Active","LastUpdateStatus":"Successful"}')
            return
        end = self._functions.by_arn[arn].invoke(event)
        if end.how == "ok":
            exchange.reply(200, end.payload)
        else:
            exchange.reply(200, error_payload(end), X_Amz_Function_Error="Unhandled")
