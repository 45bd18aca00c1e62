"""Tars, gzip members and dumps made byte by byte, so that each byte of them can be wrong."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from mxpc.archive.deflate import ZLIB

BLOCK = 512
BLOB = "0d3e301f-5551-46f8-ad44-8de2be084c95"
OTHER = "c0ffee00-1111-4222-8333-444455556666"
ZEROS = bytes(1 << 20)
Repeated = tuple[bytes, int]
"""Bytes, and how often."""


def blob_entry(blob: str) -> str:
    """The entry of a blob."""
    return f"tree/{blob[:2]}/{blob[2:4]}/{blob}"


# ------------------------------------------------------------------------------------------------------------------ tar


def header(
    name: bytes | str,
    size: int | bytes = 0,
    kind: bytes = b"0",
    *,
    magic: bytes = b"ustar\0" + b"00",
    prefix: bytes = b"",
    link: bytes = b"",
    signed: bool = False,
) -> bytes:
    """A tar header. A `size` of bytes is the field as it is."""
    block = bytearray(BLOCK)
    plain = name.encode() if isinstance(name, str) else name
    block[0 : len(plain)] = plain
    block[100:124] = b"0000600\0" + b"0000000\0" * 2
    block[124:136] = b"%011o\0" % size if isinstance(size, int) else size
    block[136:148] = b"%011o\0" % 1_715_544_000
    block[156:157] = kind
    block[157 : 157 + len(link)] = link
    block[257:265] = magic.ljust(8, b"\0")
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % (sum(block) - 256 * sum(byte > 127 for byte in block) * signed)
    return bytes(block)


def padded(content: bytes) -> bytes:
    """Content filled up to a whole block."""
    return content + bytes(-len(content) % BLOCK)


def file(name: bytes | str, content: bytes = b"", kind: bytes = b"0", **more: bool | bytes) -> bytes:
    """Header and content."""
    return header(name, len(content), kind, **more) + padded(content)  # type: ignore[arg-type]


def pax(records: bytes, kind: bytes = b"x") -> bytes:
    """A pax header of these records."""
    return file("pax", records, kind)


def record(key: str, value: bytes | str) -> bytes:
    """One record of a pax header."""
    rest = b" " + key.encode() + b"=" + (value.encode() if isinstance(value, str) else value) + b"\n"
    size = len(rest) + 1
    while len(str(size)) + len(rest) != size:
        size += 1
    return str(size).encode() + rest


END = bytes(2 * BLOCK)


# ----------------------------------------------------------------------------------------------------------------- gzip


def member(*parts: bytes | Repeated, flags: int = 0, fields: bytes = b"", level: int = 6) -> bytes:
    """A gzip member. What is repeated is compressed once: a bomb is made in no time."""
    body, crc, size = b"", 0, 0
    for part in parts:
        piece, times = (part, 1) if isinstance(part, bytes) else part
        body += deflated(piece, level) * times
        size += len(piece) * times
        piece_crc = zlib.crc32(piece)
        for _ in range(times):
            crc = ZLIB.crc32_combine(crc, piece_crc, len(piece))
    return gzip_head(flags, fields) + body + b"\3\0" + struct.pack("<II", crc, size & 0xFFFFFFFF)


def gzip_head(flags: int = 0, fields: bytes = b"") -> bytes:
    """The ten bytes in front of a member, and the fields that its flags announce."""
    return b"\x1f\x8b\x08" + bytes((flags,)) + bytes(4) + b"\0\xff" + fields


def deflated(data: bytes, level: int = 6) -> bytes:
    """Raw deflate blocks without an end."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush(zlib.Z_FULL_FLUSH)


# ----------------------------------------------------------------------------------------------------------------- dump


def number(value: int) -> bytes:
    """Sign byte and four bytes."""
    return bytes((value < 0,)) + abs(value).to_bytes(4, "little")


def text(value: bytes | None) -> bytes:
    """Length and bytes."""
    return number(-1) if value is None else number(len(value)) + value


@dataclass(frozen=True)
class Entry:
    """An entry of a table of contents, archive version 1.14."""

    dump_id: int
    has_data: bool
    texts: tuple[bytes | None, ...]
    """table oid, oid, tag, kind, [section between,] definition, drop, copy, schema, tablespace, access method, owner,
    with oids"""
    section: int = 2
    dependencies: tuple[bytes, ...] = ()

    def encoded(self) -> bytes:
        first, second = self.texts[:4], self.texts[4:]
        return b"".join(
            (
                number(self.dump_id),
                number(self.has_data),
                *map(text, first),
                number(self.section),
                *map(text, second),
                *map(text, self.dependencies),
                text(None),
                bytes((1 if self.has_data else 3,)) + bytes(8),
            )
        )

    @property
    def name(self) -> bytes:
        return self.texts[2] or b""

    @property
    def kind(self) -> bytes:
        return self.texts[3] or b""

    def with_text(self, place: int, value: bytes | None) -> Entry:
        """The same with another text."""
        return replace(self, texts=(*self.texts[:place], value, *self.texts[place + 1 :]))


TAG, KIND, DEFINITION, COPY, OWNER = 2, 3, 4, 6, 10


def plain_entry(dump_id: int, tag: bytes, kind: bytes = b"COMMENT", definition: bytes = b"", **more: object) -> Entry:
    """An entry without data that does nothing."""
    texts = (b"0", b"0", tag, kind, definition, b"", None, b"public", None, None, b"nobody", b"false")
    return Entry(dump_id, False, texts, **more)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Block:
    """The data of one entry: one stream of pieces, or a series of numbered ones."""

    dump_id: int
    pieces: tuple[bytes, ...] = ()
    kind: int = 1
    objects: tuple[tuple[int, tuple[bytes, ...]], ...] = ()

    def encoded(self) -> bytes:
        streams = b"".join(number(oid) + _stream(pieces) for oid, pieces in self.objects)
        return (
            bytes((self.kind,)) + number(self.dump_id) + (streams + number(0) if self.objects else _stream(self.pieces))
        )


def _stream(pieces: Iterable[bytes]) -> bytes:
    return b"".join(number(len(piece)) + piece for piece in pieces) + number(0)


@dataclass(frozen=True)
class Dump:
    """A dump of archive version 1.14 (pg_dump 12 to 15), in its parts."""

    entries: tuple[Entry, ...]
    blocks: tuple[Block, ...]
    compression: bytes = number(0)
    head: bytes = b""
    """Moment and three texts."""
    identity: bytes = b"PGDMP\x01\x0e\x00\x04\x08\x01"
    count: int | None = None
    """Entries announced, where it is another number."""
    tail: bytes = field(default=b"")

    def table_of_contents(self) -> bytes:
        """Everything in front of the data."""
        count = len(self.entries) if self.count is None else self.count
        return b"".join(
            (self.identity, self.compression, self.head, number(count), *(one.encoded() for one in self.entries))
        )

    def encoded(self) -> bytes:
        return self.table_of_contents() + b"".join(one.encoded() for one in self.blocks) + self.tail

    def edited(self, place: int, change: Callable[[Entry], Entry]) -> Dump:
        """With one entry changed."""
        entries = (*self.entries[:place], change(self.entries[place]), *self.entries[place + 1 :])
        return replace(self, entries=entries)

    def compressed(self) -> Dump:
        """The same with data that gzip compressed inside."""
        blocks = tuple(replace(one, pieces=(zlib.compress(b"".join(one.pieces)),)) for one in self.blocks)
        return replace(self, blocks=blocks, compression=number(-1))


def parsed(data: bytes) -> Dump:
    """An uncompressed dump of archive version 1.14, without large objects, in its parts."""
    take = _Take(data)
    identity, compression = take.bytes(11), take.bytes(5)
    assert identity == Dump.identity
    assert compression == number(0)
    start = take.at
    for _ in range(7):
        take.number()
    for _ in range(3):
        take.text()
    head = data[start : take.at]
    entries = tuple(_entry(take) for _ in range(take.number()))
    blocks = []
    while take.at < len(data):
        assert take.bytes(1) == b"\1"
        blocks.append(Block(take.number(), tuple(iter(take.piece, b""))))
    return Dump(entries, tuple(blocks), head=head)


def _entry(take: _Take) -> Entry:
    dump_id, has_data = take.number(), take.number() != 0
    first = [take.text() for _ in range(4)]
    section = take.number()
    second = [take.text() for _ in range(8)]
    dependencies = tuple(iter(take.text, None))
    take.bytes(9)
    return Entry(dump_id, has_data, (*first, *second), section, dependencies)  # type: ignore[arg-type]


class _Take:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def bytes(self, size: int) -> bytes:
        self.at += size
        return self._data[self.at - size : self.at]

    def number(self) -> int:
        sign, value = struct.unpack("<BI", self.bytes(5))
        return -value if sign else value

    def text(self) -> bytes | None:
        size = self.number()
        return None if size < 0 else self.bytes(size)

    def piece(self) -> bytes:
        return self.text() or b""
