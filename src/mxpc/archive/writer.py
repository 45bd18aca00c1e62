"""Writes a V4 archive in one pass: metadata, dump, blobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from mxpc.archive import deflate, layout, tar
from mxpc.archive.entryset import EntrySet
from mxpc.archive.gzipwrite import GzipWriter, Hole
from mxpc.errors import ArchiveError, DatabaseError, FileStoreError
from mxpc.ports import ArchiveSink, ByteReader

_READ = 1 << 19
_WHOLE = 1 << 20
"""Blobs up to this size are gathered before the first byte of them is written."""


class ArchiveWriter:
    """One archive into one sink that is empty so far. One thread; the compressing is done by `threads` others.

    Call `begin`, `add_dump` (at most once), `add_blob`…, `finish`; leave the context, or call `close`, to end the
    threads. After an error the sink has to be aborted, except where `add_blob` says otherwise. The sink's own errors
    (DestinationError) pass through every method. `level`: 0 stores, 1 to 3 are ISA-L's, 4 to 9 zlib's (slow).
    """

    def __init__(
        self,
        sink: ArchiveSink,
        *,
        moment: int,
        level: int = 1,
        threads: int | None = None,
        engine: deflate.Engine = deflate.DEFAULT,
    ) -> None:
        self._can_patch = sink.can_patch
        self._gzip = GzipWriter(sink, level=level, threads=threads, engine=engine)
        self._headers = tar.HeaderMaker(moment)
        self._metadata: Hole | None = None
        self._seen = EntrySet()
        self._broken = False
        self.blob_count = 0
        self.blob_bytes = 0
        """Sum of the blobs' sizes so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def compressed_size(self) -> int:
        """Bytes given to the sink so far."""
        return self._gzip.compressed_size

    def begin(self, metadata: layout.Metadata) -> None:
        """Write `.metadata`. Where the sink cannot patch these values are final, else `finish` replaces them."""
        self._gzip.write(self._headers.header(layout.METADATA_NAME, layout.METADATA_SIZE))
        if self._can_patch:
            self._metadata = self._gzip.hole(layout.METADATA_SIZE)
        else:
            self._gzip.write(layout.encode(metadata))

    def add_dump(
        self, dump: ByteReader, *, size: int | None = None, on_bytes: Callable[[int], None] | None = None
    ) -> int:
        """Copy the dump and return its size. `on_bytes` gets the number of bytes of each piece.

        `size` may be None where the sink can patch: the header is filled in at the end. A dump that turns out to have
        another size raises DatabaseError.
        """
        if not self._seen.add_name(layout.DUMP_NAME):
            raise ValueError("an archive has one dump")
        hole = None
        if size is None:
            if not self._can_patch:
                raise ValueError("the size of a dump must be known before it goes into a pipe")
            hole = self._gzip.hole(tar.BLOCK)
        else:
            self._gzip.write(self._headers.header(layout.DUMP_NAME, size))
        count = self._copy_dump(dump, size, on_bytes)
        if hole:
            self._gzip.fill(hole, self._headers.header(layout.DUMP_NAME, count))
        self._gzip.write(tar.padding(count))
        return count

    def add_blob(self, blob: str, size: int, chunks: Iterable[bytes]) -> None:
        """Copy a blob of exactly `size` bytes, else FileStoreError; a second blob of that name is an ArchiveError.

        An error that comes from a blob of up to 1 MiB leaves no trace of it: the archive may go on without it.
        """
        if size <= _WHOLE:
            self._add_whole(blob, self._gathered(blob, size, chunks))
        else:
            self._add_in_pieces(blob, size, chunks)
        self.blob_count += 1
        self.blob_bytes += size

    def finish(self, metadata: layout.Metadata) -> None:
        """Fill in `.metadata` where the sink can patch, and write the end. The sink is not committed."""
        if self._broken:
            raise ValueError("an archive with a broken entry cannot be finished")
        if self._metadata:
            self._gzip.fill(self._metadata, layout.encode(metadata))
        self._gzip.write(tar.end_marker(self._gzip.size))
        self._gzip.finish()

    def close(self) -> None:
        """End the threads. May be repeated."""
        self._gzip.close()

    def _copy_dump(self, dump: ByteReader, size: int | None, on_bytes: Callable[[int], None] | None) -> int:
        count = 0
        self._broken = True
        while data := dump.read(_READ):
            count += len(data)
            if size is not None and count > size:
                break
            self._gzip.write(data)
            if on_bytes:
                on_bytes(len(data))
        if size is not None and count != size:
            raise DatabaseError(
                "The database dump changed its size between counting and writing",
                evidence=f"{size} bytes were announced, {'more than that' if count > size else count} came.",
                hint="Run the backup again, or write it to a file instead of a pipe.",
            )
        self._broken = False
        return count

    def _gathered(self, blob: str, size: int, chunks: Iterable[bytes]) -> bytes:
        parts: list[bytes] = []
        count = 0
        for chunk in chunks:
            parts.append(chunk)
            count += len(chunk)
            if count > size:
                break
        if count != size:
            raise _wrong_size(blob, size, count)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _add_whole(self, blob: str, content: bytes) -> None:
        self._begin_blob(blob, len(content))
        self._gzip.write(content)
        self._gzip.write(tar.padding(len(content)))

    def _add_in_pieces(self, blob: str, size: int, chunks: Iterable[bytes]) -> None:
        self._begin_blob(blob, size)
        count = 0
        self._broken = True
        for chunk in chunks:
            count += len(chunk)
            if count > size:
                break
            self._gzip.write(chunk)
        if count != size:
            raise _wrong_size(blob, size, count)
        self._gzip.write(tar.padding(size))
        self._broken = False

    def _begin_blob(self, blob: str, size: int) -> None:
        if not self._seen.add_blob(blob):
            raise ArchiveError(f"The blob {blob} comes twice", hint="This is a bug in the tool; please report it.")
        self._gzip.write(self._headers.header(layout.blob_entry(blob), size))


def _wrong_size(blob: str, size: int, count: int) -> FileStoreError:
    return FileStoreError(
        f"The file storage sent the blob {blob} with a wrong length",
        evidence=f"{size} bytes were announced, {'more than that' if count > size else count} came.",
        hint="Run the backup again.",
    )
