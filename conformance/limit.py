"""A time limit for a check. Other implementations of AWS need it: some repeat a page of a list for ever."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from conformance.account import UnclearError


class _TimeUp(BaseException):
    """The time is up. It is no `Exception`, because botocore takes those for failed connections and retries."""


@contextlib.contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """Ends a block after this time with an `UnclearError`. The clean-up of the block has the same time once more."""
    if seconds is None:
        yield
        return
    is_over = False

    def on_alarm(_: int, __: FrameType | None) -> None:
        if not is_over:
            raise _TimeUp

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        try:
            yield
        finally:
            is_over = True
    except _TimeUp:
        raise UnclearError(f"no result after {seconds:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
