"""Simulates Lambda's Python runtime: `python run.py FILE NAME [COPIES]`.

It calls a handler with events and contexts, sends the results to the Runtime API, and prints errors as Lambda does.
"""

import importlib.util
import json
import logging
import os
import sys
import time
import traceback
from http.client import HTTPConnection


class Context:
    """The context of an invocation."""

    def __init__(self, headers):
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]

    def get_remaining_time_in_millis(self):
        return self._deadline - int(time.time() * 1000)


def call(method, path, body=None):
    connection = HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, f"/2018-06-01/runtime/{path}", body)
    response = connection.getresponse()
    return response.headers, response.read()


def main(file, name, copies="1"):
    # Lambda's runtime puts one handler on the root logger, and leaves its level alone.
    logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
    spec = importlib.util.spec_from_file_location("handler", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler = getattr(module, name)
    # Copies for a crowd share the memory of the imports.
    for _ in range(int(copies) - 1):
        if os.fork() == 0:
            break
    while True:
        headers, event = call("GET", "invocation/next")
        invocation = f"invocation/{headers['Lambda-Runtime-Aws-Request-Id']}"
        try:
            result = json.dumps(handler(json.loads(event), Context(headers)))
        except Exception as error:
            said = {"errorType": type(error).__name__, "errorMessage": str(error), "trace": traceback.format_exc()}
            print("[ERROR]", json.dumps(said), flush=True)
            call("POST", f"{invocation}/error", json.dumps(said))
        else:
            call("POST", f"{invocation}/response", result)


main(*sys.argv[1:])
