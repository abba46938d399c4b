"""Calls with JSON that botocore would not send, because it checks the members itself."""

import json
from collections.abc import Mapping
from typing import Any

from conformance.account import Reply, ask

_EVENT = "before-call"


def ask_raw(client: Any, operation: str, raw: Mapping[str, Any], **members: Any) -> Reply:
    """Makes a call with these members, and adds the raw ones to its JSON as they are."""

    def add(params: dict[str, Any], **_: Any) -> None:
        params["body"] = json.dumps({**json.loads(params["body"]), **raw}).encode()

    client.meta.events.register(_EVENT, add)
    try:
        return ask(getattr(client, operation), **members)
    finally:
        client.meta.events.unregister(_EVENT, add)
