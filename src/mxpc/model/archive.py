"""What is in a backup file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ArchiveKind(StrEnum):
    """What an input turned out to be, by its content."""

    TAR_GZ = "Mendix Cloud V4 archive"
    TAR = "uncompressed Mendix Cloud V4 archive"
    DUMP = "database dump in custom format"


class Section(StrEnum):
    """The part of a restore that an entry belongs to, as `pg_restore --section` has it."""

    PRE_DATA = "pre-data"
    DATA = "data"
    POST_DATA = "post-data"


@dataclass(frozen=True, slots=True)
class DataBlock:
    """Where the data of an entry are: from byte `start` of the dump up to `end`."""

    dump_id: int
    start: int
    end: int
    cuts: tuple[int, ...] = field(default=(), repr=False)
    """Bytes of the dump, every few megabytes, at which a row of it begins; none where rows cannot be told apart."""

    @property
    def size(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class DumpEntry:
    """One entry of a custom-format dump's table of contents."""

    dump_id: int
    kind: str
    """pg_dump's description: TABLE, TABLE DATA, INDEX, EXTENSION, COMMENT…"""
    schema: str | None
    name: str
    owner: str
    has_data: bool
    dependencies: tuple[int, ...] = ()
    """Dump ids of the entries that this one needs."""
    definition: str = field(default="", repr=False)
    """The beginning of the statement that creates it, a few thousand characters."""
    section: Section = Section.PRE_DATA
    """Comments and the like, which say none, have that of the entries before them."""


@dataclass(frozen=True)
class DumpFacts:
    """Header and table of contents of a custom-format dump."""

    archive_version: tuple[int, int, int]
    compression: str
    """`none`, `gzip`, `lz4` or `zstd`."""
    created: str
    """The dumping machine's local time, `YYYY-MM-DD HH:MM:SS`; the format has no time zone."""
    database: str
    server_version: str
    dump_version: str
    """Version of the pg_dump that wrote it."""
    entries: tuple[DumpEntry, ...]
    app_name: str | None = None
    """sprintrprojectname out of the dump's own data; None where it was not read or not there."""
    model_version: str | None = None
    mendix_version: str | None = None
    row_counts: Mapping[int, int] = field(default_factory=dict)
    """Rows of each table by the dump id of its TABLE DATA, where the data were read and the rows could be counted."""
    data_blocks: tuple[DataBlock, ...] = field(default=(), repr=False)
    """The data in their order, as far as they were read."""

    @property
    def size(self) -> int | None:
        """Bytes of the whole dump, where its data were read; None where they were not, or there are none."""
        return self.data_blocks[-1].end if self.data_blocks else None

    @property
    def extensions(self) -> tuple[str, ...]:
        """Names of the extensions that the dump creates."""
        return tuple(entry.name for entry in self.entries if entry.kind == "EXTENSION")

    @property
    def schemas(self) -> frozenset[str]:
        """Names of the schemas that the dump creates, `public` left out."""
        return frozenset(entry.name for entry in self.entries if entry.kind == "SCHEMA") - {"public"}

    @property
    def table_count(self) -> int:
        """Number of tables, partitions included."""
        return sum(entry.kind == "TABLE" for entry in self.entries)


@dataclass(frozen=True)
class ArchiveSummary:
    """What reading a whole archive proved and found."""

    kind: ArchiveKind
    compressed_size: int
    metadata: Mapping[str, str] | None
    dump: DumpFacts | None
    dump_size: int
    blob_count: int
    blob_bytes: int
    extra_entries: tuple[str, ...] = ()
    """Names of entries that belong to no known place; the first hundred."""
    extra_count: int = 0
    keys_known: int | None = None
    """Files of the archive whose key lies in the file beside it; None without such a file."""
    notes: tuple[str, ...] = ()
    """Oddities that are tolerated: flat tree, several gzip members, zero padding…"""

    @property
    def encrypted_count(self) -> int | None:
        """Files that the app encrypted, by the archive's own word; None without `.metadata`, so that nobody knows."""
        return None if self.metadata is None else encrypted_files(self.metadata)


def encrypted_files(metadata: Mapping[str, str]) -> int:
    """What `.metadata` says of encrypted files; 0 where it says nothing that is a number."""
    stated = metadata.get("encryptedFiles", "")
    return int(stated) if stated.isascii() and stated.isdecimal() and len(stated) < 10 else 0


@dataclass(frozen=True)
class KeptObjects:
    """The metadata of encrypted objects that a backup kept beside its archive: the wrapped key to each file."""

    name: str
    """Of the file, for messages."""
    objects: Mapping[str, Mapping[str, str]] = field(repr=False)
    """Metadata by the blob's name."""
