"""How many requests may be under way at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


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

    def succeeded(self, seconds: float, rounds: Rounds) -> None:
        """A piece of work ended well, after so long; `rounds` are those of its kind."""
        with self._changed:
            rounds.size = rounds.size or self._round_size
            rounds.seconds += seconds
            rounds.count += 1
            if rounds.count >= rounds.size:
                self._end(rounds)
            if not rounds.crowded and self._limit < self.maximum:
                self._limit = min(self.maximum, self._limit + (1 if self._calm else 1 / self._limit))
                self._changed.notify()

    def _end(self, rounds: Rounds) -> None:
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
