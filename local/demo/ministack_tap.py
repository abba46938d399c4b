"""Runs MiniStack, and records the requests that its CloudFormation sends to functions, and their answers.

MiniStack has no interface for this, so this module wraps two of its functions; their names are those of the pinned
version. The first argument names the file of the record. Each line is a JSON object with its time in seconds since the
epoch: a request, another invocation that continues a request, an answer, or a call of the local AWS by CloudFormation.
If ASSUMES is in the environment, missing endpoints that scalable targets name are created. For FAILS and REVERTS, see
`ministack_rollback`.
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
from ministack.services.cloudformation import custom_resource, handlers

from demo import ministack_autoscaling, ministack_mirror, ministack_nested, ministack_rollback, ministack_sagemaker
from demo.ministack_assumptions import Assumptions
from demo.ministack_record import RecordedAws
from demo.stage import LocalAws

_CONTINUATION = "sagemaker-scaling:continuation"
Listener = Callable[[dict[str, Any]], None]


def append(record: Path, entry: dict[str, Any]) -> None:
    """Appends a line to the record."""
    with record.open("a") as lines:
        lines.write(json.dumps(entry) + "\n")


def tap(record: Path, before: list[Listener]) -> None:
    """Wraps the function that sends requests and the function that receives answers.

    Calls each of `before` before each request, so that their records come first.
    """
    invoke: Any = lambda_svc._execute_function
    deliver: Any = custom_resource.deliver_response

    def write(what: str, content: dict[str, Any]) -> None:
        append(record, {"Time": time.time(), what: content})

    def invoke_and_record(function: dict[str, Any], event: dict[str, Any]) -> Any:
        if continuation := event.get(_CONTINUATION):
            write("Continuation", continuation)
        elif "ResponseURL" in event:
            for listener in before:
                listener(event)
            write("Request", event)
        return invoke(function, event)

    def record_and_deliver(token: str, answer: dict[str, Any]) -> Any:
        write("Answer", answer)
        return deliver(token, answer)

    lambda_svc._execute_function = invoke_and_record
    custom_resource.deliver_response = record_and_deliver


def tell_tags(aws: LocalAws, request: dict[str, Any]) -> None:
    """Tells the local AWS the tags of the stack that a request is for. The function asks it for them."""
    stack: Any = handlers._resolve_stack(request["StackId"])
    # A request that somebody sends by hand may be for no stack.
    if stack:
        tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
        aws.call("LocalAws.SetStackTags", StackId=request["StackId"], Tags=tags)


if __name__ == "__main__":
    record_file = Path(sys.argv.pop())
    record_file.touch()
    write_down = functools.partial(append, record_file)
    listeners: list[Listener] = []
    before_component: ministack_sagemaker.Listener = lambda properties, stack: None
    before_native: ministack_autoscaling.Listener = lambda properties, stack: None
    if url := os.environ.get("AWS_ENDPOINT_URL_SAGEMAKER"):
        cloudformation = RecordedAws(url, "CloudFormation", write_down)
        if "ASSUMES" in os.environ:
            assumptions = Assumptions(RecordedAws(url, "assumption", write_down), write_down)
            listeners.append(assumptions.make_for_request)
            before_component = assumptions.make_for_component
            before_native = assumptions.make_for_native
        listeners.append(functools.partial(tell_tags, LocalAws(url)))
        ministack_mirror.Mirror(LocalAws(url)).install()
        if name := os.environ.get("FAILS"):
            ministack_rollback.fail(LocalAws(url), name)
        ministack_sagemaker.Handlers(cloudformation, before_component).install()
        ministack_autoscaling.Handlers(cloudformation, before_native).install()
    ministack_nested.install()
    ministack_rollback.install(reverse=os.environ.get("REVERTS") == "reverse")
    tap(record_file, listeners)
    main()
