#!/bin/sh
# cfn-handler, a helper of 2026, forgets the physical id of a polled Create.
#
# Guess: the id that the create handler sets is in `physical_resource_id` when the poll handler runs, as the library's
#        own example reads it there, and it is in the answer.
# Seen:  the poll handler finds an empty text. The answer has a random id, and lacks the data of the create handler.
# So:    set the id again in the poll handler, from the properties, and test both steps with `replay`.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cfn-handler==1.3.0
"$folder/venv/bin/python" - <<'PYTHON'
from cfn_handler import CustomResource, __version__
from cfn_handler.testing import make_event

resource = CustomResource()
found = []


@resource.create
def create(event, context):
    resource.physical_resource_id = "job-7"
    return {"Started": "yes"}


@resource.poll_create
def poll_create(event, context):
    found.append(resource.physical_resource_id)
    return {"Finished": "yes"}


event = make_event("Create")
first = resource.replay(event)
second = resource.replay(event)
print(__version__, first.status, "then", second.status, "with id", second.physical_resource_id, "and", second.data)
print("the poll handler finds the id", found)
assert (first.status, second.status, found) == ("DEFERRED", "SUCCESS", [""])
assert second.physical_resource_id != "job-7" and second.data == {"Finished": "yes"}
PYTHON
