"""Files that the app encrypted: their content goes through an archive as it is, the keys to them lie beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from mxpc.errors import FileStoreError
from mxpc.model import (
    AppFacts,
    ArchiveSummary,
    BlobStat,
    Finding,
    KeptObjects,
    OpenedBlob,
    Probe,
    Severity,
    encrypted_files,
)
from mxpc.ports import FileStore

PLAIN_LENGTH = "x-amz-unencrypted-content-length"
"""Metadata in which Amazon's encryption client tells the size before it encrypted."""


def plain_size(blob: OpenedBlob) -> int | None:
    """The size of the content as the app sees it; None where an encrypted object does not tell."""
    if not blob.encryption:
        return blob.size
    told = blob.encryption.get(PLAIN_LENGTH, "")
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 20 else None


class EncryptedFiles:
    """What is known of the encrypted files of one archive, and of the keys to them. `look` is for one thread.

    How many there are says `.metadata`: None while nobody knows. With 0 no key is used, so that those of an older
    backup cannot spoil files that are no longer encrypted.
    """

    def __init__(self, kept: KeptObjects | None) -> None:
        self._kept = kept
        self._count: int | None = None
        self._known = 0

    @property
    def known(self) -> int:
        """Files of the archive, as far as it was looked at, whose key is there."""
        return self._known

    def look(self, blob: str) -> None:
        """The archive holds this blob."""
        self._known += bool(self._kept and blob in self._kept.objects)

    def key(self, blob: str) -> Mapping[str, str]:
        """The metadata that belongs to a blob; empty for a plain one."""
        return {} if self._count == 0 or not self._kept else self._kept.objects.get(blob, {})

    def findings(self, summary: ArchiveSummary | None, app: AppFacts, store: FileStore | None) -> Iterator[Finding]:
        """Of an archive that was read; nothing of a pipe, nor where files are left out."""
        if summary is None or store is None:
            return
        self._count = summary.encrypted_count
        yield from _keys_found(self._count or 0, self._known, self._kept)
        yield from _usable(self._count or 0, app, store)

    def on_the_way(self, metadata: Mapping[str, str], app: AppFacts, store: FileStore | None) -> Iterator[Finding]:
        """When `.metadata` comes through a pipe."""
        if store is None:
            return
        self._count = encrypted_files(metadata)
        yield from _keys_found(self._count, None, self._kept)
        yield from _usable(self._count, app, store)

    def at_the_end(self, store: FileStore | None) -> Iterator[Finding]:
        """When every entry has come through a pipe."""
        if store is not None:
            yield from _keys_found(self._count or 0, self._known, self._kept)


def _keys_found(count: int, known: int | None, kept: KeptObjects | None) -> Iterator[Finding]:
    if count and kept is None:
        yield Finding(
            Severity.REFUSE,
            "encrypted-without-keys",
            f"{count} file(s) of the backup are encrypted by the app, and the keys to them are not there",
            "They are in the file FILE.objects.json that the backup wrote beside its archive: put it there, or name it "
            "with --objects-file. `--only database` restores without files.",
        )
    elif count and kept and known not in (None, count):
        yield Finding(
            Severity.REFUSE,
            "encrypted-other-keys",
            f"{count} file(s) of the backup are encrypted by the app, and {kept.name} has the keys to {known} of them",
            "It is of another backup: use the one that was written with this archive.",
        )


def _usable(count: int, app: AppFacts, store: FileStore) -> Iterator[Finding]:
    if count and not store.keeps_metadata:
        yield Finding(
            Severity.REFUSE,
            "storage-without-metadata",
            f"{count} file(s) of the backup are encrypted by the app, whose keys this kind of file storage cannot keep",
            "Restore into an S3 bucket.",
        )
    if count and app.replicas is not None and not app.encrypts_blobs:
        yield Finding(
            Severity.WARN,
            "app-without-encryption-keys",
            f"{count} file(s) of the backup are encrypted by the app, and this environment has no EncryptionKeys",
            "Give it the EncryptionKeys of the environment that was backed up, or its app cannot read these files.",
        )


class StoreWithKeys:
    """A FileStore that puts kept metadata back with the content. Threads as the port promises."""

    def __init__(self, store: FileStore, encrypted: EncryptedFiles) -> None:
        self._store = store
        self._encrypted = encrypted

    @property
    def keeps_metadata(self) -> bool:
        """As the store itself."""
        return self._store.keeps_metadata

    def put(self, blob: str, size: int, chunks: Iterable[bytes], encryption: Mapping[str, str] | None = None) -> None:
        """See FileStore."""
        self._store.put(blob, size, chunks, encryption or self._encrypted.key(blob))

    def stat(self, blob: str) -> BlobStat | None:
        """See FileStore. Raises FileStoreError for an encrypted blob that is there, but not with its own key."""
        found = self._store.stat(blob)
        key = self._encrypted.key(blob)
        if found and key and self._store.open(blob, 1).encryption != key:
            raise FileStoreError(
                f"the file storage holds the file {blob} with another key to it than the backup",
                hint="Nothing was overwritten. Compare the metadata of the two; remove or move the object in the "
                "storage, and restore again.",
            )
        return found

    def probe(self, blobs: Sequence[str]) -> Probe:
        """See FileStore."""
        return self._store.probe(blobs)

    def open(self, blob: str, limit: int) -> OpenedBlob:
        """See FileStore."""
        return self._store.open(blob, limit)

    def read_range(self, blob: str, etag: str | None, start: int, length: int) -> bytes:
        """See FileStore."""
        return self._store.read_range(blob, etag, start, length)

    def delete(self, blob: str) -> None:
        """See FileStore."""
        self._store.delete(blob)

    def present(self, most: int) -> Set[bytes] | None:
        """See FileStore."""
        return self._store.present(most)

    def list(self) -> Iterator[BlobStat]:
        """See FileStore."""
        return self._store.list()
