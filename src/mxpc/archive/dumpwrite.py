"""A custom-format table of contents as bytes, also in the older archive versions that older pg_restore reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO

from mxpc.archive.dumpcursor import Cursor
from mxpc.archive.dumpread import (
    COMPRESSIONS,
    HAS_COMPRESSION_BYTE,
    HAS_RELKIND,
    Toc,
    TocEntry,
    Version,
)
from mxpc.archive.trouble import damaged

_POSITION_NOT_SET, _NO_DATA = 1, 3
_PRE_DATA = 2
_GROUPED_LARGE_OBJECTS = "BLOB METADATA"


def int_bytes(number: int) -> bytes:
    """Sign byte and four bytes."""
    return bytes((number < 0,)) + abs(number).to_bytes(4, "little")


def text_bytes(text: bytes | None) -> bytes:
    """Length and bytes; a length of -1 for None."""
    return int_bytes(-1) if text is None else int_bytes(len(text)) + text


def toc_bytes(toc: Toc, version: Version, kept: Sequence[TocEntry]) -> Iterator[bytes]:
    """Header and these entries in the given version, which is not newer than the table's own. Offsets are not set."""
    yield b"PGDMP" + bytes((*version, 4, toc.offset_size, 1)) + _compression(toc, version) + toc.head
    yield int_bytes(len(kept))
    older = toc.version >= HAS_RELKIND > version
    for entry in kept:
        yield _older(entry) if older else entry.raw
        yield bytes((_POSITION_NOT_SET if entry.facts.has_data else _NO_DATA,)) + bytes(toc.offset_size)


def _compression(toc: Toc, version: Version) -> bytes:
    if version == toc.version:
        return toc.compression_field
    number = COMPRESSIONS.index(toc.compression)
    return bytes((number,)) if version >= HAS_COMPRESSION_BYTE else int_bytes(-number)


def _older(entry: TocEntry) -> bytes:
    """An entry of 1.16 as 1.15 has it: without relkind, and with large objects that SQL creates."""
    if entry.facts.kind == _GROUPED_LARGE_OBJECTS:
        return _older_large_objects(entry)
    return entry.raw[: entry.relkind_at] + entry.raw[entry.relkind_at + len(int_bytes(0)) :]


def _older_large_objects(entry: TocEntry) -> bytes:
    """1.16 lists the numbers of many large objects in one entry; before, each entry was a call of lo_create.

    One entry may hold many such calls, but then no owner: pg_restore would look for one object of that name.
    """
    take = Cursor(BytesIO(entry.raw))
    start = int_bytes(take.number()) + int_bytes(take.number())
    table, number, tag = take.text(), take.text(), take.text()
    take.text()  # kind
    take.number()  # section
    calls = b"".join(_creation(one) for one in (take.text() or b"").split())
    texts = (table, number, tag, b"BLOB")
    rest = (calls, None, None, None, None, None, b"", b"false")  # drop, copy, schema, tablespace, access method; owner
    dependencies = (b"%d" % one for one in entry.facts.dependencies)
    return b"".join(
        (
            start,
            *map(text_bytes, texts),
            int_bytes(_PRE_DATA),
            *map(text_bytes, (*rest, *dependencies, None)),
        )
    )


def _creation(number: bytes) -> bytes:
    if not number.isdigit() or len(number) > 10:
        raise damaged("a large object in the database dump has an impossible number", repr(number[:40]))
    return b"SELECT pg_catalog.lo_create('%s');\n" % number
