"""Runs MiniStack, and writes down what its CloudFormation sends to functions and what they answer.

Real CloudFormation shows neither, and MiniStack has no other way to see both; the two names that this wraps are those
of the pinned version. Each line of the file that the first argument names is one JSON object: a request as the function
gets it, an answer as CloudFormation got it, or a call of SageMaker for a resource of its own; and when, in seconds
since the epoch. With ASSUMES in the environment, what scalable targets name is made where it is missing.
"""

import functools
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack.app import main
from ministack.services import lambda_svc
from ministack.services.cloudformation import custom_resource

from demo import ministack_autoscaling, ministack_sagemaker
from demo.ministack_assumptions import Assumptions
from demo.ministack_record import RecordedAws

Listener = Callable[[dict[str, Any]], None]


def append(record: Path, entry: dict[str, Any]) -> None:
    """Writes a line down."""
    with record.open("a") as lines:
        lines.write(json.dumps(entry) + "\n")


def tap(record: Path, before: Listener) -> None:
    """Wraps the one place that requests leave through and the one place that answers arrive at.

    What happens `before` a request leaves is told before it.
    """
    invoke: Any = lambda_svc._execute_function_with_config_scope
    deliver: Any = custom_resource.deliver_response

    def write(what: str, content: dict[str, Any]) -> None:
        append(record, {"Time": time.time(), what: content})

    def invoke_and_record(function: dict[str, Any], event: dict[str, Any]) -> Any:
        if "ResponseURL" in event:
            before(event)
            write("Request", event)
        return invoke(function, event)

    def record_and_deliver(token: str, answer: dict[str, Any]) -> Any:
        write("Answer", answer)
        return deliver(token, answer)

    lambda_svc._execute_function_with_config_scope = invoke_and_record
    custom_resource.deliver_response = record_and_deliver


if __name__ == "__main__":
    record_file = Path(sys.argv.pop())
    record_file.touch()
    write_down = functools.partial(append, record_file)
    before: Listener = lambda request: None
    before_native: ministack_autoscaling.Listener = lambda properties, stack: None
    if url := os.environ.get("AWS_ENDPOINT_URL_SAGEMAKER"):
        cloudformation = RecordedAws(url, "CloudFormation", write_down)
        if "ASSUMES" in os.environ:
            assumptions = Assumptions(RecordedAws(url, "assumption", write_down), write_down)
            before, before_native = assumptions.make_for_request, assumptions.make_for_native
        ministack_sagemaker.Handlers(cloudformation).install()
        ministack_autoscaling.Handlers(cloudformation, before_native).install()
    tap(record_file, before)
    main()
