"""The rows of one table dealt to several readers, so that several sessions copy what is decompressed once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from itertools import pairwise

from mxpc.archive.dumpblocks import DATA
from mxpc.archive.dumpcursor import INT_SIZE, Cursor
from mxpc.archive.dumpwrite import int_bytes
from mxpc.model import DataBlock


class Deal:
    """Each of several threads takes the next stretch of rows whenever it has room for one. The last stretch is out
    when one of them gets no more: then the dump may be read on."""

    def __init__(self, cursor: Cursor, block: DataBlock) -> None:
        self._cursor = cursor
        self._start = bytes((DATA,)) + int_bytes(block.dump_id)
        bounds = (block.start + len(self._start), *block.cuts, block.end - INT_SIZE)
        self._stretches = deque(pairwise(bounds))
        self._lock = threading.Lock()

    @property
    def left(self) -> bool:
        """Whether there are rows that nobody has taken."""
        return bool(self._stretches)

    def block_of_one(self) -> Iterator[bytes]:
        """A data block with the rows that this caller gets. Raises ArchiveError where the dump is cut short."""
        yield self._start
        while stretch := self._take():
            yield from stretch
        yield int_bytes(0)

    def _take(self) -> list[bytes]:
        with self._lock:
            return list(self._cursor.between(*self._stretches.popleft())) if self._stretches else []
