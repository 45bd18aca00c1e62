"""One gzip member, compressed by several threads, with holes whose bytes become known later."""

from __future__ import annotations

import os
import sys
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from mxpc.archive import deflate
from mxpc.ports import ArchiveSink

CHUNK = 1 << 19
"""Bytes compressed at once: above 256 KiB the missing dictionary costs less than half a percent."""
MAX_THREADS = 8
"""Unless told otherwise: eight compress 2 GB/s, which no source delivers, and more only cost memory."""
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_FINAL_BLOCK = b"\x01\0\0\xff\xff"


@dataclass(eq=False, slots=True)
class Hole:
    """Bytes of the uncompressed stream that become known later. `offset` is where they are in the sink."""

    size: int
    offset: int = -1
    crc: int = 0


@dataclass(frozen=True, slots=True)
class _Packed:
    data: bytes
    crc: int
    size: int


class GzipWriter:
    """Writes one gzip member into a sink that is empty so far. Used by one thread; compresses in `threads` others.

    At most 2 * threads + 1 chunks wait in memory.
    """

    def __init__(self, sink: ArchiveSink, *, level: int, threads: int | None, engine: deflate.Engine) -> None:
        self._sink = sink
        self._level = level
        self._engine = engine
        self._threads = threads or min(cpu_count(), MAX_THREADS)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="deflate")
        self._parts: list[bytes | memoryview] = []
        self._buffered = 0
        self._waiting: deque[Future[_Packed] | Hole] = deque()
        self._sums: list[_Sum | Hole] = []
        self.size = 0
        """Uncompressed bytes so far."""
        self.compressed_size = 0
        """Bytes given to the sink so far."""
        self._put(_HEADER)

    def write(self, data: bytes | memoryview) -> None:
        """Append. The bytes may not change afterwards."""
        while self._buffered + len(data) >= CHUNK:
            room = CHUNK - self._buffered
            self._keep(memoryview(data)[:room])
            data = memoryview(data)[room:]
            self._submit()
        if data:
            self._keep(data)

    def hole(self, size: int) -> Hole:
        """Leave `size` bytes (at most 65,535) to be given to `fill` before `finish`."""
        self._submit()
        hole = Hole(size)
        self._waiting.append(hole)
        self.size += size
        return hole

    def fill(self, hole: Hole, data: bytes) -> None:
        """Say what the bytes of a hole are."""
        if len(data) != hole.size:
            raise ValueError(f"a hole of {hole.size} bytes cannot take {len(data)}")
        self._submit()
        self._drain(0)
        self._sink.patch(hole.offset, data)
        hole.crc = self._engine.crc32(data, 0)

    def finish(self) -> None:
        """Write what is left, and the trailer. The sink is not committed."""
        self._submit()
        self._drain(0)
        self._put(_FINAL_BLOCK)
        self._put(self._crc().to_bytes(4, "little") + (self.size & 0xFFFFFFFF).to_bytes(4, "little"))
        self.close()

    def close(self) -> None:
        """End the threads. May be repeated."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _keep(self, data: bytes | memoryview) -> None:
        self._parts.append(data)
        self._buffered += len(data)
        self.size += len(data)

    def _submit(self) -> None:
        if not self._buffered:
            return
        self._waiting.append(self._pool.submit(self._pack, self._parts))
        self._parts, self._buffered = [], 0
        self._drain(2 * self._threads)

    def _pack(self, parts: list[bytes | memoryview]) -> _Packed:
        data = b"".join(parts)
        return _Packed(deflate.pack(self._engine, data, self._level), self._engine.crc32(data, 0), len(data))

    def _drain(self, allowed: int) -> None:
        """Write what is ready, in order, and wait until no more than `allowed` are left."""
        while self._waiting:
            first = self._waiting[0]
            if isinstance(first, Hole):
                self._put_hole(first)
            elif len(self._waiting) > allowed or first.done():
                self._put_packed(first.result())
            else:
                return
            self._waiting.popleft()

    def _put_hole(self, hole: Hole) -> None:
        hole.offset = self.compressed_size + deflate.STORED_OVERHEAD
        self._put(deflate.store(bytes(hole.size)))
        self._sums.append(hole)

    def _put_packed(self, packed: _Packed) -> None:
        self._put(packed.data)
        if not self._sums or isinstance(self._sums[-1], Hole):
            self._sums.append(_Sum())
        last = self._sums[-1]
        last.crc = self._engine.crc32_combine(last.crc, packed.crc, packed.size)
        last.size += packed.size

    def _put(self, data: bytes) -> None:
        self._sink.write(data)
        self.compressed_size += len(data)

    def _crc(self) -> int:
        crc = 0
        for part in self._sums:
            crc = self._engine.crc32_combine(crc, part.crc, part.size)
        return crc


@dataclass(slots=True)
class _Sum:
    crc: int = 0
    size: int = 0


def cpu_count() -> int:
    """How many processors this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
