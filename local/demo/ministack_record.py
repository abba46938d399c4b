"""Records calls of the local AWS by other callers than the function, with the caller."""

import contextlib
import functools
import json
import time
from collections.abc import Callable
from typing import Any

import botocore.session

from demo.stage import CallError, LocalAws

_SERVICES = {"AnyScaleFrontendService": "application-autoscaling", "SageMaker": "sagemaker"}
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
        service, _, operation = target.partition(".")
        shape = _service_model(_SERVICES[service]).operation_model(operation).input_shape
        try:
            return self.call(target, **_typed(members, shape))
        except CallError as error:
            raise RuntimeError(error.fault()["message"]) from error


@functools.cache
def _service_model(name: str) -> Any:
    return botocore.session.get_session().get_service_model(name)


def _typed(value: Any, shape: Any) -> Any:
    """A value of a template with the types of the call. In a template, a number may be text, as from `!Ref`."""
    match shape.type_name, value:
        case "structure", dict():
            members = shape.members
            return {name: _typed(each, members[name]) if name in members else each for name, each in value.items()}
        case "list", list():
            return [_typed(each, shape.member) for each in value]
        case "map", dict():
            return {name: _typed(each, shape.value) for name, each in value.items()}
        case "boolean", str() if value.lower() in ("true", "false"):
            return value.lower() == "true"
        case ("integer" | "long" | "float" | "double") as kind, str():
            with contextlib.suppress(ValueError):  # the service rejects it
                return int(value) if kind in ("integer", "long") else float(value)
        case "string", int() | float():
            return json.dumps(value)
    return value
