"""The bytes of PostgreSQL's custom format: header, table of contents, data blocks. As pg_backup_archiver.c has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from mxpc.archive.gzipread import cut_short, damaged
from mxpc.archive.layout import shown
from mxpc.errors import ArchiveError
from mxpc.model import DumpEntry, DumpFacts
from mxpc.ports import ByteReader

Version = tuple[int, int, int]

OLDEST, NEWEST = (1, 12), (1, 16)
"""Archive versions of pg_dump 9.0 to 18."""
HAS_TABLE_AM, HAS_COMPRESSION_BYTE, HAS_RELKIND = (1, 14), (1, 15), (1, 16)
COMPRESSIONS = ("none", "gzip", "lz4", "zstd")
MAX_TOC_ENTRIES = 2_000_000
MAX_TOC_BYTES = 256 << 20
"""The biggest app that is known of has 2,000 tables and some 10 MB of table of contents."""
_INT = Struct("<BI")
_INT_SIZE = _INT.size
_READ = 1 << 18
_SHOWN_DEFINITION = 4000
"""Bytes: the arguments of a function come in front of its language."""
_DATA, _BLOBS = 1, 3

END_OF_COPY = b"\\.\n\n\n"
"""What pg_dump writes behind the last row of a table."""
_END_OF_STREAM = END_OF_COPY + bytes(_INT_SIZE)


@dataclass(frozen=True, slots=True)
class TocEntry:
    """An entry of the table of contents: its bytes, and what we have to know of them."""

    facts: DumpEntry
    copy_statement: str | None
    raw: bytes
    """All of the entry, up to the offset of its data."""
    relkind_at: int
    """Where the relkind is, or would be, in `raw`."""


@dataclass(frozen=True, slots=True)
class Toc:
    """Everything in front of the data."""

    version: Version
    offset_size: int
    compression: str
    compression_field: bytes
    """As it is, with the level that old versions have there."""
    head: bytes
    """From behind the compression up to the number of entries."""
    entries: tuple[TocEntry, ...]
    facts: DumpFacts


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
        while len(self.buffer) - self.at < size:
            if not self.more():
                raise cut_short("The database dump in it has no end.")
        self.at += size
        return self.buffer[self.at - size : self.at]

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
        sign, magnitude = _INT.unpack(self.exactly(_INT_SIZE))
        return -int(magnitude) if sign else int(magnitude)

    def text(self) -> bytes | None:
        """Length and bytes; None for a negative length."""
        size = self.number()
        if size > MAX_TOC_BYTES:
            raise damaged("a text of the database dump is impossibly long", f"{size} bytes")
        return None if size < 0 else self.exactly(size)


class _Recorder(Cursor):
    """A cursor that keeps what was taken since `begin`."""

    def __init__(self, stream: ByteReader) -> None:
        super().__init__(stream)
        self._kept: list[bytes] = []
        self.kept_size = 0
        self.total = 0

    def begin(self) -> None:
        self._kept, self.kept_size = [], 0

    def kept(self) -> bytes:
        return b"".join(self._kept)

    def exactly(self, size: int) -> bytes:
        if self.total + size > MAX_TOC_BYTES:
            raise ArchiveError(f"The table of contents of the database dump is above {MAX_TOC_BYTES} bytes")
        data = super().exactly(size)
        self._kept.append(data)
        self.kept_size += size
        self.total += size
        return data


def read_toc(stream: ByteReader) -> tuple[Toc, Cursor]:
    """Header and table of contents, and a cursor that stands at the first data block."""
    take = _Recorder(stream)
    version, offset_size = _read_identity(take)
    take.begin()
    compression = _read_compression(take, version)
    compression_field = take.kept()
    take.begin()
    created = _moment([take.number() for _ in range(7)])
    database, server, program = (_shown_text(take.text()) for _ in range(3))
    head = take.kept()
    count = take.number()
    if not 0 <= count <= MAX_TOC_ENTRIES:
        raise damaged("the table of contents of the database dump has an impossible length", str(count))
    entries = tuple(_read_entry(take, version, offset_size) for _ in range(count))
    facts = DumpFacts(version, compression, created, database, server, program, tuple(entry.facts for entry in entries))
    cursor = Cursor(stream)
    cursor.buffer, cursor.at, cursor.count = take.buffer, take.at, take.count
    return Toc(version, offset_size, compression, compression_field, head, entries, facts), cursor


def _read_identity(take: Cursor) -> tuple[Version, int]:
    if take.exactly(5) != b"PGDMP":
        raise ArchiveError(
            "The database dump is not in PostgreSQL's custom format",
            evidence=f"It begins with {take.buffer[:16]!a}.",
            hint="Only what `pg_dump -Fc` writes can be restored.",
        )
    version = (take.byte(), take.byte(), take.byte())
    int_size, offset_size, kind = take.byte(), take.byte(), take.byte()
    if not OLDEST <= version[:2] <= NEWEST:
        raise ArchiveError(
            f"The database dump has archive version {version[0]}.{version[1]}, which is not known here",
            evidence="Known are 1.12 to 1.16, of PostgreSQL 9.0 to 18.",
            hint="Use a newer version of this tool, or make the dump with an older pg_dump.",
        )
    if kind != 1:
        raise ArchiveError("The database dump is not in custom format", evidence=f"Its format has number {kind}.")
    if int_size != 4 or offset_size not in (4, 8):
        raise damaged(
            "the header of the database dump is impossible", f"integers of {int_size} and {offset_size} bytes"
        )
    return version, offset_size


def _read_compression(take: Cursor, version: Version) -> str:
    if version < HAS_COMPRESSION_BYTE:
        return "gzip" if take.number() else "none"
    number = take.byte()
    if number >= len(COMPRESSIONS):
        raise damaged("the compression of the database dump is unknown", f"number {number}")
    return COMPRESSIONS[number]


def _read_entry(take: _Recorder, version: Version, offset_size: int) -> TocEntry:
    take.begin()
    dump_id = take.number()
    has_data = take.number() != 0
    take.text(), take.text()  # oids
    tag, kind = take.text(), take.text()
    take.number()  # section
    definition = take.text()
    take.text()  # drop
    copy_statement, schema = take.text(), take.text()
    take.text()  # tablespace
    if version >= HAS_TABLE_AM:
        take.text()
    relkind_at = take.kept_size
    if version >= HAS_RELKIND:
        take.number()
    owner = take.text()
    take.text()  # with oids
    dependencies = tuple(iter(lambda: _dependency(take.text()), None))
    raw = take.kept()
    take.exactly(1 + offset_size)
    if dump_id <= 0:
        raise damaged("the table of contents of the database dump has an impossible entry", f"number {dump_id}")
    facts = DumpEntry(
        dump_id,
        _plain(kind) or "",
        _plain(schema),
        _plain(tag) or "",
        _plain(owner) or "",
        has_data,
        dependencies,
        (_plain((definition or b"")[:_SHOWN_DEFINITION]) or ""),
    )
    return TocEntry(facts, _plain(copy_statement), raw, relkind_at)


def _dependency(text: bytes | None) -> int | None:
    if text is not None and not (text.isdigit() and len(text) <= 10):
        raise damaged("the table of contents of the database dump has an impossible dependency", repr(text[:40]))
    return None if text is None else int(text)


def _plain(text: bytes | None) -> str | None:
    return None if text is None else text.decode("utf-8", "replace")


def _shown_text(text: bytes | None) -> str:
    return shown(_plain(text) or "")[1:-1]


def _moment(numbers: list[int]) -> str:
    second, minute, hour, day, month, year, _ = numbers
    return f"{year + 1900:04}-{month + 1:02}-{day:02} {hour:02}:{minute:02}:{second:02}"


# ---------------------------------------------------------------------------------------------------------- data blocks


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

    def next(self) -> BlockStart | None:
        """The next block, None at the end of the dump."""
        cursor = self._cursor
        if cursor.at == len(cursor.buffer) and not cursor.more():
            return None
        kind = cursor.byte()
        if kind not in (_DATA, _BLOBS):
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
        while True:
            end, complete = walk(cursor.buffer, cursor.at)
            yield cursor.buffer[cursor.at : end]
            yield from self._behind_buffer(end)
            if complete:
                return
            if len(cursor.buffer) - cursor.at < _INT_SIZE and not cursor.more():
                raise cut_short("The database dump in it has no end.")

    def count_rows(self) -> int | None:
        """Pass over one uncompressed stream of COPY text; its rows, or None when it does not end as pg_dump ends it."""
        newlines, tail = 0, b""
        for piece in self.copied(count_newlines := _HeaderNewlines()):
            newlines += piece.count(b"\n")
            tail = (tail + piece[-len(_END_OF_STREAM) :])[-len(_END_OF_STREAM) :]
        if tail != _END_OF_STREAM:
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
    last = len(buffer) - _INT_SIZE
    unpack = _INT.unpack_from
    while at <= last:
        sign, size = unpack(buffer, at)
        at += _INT_SIZE
        if not size:
            return at, True
        if sign:
            raise damaged("the database dump has a piece of impossible length", f"-{size}")
        at += size
    return at, False


class _HeaderNewlines:
    """As `_walk`, and counts the bytes of lengths that look like newlines: who counts rows takes them off again."""

    def __init__(self) -> None:
        self.found = 0

    def walk(self, buffer: bytes, at: int) -> tuple[int, bool]:
        last = len(buffer) - _INT_SIZE
        unpack = _INT.unpack_from
        newlines, found = _NEWLINES, 0
        try:
            while at <= last:
                sign, size = unpack(buffer, at)
                at += _INT_SIZE
                if not size:
                    return at, True
                if sign:
                    raise damaged("the database dump has a piece of impossible length", f"-{size}")
                found += newlines[size & 0xFFFF]
                if size > 0xFFFF:
                    found += newlines[size >> 16]
                at += size
            return at, False
        finally:
            self.found += found


_NEWLINES = bytes((high == 0x0A) + (low == 0x0A) for high in range(256) for low in range(256))
"""How many of the two bytes of a number are newlines."""
