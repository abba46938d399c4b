"""The stubs around a function: Lambda's Runtime API, and over TLS the AWS APIs and the receiver of answers.

They listen on loopback only. Their own time is part of every system's times, so they are as quick as possible.
"""

import contextlib
import json
import queue
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

ARN = "arn:aws:application-autoscaling:us-east-1:111122223333:scalable-target/1234abcd"
ENDPOINT = {
    "EndpointName": "prod",
    "EndpointConfigName": "prod-1",
    "EndpointStatus": "InService",
    "ProductionVariants": [{"VariantName": "blue", "CurrentInstanceCount": 1}],
}
_REPLIES = {
    "DescribeEndpoint": ENDPOINT,
    "DescribeScalableTargets": {"ScalableTargets": []},
    "RegisterScalableTarget": {"ScalableTargetARN": ARN},
}


@dataclass
class Request:
    """One request over HTTP/1.1."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Server:
    """Answers each request by a function, with a thread for each connection, until it is closed."""

    def __init__(self, answer: Callable[[Request], bytes], tls: ssl.SSLContext | None = None) -> None:
        self.opened: list[float] = []
        """When each connection was ready for requests."""
        self.round_trip = 0.0
        self._answer = answer
        self._tls = tls
        self._connections: set[socket.socket] = set()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Ends the server and all connections."""
        self._end([self._socket, *self._connections])

    def hang_up(self) -> None:
        """Ends all connections, and accepts new ones."""
        self._end(list(self._connections))

    @staticmethod
    def _end(sockets: list[socket.socket]) -> None:
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                # One round trip for TCP's handshake, which the kernel has done, and one for the handshake of TLS 1.3.
                time.sleep(2 * self.round_trip)
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._connections.add(connection)
            self.opened.append(time.perf_counter())
            rest = b""
            while True:
                request, rest = _read(connection, rest)
                if request is None:
                    break
                time.sleep(self.round_trip)
                body = self._answer(request)
                connection.sendall(body)
        self._connections.discard(connection)
        connection.close()


def _read(connection: socket.socket, received: bytes) -> tuple[Request | None, bytes]:
    def more() -> bytes:
        return connection.recv(1 << 16)

    while b"\r\n\r\n" not in received:
        chunk = more()
        if not chunk:
            return None, b""
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        while not body.endswith(b"0\r\n\r\n"):
            body += more()
        return Request(method, path, headers, body), b""
    length = int(headers.get("content-length", 0))
    while len(body) < length:
        body += more()
    return Request(method, path, headers, body[:length]), body[length:]


def reply(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """A reply as bytes."""
    lines = [f"HTTP/1.1 {status} OK", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Seen:
    """The requests that arrived: the calls by name, and the bodies of the PUTs."""

    calls: list[str] = field(default_factory=list)
    puts: list[bytes] = field(default_factory=list)


class Aws:
    """SageMaker, Application Auto Scaling, and the bucket of the response URLs: three hosts over TLS."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.seen = Seen()
        self.sagemaker = Server(self._call, tls)
        self.scaling = Server(self._call, tls)
        self.bucket = Server(self._put, tls)
        self.servers = (self.sagemaker, self.scaling, self.bucket)

    def far_away(self, round_trip: float) -> None:
        """Sets the round trip, in seconds, between the function and these hosts."""
        for server in self.servers:
            server.round_trip = round_trip

    def take(self) -> Seen:
        """Returns the requests since the last call."""
        seen, self.seen = self.seen, Seen()
        return seen

    def close(self) -> None:
        """Ends the servers."""
        for server in self.servers:
            server.close()

    def _call(self, request: Request) -> bytes:
        operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
        self.seen.calls.append(operation)
        return reply(200, json.dumps(_REPLIES[operation]).encode(), {"Content-Type": "application/x-amz-json-1.1"})

    def _put(self, request: Request) -> bytes:
        self.seen.puts.append(request.body)
        return reply(200)


@dataclass(frozen=True)
class Invocation:
    """The delivery of an event, the end of its invocation, and the result."""

    delivered: float
    ended: float
    ok: bool

    @property
    def seconds(self) -> float:
        """The duration of the invocation."""
        return self.ended - self.delivered


class RuntimeApi:
    """Lambda's Runtime API for one process.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
    """

    def __init__(self) -> None:
        self.polled: queue.Queue[float] = queue.Queue()
        """The times at which the process polled for an event."""
        self._events: queue.Queue[bytes] = queue.Queue()
        self._delivered = 0.0
        self._ended: queue.Queue[Invocation] = queue.Queue()
        self._server = Server(self._answer)

    @property
    def address(self) -> str:
        """The value of `AWS_LAMBDA_RUNTIME_API`."""
        return f"127.0.0.1:{self._server.port}"

    def invoke(self, event: bytes, seconds: float = 60) -> Invocation:
        """Delivers an event to the polling process, and waits for the end of the invocation."""
        self._events.put(event)
        return self._ended.get(timeout=seconds)

    def close(self) -> None:
        """Ends the server."""
        self._server.close()

    def _answer(self, request: Request) -> bytes:
        if request.path.endswith("/next"):
            self.polled.put(time.perf_counter())
            event = self._events.get()
            headers = {
                "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 60) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:111122223333:function:bench",
            }
            self._delivered = time.perf_counter()
            return reply(200, event, headers)
        self._ended.put(Invocation(self._delivered, time.perf_counter(), request.path.endswith("/response")))
        return reply(202)


def event(bucket_port: int) -> bytes:
    """A plain Create, whose response URL has this port."""
    return json.dumps(
        {
            "RequestType": "Create",
            "RequestId": str(uuid.uuid4()),
            "ResponseURL": f"https://localhost:{bucket_port}/arn%3Aaws%3Acloudformation/stack?X-Amz-Signature=bench-signature",
            "ResourceType": "Custom::SageMakerScalableTarget",
            "LogicalResourceId": "Scaling",
            "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/bench/6c1c",
            "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:bench",
            "ResourceProperties": {
                "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:bench",
                "EndpointName": "prod",
                "VariantName": "blue",
                "MinCapacity": "1",
                "MaxCapacity": "8",
            },
        }
    ).encode()
