"""`make watch`: the function under `cargo lambda watch`, with a local AWS and a receiver of answers, until Ctrl-C."""

import json
import signal
import sys
import time

from demo.aws_cli import DESCRIBE_TARGETS
from demo.endpoints import ENDPOINT, VARIANTS, create_endpoint, create_other_endpoints
from demo.environment import isolate
from demo.package import build
from demo.receiver import Answer, Receiver
from demo.stage import Stage, StageError

WATCH_PORT = 9000
LOCAL_AWS_PORT = 9010
# The response URLs in events/ have this port.
RECEIVER_PORT = 9011


def announce(answer: Answer) -> None:
    """Prints an answer when it arrives."""
    body = answer.json()
    print(f"\n{body['Status']}: the answer to {body['LogicalResourceId']}\n{json.dumps(body, indent=2)}", flush=True)


def watch(stage: Stage) -> str:
    """Starts everything; returns instructions for the user."""
    local_aws = stage.local_aws(build().local_aws, f"127.0.0.1:{LOCAL_AWS_PORT}")
    create_endpoint(local_aws)
    create_other_endpoints(local_aws)
    stage.cargo_lambda_watch(local_aws.environment(), WATCH_PORT)
    variables = " ".join(f"{name}={value}" for name, value in local_aws.environment().items())
    return f"""
The function waits for requests; endpoint {ENDPOINT} has the variants {" and ".join(VARIANTS)}.
In another terminal:

    make invoke EVENT=events/create.json
    make report
    {variables} \\
      AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local \\
      .venv/bin/{DESCRIBE_TARGETS}

Ctrl-C stops everything.
"""


def follow(stage: Stage) -> None:
    """Prints the output of cargo-lambda and the function until a process ends."""
    printed = 0
    while (ended := stage.end_of_any()) is None:
        log = stage.log("cargo-lambda")
        sys.stdout.write(log[printed:])
        sys.stdout.flush()
        printed = len(log)
        time.sleep(0.1)
    raise StageError(f"{ended} ended by itself; the end of its log:\n{stage.log(ended)[-2000:]}")


def main() -> None:
    """Runs until Ctrl-C."""
    isolate()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with Receiver(RECEIVER_PORT, announce), Stage() as stage:
            print(watch(stage), flush=True)
            follow(stage)
    except (OSError, StageError) as error:
        ports = f"{WATCH_PORT}, {LOCAL_AWS_PORT} and {RECEIVER_PORT}"
        sys.exit(f"error: {error}\nIs `make watch` running already? It uses the ports {ports}.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\nStopped.")
