"""Runs the checks against an account, with one endpoint at a time, and deletes everything in every case."""

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType

from conformance.account import AWS_ERRORS, Account, UnclearError
from conformance.check import WITHOUT_ENDPOINT, NotApplicableError, Stage
from conformance.checks import CHECKS
from conformance.limit import limited
from conformance.scene import BURSTABLE, BURSTABLE_VARIANT, POOLS, SMALL, Scene

_FIRST = (Stage.CREATING, Stage.IN_SERVICE)
"""The stages in which the first endpoint comes into service."""
_ON_ENDPOINT = set(Stage) - {*WITHOUT_ENDPOINT, Stage.SERVERLESS, Stage.COMPONENT}
"""The stages of the first endpoint."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a check."""

    belief: str
    holds: bool | None
    """`None` if it could not be checked, or does not apply."""
    seen: str
    applies: bool = True
    """False if the local AWS lacks what the belief is about. `seen` says what."""


class Interruptible:
    """Raises an exception on the first signal to end, until `hold` is called. Later ones only tell a line."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._is_held = False

    def hold(self) -> None:
        """From now on, no signal raises."""
        self._is_held = True

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handles the signals for a block."""
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._is_held:
            self._tell("deleting what was made; this takes minutes while an endpoint changes")
            return
        self._is_held = True
        raise KeyboardInterrupt(signal.Signals(number).name)


def run(account: Account, beliefs: Sequence[str], model: str, tell: Callable[[Outcome | str], None]) -> list[Outcome]:
    """Checks these beliefs. Whatever happens, deletes what it has made."""
    scene = Scene(account, model)
    outcomes: list[Outcome] = []

    def note(outcome: Outcome) -> None:
        outcomes.append(outcome)
        tell(outcome)

    cleaned(account, scene.prefix, tell, lambda: _play(scene, beliefs, note))
    return outcomes


def cleaned(account: Account, prefix: str, tell: Callable[[str], None], play: Callable[[], None]) -> None:
    """Plays a run, and deletes in every case what it has made."""
    interruptible = Interruptible(tell)
    with interruptible.handled():
        try:
            try:
                play()
            finally:
                interruptible.hold()
        finally:
            # A signal may have come just before `hold`; from here on, none raises.
            interruptible.hold()
            with limited(account.longest_check):
                account.clean(prefix, tell)


def _play(scene: Scene, beliefs: Sequence[str], note: Callable[[Outcome], None]) -> None:
    """Checks the beliefs stage by stage. If a stage is not reached, its beliefs are unclear."""
    reached: dict[Stage, Callable[[], None]] = {
        Stage.NO_ENDPOINT: lambda: None,
        Stage.STACKS: lambda: None,
        Stage.CREATING: scene.create_endpoint,
        Stage.IN_SERVICE: scene.in_service,
        Stage.UPDATING: lambda: scene.must(scene.update_endpoint(scene.config("again"))),
        Stage.SHIFTING: scene.in_service,
        Stage.BURSTABLE: lambda: scene.update_to(
            "burstable",
            scene.variant(InstanceType=SMALL),
            scene.variant(BURSTABLE_VARIANT, InstanceType=BURSTABLE),
        ),
        Stage.POOLS: lambda: scene.update_to("pools", scene.variant(InstancePools=POOLS)),
        Stage.LAST: scene.in_service,
        Stage.SERVERLESS: scene.create_serverless,
        Stage.COMPONENT: scene.create_component,
    }
    assert list(reached) == list(Stage)
    wanted = {stage: [belief for belief in beliefs if CHECKS[belief].stage is stage] for stage in Stage}
    no_endpoint = ""
    for stage in needed_stages(beliefs):
        failure = no_endpoint if stage in _ON_ENDPOINT else ""
        try:
            if not failure:
                with limited(scene.account.longest_check):
                    reached[stage]()
        except (UnclearError, *AWS_ERRORS) as error:
            failure = str(error)
            if stage in _FIRST:
                no_endpoint = failure
        for belief in wanted[stage]:
            note(Outcome(belief, None, failure) if failure else _look(scene, belief))


def needed_stages(beliefs: Sequence[str]) -> list[Stage]:
    """The stages that the checks of these beliefs need, in their order."""
    wanted = {CHECKS[belief].stage for belief in beliefs}
    return [stage for stage in Stage if stage in wanted or (stage in _FIRST and wanted & _ON_ENDPOINT)]


def _look(scene: Scene, belief: str) -> Outcome:
    try:
        with limited(scene.account.longest_check):
            seen = CHECKS[belief].look(scene)
        return Outcome(belief, seen.holds, seen.text)
    except NotApplicableError as error:
        return Outcome(belief, None, str(error), applies=not scene.account.is_local)
    except Exception as error:
        # A reply of an unexpected shape must not keep the other beliefs from being checked.
        return Outcome(belief, None, f"{type(error).__name__}: {error}")
