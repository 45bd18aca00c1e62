"""Signals that come while the main thread is in a library that calls back into Python.

A handler runs in such a callback too, and the library would take its exception for a failure of the callback.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mxpc.errors import Interrupted


class HeldSignals:
    """What came while signals were held. One thread can be interrupted by signals, so one of these is enough."""

    def __init__(self) -> None:
        self._depth = 0
        self._come: int | None = None

    @contextmanager
    def hold(self) -> Iterator[None]:
        """A signal that comes inside raises Interrupted at the end. Nothing in threads other than the main one."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._come is not None and not self._depth:
                number, self._come = self._come, None
                raise Interrupted(number)

    def keep(self, number: int) -> bool:
        """For a signal's handler: whether the signal is held, and raised later."""
        if self._depth:
            self._come = number
        return self._depth > 0


HELD = HeldSignals()
