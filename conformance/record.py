"""Keeps the requests and replies of a run, without secrets, for the tests of the function's readers.

`conformance/bodies` has one file for each operation that the function calls and each kind of reply: a success, or an
error code. It is the longest reply of its kind, because that has the most members.
"""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from conformance.account import PREFIX, TAG
from conformance.beliefs import ROOT
from conformance.redaction import Number, redacted, text

BODIES = ROOT / "conformance" / "bodies"
OPERATIONS = ROOT / "schema" / "operations.json"
LOCAL_AWS = "local AWS"
_HEADERS = ("content-type", "x-amzn-errortype")
_SIGNED_AS = {"application-auto-scaling": "application-autoscaling"}
"""The prefixes of IAM actions, for services that have another name in the events of botocore."""
_TOLD_APART = ("already exists",)
"""Parts of messages by which the function tells apart errors of one operation that have the same code."""
_NUMBER = re.compile(r'"\\u0000([-+.0-9eE]+)"')
_ERROR = 300


@dataclass(frozen=True)
class Exchange:
    """A request and its reply. Bodies are parsed if they are JSON."""

    service: str
    operation: str
    request: Any
    status: int
    headers: dict[str, str]
    response: Any
    code: str
    """The code of an error, or empty."""
    message: str
    """The message of an error, or empty."""

    @property
    def name(self) -> str:
        """The name of its file."""
        told_apart = (words.replace(" ", "-") for words in _TOLD_APART if words in self.message)
        return ".".join(filter(None, (self.service, self.operation, self.code, *told_apart, "json")))

    def written(self, source: str) -> str:
        """The text of its file, without secrets."""
        shown = {
            "from": source,
            "service": self.service,
            "operation": self.operation,
            "request": redacted(self.request),
            "status": self.status,
            "headers": redacted(self.headers),
            "response": redacted(self.response),
        }
        written = json.dumps(_marked(shown), indent=2)
        return _NUMBER.sub(r"\1", written) + "\n"

    def is_of_the_run(self) -> bool:
        """Whether it names only resources of a run. A reply that lists everything also names resources of others."""
        asked = json.dumps(self.request)
        names = re.findall(r'"ResourceId": "([^"]*)"', json.dumps(self.response))
        is_ours = TAG in asked.lower() or ":scalable-target/" in asked
        return is_ours and all(PREFIX in name.lower() for name in names)


class Recorder:
    """Keeps what clients send and receive."""

    def __init__(self, source: str) -> None:
        """`source` says where replies come from."""
        self._source = source
        self._request: Any = b""
        self._kept: dict[str, str] = {}
        self._operations = called_operations()

    def watch(self, events: Any) -> None:
        """Watches the clients that a session makes from now on. `events` are the session's."""
        events.register("before-send", self._on_request)
        events.register("response-received", self._on_response)

    def keep(self, exchange: Exchange) -> None:
        """Keeps an exchange, if the function calls the operation and if it is the longest of its kind."""
        if (exchange.service, exchange.operation) not in self._operations or not exchange.is_of_the_run():
            return
        written = exchange.written(self._source)
        if len(written) > len(self._kept.get(exchange.name, "")):
            self._kept[exchange.name] = written

    def save(self) -> list[str]:
        """Writes the files. Those from AWS stay if this run was on the local AWS. Returns the names."""
        BODIES.mkdir(exist_ok=True)
        saved = []
        for name, written in sorted(self._kept.items()):
            path = BODIES / name
            if self._source == LOCAL_AWS and path.exists() and json.loads(path.read_text())["from"] != LOCAL_AWS:
                continue
            path.write_text(written)
            saved.append(name)
        return saved

    def _on_request(self, request: Any, event_name: str, **_: Any) -> None:
        self._request = request.body

    def _on_response(
        self, response_dict: dict[str, Any] | None, parsed_response: Any, event_name: str, **_: Any
    ) -> None:
        if response_dict is None or not isinstance(response_dict["body"], bytes):
            return
        service, operation = event_name.split(".")[1:]
        headers = {name.lower(): value for name, value in response_dict["headers"].items()}
        is_error = response_dict["status_code"] >= _ERROR
        error: dict[str, Any] = parsed_response.get("Error", {}) if is_error else {}
        self.keep(
            Exchange(
                service=_SIGNED_AS.get(service, service),
                operation=operation,
                request=_parsed_request(self._request),
                status=response_dict["status_code"],
                headers={name: headers[name] for name in _HEADERS if name in headers},
                response=parsed(response_dict["body"].decode()),
                code=text(str(error.get("Code", ""))),
                message=str(error.get("Message", "")),
            )
        )


def called_operations() -> set[tuple[str, str]]:
    """The operations that the function calls, each with its service."""
    actions: list[str] = json.loads(OPERATIONS.read_text())["operations"]
    pairs = (action.split(":") for action in actions)
    return {(service, "Invoke" if action == "InvokeFunction" else action) for service, action in pairs}


def recorded() -> dict[str, dict[str, Any]]:
    """What the files have, by their names."""
    return {path.name: json.loads(path.read_text()) for path in sorted(BODIES.glob("*.json"))}


def parsed(body: str) -> Any:
    """A body, parsed if it is JSON. Numbers stay as they are written."""
    try:
        return json.loads(body, parse_float=Number, parse_int=Number)
    except ValueError:
        return body


def _parsed_request(body: Any) -> Any:
    given = body.decode() if isinstance(body, bytes) else body or ""
    members = parsed(given)
    return dict(parse_qsl(given)) if isinstance(members, str) and "Action=" in given else members


def _marked(value: Any) -> Any:
    """A value whose numbers are texts that `_NUMBER` finds."""
    if isinstance(value, dict):
        return {name: _marked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_marked(item) for item in value]
    return f"\0{value}" if isinstance(value, Number) else value
