"""Header and table of contents of PostgreSQL's custom format, as pg_backup_archiver.c has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mxpc.archive.dumpcursor import MAX_TEXT, Cursor
from mxpc.archive.layout import shown
from mxpc.archive.trouble import damaged, located, suspicious
from mxpc.errors import ArchiveError
from mxpc.model import DumpEntry, DumpFacts, Section
from mxpc.ports import ByteReader

Version = tuple[int, int, int]

OLDEST, NEWEST = (1, 12), (1, 16)
"""Archive versions of pg_dump 9.0 to 18."""
HAS_TABLE_AM, HAS_COMPRESSION_BYTE, HAS_RELKIND = (1, 14), (1, 15), (1, 16)
COMPRESSIONS = ("none", "gzip", "lz4", "zstd")
_SECTIONS = {2: Section.PRE_DATA, 3: Section.DATA, 4: Section.POST_DATA}
"""1 is none: such an entry goes with those before it, as in pg_backup_archiver.c (ProcessArchiveRestoreOptions)."""
MAX_TOC_ENTRIES = 500_000
MAX_TOC_BYTES = MAX_TEXT
"""The biggest app that is known of has 2,000 tables, 30,000 entries and some 10 MB of table of contents."""
MAX_DEPENDENCIES = 2_000_000
"""Of all entries together: some four for each."""
MAX_NAME = 1 << 16
"""Bytes of the name of an entry: a function's has its arguments, at most a hundred with names of 63 bytes."""
MAX_STATEMENT = 1 << 20
"""Bytes of a COPY statement: at most 1,600 columns with names of 63 bytes, which may double by quoting."""
MAX_DUMP_ID = 100_000_000
"""pg_restore makes a table of as many places as the biggest number says."""
_SHOWN_DEFINITION = 4000
"""Bytes: the arguments of a function come in front of its language."""


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


class _Recorder(Cursor):
    """A cursor that keeps what was taken since `begin`."""

    def __init__(self, stream: ByteReader) -> None:
        super().__init__(stream)
        self._kept: list[bytes] = []
        self.kept_size = 0
        self.total = 0
        self.dependencies = 0

    def begin(self) -> None:
        self._kept, self.kept_size = [], 0

    def kept(self) -> bytes:
        return b"".join(self._kept)

    def exactly(self, size: int) -> bytes:
        if self.total + size > MAX_TOC_BYTES:
            raise suspicious(f"The table of contents of the database dump is above {MAX_TOC_BYTES} bytes")
        data = super().exactly(size)
        self._kept.append(data)
        self.kept_size += size
        self.total += size
        return data


def read_toc(stream: ByteReader) -> tuple[Toc, Cursor]:
    """Header and table of contents, and a cursor that stands at the first data block."""
    take = _Recorder(stream)
    try:
        return _read_toc(take), _behind(take, stream)
    except ArchiveError as error:
        raise located(error, f"At byte {take.place} of the dump.") from error


def _behind(take: _Recorder, stream: ByteReader) -> Cursor:
    cursor = Cursor(stream)
    cursor.buffer, cursor.at, cursor.count = take.buffer, take.at, take.count
    return cursor


def _read_toc(take: _Recorder) -> Toc:
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
    entries = tuple(_entries(take, count, version, offset_size))
    facts = DumpFacts(version, compression, created, database, server, program, tuple(entry.facts for entry in entries))
    return Toc(version, offset_size, compression, compression_field, head, entries, facts)


def _entries(take: _Recorder, count: int, version: Version, offset_size: int) -> Iterator[TocEntry]:
    """Each entry, whose numbers differ: pg_restore forgets the first of two."""
    numbers: set[int] = set()
    section = Section.PRE_DATA
    for _ in range(count):
        entry = _read_entry(take, version, offset_size, section)
        section = entry.facts.section
        if entry.facts.dump_id in numbers:
            raise damaged("two entries of the database dump have one number", f"number {entry.facts.dump_id}")
        numbers.add(entry.facts.dump_id)
        yield entry


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
        raise ArchiveError(
            "The database dump is not in custom format",
            evidence=f"Its format has number {kind}.",
            hint="Only what `pg_dump -Fc` writes can be restored.",
        )
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


def _read_entry(take: _Recorder, version: Version, offset_size: int, section: Section) -> TocEntry:
    take.begin()
    dump_id = take.number()
    has_data = take.number() != 0
    take.text(), take.text()  # oids
    tag, kind = take.text(MAX_NAME), take.text(MAX_NAME)
    section = _SECTIONS.get(take.number(), section)
    definition = take.text()
    take.text()  # drop
    copy_statement, schema = take.text(MAX_STATEMENT), take.text(MAX_NAME)
    take.text()  # tablespace
    if version >= HAS_TABLE_AM:
        take.text()
    relkind_at = take.kept_size
    if version >= HAS_RELKIND:
        take.number()
    owner = take.text(MAX_NAME)
    take.text()  # with oids
    dependencies = tuple(_dependencies(take))
    raw = take.kept()
    take.exactly(1 + offset_size)
    if not 0 < dump_id <= MAX_DUMP_ID:
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
        section,
    )
    return TocEntry(facts, _plain(copy_statement), raw, relkind_at)


def _dependencies(take: _Recorder) -> Iterator[int]:
    while (text := take.text()) is not None:
        take.dependencies += 1
        if not (text.isdigit() and len(text) <= 10):
            raise damaged("the table of contents of the database dump has an impossible dependency", repr(text[:40]))
        if take.dependencies > MAX_DEPENDENCIES:
            raise suspicious(f"The entries of the database dump have more than {MAX_DEPENDENCIES} dependencies")
        yield int(text)


def _plain(text: bytes | None) -> str | None:
    return None if text is None else text.decode("utf-8", "replace")


def _shown_text(text: bytes | None) -> str:
    return shown(_plain(text) or "")[1:-1]


def _moment(numbers: list[int]) -> str:
    second, minute, hour, day, month, year, _ = numbers
    return f"{year + 1900:04}-{month + 1:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
