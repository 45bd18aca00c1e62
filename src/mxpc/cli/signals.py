"""Turning the signals that end a program into an exception, once: what was begun is cleaned up on its way out."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mxpc.errors import Interrupted


class Interruptions:
    """What a signal does: the first one raises Interrupted in the main thread, unless it comes too late."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._begun = False
        self.too_late = False

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """A signal has come."""
        if self.too_late:
            self._say("too late to interrupt: this is done in a moment")
        elif self._begun:
            self._say("still cleaning up; one moment")
        else:
            self._begun = True
            raise Interrupted(number)

    @property
    def decided(self) -> bool:
        """Whether no signal changes the exit code any more."""
        return self._begun or self.too_late

    def forbid(self) -> None:
        """From here on signals are too late: an exit code that says "interrupted" would be a lie."""
        self.too_late = True


@contextmanager
def interruptible(say: Callable[[str], None]) -> Iterator[Interruptions]:
    """SIGINT, SIGTERM, SIGHUP and Windows' SIGBREAK raise Interrupted in the main thread; later ones only say that all
    is being ended."""
    interruptions = Interruptions(say)
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), interruptions.handle) for name in names}
    try:
        yield interruptions
    finally:
        for name, handler in before.items():
            # The exit code is decided: until the process has ended, another signal must not put its own in its place.
            signal.signal(getattr(signal, name), signal.SIG_IGN if interruptions.decided else handler)
