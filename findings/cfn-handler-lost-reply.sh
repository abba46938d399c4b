#!/bin/sh
# cfn-handler, a helper of 2026, answers SUCCESS and then FAILED if the connection ends before the reply to its answer.
#
# Guess: it sends the same answer again, or ends the invocation as an error, so that Lambda delivers the request again.
# Seen:  it sends FAILED for the work that it has done, under another physical id. If that answer is the first to arrive,
#        the stack rolls back, and the Delete has an id that no resource has.
# So:    set `physical_resource_id` in the handler, and let Delete decide by the properties.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cfn-handler==1.3.0
"$folder/venv/bin/python" - <<'PYTHON'
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from cfn_handler import CustomResource, __version__
from cfn_handler.testing import make_context, make_event

answers = []


class Receiver(BaseHTTPRequestHandler):
    def do_PUT(self):
        answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if len(answers) == 1:
            return  # the connection ends without a reply
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


resource = CustomResource(log_level="CRITICAL")


@resource.create
def create(event, context):
    return {"Created": "yes"}


server = HTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/answer"
result = resource({**make_event("Create"), "ResponseURL": url}, make_context())
print(__version__, "returns", result, "after these answers:")
for answer in answers:
    print(answer["Status"], answer["PhysicalResourceId"], answer["Reason"], answer["Data"])
[first, second] = answers
assert (first["Status"], first["Data"]) == ("SUCCESS", {"Created": "yes"})
assert (second["Status"], second["Reason"]) == ("FAILED", "Internal error in cfn_handler dispatch")
assert first["PhysicalResourceId"] != second["PhysicalResourceId"]
PYTHON
