"""A proxy in front of the local AWS that changes requests and replies, and ends its client at a chosen call."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

from demo.loopback import LoopbackServer

Members = dict[str, Any]
_LOCAL = ("AnyScaleFrontendService", "AmazonSSM", "CloudFormation")
_OF_MODELS = ("CreateModel", "DeleteModel", "DescribeModel", "ListModels")
_IDENTITY = """\
<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::222233334444:user/u</Arn><UserId>u</UserId><Account>222233334444</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""


@dataclass
class Call:
    """A call through the proxy."""

    operation: str
    members: Members
    upstream: Callable[[str, Members], tuple[int, Members]]
    """Calls the local AWS."""
    memory: Members = field(default_factory=dict)
    """What a lie remembers from call to call."""

    def honest(self) -> tuple[int, Members]:
        """The reply of the local AWS."""
        return self.upstream(self.operation, self.members)


Lie = Callable[[Call], "tuple[int, Members] | None"]
"""The reply to a call, or `None` for the honest one."""


class LyingProxy(LoopbackServer):
    """The proxy."""

    def __init__(self, upstream: str) -> None:
        super().__init__(self._handler())
        self.lie: Lie = lambda _: None
        self.before_call: Callable[[int], None] = lambda _: None
        self.after_call: Callable[[int], None] = lambda _: None
        self.calls: list[str] = []
        self.rest = ""
        """The address of another model of AWS, for what the local AWS does not have."""
        self._memory: Members = {}
        self._lock = threading.Lock()
        self._upstream = upstream

    def tell(self, lie: Lie) -> None:
        """Tells this lie from now on."""
        self._memory.clear()
        self.lie = lie

    def forget(self) -> None:
        """Tells the truth, and forgets the calls."""
        self.tell(lambda _: None)
        self.before_call = self.after_call = lambda _: None
        self.calls.clear()

    def call(self, target: str, members: Members) -> tuple[int, Members]:
        """Calls the local AWS."""
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
        try:
            with urlopen(Request(self._upstream, json.dumps(members).encode(), headers), timeout=10) as reply:
                return 200, json.load(reply)
        except HTTPError as error:
            return error.code, json.load(error)

    def forward(self, target: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, str]:
        """The reply of the other model of AWS, which has what the local AWS does not have."""
        action = parse_qs(body.decode()).get("Action", [target.rpartition(".")[2]])[0]
        with self._lock:
            number = len(self.calls)
            self.calls.append(action)
        self.before_call(number)
        call = Call(action, {}, lambda *_: (0, {}), self._memory)
        if lie := self.lie(call):
            return lie[0], json.dumps(lie[1]).encode(), "application/x-amz-json-1.1"
        try:
            with urlopen(Request(self.rest + path, body, headers), timeout=10) as reply:
                found = reply.status, reply.read(), reply.headers.get("Content-Type", "")
        except HTTPError as error:
            found = error.code, error.read(), error.headers.get("Content-Type", "")
        self.after_call(number)
        return found

    def describe_stacks(self, body: bytes) -> tuple[int, bytes, str]:
        """The reply of the local AWS, in XML, or a lie, in JSON."""
        if lie := self.lie(Call("DescribeStacks", {}, lambda *_: (0, {}), self._memory)):
            return lie[0], json.dumps(lie[1]).encode(), "text/xml"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        with urlopen(Request(self._upstream, body, headers), timeout=10) as found:
            return 200, found.read(), "text/xml"

    def answer(self, target: str, members: Members) -> tuple[int, Members]:
        """The reply to a client."""
        with self._lock:
            number = len(self.calls)
            self.calls.append(target.rpartition(".")[2])
        self.before_call(number)
        service, _, operation = target.rpartition(".")
        call = Call(operation, members, lambda name, given: self.call(f"{service}.{name}", given), self._memory)
        reply = self.lie(call) or call.honest()
        self.after_call(number)
        return reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                kind = "application/x-amz-json-1.1"
                target = self.headers.get("X-Amz-Target", "")
                if b"Action=DescribeStacks" in body:
                    status, reply, kind = proxy.describe_stacks(body)
                elif b"Action=GetCallerIdentity" in body:
                    proxy.calls.append("GetCallerIdentity")
                    status, reply, kind = 200, _IDENTITY.encode(), "text/xml"
                elif proxy.rest and _is_of_rest(target, body):
                    status, reply, kind = proxy.forward(target, self.path, body, dict(self.headers))
                else:
                    status, members = proxy.answer(target, json.loads(body or b"{}"))
                    reply = json.dumps(members).encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, format: str, *args: object) -> None:
                pass

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:
                    # The client was killed.
                    self.close_connection = True

        return Handler


def _is_of_rest(target: str, body: bytes) -> bool:
    """Whether the local AWS does not have an operation."""
    service, _, operation = target.rpartition(".")
    is_model = operation in _OF_MODELS or (operation == "ListTags" and b":model/" in body)
    return is_model if service == "SageMaker" else service not in _LOCAL


def refuse(code: str, message: str = "") -> tuple[int, Members]:
    """The reply of an error."""
    return 400, {"__type": code, "message": message, "Message": message}


def accept(**members: Any) -> tuple[int, Members]:
    """The reply of a success."""
    return 200, members


def after(operation: str, seconds: float, hidden: Callable[[Call], tuple[int, Members] | None]) -> Lie:
    """Hides something for some seconds after each call of an operation."""

    def lie(call: Call) -> tuple[int, Members] | None:
        if call.operation == operation:
            call.memory["time"] = time.monotonic()
        return hidden(call) if time.monotonic() < call.memory.get("time", -seconds) + seconds else None

    return lie


def instead(operation: str, reply: tuple[int, Members]) -> Lie:
    """Replies to each call of an operation in the same way."""
    return lambda call: reply if call.operation == operation else None


def another_code(operation: str, code: str) -> Lie:
    """Gives the errors of an operation another code."""

    def lie(call: Call) -> tuple[int, Members] | None:
        if call.operation != operation:
            return None
        status, members = call.honest()
        return (status, {**members, "__type": code}) if status >= 400 else (status, members)

    return lie


def changed(operation: str, change: Callable[[Members], object]) -> Lie:
    """Changes the successful replies of an operation."""

    def lie(call: Call) -> tuple[int, Members] | None:
        if call.operation != operation:
            return None
        status, members = call.honest()
        if status == 200:
            change(members)
        return status, members

    return lie
