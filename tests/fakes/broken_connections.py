"""Connections in memory that cut, damage, lose and stall what goes over them, by a plan that a seed decides."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from mxpc.ports import Connection

KINDS = ("cut", "damage", "lose", "repeat", "stall")


@dataclass
class Trouble:
    """So many faults, each after a random number of bytes; shared by all connections of a test. Any thread."""

    faults: int
    seed: int = 1
    mean_bytes: int = 500_000
    kinds: tuple[str, ...] = KINDS
    done: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()

    def reseed(self, seed: str) -> None:
        """What comes now depends on this alone."""
        self._random = random.Random(seed)

    def wait(self) -> int:
        """Bytes until the next fault."""
        with self._lock:
            return self._random.randrange(2 * self.mean_bytes)

    def next(self) -> str | None:
        """What happens now; None when all faults are used up."""
        with self._lock:
            if self.done.total() >= self.faults:
                return None
            kind = self.choice()
            self.done[kind] += 1
            return kind

    def choice(self) -> str:
        """A kind of fault."""
        return self._random.choice(self.kinds)

    def position(self, size: int) -> int:
        """A place in so many bytes."""
        with self._lock:
            return self._random.randrange(size)


class Broken:
    """A Connection whose written bytes meet trouble."""

    def __init__(self, inner: Connection, trouble: Trouble) -> None:
        self._inner = inner
        self._trouble = trouble
        self._left = trouble.wait()
        self._stalled = False

    def read(self, size: int, /) -> bytes:
        return self._inner.read(size)

    def write(self, data: bytes, /) -> bool:
        self._left -= len(data)
        if self._stalled:
            return True
        if self._left > 0:
            return self._inner.write(data)
        self._left = self._trouble.wait()
        kind = self._trouble.next()
        return self._inner.write(data) if kind is None else self._meet(kind, data)

    def close(self) -> None:
        self._inner.close()

    def release(self) -> None:
        self._inner.release()

    def _meet(self, kind: str, data: bytes) -> bool:
        place = self._trouble.position(len(data))
        if kind == "stall":
            self._stalled = True
            return True
        if kind == "cut":
            self._inner.write(data[:place])
            time.sleep(0)
            self._inner.close()
            return False
        changed = {
            "damage": data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :],
            "lose": data[:place] + data[place + 40 :],
            "repeat": data[:place] + data[place : place + 40] + data[place:],
        }
        return self._inner.write(changed[kind])
