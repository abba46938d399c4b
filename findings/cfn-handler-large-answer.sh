#!/bin/sh
# cfn-handler, a helper of 2026, answers with more than CloudFormation takes, and its tests call that a success.
#
# Guess: `Data` that makes an answer larger than 4,096 bytes becomes a FAILED answer with that reason, or the replay for
#        tests reports it.
# Seen:  the answer is SUCCESS with 5,000 bytes of data, and `replay` says SUCCESS, too.
# So:    check the size of `Data` in your own tests.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cfn-handler==1.3.0
"$folder/venv/bin/python" - <<'PYTHON'
import json

from cfn_handler import CustomResource, __version__
from cfn_handler.testing import make_context, make_event

sent = []
resource = CustomResource(transport=lambda url, payload: sent.append(payload))


@resource.create
def create(event, context):
    return {"Large": "x" * 5000}


resource(make_event("Create"), make_context())
[answer] = sent
print(__version__, "answers", answer["Status"], "with", len(json.dumps(answer)), "bytes; CloudFormation takes 4,096")
assert answer["Status"] == "SUCCESS" and len(json.dumps(answer)) > 5000

replay = resource.replay(make_event("Create"))
print("replay says", replay.status)
assert replay.status == "SUCCESS"
PYTHON
