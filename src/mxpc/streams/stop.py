"""How all threads of one work learn that it has to end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopped(Exception):
    """Another piece of the same work failed, and says why: this one need not go on."""


class Stop:
    """Says once, to all threads of one work, that it has to end. May be used from any thread."""

    def __init__(self) -> None:
        self._said = threading.Event()
        self._lock = threading.Lock()
        self._actions: dict[object, Callable[[], None]] = {}

    def set(self) -> None:
        """Say it, and call what waits for it. May be repeated."""
        with self._lock:
            self._said.set()
            actions, self._actions = list(self._actions.values()), {}
        for action in actions:
            action()

    def is_set(self) -> bool:
        return self._said.is_set()

    def check(self) -> None:
        """Raise Stopped when it was said."""
        if self._said.is_set():
            raise Stopped

    @contextmanager
    def on_stop(self, action: Callable[[], None]) -> Iterator[None]:
        """While the context lasts, `action` is called when it is said, in the thread that says it. Raises Stopped when
        it was said before.
        """
        key = object()
        with self._lock:
            self.check()
            self._actions[key] = action
        try:
            yield
        finally:
            with self._lock:
                self._actions.pop(key, None)


class Gate:
    """Lets pieces of work in until it is closed, and then waits for those that are inside. From any thread.

    A pool does not know a thread in whose start a signal came, so its end does not wait for that one.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False

    @contextmanager
    def inside(self) -> Iterator[bool]:
        """True: `close` waits until the context is left. False: it is closed, and nothing is to be done."""
        with self._changed:
            let_in = not self._closed
            self._inside += let_in
        try:
            yield let_in
        finally:
            with self._changed:
                self._inside -= let_in
                self._changed.notify_all()

    def close(self) -> None:
        """Let nobody in any more, and wait until nobody is inside. May be repeated."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._inside)
