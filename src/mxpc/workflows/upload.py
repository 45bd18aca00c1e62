"""Bringing blobs into the file storage so that they can be taken away again.

A blob that is there already with equal content is not sent. One that is there with other content is refused: it is
somebody's file. Before a blob is sent, its name goes into the journal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field

from mxpc.archive.reader import ArchiveEntry
from mxpc.errors import BlobForbidden, FileStoreError
from mxpc.model import BlobStat, short_name
from mxpc.ports import FileStore
from mxpc.progress import Progress, Task
from mxpc.streams import Concurrency, ordered_map, unordered_map

SMALL = 8 << 20
"""Blobs up to this size travel whole and in parallel; bigger ones are streamed, one after another."""
WORTH_LISTING = 500
"""From so many blobs on the storage is listed once, as far as it has about as many: what is not there need not be
looked for one by one."""
MOST_LISTED = 300_000
"""Names held in memory: 30 MB."""
BATCH = 256
"""Blobs that go into the journal with one commit."""


@dataclass
class UploadReport:
    """What came into the storage. `added` are blobs that were not there before."""

    sent: int = 0
    sent_bytes: int = 0
    already_there: int = 0
    added: list[str] = field(default_factory=list)
    known: set[bytes] = field(default_factory=set)
    """Every blob of the archive, by its short name."""


@dataclass(frozen=True)
class _Held:
    blob: str
    content: bytes
    there: bool = False


class Uploader:
    """Takes the blob entries of one reading of an archive, in order. One thread calls `take` and `finish`."""

    def __init__(
        self,
        store: FileStore,
        note_added: Callable[[Sequence[str]], None],
        transfers: int | Concurrency,
        progress: Progress,
        *,
        max_held_bytes: int = 64 << 20,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """`max_held_bytes` bounds the small blobs that are held in memory: half of it is sent, the rest is looked for.

        `check` is called before each request, from any thread, and raises when there is to be no further one.
        """
        self._store = store
        self._note_added = note_added
        self._transfers = transfers
        self._window = max_held_bytes // 2
        self._check = check
        self._progress = progress
        self._present: Set[bytes] | None = None
        self.report = UploadReport()

    def upload(self, entries: Iterator[ArchiveEntry], count: int | None = None) -> None:
        """Send every blob of `entries`; the content is read from them in order. `count`: how many, if that is known."""
        if count and count >= WORTH_LISTING:
            self._present = self._store.present(min(count + WORTH_LISTING, MOST_LISTED))
        with closing(self._looked_at(entries)) as looked_at:
            for one in unordered_map(
                self._noted(looked_at),
                self._put,
                workers=self._transfers,
                weight=lambda one: len(one.content),
                max_weight=self._window,
                max_ahead=2 * BATCH,
            ):
                self._count(len(one.content), sent=not one.there)

    def _looked_at(self, entries: Iterator[ArchiveEntry]) -> Generator[_Held]:
        return ordered_map(
            self._small(entries),
            self._look,
            workers=self._transfers,
            weight=lambda one: len(one.content),
            max_weight=self._window // 2,
            max_ahead=BATCH,
            ready=lambda one: one if self._is_missing(one.blob) else None,
        )

    def _noted(self, looked_at: Iterator[_Held]) -> Iterator[_Held]:
        """The same, each in the journal before it is passed on."""
        while batch := self._batch(looked_at):
            self._note([one.blob for one in batch if not one.there])
            yield from batch

    def _batch(self, looked_at: Iterator[_Held]) -> list[_Held]:
        batch: list[_Held] = []
        held = 0
        while len(batch) < BATCH and held < self._window // 2 and (one := next(looked_at, None)):
            batch.append(one)
            held += len(one.content)
        return batch

    def _small(self, entries: Iterator[ArchiveEntry]) -> Iterator[_Held]:
        for entry in entries:
            assert entry.blob is not None
            assert entry.size is not None
            self.report.known.add(short_name(entry.blob))
            if entry.size <= SMALL:
                yield _Held(entry.blob, _read_all(entry, entry.size))
            else:
                self._send_big(entry, entry.blob, entry.size)

    def _look(self, held: _Held) -> _Held:
        self._check()
        stat = self._find(held.blob)
        return _Held(held.blob, held.content, there=stat is not None and self._same(stat, held.content))

    def _is_missing(self, blob: str) -> bool:
        """Whether the list of what is there says so; no request is made."""
        return self._present is not None and short_name(blob) not in self._present

    def _find(self, blob: str) -> BlobStat | None:
        return None if self._is_missing(blob) else look_at(self._store, blob)

    def _same(self, stat: BlobStat, content: bytes) -> bool:
        if stat.size == len(content):
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            if stat.md5 == digest:
                return True
            if stat.md5 is None and self._store.open(stat.blob, stat.size + 1).head == content:
                return True
        raise _other_content(stat.blob)

    def _put(self, one: _Held) -> _Held:
        if not one.there:
            self._check()
            self._store.put(one.blob, len(one.content), [one.content])
        return one

    def _send_big(self, entry: ArchiveEntry, blob: str, size: int) -> None:
        stat = self._find(blob)
        if stat is None:
            self._note([blob])
            self._store.put(blob, size, self._checked(_chunks(entry)))
        elif stat.size != size or not _equal_stream(self._store, stat, entry):
            raise _other_content(blob)
        self._count(size, sent=stat is None)

    def _checked(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._check()
            yield chunk

    def _note(self, blobs: list[str]) -> None:
        if blobs:
            self._note_added(blobs)
            self.report.added += blobs

    def _count(self, size: int, *, sent: bool) -> None:
        self.report.sent += sent
        self.report.sent_bytes += size if sent else 0
        self.report.already_there += not sent
        self._progress.advanced(Task.UPLOAD_FILES, byte_count=size, item_count=1)


def look_at(store: FileStore, blob: str) -> BlobStat | None:
    """What the storage has under this name; None when there is nothing.

    S3 answers 403 instead of 404 for a missing key when the identity may not list. The app's own identity may read its
    files, so 403 means missing here.
    """
    try:
        return store.stat(blob)
    except BlobForbidden:
        return None


def delete_all(store: FileStore, blobs: Iterable[str], transfers: int | Concurrency) -> int:
    """Delete blobs in parallel; how many there were."""
    deleted = ordered_map(
        blobs, store.delete, workers=transfers, weight=lambda _: 1, max_weight=1 << 10, max_ahead=1 << 10
    )
    return sum(1 for _ in deleted)


def _read_all(entry: ArchiveEntry, size: int) -> bytes:
    parts = []
    while data := entry.read(max(size, 1)):
        parts.append(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _chunks(entry: ArchiveEntry) -> Iterator[bytes]:
    while data := entry.read(1 << 20):
        yield data


def _equal_stream(store: FileStore, stat: BlobStat, entry: ArchiveEntry) -> bool:
    """Compare a big blob with the entry, range by range."""
    offset = 0
    equal = True
    for chunk in _chunks(entry):
        equal = equal and store.read_range(stat.blob, stat.etag, offset, len(chunk)) == chunk
        offset += len(chunk)
    return equal


def _other_content(blob: str) -> FileStoreError:
    return FileStoreError(
        f"the file storage holds another file under the name {blob} than the backup",
        hint="Names of files are unique, so one of the two was changed outside of the app. Nothing was overwritten. "
        "Compare the two; remove or move the object in the storage, and restore again.",
    )
