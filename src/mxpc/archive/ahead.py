"""Reads ahead in a thread, so that decompressing and looking at what was decompressed go on at the same time."""

from __future__ import annotations

import threading
import weakref
from collections import deque

from mxpc.ports import ByteReader

_DEPTH = 4
_PIECE = 1 << 20
_PATIENCE = 1.0
"""Seconds that `close` waits. A file's read returns in less; one of a pipe that stays open may never return."""


class ReadAhead:
    """A ByteReader over another one that only its thread reads, up to 4 MiB ahead.

    The thread ends at the end of the stream, at its first error (which the consumer gets at that place), with `close`,
    or when nobody holds the reader any more.
    """

    def __init__(self, stream: ByteReader) -> None:
        self._shared = _Shared()
        self._piece = b""
        self._at = 0
        self._thread = threading.Thread(target=_fetch, args=(stream, self._shared), name="read-ahead", daemon=True)
        self._close = weakref.finalize(self, self._shared.stop)
        self._thread.start()

    def read(self, size: int, /) -> bytes:
        """Between 1 and `size` bytes; b"" at the end. Raises what the stream raised."""
        if self._at == len(self._piece):
            self._piece, self._at = self._shared.take(), 0
            if len(self._piece) <= size:
                self._at = len(self._piece)
                return self._piece
        start = self._at
        self._at = min(start + size, len(self._piece))
        return self._piece[start : self._at]

    def close(self) -> None:
        """End the thread: at once, or when its present read returns, which is waited for a second. May be repeated."""
        self._close()
        self._thread.join(_PATIENCE)


class _Shared:
    """What both threads see. An end or an error stays at the end of the pieces."""

    def __init__(self) -> None:
        self._pieces: deque[bytes | BaseException] = deque()
        self._changed = threading.Condition()
        self._stopped = False

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._pieces.clear()
            self._pieces.append(b"")
            self._changed.notify_all()

    def give(self, piece: bytes | BaseException) -> bool:
        """Wait for room; False when nobody wants more."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._pieces) < _DEPTH)
            if not self._stopped:
                self._pieces.append(piece)
                self._changed.notify_all()
            return bool(piece) and not self._stopped and not isinstance(piece, BaseException)

    def take(self) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: self._pieces)
            first = self._pieces[0]
            if isinstance(first, BaseException):
                raise first
            if first:
                self._pieces.popleft()
                self._changed.notify_all()
            return first


def _fetch(stream: ByteReader, shared: _Shared) -> None:
    try:
        while shared.give(stream.read(_PIECE)):
            pass
    except BaseException as error:  # the consumer raises it
        shared.give(error)
