"""Reads a whole archive and says what it proved."""

from __future__ import annotations

from collections.abc import Callable

from mxpc.archive.dump import DumpStream
from mxpc.archive.layout import MAX_METADATA_SIZE, METADATA_NAME, Place, decode, printable
from mxpc.archive.reader import ArchiveEntry, ArchiveReader
from mxpc.archive.trouble import suspicious
from mxpc.model import ArchiveSummary, DumpFacts
from mxpc.ports import ByteReader

_READ = 1 << 18
NAMED_EXTRAS = 100
PLAIN_BYTES = 4 << 30
"""Data in a dump up to this size may be as empty as they like: decompressing them takes five seconds or so."""
MAX_RATIO = 4000
"""One compression makes a thousandth of zeros, which the other may shrink once more; real data never shrink so."""
_UNPROVED = "The data in the dump are compressed by {}: their lengths were checked, their content was not."


def scan(
    stream: ByteReader,
    *,
    on_bytes: Callable[[int], None] = lambda _: None,
    on_blob: Callable[[str], None] = lambda _: None,
) -> ArchiveSummary:
    """Read everything, in constant memory, and prove it: checksums, ends, names, and all of the dump.

    `on_bytes` gets the number of bytes of the input consumed since its last call, `on_blob` the name of each blob.
    Raises ArchiveError.
    """
    with ArchiveReader(_Told(stream, on_bytes)) as reader:
        findings = _Findings(reader, on_blob)
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

    def __init__(self, reader: ArchiveReader, on_blob: Callable[[str], None]) -> None:
        self._reader = reader
        self._on_blob = on_blob
        self._plain_bytes = 0
        self._unproved: str | None = None
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
            self._on_blob(entry.blob or "")
        else:
            self.extra_count += 1
            if len(self.extra_names) < NAMED_EXTRAS:
                self.extra_names.append(printable(entry.name))

    def _take_dump(self, entry: ArchiveEntry) -> None:
        stream = DumpStream(entry, on_plain=self._bound_plain)
        self.dump = stream.check(self._count_dump)
        self._unproved = None if stream.proves_data else self.dump.compression

    def _bound_plain(self, count: int) -> None:
        """Each of two compressions, one in the other, may blow up a thousandfold."""
        self._plain_bytes += count
        if self._plain_bytes > PLAIN_BYTES and self._plain_bytes > MAX_RATIO * self._reader.compressed_count:
            raise suspicious(
                f"The data in the database dump are above {MAX_RATIO} times the size of the archive",
                f"{self._plain_bytes} bytes so far, out of {self._reader.compressed_count}.",
            )

    def _count_dump(self, count: int) -> None:
        self.dump_size += count

    def notes(self) -> tuple[str, ...]:
        metadata = self.metadata or {}
        return (
            *([_UNPROVED.format(self._unproved)] if self._unproved else ()),
            *_difference("dumpSize", metadata, self.dump_size, "the dump has"),
            *_difference("filesSize", metadata, self.blob_bytes, "the files have"),
        )


def read_metadata(entry: ArchiveEntry) -> dict[str, str]:
    """The content of the entry `.metadata`. Raises ArchiveError when it is no JSON object, or too big."""
    if entry.size is None or entry.size > MAX_METADATA_SIZE:
        raise suspicious(f"{METADATA_NAME} in the archive is impossibly big", f"{entry.size} bytes")
    parts = []
    while part := entry.read(_READ):
        parts.append(part)
    return decode(b"".join(parts))


def _difference(key: str, metadata: dict[str, str], found: int, what: str) -> tuple[str, ...]:
    stated = metadata.get(key, "")
    if not stated.isdecimal() or not stated.isascii() or stated.lstrip("0") == str(found).lstrip("0"):
        return ()
    return (f"{METADATA_NAME} says {key} {stated[:30]}, {what} {found} bytes.",)
