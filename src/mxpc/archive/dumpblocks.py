"""The data blocks of PostgreSQL's custom format, behind its table of contents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mxpc.archive.dumpcursor import INT, INT_SIZE, MAX_INT, Cursor
from mxpc.archive.trouble import cut_short, damaged
from mxpc.errors import ArchiveError

DATA, _BLOBS = 1, 3
END_OF_COPY = b"\\.\n\n\n"
"""What pg_dump writes behind the last row of a table."""
MOST_COUNTED_ROWS = 200_000
"""Of one table: counting the rows of bigger ones costs a restore more than it proves."""
CUT_SPACING = 4 << 20
"""Bytes between two places at which a table's rows can be told apart: nine bytes of memory for each megabyte."""
_END_OF_STREAM = END_OF_COPY + bytes(INT_SIZE)


@dataclass(frozen=True, slots=True)
class BlockStart:
    """A data block begins."""

    dump_id: int
    large_objects: bool
    """The block is a series of large objects, each a stream of its own."""


class Blocks:
    """The data blocks after a table of contents. For each, `next` and then `pieces` to its end."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self.cuts: list[int] = []
        """Of the last block that was passed over: places behind a piece that ends with a newline, CUT_SPACING apart."""

    def next(self) -> BlockStart | None:
        """The next block, None at the end of the dump."""
        cursor = self._cursor
        if cursor.at == len(cursor.buffer) and not cursor.more():
            return None
        self.cuts = []
        kind = cursor.byte()
        if kind not in (DATA, _BLOBS):
            raise damaged("the database dump has a block of an unknown kind", f"type {kind}")
        return BlockStart(cursor.number(), kind == _BLOBS)

    def objects(self) -> Iterator[int]:
        """The numbers of a block's large objects; take the `pieces` of each."""
        while oid := self._cursor.number():
            yield oid

    def pieces(self) -> Iterator[bytes]:
        """The content of one stream, without the lengths between its pieces."""
        cursor = self._cursor
        while size := cursor.number():
            if size < 0:
                raise damaged("the database dump has a piece of impossible length", str(size))
            while size:
                piece = self._some(size)
                size -= len(piece)
                yield piece

    def skip(self) -> None:
        """Pass over one stream."""
        for _ in self.copied():
            pass

    def copied(self, headers: _HeaderNewlines | None = None) -> Iterator[bytes]:
        """One stream as it is, with the lengths between its pieces and the zero at its end."""
        cursor = self._cursor
        walk = headers.walk if headers else _walk
        cut = cursor.place
        while True:
            end, complete = walk(cursor.buffer, cursor.at)
            yield cursor.buffer[cursor.at : end]
            yield from self._behind_buffer(end)
            if complete:
                return
            if cursor.place >= cut + CUT_SPACING and cursor.buffer[cursor.at - 1 : cursor.at] == b"\n":
                self.cuts.append(cut := cursor.place)
            if len(cursor.buffer) - cursor.at < INT_SIZE and not cursor.more():
                raise cut_short("The database dump in it has no end.")

    def count_rows(self) -> int | None:
        """Pass over one uncompressed stream of COPY text; its rows.

        None when there are more than MOST_COUNTED_ROWS, or when it does not end as pg_dump ends it.
        """
        newlines, tail = 0, b""
        for piece in self.copied(count_newlines := _HeaderNewlines()):
            if count_newlines.wanted:
                newlines += piece.count(b"\n")
                count_newlines.wanted = newlines - count_newlines.found <= MOST_COUNTED_ROWS + END_OF_COPY.count(b"\n")
            tail = (tail + piece[-len(_END_OF_STREAM) :])[-len(_END_OF_STREAM) :]
        if tail != _END_OF_STREAM or not count_newlines.wanted:
            return None
        return newlines - count_newlines.found - END_OF_COPY.count(b"\n")

    def _behind_buffer(self, end: int) -> Iterator[bytes]:
        """What is missing up to a position behind the buffer; the cursor stands there afterwards."""
        cursor = self._cursor
        while end > len(cursor.buffer):
            end -= len(cursor.buffer)
            cursor.at = len(cursor.buffer)
            if not cursor.more():
                raise cut_short("The database dump in it has no end.")
            yield cursor.buffer[:end]
        cursor.at = end

    def _some(self, size: int) -> bytes:
        cursor = self._cursor
        if cursor.at == len(cursor.buffer) and not cursor.more():
            raise cut_short("The database dump in it has no end.")
        piece = cursor.buffer[cursor.at : cursor.at + size]
        cursor.at += len(piece)
        return piece


def _walk(buffer: bytes, at: int) -> tuple[int, bool]:
    """From piece to piece until the zero at the stream's end (True), or as far as the buffer tells where the next is.

    A close loop: pg_dump -Z0 makes a piece of each row, so there are millions.
    """
    last = len(buffer) - INT_SIZE
    unpack = INT.unpack_from
    while at <= last:
        sign, size = unpack(buffer, at)
        at += INT_SIZE
        if not size:
            return at, True
        if sign or size > MAX_INT:
            raise _impossible(sign, size)
        at += size
    return at, False


def _impossible(sign: int, size: int) -> ArchiveError:
    return damaged("the database dump has a piece of impossible length", f"{'-' * bool(sign)}{size}")


class _HeaderNewlines:
    """As `_walk`, and counts the bytes of lengths that look like newlines: who counts rows takes them off again."""

    def __init__(self) -> None:
        self.found = 0
        self.wanted = True
        """False: nobody counts any more, and walking is quicker without."""

    def walk(self, buffer: bytes, at: int) -> tuple[int, bool]:
        if not self.wanted:
            return _walk(buffer, at)
        last = len(buffer) - INT_SIZE
        unpack = INT.unpack_from
        newlines, found = _NEWLINES, 0
        try:
            while at <= last:
                sign, size = unpack(buffer, at)
                at += INT_SIZE
                if not size:
                    return at, True
                if sign or size > MAX_INT:
                    raise _impossible(sign, size)
                found += newlines[size & 0xFFFF]
                if size > 0xFFFF:
                    found += newlines[size >> 16]
                at += size
            return at, False
        finally:
            self.found += found


_NEWLINES = bytes((high == 0x0A) + (low == 0x0A) for high in range(256) for low in range(256))
"""How many of the two bytes of a number are newlines."""
