"""Reads an archive of any origin as a stream, and proves it sound on the way."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from mxpc.archive import deflate, layout, tar
from mxpc.archive.ahead import ReadAhead
from mxpc.archive.entryset import EntrySet
from mxpc.archive.gzipread import GZIP_MAGIC, GzipReader
from mxpc.archive.layout import Place, shown
from mxpc.errors import ArchiveError
from mxpc.model import ArchiveKind
from mxpc.ports import ByteReader

MAX_ENTRIES = 8_000_000
"""More files than any environment has; checking them for second copies takes 300 MB."""
DUMP_MAGIC = b"PGDMP"

_STRANGERS = (
    (GZIP_MAGIC, "compressed by gzip once more", "Decompress it with `gzip -d` first."),
    (b"PK\x03\x04", "a zip file", "Unpack it, and give the backup that is inside."),
    (b"\xfd7zXZ\0", "compressed by xz", "Decompress it with `xz -d` first."),
    (b"BZh", "compressed by bzip2", "Decompress it with `bzip2 -d` first."),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "Decompress it with `zstd -d` first."),
    (b"--", "a plain SQL dump", "SQL is never fed to a database by this tool: make the dump with `pg_dump -Fc`."),
)


class ArchiveEntry:
    """A file of the archive; a ByteReader of its content until the iteration goes on."""

    def __init__(self, stream: ByteReader, location: layout.Location, name: str, size: int | None) -> None:
        self._stream: ByteReader | None = stream
        self.place = location.place
        self.name = name
        """As the archive has it, without a leading `./`."""
        self.size = size
        """Bytes; None for a bare dump, which ends where the input ends."""
        self.blob = location.blob

    def read(self, size: int, /) -> bytes:
        """Between 1 and `size` bytes; b"" at the end of the entry, also once the iteration has gone on."""
        return self._stream.read(size) if self._stream else b""

    def expire(self) -> None:
        """The iteration goes on: the stream belongs to the next entry."""
        self._stream = None


class ArchiveReader:
    """An archive as its entries, each read or skipped once and in its order. Constant memory.

    Used by one thread at a time; what is compressed is read and decompressed by another one, which ends with the input,
    when the context is left or with `close`.

    The kind is recognised by content. Every problem is an ArchiveError; when the iteration has ended without one, the
    whole input was read and is sound: checksums, end markers, names, no second copy of anything. A dump in it, bare or
    not, is bytes here: only `DumpStream.check` proves it.
    """

    def __init__(
        self, stream: ByteReader, *, engine: deflate.Engine = deflate.DEFAULT, max_entries: int = MAX_ENTRIES
    ) -> None:
        self._raw = _Rewound(stream)
        self._gzip: GzipReader | None = None
        self._max_entries = max_entries
        self._notes: list[str] = []
        self._flat_count = 0
        self._ahead: ReadAhead | None = None
        self._content = self._raw
        try:
            self.kind = self._recognise(self._start(engine))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the thread that reads ahead. The input stays open. May be repeated."""
        if self._ahead:
            self._ahead.close()

    def _start(self, engine: deflate.Engine) -> bytes:
        """The first block of the content."""
        start = self._raw.peek(tar.BLOCK)
        if not start.startswith(GZIP_MAGIC):
            return start
        self._gzip = GzipReader(self._raw, engine=engine)
        self._ahead = ReadAhead(self._gzip)
        self._content = _Rewound(self._ahead)
        return self._content.peek(tar.BLOCK)

    @property
    def compressed_count(self) -> int:
        """Bytes of the input consumed so far."""
        return self._raw.count

    @property
    def notes(self) -> tuple[str, ...]:
        """Oddities that are tolerated, one sentence each; complete when the iteration has ended."""
        notes = list(self._notes)
        if self._flat_count:
            notes.append(f"{self._flat_count} files are directly under tree/, as in older archives.")
        if self._gzip and self._gzip.member_count > 1:
            notes.append(f"The archive consists of {self._gzip.member_count} gzip members.")
        if self._gzip and self._gzip.padded:
            notes.append("Zero bytes follow the compressed data.")
        return tuple(notes)

    def __iter__(self) -> Iterator[ArchiveEntry]:
        return self._dump() if self.kind is ArchiveKind.DUMP else self._files()

    def _recognise(self, start: bytes) -> ArchiveKind:
        if start.startswith(DUMP_MAGIC):
            if self._gzip:
                self._notes.append("The dump is compressed by gzip as a whole.")
            return ArchiveKind.DUMP
        if tar.looks_like_tar(start):
            return ArchiveKind.TAR_GZ if self._gzip else ArchiveKind.TAR
        raise _unknown(start, inside=self._gzip is not None)

    def _dump(self) -> Iterator[ArchiveEntry]:
        entry = ArchiveEntry(self._content, layout.Location(Place.DUMP), layout.DUMP_NAME, None)
        yield entry
        entry.expire()
        while self._content.read(1 << 18):
            pass

    def _files(self) -> Iterator[ArchiveEntry]:
        reader = tar.TarReader(self._content, max_entries=self._max_entries)
        seen = EntrySet()
        known = False
        for file in reader.entries():
            if file.name.endswith("/"):
                _check_folder(file.name)
                continue
            location = layout.classify(file.name)
            _check_once(seen, location, file.name)
            known = known or location.place in (Place.DUMP, Place.BLOB)
            self._flat_count += location.flat
            entry = ArchiveEntry(reader, location, file.name.removeprefix("./"), file.size)
            yield entry
            entry.expire()
        if reader.lone_zero_block:
            self._notes.append("The tar ends with one zero block instead of two.")
        if not known:
            raise ArchiveError(
                f"The archive holds neither {layout.DUMP_NAME} nor any file under tree/",
                hint="It is a tar, but not a backup in Mendix Cloud V4 format.",
            )


def _check_folder(name: str) -> None:
    if name not in ("./", "."):
        layout.safe_name(name.rstrip("/") or "/")


def _check_once(seen: EntrySet, location: layout.Location, name: str) -> None:
    new = seen.add_blob(location.blob) if location.blob else seen.add_name(name.removeprefix("./"))
    if not new:
        raise ArchiveError(
            f"The archive holds {shown(name)} twice",
            evidence=f"The second copy would replace the first{', under another name' if location.blob else ''}.",
            hint="Use an archive that was not edited by hand.",
        )


def _unknown(start: bytes, *, inside: bool) -> ArchiveError:
    where = "What is compressed in the input" if inside else "The input"
    if not start:
        return ArchiveError(f"{where} is empty", hint="Copy the archive again from its source.")
    for magic, what, hint in _STRANGERS:
        if start.startswith(magic):
            return ArchiveError(f"{where} is {what}, not a backup", hint=hint)
    return ArchiveError(
        f"{where} is neither a Mendix Cloud V4 archive nor a dump in PostgreSQL's custom format",
        evidence=f"It begins with {start[:16]!a}.",
        hint="Known are a tar, compressed by gzip or not, and what `pg_dump -Fc` writes.",
    )


class _Rewound:
    """A stream whose beginning can be looked at before it is read; counts what was taken from below."""

    def __init__(self, stream: ByteReader) -> None:
        self._stream = stream
        self._start = b""
        self.count = 0

    def peek(self, size: int) -> bytes:
        """The first bytes, fewer only at an early end."""
        while len(self._start) < size and (more := self._fetch(size - len(self._start))):
            self._start += more
        return self._start

    def read(self, size: int, /) -> bytes:
        if self._start:
            data, self._start = self._start[:size], self._start[size:]
            return data
        return self._fetch(size)

    def _fetch(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.count += len(data)
        return data
