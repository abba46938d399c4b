"""Runs MiniStack, and writes down what its CloudFormation sends to functions and what they answer.

Real CloudFormation shows neither, and MiniStack has no other way to see both; the two names that this wraps are those
of the pinned version. Each line of the file that the first argument names is one JSON object: a request as the function
gets it, an answer as CloudFormation got it, or a call of SageMaker for a resource of its own; and when, in seconds
since the epoch.
"""

import functools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from ministack.app import main
from ministack.services import lambda_svc
from ministack.services.cloudformation import custom_resource

from demo import ministack_autoscaling, ministack_sagemaker
from demo.stage import LocalAws


def append(record: Path, entry: dict[str, Any]) -> None:
    """Writes a line down."""
    with record.open("a") as lines:
        lines.write(json.dumps(entry) + "\n")


def tap(record: Path) -> None:
    """Wraps the one place that requests leave through and the one place that answers arrive at."""
    invoke: Any = lambda_svc._execute_function_with_config_scope
    deliver: Any = custom_resource.deliver_response

    def write(what: str, content: dict[str, Any]) -> None:
        append(record, {"Time": time.time(), what: content})

    def invoke_and_record(function: dict[str, Any], event: dict[str, Any]) -> Any:
        if "ResponseURL" in event:
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
    tap(record_file)
    if url := os.environ.get("AWS_ENDPOINT_URL_SAGEMAKER"):
        local_aws = LocalAws(url)
        ministack_sagemaker.Handlers(local_aws, functools.partial(append, record_file)).install()
        ministack_autoscaling.Handlers(local_aws).install()
    main()
