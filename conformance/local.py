"""Records conformance/bodies from the local AWS: `make conformance-bodies`."""

import sys

from conformance.__main__ import main
from demo import package
from demo.environment import REGION, isolate
from demo.stage import LocalAws, Stage

_CHANGE_SECONDS = 2
"""How long an endpoint changes. The checks of a changing endpoint need some time."""


def record(aws: LocalAws) -> int:
    """Runs every check on a local AWS, and records. Returns the exit code."""
    aws.call("LocalAws.SetEndpointTakes", Seconds=_CHANGE_SECONDS)
    return main(["run", "--region", REGION, "--local-aws", aws.url, "--model", "my-model", "--record", "yes"])


if __name__ == "__main__":
    isolate()
    with Stage() as stage:
        sys.exit(record(stage.local_aws(package.build().local_aws)))
