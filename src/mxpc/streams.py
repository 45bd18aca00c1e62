"""Parallel work with a window: results in order (or as they come), bounded in number and in bytes, in constant memory.

Threads, not async: what runs here (requests, hashing, deflate) releases the GIL or blocks.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Generic, TypeVar, cast

from mxpc.errors import ToolError

__all__ = ["Abandoned", "Concurrency", "Stop", "Stopped", "Team", "ordered_map", "pause", "unordered_map"]

T = TypeVar("T")
R = TypeVar("R")


class Abandoned(ToolError):
    """Nobody waits for this piece of work any more. Raised by `pause` in a worker; never reaches the consumer."""


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


class Team:
    """Threads that do pieces of work, of which some lead to others. Leaving the context waits for all of them.

    The first error sets `stop`, and is raised when the context is left; Stopped when somebody else had set it. An error
    inside of the context sets it as well.
    """

    def __init__(self, workers: int, stop: Stop) -> None:
        self._stop = stop
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="mxpc-team")
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
            self._stop.check()
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


class Concurrency:
    """How many pieces of work may run at once: rises while it helps, falls when a service says that it is too much.

    - `slowed` halves it, at most once in `SETTLE` seconds: the requests that were under way all report the same jam.
    - Each piece that ends well raises it by one until the first slow-down, so that it doubles every round trip; from
      then on by one a round.
    - A round whose pieces take `CROWDED` times as long as in the best round shows that they only wait for each other:
      no rise. From `JAMMED` times on it falls by a fifth.

    May be shared by several maps and used from any thread.
    """

    FLOOR = 2
    SETTLE = 1.0
    CROWDED = 2.0
    JAMMED = 4.0
    JAMMED_FLOOR = 8
    """Not below this for latency alone: a busy machine is no reason to work one by one."""
    ROUND = 32
    """A round has at least so many pieces: their sizes differ, and a few small ones would look like a quick service."""

    def __init__(self, maximum: int, *, start: int | None = None) -> None:
        self.maximum = max(1, maximum)
        self._limit = float(min(start or self.maximum, self.maximum))
        self._running = 0
        self._calm = True
        self._crowded = False
        self._best = float("inf")
        self._round_seconds = 0.0
        self._round_count = 0
        self._round_size = max(self.ROUND, self.limit)
        self._last_slowed = float("-inf")
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """How many may run now: between FLOOR (or a smaller maximum) and maximum."""
        return int(self._limit)

    def slowed(self) -> None:
        """A service asked for fewer requests, or one of them ran into a timeout."""
        with self._changed:
            now = time.monotonic()
            if now - self._last_slowed >= self.SETTLE:
                self._last_slowed = now
                self._calm = False
                self._limit = max(min(self.FLOOR, self.maximum), self._limit / 2)

    def succeeded(self, seconds: float = 0.0) -> None:
        """A piece of work ended well, after so long."""
        with self._changed:
            self._round_seconds += seconds
            self._round_count += 1
            if self._round_count >= self._round_size:
                self._end_round()
            if not self._crowded and self._limit < self.maximum:
                self._limit = min(self.maximum, self._limit + (1 if self._calm else 1 / self._limit))
                self._changed.notify()

    def _end_round(self) -> None:
        mean = self._round_seconds / self._round_count
        self._round_seconds, self._round_count = 0.0, 0
        self._best = min(mean, self._best)
        self._crowded = mean > self.CROWDED * self._best
        if mean > self.JAMMED * self._best and self._limit > self.JAMMED_FLOOR:
            self._limit = max(float(self.JAMMED_FLOOR), self._limit * 0.8)
        self._round_size = max(self.ROUND, self.limit)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until one more may run, and count as running inside."""
        with self._changed:
            while self._running >= self.limit:
                self._changed.wait()
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify()


class _Feed(Generic[T]):
    """Items one ahead, so that one that does not fit stays; advanced in the consumer's thread alone."""

    def __init__(self, items: Iterable[T], weight: Callable[[T], int], max_weight: int, max_ahead: int) -> None:
        self._items = iter(items)
        self._weight = weight
        self._max_weight = max_weight
        self._max_ahead = max_ahead
        self._next: tuple[T, int] | None = None
        self._ended = False
        self.error: Exception | None = None
        self.load = 0
        self.count = 0

    def take(self) -> tuple[T, int] | None:
        """The next item and its weight if there is one and it fits beside what is out; alone, anything fits."""
        self._peek()
        if self._next is None or (self.count and not self._fits(self._next[1])):
            return None
        taken, self._next = self._next, None
        self.load += taken[1]
        self.count += 1
        return taken

    def release(self, weight: int) -> None:
        self.load -= weight
        self.count -= 1

    def _fits(self, weight: int) -> bool:
        return self.count < self._max_ahead and self.load + weight <= self._max_weight

    def _peek(self) -> None:
        if self._next is not None or self._ended:
            return
        try:
            item = next(self._items)
            self._next = item, self._weight(item)
        except StopIteration:
            self._ended = True
        except Exception as error:
            # Reported once the results before it have been: what went well up to here is not lost.
            self._ended = True
            self.error = error


_worker = threading.local()


class _Crew:
    """A pool of threads that knows when nobody waits for its results any more."""

    def __init__(self, workers: int | Concurrency) -> None:
        self._concurrency = workers if isinstance(workers, Concurrency) else Concurrency(workers)
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(self._concurrency.maximum, thread_name_prefix="mxpc-work")

    def submit(self, work: Callable[[T], R], item: T) -> Future[R]:
        return self._pool.submit(self._run, work, item)

    def _run(self, work: Callable[[T], R], item: T) -> R:
        _worker.closing = self._closing
        with self._concurrency.turn():
            if self._closing.is_set():
                raise Abandoned("nobody waits for this any more")
            began = time.monotonic()
            result = work(item)
        self._concurrency.succeeded(time.monotonic() - began)
        return result

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)


def pause(seconds: float) -> None:
    """Sleep; in a worker whose map is being closed, raise `Abandoned` at once: retries must not hold up an end.

    May be called in any thread; outside of a map it sleeps.
    """
    closing: threading.Event | None = getattr(_worker, "closing", None)
    if closing is None:
        time.sleep(seconds)
    elif closing.wait(seconds):
        raise Abandoned("nobody waits for this any more")


def ordered_map(
    items: Iterable[T],
    work: Callable[[T], R],
    *,
    workers: int | Concurrency,
    weight: Callable[[T], int] = lambda _: 0,
    max_weight: int = 0,
    max_ahead: int,
) -> Generator[R]:
    """`work(item)` of each item, in the items' order, done ahead in threads that begin at once.

    Bounds: at most `max_ahead` results and `max_weight` of weight (bytes, by `weight(item)`, asked before the work) are
    begun and not yet consumed; a result counts as consumed when the next one is asked for. An item heavier than
    `max_weight` is done alone. Memory does not grow with the number of items: they are pulled as room appears, in the
    consumer's thread.

    The first error in order is raised, of `items` too. Then, and when the iterator is closed early, what has not begun
    is dropped, what runs is waited for, and no thread is left.
    """
    results = _in_order(_Crew(workers), _Feed(items, weight, max_weight, max_ahead), work)
    next(results)
    return cast("Generator[R]", results)


def _in_order(crew: _Crew, feed: _Feed[T], work: Callable[[T], R]) -> Generator[R | None]:
    """First None, with the window full; then the results."""
    begun: deque[tuple[Future[R], int]] = deque()

    def fill() -> None:
        while taken := feed.take():
            begun.append((crew.submit(work, taken[0]), taken[1]))

    with crew:
        fill()
        yield None
        while begun:
            future, heavy = begun.popleft()
            result = future.result()
            del future
            yield result
            # Nothing here may keep the consumed result alive while the next one is waited for.
            del result
            feed.release(heavy)
            fill()
    if feed.error:
        raise feed.error


def unordered_map(
    items: Iterable[T],
    work: Callable[[T], R],
    *,
    workers: int | Concurrency,
    weight: Callable[[T], int] = lambda _: 0,
    max_weight: int = 0,
    max_ahead: int,
) -> Iterator[R]:
    """As `ordered_map`, but results and errors come as they are ready: for uploads, where order means nothing."""
    with _Crew(workers) as crew:
        feed = _Feed(items, weight, max_weight, max_ahead)
        ended: SimpleQueue[tuple[Future[R], int]] = SimpleQueue()
        while True:
            while taken := feed.take():
                _announce(crew.submit(work, taken[0]), taken[1], ended)
            if not feed.count:
                break
            future, heavy = ended.get()
            result = future.result()
            del future, taken
            yield result
            del result
            feed.release(heavy)
    if feed.error:
        raise feed.error


def _announce(future: Future[R], weight: int, ended: SimpleQueue[tuple[Future[R], int]]) -> None:
    future.add_done_callback(lambda done: ended.put((done, weight)))
