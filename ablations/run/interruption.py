"""Ctrl-C and SIGTERM in a worker: an exception at once, and a check where one could get lost."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class RunInterrupted(BaseException):
    """Someone asked the run to stop. No `Exception`: nobody may take it for a failure."""


class Interruption:
    """Turns the first SIGINT or SIGTERM into `RunInterrupted`, and ignores later ones.

    A `follower` (another rank of a DDP run) leaves Ctrl-C to the first rank, which ends it.
    """

    def __init__(self, *, follower: bool = False) -> None:
        self.name: str | None = None  # of the signal that came
        self._follower = follower

    def install(self) -> None:
        """Handle the signals; to be called again after Lightning has put its handlers over ours."""
        if self.name is not None or not _in_main_thread():
            return
        signal.signal(signal.SIGINT, signal.SIG_IGN if self._follower else self._handle)
        signal.signal(signal.SIGTERM, signal.SIG_DFL if self._follower else self._handle)

    def check(self) -> None:
        """Raise again: Python drops what a handler raises inside a destructor or a C callback."""
        if self.name is not None:
            raise RunInterrupted(f"stopped by {self.name}")

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        for other in SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        self.name = signal.Signals(number).name
        self.check()


@contextmanager
def interruptible(*, follower: bool = False) -> Iterator[Interruption]:
    """Signals become `RunInterrupted` inside the block; earlier handlers come back after it."""
    before = [(number, signal.getsignal(number)) for number in SIGNALS] if _in_main_thread() else []
    interruption = Interruption(follower=follower)
    interruption.install()
    try:
        yield interruption
    finally:
        for number, handler in before:
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
