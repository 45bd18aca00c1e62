"""The files of a backup: which are wanted, fetched ahead, written, and what was found wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

from mxpc.archive.writer import ArchiveWriter
from mxpc.errors import FileStoreError, RequestError
from mxpc.model import FileDocument, FileTotals, KeyLayout, LossKind, MissingBlob, WrongSize, short_name
from mxpc.ports import FileStore, ObjectsSink, Snapshot, SourceDatabase
from mxpc.progress import Progress, Task
from mxpc.workflows.encrypted import plain_size
from mxpc.workflows.fetch import Fetched, FetchOptions, fetch_ahead, remaining_chunks
from mxpc.workflows.sample import sample_of

ALL_MISSING_FLOOR = 3
"""From so many blobs on, a backup in which every one is missing is an error: a wrong bucket, not bad luck."""


@dataclass
class FileTally:
    """What was written so far, and what was not as it should be."""

    count: int = 0
    byte_count: int = 0
    unreferenced: int = 0
    """Blobs that the database does not name (`--files all`)."""
    encrypted: int = 0
    missing: list[MissingBlob] = field(default_factory=list)
    wrong_sizes: list[WrongSize] = field(default_factory=list)


class BackupFiles:
    """The files of one backup on their way. One thread calls it."""

    def __init__(
        self,
        store: FileStore,
        progress: Progress,
        *,
        every_file: bool,
        encrypted_app: bool,
        keep: ObjectsSink | None,
        fetch: FetchOptions,
    ) -> None:
        """`keep` takes the keys to files that the app encrypted; without it they are refused."""
        self._store = store
        self._progress = progress
        self._every_file = every_file
        self._encrypted_app = encrypted_app
        self._kept = keep
        self._options = fetch
        self._coming: Iterable[tuple[FileDocument, Fetched | LossKind]] = ()
        self.layout: KeyLayout | None = None
        self.tally = FileTally()

    def refuse_encrypted(self, encrypted: bool) -> None:
        """Raises RequestError where nothing keeps the keys that this needs."""
        if encrypted and not self._kept:
            raise RequestError(
                "the app encrypts its files before it stores them; the backup file alone could not be decrypted",
                evidence="EncryptionKeys is configured, or objects carry client-side encryption metadata.",
                hint="The key to each file is in its object's metadata, which an archive does not carry: "
                "--keep-encrypted writes them into a second file beside it. Or use --only database.",
            )

    def find(self, snapshot: Snapshot) -> None:
        """Find out how the keys of the blobs begin, and that the store can be read."""
        probe = self._store.probe(sample_of(snapshot.file_documents()))
        self.refuse_encrypted(probe.encrypted)
        self.layout = probe.layout
        if probe.found:
            self._progress.noted(f"blobs are at {probe.layout}: found {probe.found} of {probe.tried} probed")
        elif probe.tried:
            self._progress.warned(
                f"none of {probe.tried} probed files is in the file storage under any known layout; "
                f"going on with {probe.layout}"
            )

    @contextmanager
    def fetching(self, snapshot: Snapshot) -> Iterator[None]:
        """The first of them come ahead while this is open; `write` takes them."""
        with closing(fetch_ahead(self._store, self._wanted(snapshot), self._options)) as self._coming:
            yield

    def write(self, writer: ArchiveWriter, totals: FileTotals) -> None:
        """Write each as it comes. Raises FileStoreError where there are none of those that should be."""
        known = not self._every_file
        self._progress.started(
            Task.FETCH_FILES,
            total_bytes=totals.byte_count if known else None,
            total_items=totals.count if known else None,
        )
        for document, fetched in self._coming:
            self._write_file(writer, document, fetched)
            self._progress.advanced(Task.FETCH_FILES, item_count=1)
        self._refuse_all_missing()
        self._progress.finished(Task.FETCH_FILES)
        self._warn_of_keyless()

    # --------------------------------------------------------------------------------------------------------- inside

    def _wanted(self, snapshot: Snapshot) -> Iterator[FileDocument]:
        """The documents of the snapshot, then, for `--files all`, the blobs that none of them names."""
        if not self._every_file:
            yield from snapshot.file_documents()
            return
        named = set()
        for document in snapshot.file_documents():
            named.add(short_name(document.blob))
            yield document
        for stat in self._store.list():
            if short_name(stat.blob) not in named:
                self.tally.unreferenced += 1
                yield FileDocument(stat.blob, None, stat.size)

    def _write_file(self, writer: ArchiveWriter, document: FileDocument, fetched: Fetched | LossKind) -> None:
        tally = self.tally
        if isinstance(fetched, LossKind):
            tally.missing.append(MissingBlob(document.blob, document.name, fetched))
            return
        self._keep_key(fetched)
        size = plain_size(fetched)
        if document.size is not None and size is not None and document.size != size:
            tally.wrong_sizes.append(WrongSize(document.blob, document.name, document.size, size))
        chunks = remaining_chunks(self._store, fetched, self._options)
        writer.add_blob(document.blob, fetched.size, self._told(chunks))
        tally.count += 1
        tally.byte_count += fetched.size

    def _keep_key(self, fetched: Fetched) -> None:
        self.refuse_encrypted(bool(fetched.encryption))
        if fetched.encryption and self._kept:
            self._kept.add(fetched.blob, fetched.encryption)
            self.tally.encrypted += 1

    def _told(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            yield chunk
            self._progress.advanced(Task.FETCH_FILES, byte_count=len(chunk))

    def _refuse_all_missing(self) -> None:
        missing = self.tally.missing
        if self.tally.count or len(missing) < ALL_MISSING_FLOOR:
            return
        forbidden = sum(one.kind is LossKind.FORBIDDEN for one in missing)
        raise FileStoreError(
            f"every one of the {len(missing)} files that the database names is missing from the file storage",
            evidence=f"The storage refused {forbidden} of them as forbidden; they were looked for at {self.layout}.",
            hint="Check bucket, prefix and rights in the storage Secret. If the files are really gone, "
            "`--only database` makes a backup without them.",
        )

    def _warn_of_keyless(self) -> None:
        if self._encrypted_app and (plain := self.tally.count - self.tally.encrypted):
            self._progress.warned(
                f"{plain} files have no key in their metadata: they were stored before the app encrypted its files, or "
                "the keys to them are kept elsewhere"
            )


def settled(missing: list[MissingBlob], database: SourceDatabase) -> tuple[MissingBlob, ...]:
    """Tell the files that the app deleted while the backup ran (harmless) from real losses."""
    if not missing:
        return ()
    still = database.still_named([one.blob for one in missing])
    return tuple(one if one.blob in still else replace(one, kind=LossKind.DELETED_MEANWHILE) for one in missing)
