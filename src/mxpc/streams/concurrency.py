"""How many requests may be under way at once."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol


class Piece(Protocol):
    """A piece of work that waits for its turn. Nothing here waits."""

    @property
    def owner(self) -> object:
        """Who does it."""

    def call(self) -> None:
        """Have the owner come for whatever has its turn. Raises RuntimeError where no thread can be had for it."""

    def start(self) -> bool:
        """Have the owner do it, and say `end` then; False when the owner does nothing any more. Raises as `call`."""

    def fail(self, error: Exception) -> None:
        """It will not be done, and this is why."""


@dataclass
class Rounds:
    """How long the pieces of one kind of work take, round by round: a look is quicker than an upload, and neither says
    anything about the other."""

    size: int = 0
    count: int = 0
    seconds: float = 0.0
    best: float = float("inf")
    """Mean of the quickest round, in seconds."""
    crowded: bool = False


class Concurrency:
    """How many pieces of work may run at once: rises while it helps, falls when a service says that it is too much.

    - `slowed` halves it, at most once in `SETTLE` seconds: the requests that were under way all report the same jam.
    - Each piece that ends well raises it by one until the first slow-down, so that it doubles every round trip; from
      then on by one a round.
    - A round whose pieces take `CROWDED` times as long as in the best one of their kind shows that they only wait for
      each other: no rise. From `JAMMED` times on it falls by a fifth.

    Work waits in a queue, and not in threads: who is done with a piece goes on with the next one, which costs nothing
    where waking another thread costs more than a small request. May be shared by several owners (maps), whose pieces
    have their turns in the order in which they came, and used from any thread.
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
        self._last_slowed = float("-inf")
        self._waiting: deque[Piece] = deque()
        self._lock = threading.Lock()

    @property
    def limit(self) -> int:
        """How many may run now: between FLOOR (or a smaller maximum) and maximum."""
        return int(self._limit)

    def slowed(self) -> None:
        """A service asked for fewer requests, or one of them ran into a timeout."""
        with self._lock:
            now = time.monotonic()
            if now - self._last_slowed >= self.SETTLE:
                self._last_slowed = now
                self._calm = False
                self._limit = max(min(self.FLOOR, self.maximum), self._limit / 2)

    def succeeded(self, seconds: float, rounds: Rounds) -> None:
        """A piece of work ended well, after so long; `rounds` are those of its kind."""
        with self._lock:
            rounds.size = rounds.size or self._round_size
            rounds.seconds += seconds
            rounds.count += 1
            if rounds.count >= rounds.size:
                self._end_round(rounds)
            if not rounds.crowded and self._limit < self.maximum:
                self._limit = min(self.maximum, self._limit + (1 if self._calm else 1 / self._limit))

    def _end_round(self, rounds: Rounds) -> None:
        mean = rounds.seconds / rounds.count
        rounds.seconds, rounds.count = 0.0, 0
        rounds.best = min(mean, rounds.best)
        rounds.crowded = mean > self.CROWDED * rounds.best
        if mean > self.JAMMED * rounds.best and self._limit > self.JAMMED_FLOOR:
            self._limit = max(float(self.JAMMED_FLOOR), self._limit * 0.8)
        rounds.size = self._round_size

    @property
    def _round_size(self) -> int:
        return max(self.ROUND, self.limit)

    # ---------------------------------------------------------------------------------------------------------- turns

    def enqueue(self, piece: Piece) -> None:
        """Let it wait for its turn. No lock and no count: the caller's thread may be interrupted at any place."""
        self._waiting.append(piece)
        if self._running < self.limit:
            try:
                piece.call()
            except RuntimeError:
                if not self._running:
                    raise
        # Else who is running looks for more when it is done, and finds this one.

    def begin(self, owner: object) -> Piece | None:
        """A piece of this owner whose turn it is: it counts as running until `end`. Others that have theirs start."""
        return self._next(owner)

    def end(self, owner: object) -> Piece | None:
        """One piece has ended; then as `begin`."""
        return self._next(owner, ended=1)

    def _next(self, owner: object, ended: int = 0) -> Piece | None:
        own: Piece | None = None
        while True:
            with self._lock:
                self._running -= ended
                ended = 0
                if not self._waiting or self._running >= self.limit:
                    return own
                piece = self._waiting.popleft()
                self._running += 1
            if own is None and piece.owner is owner:
                own = piece
            elif not self._start(piece):
                return own

    def _start(self, piece: Piece) -> bool:
        """Have its owner do it; False where no more threads can be had, and who is running has to go on alone."""
        failed: RuntimeError | None = None
        try:
            if piece.start():
                return True
        except RuntimeError as error:
            failed = error
        with self._lock:
            self._running -= 1
            if failed and self._running:
                self._waiting.appendleft(piece)
                return False
        if failed:
            piece.fail(failed)
        return True
