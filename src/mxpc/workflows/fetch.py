"""Reading blobs ahead of the archive that takes them in order. Small blobs come whole, big ones as parallel ranges."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

from mxpc.errors import BlobForbidden, BlobNotFound
from mxpc.model import FileDocument, LossKind, OpenedBlob
from mxpc.ports import FileStore
from mxpc.streams import Concurrency, ordered_map

Fetched = OpenedBlob


@dataclass(frozen=True)
class FetchOptions:
    """How far reading may run ahead."""

    transfers: int | Concurrency = 32
    """Requests under way at once: a number, or a limit that adapts itself."""
    max_ahead_bytes: int = 64 << 20
    """Bytes of blobs that are held in memory."""
    range_size: int = 4 << 20
    """A blob up to this size is one request; a bigger one is read in ranges of it."""

    @property
    def most_transfers(self) -> int:
        """The most requests that can be under way."""
        return self.transfers.maximum if isinstance(self.transfers, Concurrency) else self.transfers


def fetch_ahead(
    store: FileStore, documents: Iterable[FileDocument], options: FetchOptions
) -> Generator[tuple[FileDocument, Fetched | LossKind]]:
    """Each document with the beginning of its blob, or why there is none, in the order given.

    Fetching begins at once, as far as the window goes; close the generator to end it early.
    """

    def fetch(document: FileDocument) -> tuple[FileDocument, Fetched | LossKind]:
        try:
            return document, store.open(document.blob, options.range_size)
        except BlobNotFound:
            return document, LossKind.LOST
        except BlobForbidden:
            return document, LossKind.FORBIDDEN

    def weight(document: FileDocument) -> int:
        expected = options.range_size if document.size is None else document.size
        return min(expected, options.range_size)

    return ordered_map(
        documents,
        fetch,
        workers=options.transfers,
        weight=weight,
        max_weight=options.max_ahead_bytes,
        max_ahead=options.most_transfers * 4,
    )


def remaining_chunks(store: FileStore, blob: Fetched, options: FetchOptions) -> Iterator[bytes]:
    """The whole content of a blob: its head, then the ranges behind it, read ahead in parallel."""
    if blob.head:
        yield blob.head
    starts = range(len(blob.head), blob.size, options.range_size)

    def read(start: int) -> bytes:
        return store.read_range(blob.blob, blob.etag, start, min(options.range_size, blob.size - start))

    if starts:
        yield from ordered_map(
            starts,
            read,
            workers=options.transfers,
            weight=lambda _: options.range_size,
            max_weight=options.max_ahead_bytes,
            max_ahead=options.most_transfers,
        )
