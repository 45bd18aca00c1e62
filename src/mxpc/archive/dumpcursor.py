"""Takes numbers and texts of PostgreSQL's custom format out of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from mxpc.archive.trouble import cut_short, damaged
from mxpc.ports import ByteReader

INT = Struct("<BI")
"""Sign and magnitude, as pg_backup_archiver.c writes every number."""
INT_SIZE = INT.size
MAX_INT = (1 << 31) - 1
MAX_TEXT = 128 << 20
_READ = 1 << 18


class Cursor:
    """Takes ints, texts and blocks from a stream, with nothing but ArchiveError for what does not fit."""

    def __init__(self, stream: ByteReader) -> None:
        self._stream = stream
        self.buffer = b""
        self.at = 0
        self.count = 0
        """Bytes fetched from the stream so far."""

    def more(self) -> bool:
        """Put more bytes behind those that are left; False at the end of the stream."""
        data = self._stream.read(_READ)
        self.count += len(data)
        self.buffer = self.buffer[self.at :] + data if self.at < len(self.buffer) else data
        self.at = 0
        return bool(data)

    def exactly(self, size: int) -> bytes:
        """The next `size` bytes."""
        if len(self.buffer) - self.at >= size:
            self.at += size
            return self.buffer[self.at - size : self.at]
        parts = [self.buffer[self.at :]]
        missing = size - len(parts[0])
        self.at = len(self.buffer)
        while missing:
            if not self.more():
                raise cut_short("The database dump in it has no end.")
            parts.append(self.buffer[:missing])
            self.at = len(parts[-1])
            missing -= self.at
        return b"".join(parts)

    @property
    def place(self) -> int:
        """Bytes of the dump that were taken."""
        return self.count - len(self.buffer) + self.at

    def between(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes of the dump from `start` to `end`; what lies before is passed over. `start` is not behind us."""
        while self.place < end:
            if self.at == len(self.buffer) and not self.more():
                raise cut_short("The database dump in it has no end.")
            first = self.count - len(self.buffer)
            self.at = min(max(self.at, start - first), len(self.buffer))
            piece = self.buffer[self.at : end - first]
            self.at += len(piece)
            if piece:
                yield piece

    def rest(self) -> bytes:
        """What is in the buffer, else some more; b"" at the end."""
        if self.at == len(self.buffer) and not self.more():
            return b""
        data, self.at = self.buffer[self.at :], len(self.buffer)
        return data

    def byte(self) -> int:
        """One byte as a number."""
        return self.exactly(1)[0]

    def number(self) -> int:
        """Sign byte and four bytes."""
        sign, magnitude = INT.unpack(self.exactly(INT_SIZE))
        if sign > 1 or magnitude > MAX_INT + sign:
            raise damaged("the database dump has an impossible number", f"sign {sign}, {magnitude}")
        return -int(magnitude) if sign else int(magnitude)

    def text(self, limit: int = MAX_TEXT) -> bytes | None:
        """Length and bytes, at most so many; None for a negative length."""
        size = self.number()
        if size > limit:
            raise damaged("a text of the database dump is impossibly long", f"{size} bytes")
        return None if size < 0 else self.exactly(size)
