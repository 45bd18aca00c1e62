"""Turning the signals that end a program into an exception, once: what was begun is cleaned up on its way out."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mxpc.errors import Interrupted


@contextmanager
def interruptible(say: Callable[[str], None]) -> Iterator[None]:
    """SIGINT, SIGTERM, SIGHUP and Windows' SIGBREAK raise Interrupted in the main thread; later ones only say that all
    is being ended."""
    begun = False

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal begun
        if begun:
            say("still cleaning up; one moment")
            return
        begun = True
        raise Interrupted(number)

    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), handle) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
