"""The check of scaling activities."""

import datetime
import time
from typing import Any

from conformance.account import UnclearError
from conformance.check import Seen, Stage, check
from conformance.scene import Scene

_SCALING_SECONDS = 1_800.0
_SCALING_SECONDS_LOCALLY = 20.0
_SIX_WEEKS = datetime.timedelta(weeks=6)
_IN_PROGRESS = ("Pending", "InProgress")


@check("activity-order", Stage.IN_SERVICE)
def _(scene: Scene) -> Seen:
    with scene.registered():
        scene.soon(lambda: bool(scene.described()))
        for number, count in enumerate((2, 1), start=1):
            scene.must(scene.update(MinCapacity=count, MaxCapacity=count))
            _wait_for_activities(scene, number)
            scene.in_service()
    scene.soon(lambda: not scene.described())
    starts = [activity["StartTime"] for activity in _activities(scene)]
    if not starts:
        return Seen(False, "no activities of the deregistered target")
    oldest = datetime.datetime.now(datetime.timezone.utc) - min(starts)
    is_sorted = starts == sorted(starts, reverse=True)
    text = f"{len(starts)} activities of the deregistered target, {'' if is_sorted else 'not '}the latest first"
    return Seen(len(starts) > 1 and is_sorted and oldest < _SIX_WEEKS, text)


def _activities(scene: Scene) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scene.account.scaling.describe_scaling_activities(**scene.key())["ScalingActivities"]
    return found


def _wait_for_activities(scene: Scene, count: int) -> None:
    """Waits until so many activities have ended."""
    longest = _SCALING_SECONDS_LOCALLY if scene.account.is_local else _SCALING_SECONDS
    deadline = time.monotonic() + longest
    while sum(activity["StatusCode"] not in _IN_PROGRESS for activity in _activities(scene)) < count:
        if time.monotonic() > deadline:
            raise UnclearError(f"a change of the limits was no scaling activity within {longest:.0f} s")
        time.sleep(scene.account.pause)
