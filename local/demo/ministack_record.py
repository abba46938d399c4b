"""Calls of the local AWS that the function does not make, written down with who made them."""

import time
from collections.abc import Callable
from typing import Any

from demo.stage import CallError, LocalAws

Record = Callable[[dict[str, Any]], None]
"""Writes an entry down."""


class RecordedAws(LocalAws):
    """The local AWS, for one caller."""

    def __init__(self, url: str, by: str, record: Record) -> None:
        super().__init__(url)
        self._by = by
        self._record = record

    def call(self, target: str, **members: Any) -> Any:
        """Calls an operation, and writes down what came of it."""
        call = {"Time": time.time(), "By": self._by, "Target": target, "Input": members}
        try:
            output = super().call(target, **members)
        except CallError as error:
            fault = error.fault()
            self._record({**call, "Outcome": f"{fault['__type']}: {fault['message']}"})
            raise
        self._record({**call, "Outcome": "ok", "Output": output})
        return output

    def call_for_resource(self, target: str, **members: Any) -> Any:
        """The same for a resource of a stack, whose event is to have the service's own words."""
        try:
            return self.call(target, **members)
        except CallError as error:
            raise RuntimeError(error.fault()["message"]) from error
