"""Reads a whole archive and says what it proved."""

from __future__ import annotations

from collections.abc import Callable

from mxpc.archive.dump import DumpStream
from mxpc.archive.layout import MAX_METADATA_SIZE, METADATA_NAME, Place, decode
from mxpc.archive.reader import ArchiveEntry, ArchiveReader
from mxpc.errors import ArchiveError
from mxpc.model import ArchiveSummary, DumpFacts
from mxpc.ports import ByteReader

_READ = 1 << 18
_NAMED_EXTRAS = 100


def scan(stream: ByteReader, *, on_bytes: Callable[[int], None] = lambda _: None) -> ArchiveSummary:
    """Read everything, in constant memory, and prove it: checksums, ends, names, and all of the dump.

    `on_bytes` gets the number of bytes of the input consumed since its last call. Raises ArchiveError.
    """
    told = _Told(stream, on_bytes)
    reader = ArchiveReader(told)
    findings = _Findings()
    for entry in reader:
        findings.take(entry)
    return ArchiveSummary(
        kind=reader.kind,
        compressed_size=reader.compressed_count,
        metadata=findings.metadata,
        dump=findings.dump,
        dump_size=findings.dump_size,
        blob_count=findings.blob_count,
        blob_bytes=findings.blob_bytes,
        extra_entries=tuple(findings.extra_names),
        extra_count=findings.extra_count,
        notes=reader.notes + findings.notes(),
    )


class _Told:
    """A reader that reports what was read."""

    def __init__(self, stream: ByteReader, on_bytes: Callable[[int], None]) -> None:
        self._stream = stream
        self._on_bytes = on_bytes

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self._on_bytes(len(data))
        return data


class _Findings:
    """What the entries add up to."""

    def __init__(self) -> None:
        self.metadata: dict[str, str] | None = None
        self.dump: DumpFacts | None = None
        self.dump_size = 0
        self.blob_count = 0
        self.blob_bytes = 0
        self.extra_names: list[str] = []
        self.extra_count = 0

    def take(self, entry: ArchiveEntry) -> None:
        if entry.place is Place.METADATA:
            self.metadata = read_metadata(entry)
        elif entry.place is Place.DUMP:
            self._take_dump(entry)
        elif entry.place is Place.BLOB:
            self.blob_count += 1
            self.blob_bytes += entry.size or 0
        else:
            self.extra_count += 1
            if len(self.extra_names) < _NAMED_EXTRAS:
                self.extra_names.append(entry.name)

    def _take_dump(self, entry: ArchiveEntry) -> None:
        self.dump = DumpStream(entry).check(self._count_dump)

    def _count_dump(self, count: int) -> None:
        self.dump_size += count

    def notes(self) -> tuple[str, ...]:
        metadata = self.metadata or {}
        return (
            *_difference("dumpSize", metadata, self.dump_size, "the dump has"),
            *_difference("filesSize", metadata, self.blob_bytes, "the files have"),
        )


def read_metadata(entry: ArchiveEntry) -> dict[str, str]:
    """The content of the entry `.metadata`. Raises ArchiveError when it is no JSON object, or too big."""
    if entry.size is None or entry.size > MAX_METADATA_SIZE:
        raise ArchiveError(f"{METADATA_NAME} in the archive is impossibly big", evidence=f"{entry.size} bytes")
    parts = []
    while part := entry.read(_READ):
        parts.append(part)
    return decode(b"".join(parts))


def _difference(key: str, metadata: dict[str, str], found: int, what: str) -> tuple[str, ...]:
    stated = metadata.get(key, "")
    if not stated.isdecimal() or not stated.isascii() or stated.lstrip("0") == str(found).lstrip("0"):
        return ()
    return (f"{METADATA_NAME} says {key} {stated[:30]}, {what} {found} bytes.",)
