"""A function over items, in threads, with a window that is bounded in number and in weight."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, Generic, TypeVar, cast

from mxpc.errors import ToolError
from mxpc.streams.concurrency import Concurrency, Piece, Rounds
from mxpc.streams.stop import Gate

T = TypeVar("T")
R = TypeVar("R")


class Abandoned(ToolError):
    """Nobody waits for this piece of work any more. Raised by `pause` in a worker; never reaches the consumer."""


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


class _Piece(Generic[T, R]):
    """One item to be worked on."""

    def __init__(self, owner: _Crew, work: Callable[[T], R], item: T) -> None:
        self.owner = owner
        self.future: Future[R] = Future()
        self.call = owner.call
        self.fail = self.future.set_exception
        self._work = work
        self._item = item

    def start(self) -> bool:
        """See mxpc.streams.concurrency.Piece."""
        return self.owner.start(self)

    def do(self) -> float | None:
        """Do it; the seconds that it took, None when it failed."""
        began = time.monotonic()
        try:
            self.future.set_result(self._work(self._item))
        except BaseException as error:  # the consumer raises it
            self.future.set_exception(error)
            return None
        return time.monotonic() - began


class _Crew:
    """Threads that do pieces of work, as many at once as a Concurrency allows."""

    def __init__(self, workers: int | Concurrency) -> None:
        self._concurrency = workers if isinstance(workers, Concurrency) else Concurrency(workers)
        self._rounds = Rounds()
        self._closing = threading.Event()
        self._gate = Gate()
        self._manned = False
        """Whether the pool has any thread."""
        self._pool = ThreadPoolExecutor(self._concurrency.maximum, thread_name_prefix="mxpc-work")

    def submit(self, work: Callable[[T], R], item: T) -> Future[R]:
        piece = _Piece(self, work, item)
        self._concurrency.enqueue(piece)
        return piece.future

    def call(self) -> None:
        """See Piece."""
        self._come([])

    def start(self, piece: _Piece[Any, Any]) -> bool:
        """See Piece."""
        given: list[Piece] = [piece]
        try:
            self._come(given)
        except RuntimeError:
            given.clear()
            if self._closing.is_set():
                return False
            raise
        return True

    def _come(self, given: list[Piece]) -> None:
        try:
            self._pool.submit(self._run, given)
        except RuntimeError:
            # It is in the pool's queue nevertheless: the threads that there are come to it.
            if self._closing.is_set() or not self._manned:
                raise
        self._manned = True

    def _run(self, given: list[Piece]) -> None:
        """Do the piece that was given, if one was, and then what has its turn."""
        _worker.closing = self._closing
        with self._gate.inside() as let_in:
            piece = given.pop() if given else self._concurrency.begin(self)
            while piece:
                if let_in and not self._closing.is_set():
                    self._do(cast("_Piece[Any, Any]", piece))
                piece = self._concurrency.end(self)

    def _do(self, piece: _Piece[Any, Any]) -> None:
        seconds = piece.do()
        if seconds is not None:
            self._concurrency.succeeded(seconds, self._rounds)

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._gate.close()
        # Not cancelled: what has its turn gives it back.
        self._pool.shutdown(wait=True)


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
    ready: Callable[[T], R | None] = lambda _: None,
) -> Generator[R]:
    """`work(item)` of each item, in the items' order, done ahead in threads that begin at once.

    Bounds: at most `max_ahead` results and `max_weight` of weight (bytes, by `weight(item)`, asked before the work) are
    begun and not yet consumed; a result counts as consumed when the next one is asked for. An item heavier than
    `max_weight` is done alone. Memory does not grow with the number of items: they are pulled as room appears, in the
    consumer's thread. What `ready` gives for an item, in the consumer's thread, is its result without any work.

    The first error in order is raised, of `items` too. Then, and when the iterator is closed early, what has not begun
    is dropped, what runs is waited for, and no thread is left.
    """
    results = _in_order(_Crew(workers), _Feed(items, weight, max_weight, max_ahead), work, ready)
    next(results)
    return cast("Generator[R]", results)


def _in_order(
    crew: _Crew, feed: _Feed[T], work: Callable[[T], R], ready: Callable[[T], R | None]
) -> Generator[R | None]:
    """First None, with the window full; then the results."""
    begun: deque[tuple[Future[R], int]] = deque()

    def fill() -> None:
        while taken := feed.take():
            begun.append((_done(ready(taken[0])) or crew.submit(work, taken[0]), taken[1]))

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


def _done(result: R | None) -> Future[R] | None:
    if result is None:
        return None
    future: Future[R] = Future()
    future.set_result(result)
    return future


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
