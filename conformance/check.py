"""What a check is: a function that looks at AWS, by the name of the belief that it checks."""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from conformance.scene import VISIBLE_SECONDS, Scene

_READS = 10


class Stage(enum.Enum):
    """When in a run a check has its turn, by what the endpoint is."""

    NO_ENDPOINT = "no endpoint"
    STACKS = "no endpoint, but stacks and a function"
    CREATING = "Creating"
    IN_SERVICE = "InService"
    UPDATING = "Updating"
    SHIFTING = "in service: the check updates it with deployment guardrails"
    BURSTABLE = "in service, with one more variant on a burstable instance"
    POOLS = "in service, with a variant of instance pools"
    LAST = "in service for the last time: the check deletes it"
    SERVERLESS = "in service: an endpoint of a serverless variant"
    COMPONENT = "in service: an endpoint of an inference component"


WITHOUT_ENDPOINT = (Stage.NO_ENDPOINT, Stage.STACKS)


class NotApplicableError(Exception):
    """The local AWS lacks what a belief is about. The message says what it lacks.

    On AWS, every belief is applicable, so this counts as unclear there.
    """


@dataclass(frozen=True)
class Seen:
    """What AWS showed."""

    holds: bool
    text: str


@dataclass(frozen=True)
class Check:
    """The check of a belief."""

    stage: Stage
    look: Callable[[Scene], Seen]


CHECKS: dict[str, Check] = {}
"""By the ids of the rows."""
UNCHECKED = {
    "activity-texts": (
        "A scaling activity fails if AWS has no capacity, or if a quota is reached. For that, a run would have to ask "
        "for more instances than the account may have, and you would pay for those that it gets."
    )
}
"""Why a row has no check and gets none."""
UNSEEN = {
    "register-creating": "Whether its capacity stays.",
    "register-updating": "Whether its capacity stays.",
    "time-zone-kept": "What a put keeps of a policy, and the start of an action.",
    "burstable": "Other families than ml.t2, and pools.",
    "component-copies": "Whether the copies scale.",
    "permission-probe": "Inference components.",
    "request-rates": "The limits of CloudFormation and Parameter Store. Other calls of the account count, too.",
    "activity-order": "Activities of more than six weeks ago, because nothing of a run is that old.",
    "managed-scaling": "Whether both change the instance count.",
    "targets-after-delete": "A caller who may not deregister the targets.",
    "express-mode": "The update of an endpoint.",
    "stack-of-resource": "The pages of DescribeStacks.",
    "error-texts": "Other messages than nine of them.",
}
"""What of a row its check does not look at."""


def check(belief: str, stage: Stage) -> Callable[[Callable[[Scene], Seen]], Callable[[Scene], Seen]]:
    """Adds a check to the list."""

    def add(look: Callable[[Scene], Seen]) -> Callable[[Scene], Seen]:
        assert belief not in CHECKS, belief
        CHECKS[belief] = Check(stage, look)
        return look

    return add


def visible(scene: Scene, is_so: Callable[[], bool]) -> float | None:
    """After how many seconds each of several reads shows a change, or `None` if one of them does not in time."""
    seconds = scene.soon(is_so)
    return seconds if seconds is not None and all(is_so() for _ in range(_READS)) else None


def all_visible(found: dict[str, float | None]) -> Seen:
    """The result of `visible` for each of several changes."""
    shown = (
        f"{what} after {'more than ' if seconds is None else ''}{VISIBLE_SECONDS if seconds is None else seconds:.1f} s"
        for what, seconds in found.items()
    )
    return Seen(None not in found.values(), f"visible: {', '.join(shown)}")
