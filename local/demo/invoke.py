"""`make invoke`: sends one request to the function that `make watch` runs, and prints what happens and the answer.

The events go to standard error. Standard output is the answer alone.
"""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from demo.environment import isolate
from demo.retelling import retold
from demo.stage import LocalAws, cargo_lambda_invoke
from demo.timeline import Timeline
from demo.watch import LOCAL_AWS_PORT, RECEIVER_PORT, WATCH_PORT

_INVOKE_SECONDS = 900


def is_watching() -> bool:
    """Whether the function and the receiver of its answers are running."""
    for port in (WATCH_PORT, RECEIVER_PORT):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            return False
    return True


def main() -> None:
    """Sends the file that the first argument names."""
    isolate()
    file = Path(sys.argv[1])
    if not file.is_file():
        sys.exit(f"error: there is no file {sys.argv[1]!r}. Name one of events/: make invoke EVENT=events/create.json")
    try:
        request = json.loads(file.read_text())
        url = request["ResponseURL"]
    except ValueError as error:
        sys.exit(f"error: {file} is not JSON: {error}")
    except (TypeError, KeyError):
        sys.exit(f"error: {file} is not a request: it has no ResponseURL; copy that of events/create.json")
    if not str(url).startswith(f"http://127.0.0.1:{RECEIVER_PORT}/"):
        sys.exit(
            f"error: {file} has a ResponseURL that leads elsewhere; set it to http://127.0.0.1:{RECEIVER_PORT}/..."
        )
    if not is_watching():
        sys.exit("error: nothing to invoke; run `make watch` in another terminal first")
    aws, timeline, begin = LocalAws(f"http://127.0.0.1:{LOCAL_AWS_PORT}"), Timeline(sys.stderr), time.time()
    before = len(aws.calls())
    with timeline.waiting("the function is running"):
        command = cargo_lambda_invoke(WATCH_PORT, file)
        subprocess.run(command, stdout=subprocess.DEVNULL, timeout=_INVOKE_SECONDS, check=False)
    try:
        with urlopen(url, timeout=10) as reply:
            answer = json.load(reply)
    except HTTPError:
        sys.exit("error: the function did not answer; the terminal with `make watch` says why")
    news = [{"Time": begin, "Request": request}, *aws.calls()[before:], {"Time": time.time(), "Answer": answer}]
    timeline.tell(*retold(news, begin))
    print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main()
