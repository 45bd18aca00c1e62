"""`files`: what the database names and what the file storage holds, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mxpc.model import BlobStat, Environment, FileDocument, short_name
from mxpc.ports import FileStore, SourceDatabase
from mxpc.progress import Progress, Task
from mxpc.streams import Concurrency
from mxpc.workflows.sample import sample_of
from mxpc.workflows.upload import delete_all, look_at


@dataclass(frozen=True)
class FilesReport:
    """Sizes in bytes. `orphans` are blobs that no document names; `missing` are documents without a blob."""

    environment: Environment
    place: str
    document_count: int
    blob_count: int
    blob_bytes: int
    orphans: tuple[BlobStat, ...]
    missing: tuple[FileDocument, ...]

    @property
    def orphan_bytes(self) -> int:
        """What deleting the orphans would free."""
        return sum(one.size for one in self.orphans)


def compare_files(
    environment: Environment, database: SourceDatabase, store: FileStore, progress: Progress
) -> FilesReport:
    """List the whole storage, then ask the database. Needs the right to list.

    In this order a file that the app stores meanwhile is at worst not listed, and so never taken for an orphan.
    """
    with database.snapshot() as snapshot:
        sample = sample_of(snapshot.file_documents())
    layout = store.probe(sample).layout
    progress.started(Task.LIST_FILES)
    stored: dict[bytes, BlobStat] = {}
    for stat in store.list():
        stored[short_name(stat.blob)] = stat
        progress.advanced(Task.LIST_FILES, byte_count=stat.size, item_count=1)
    progress.finished(Task.LIST_FILES)
    blob_count, blob_bytes = len(stored), sum(one.size for one in stored.values())
    missing = []
    with database.snapshot() as snapshot:
        document_count = snapshot.file_totals().count
        for document in snapshot.file_documents():
            if stored.pop(short_name(document.blob), None) is None and look_at(store, document.blob) is None:
                missing.append(document)
    orphans = tuple(sorted(stored.values(), key=lambda one: one.blob))
    return FilesReport(environment, str(layout), document_count, blob_count, blob_bytes, orphans, tuple(missing))


def delete_orphans(
    database: SourceDatabase, store: FileStore, orphans: Sequence[BlobStat], transfers: int | Concurrency
) -> int:
    """Delete those orphans that no document names now either; how many there were."""
    named = database.still_named([one.blob for one in orphans])
    return delete_all(store, (one.blob for one in orphans if one.blob not in named), transfers)
