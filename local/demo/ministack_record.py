"""Records calls of the local AWS by other callers than the function, with the caller."""

import time
from collections.abc import Callable
from typing import Any

from demo.stage import CallError, LocalAws

Record = Callable[[dict[str, Any]], None]
"""A function that records an entry."""


class RecordedAws(LocalAws):
    """The local AWS, for one caller whose calls are recorded."""

    def __init__(self, url: str, by: str, record: Record) -> None:
        super().__init__(url)
        self._by = by
        self._record = record

    def call(self, target: str, **members: Any) -> Any:
        """Calls an operation, and records the call with its result."""
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
        """Calls an operation for a resource of a stack. The error has the service's message, for the stack's event."""
        try:
            return self.call(target, **members)
        except CallError as error:
            raise RuntimeError(error.fault()["message"]) from error
