"""Pieces of work in threads, of which some lead to others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from mxpc.streams.stop import Gate, Stop


class Team:
    """Threads that do pieces of work, of which some lead to others. Leaving the context waits for all of them.

    The first error sets `stop`, and is raised when the context is left; Stopped when somebody else had set it. An error
    inside of the context sets it as well.
    """

    def __init__(self, workers: int, stop: Stop) -> None:
        self._stop = stop
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="mxpc-team")
        self._gate = Gate()
        self._changed = threading.Condition()
        self._unfinished = 0
        self._error: BaseException | None = None

    def begin(self, work: Callable[[], None]) -> None:
        """Do this in one of the threads, in the order of the calls. From any thread, while the context lasts."""
        with self._changed:
            self._unfinished += 1
        self._pool.submit(self._do, work)

    def _do(self, work: Callable[[], None]) -> None:
        try:
            with self._gate.inside() as let_in:
                self._stop.check()
                if let_in:
                    work()
        except BaseException as error:
            with self._changed:
                # What fails once all has to end fails because of that.
                if self._error is None and not self._stop.is_set():
                    self._error = error
            self._stop.set()
        finally:
            with self._changed:
                self._unfinished -= 1
                self._changed.notify_all()

    def __enter__(self) -> Team:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._wait()
        finally:
            if kind is not None or self._unfinished:
                self._stop.set()
            self._gate.close()
            self._pool.shutdown(wait=True)
        if kind is None:
            self._raise()

    def _wait(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._unfinished)

    def _raise(self) -> None:
        if self._error:
            raise self._error
        self._stop.check()
