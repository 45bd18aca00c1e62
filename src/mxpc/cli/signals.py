"""Turning the signals that end a program into an exception, once: what was begun is cleaned up on its way out."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from mxpc.errors import Interrupted
from mxpc.held_signals import HELD

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

AGAIN_SECONDS = 0.01
"""How long after a signal was lost or put off it comes again: what was in its way has ended by then."""
MOST_LOOKS = 50
"""So often a signal is put off: half a second, in which nobody is always between two steps."""
_LOCKSMITHS = frozenset({"threading", "concurrent.futures._base", "concurrent.futures.thread", "contextlib", "logging"})
"""Modules whose functions take a lock and return, or open a context: interrupted in between, nobody gives it back."""


class Interruptions:
    """What a signal does: the first one raises Interrupted in the main thread, unless it comes too late.

    Python runs a handler between any two steps, so also inside a weak reference's callback or a `__del__`, and there
    nobody receives an exception: it goes to `sys.unraisablehook` and the work goes on. Such a signal comes again. So
    does one that comes between the steps of what must not be left half done, as `Condition.__enter__` is.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._begun = False
        self._lost = False
        self._seen: tuple[FrameType, int] | None = None
        self._looks = 0
        self.too_late = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """A signal has come."""
        if self.too_late:
            self._say("too late to interrupt: this is done in a moment")
        elif self._begun and not self._lost:
            self._say("still cleaning up; one moment")
        else:
            self._begun = True
            if self._is_between_steps(frame):
                self._come_again(number)
                return
            self._lost, self._seen = False, None
            if not HELD.keep(number):
                raise Interrupted(number)

    def _is_between_steps(self, frame: FrameType | None) -> bool:
        """Whether the main thread is in the middle of such a function. Where it is again, it waits there, which may be
        interrupted."""
        self._looks += 1
        if frame is None or self._looks > MOST_LOOKS or frame.f_globals.get("__name__") not in _LOCKSMITHS:
            return False
        before, self._seen = self._seen, (frame, frame.f_lasti)
        return self._seen != before

    def unraisable(self, lost: UnraisableHookArgs) -> bool:
        """Whether this exception, which nobody could receive, was ours; then the signal comes again."""
        if not isinstance(lost.exc_value, Interrupted):
            return False
        self._come_again(lost.exc_value.signal_number)
        return True

    def _come_again(self, number: int) -> None:
        self._lost = True
        # Not a threading.Thread: what was interrupted may be threading itself, with one of its locks taken.
        _thread.start_new_thread(self._again, (number,))

    def _again(self, number: int) -> None:
        time.sleep(AGAIN_SECONDS)
        if not self._lost:
            return
        if hasattr(signal, "pthread_kill"):
            # Unlike interrupt_main, this also wakes a main thread that waits in a system call.
            signal.pthread_kill(threading.main_thread().ident or 0, number)
        else:
            _thread.interrupt_main(signal.Signals(number))

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
    hook = sys.unraisablehook

    def unraisable(lost: UnraisableHookArgs, /) -> None:
        if not interruptions.unraisable(lost):
            hook(lost)

    sys.unraisablehook = unraisable
    before = {name: signal.signal(getattr(signal, name), interruptions.handle) for name in names}
    try:
        yield interruptions
    finally:
        for name, handler in before.items():
            # The exit code is decided: until the process has ended, another signal must not put its own in its place.
            signal.signal(getattr(signal, name), signal.SIG_IGN if interruptions.decided else handler)
        sys.unraisablehook = hook
