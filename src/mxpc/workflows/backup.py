"""`backup`: database and files of one moment, in one pass, into one archive.

The phases are the methods of `Backup`, in the order in which they run; nothing has the final name before the last one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice

from mxpc.archive.dumpversion import MENDIX_CLOUD, at_most
from mxpc.archive.layout import Metadata
from mxpc.archive.writer import ArchiveWriter
from mxpc.errors import FileStoreError, HalfwayError, RequestError
from mxpc.model import (
    AppFacts,
    DatabaseFacts,
    Environment,
    FileDocument,
    FileTotals,
    Half,
    KeyLayout,
    LossKind,
    MissingBlob,
    WrongSize,
    short_name,
)
from mxpc.ports import ArchiveSink, ByteReader, FileStore, ObjectsSink, Snapshot, SourceDatabase
from mxpc.progress import Progress, Silent, Task
from mxpc.workflows.encrypted import plain_size
from mxpc.workflows.fetch import Fetched, FetchOptions, fetch_ahead, remaining_chunks

PROBED_BLOBS = 8
"""So many blobs are looked for to find the layout; in the worst published bucket one referenced blob in 64 is gone."""
BARE_COMPRESSION = 6
"""What pg_dump does by itself: nothing else compresses a bare dump."""
ALL_MISSING_FLOOR = 3
"""From so many blobs on, a backup in which every one is missing is an error: a wrong bucket, not bad luck."""


@dataclass(frozen=True)
class BackupOptions:
    """What a backup takes and how."""

    halves: frozenset[Half] = frozenset(Half)
    every_file: bool = False
    """True: everything under the bucket or prefix (`--files all`); False: the files that the database names."""
    bare_dump: bool = False
    """Write the dump itself instead of an archive; only without files."""
    compression_level: int = 1
    dump_compression: int | None = None
    """gzip level inside of the dump; None: not at all in an archive, BARE_COMPRESSION for a bare dump."""
    dump_version: tuple[int, int, int] | None = MENDIX_CLOUD
    """The newest archive version that the dump may have; None leaves it as pg_dump writes it."""
    threads: int | None = None
    fetch: FetchOptions = field(default_factory=FetchOptions)


@dataclass(frozen=True)
class BackupReport:
    """What a backup wrote. Sizes in bytes, duration in seconds."""

    environment: Environment
    app_name: str | None
    model_version: str | None
    server_version: str
    database_size: int
    dump_size: int
    file_count: int
    files_size: int
    layout: KeyLayout | None
    missing: tuple[MissingBlob, ...]
    wrong_sizes: tuple[WrongSize, ...]
    unreferenced_count: int
    """Blobs that the database does not name (`--files all`)."""
    encrypted_count: int
    """Blobs that the app encrypted; the keys to them are kept beside the archive."""
    archive_size: int
    duration: float

    @property
    def lost(self) -> tuple[MissingBlob, ...]:
        """The missing blobs that are a real loss."""
        return tuple(one for one in self.missing if one.kind is not LossKind.DELETED_MEANWHILE)

    @property
    def has_warnings(self) -> bool:
        """Whether `--strict` turns this into exit code 7."""
        return bool(self.lost or self.wrong_sizes)


@dataclass
class _Files:
    count: int = 0
    byte_count: int = 0
    unreferenced: int = 0
    encrypted: int = 0
    missing: list[MissingBlob] = field(default_factory=list)
    wrong_sizes: list[WrongSize] = field(default_factory=list)


def back_up(
    environment: Environment,
    app: AppFacts,
    database: SourceDatabase,
    store: FileStore | None,
    open_sink: Callable[[], ArchiveSink],
    options: BackupOptions,
    progress: Progress | None = None,
    *,
    keep_encrypted: ObjectsSink | None = None,
) -> BackupReport:
    """Write a backup and put it under its name.

    `store` may be None when `options.halves` has no files. `open_sink` is called once the services answer; on any
    error, an interruption included, what was written is taken away. Raises ToolError.
    """
    return Backup(environment, app, database, store, options, progress or Silent(), keep_encrypted).run(open_sink)


class Backup:
    """One backup on its way. One thread calls it."""

    def __init__(
        self,
        environment: Environment,
        app: AppFacts,
        database: SourceDatabase,
        store: FileStore | None,
        options: BackupOptions,
        progress: Progress,
        keep_encrypted: ObjectsSink | None,
    ) -> None:
        self._environment = environment
        self._app = app
        self._database = database
        self._store = store if Half.FILES in options.halves else None
        self._options = options
        self._progress = progress
        self._kept = keep_encrypted
        self._begun = time.monotonic()
        self._layout: KeyLayout | None = None

    def run(self, open_sink: Callable[[], ArchiveSink]) -> BackupReport:
        """All phases."""
        self._refuse_halfway()
        self._refuse_encrypted(self._app.encrypts_blobs)
        with self._database.snapshot() as snapshot:
            facts = snapshot.facts()
            totals = snapshot.file_totals() if self._store else FileTotals(0, 0)
            self._find_blobs(snapshot)
            sink = _Counted(open_sink())
            try:
                report = self._write(snapshot, facts, totals, sink)
                self._publish_keys()
                sink.commit()
            except BaseException:
                self._abort(sink)
                raise
            if self._kept:
                self._kept.finish()
        return replace(report, archive_size=sink.size, duration=self._elapsed())

    def _publish_keys(self) -> None:
        if self._kept:
            self._kept.publish()

    def _abort(self, sink: ArchiveSink) -> None:
        sink.abort()
        if self._kept:
            self._kept.abort()

    def _refuse_halfway(self) -> None:
        if interrupted := self._database.interrupted_restore():
            raise HalfwayError(
                f"the database of {self._environment.name} is in the middle of a restore ({interrupted.phase})",
                evidence=f"The restore of {interrupted.archive} began at {interrupted.since} and was not finished.",
                hint="Bring the environment back with `restore --undo`, or run the restore again; then back up.",
            )

    def _refuse_encrypted(self, encrypted: bool) -> None:
        if encrypted and self._store and not self._kept:
            raise RequestError(
                "the app encrypts its files before it stores them; the backup file alone could not be decrypted",
                evidence="EncryptionKeys is configured, or objects carry client-side encryption metadata.",
                hint="The key to each file is in its object's metadata, which an archive does not carry: "
                "--keep-encrypted writes them into a second file beside it. Or use --only database.",
            )

    def _find_blobs(self, snapshot: Snapshot) -> None:
        if not self._store:
            return
        sample = [one.blob for one in islice(snapshot.file_documents(), PROBED_BLOBS)]
        probe = self._store.probe(sample)
        self._refuse_encrypted(probe.encrypted)
        self._layout = probe.layout
        if probe.found:
            self._progress.noted(f"blobs are at {probe.layout}: found {probe.found} of {probe.tried} probed")
        elif probe.tried:
            self._progress.warned(
                f"none of {probe.tried} probed files is in the file storage under any known layout; "
                f"going on with {probe.layout}"
            )

    def _write(self, snapshot: Snapshot, facts: DatabaseFacts, totals: FileTotals, sink: _Counted) -> BackupReport:
        if self._options.bare_dump:
            dump_size, files = self._write_bare(snapshot, facts, sink), _Files()
        else:
            dump_size, files = self._write_archive(snapshot, facts, totals, sink)
            self._warn_of_keyless(files)
        return BackupReport(
            environment=self._environment,
            app_name=facts.app_name,
            model_version=self._model_version(facts),
            server_version=facts.server_version,
            database_size=facts.size,
            dump_size=dump_size,
            file_count=files.count,
            files_size=files.byte_count,
            layout=self._layout,
            missing=self._settle(files.missing),
            wrong_sizes=tuple(files.wrong_sizes),
            unreferenced_count=files.unreferenced,
            encrypted_count=files.encrypted,
            archive_size=0,
            duration=0,
        )

    def _write_bare(self, snapshot: Snapshot, facts: DatabaseFacts, sink: _Counted) -> int:
        self._progress.started(Task.DUMP_DATABASE, total_bytes=None)
        with self._dump(snapshot, BARE_COMPRESSION) as dump:
            while data := dump.read(1 << 20):
                sink.write(data)
                self._progress.advanced(Task.DUMP_DATABASE, byte_count=len(data))
        self._progress.finished(Task.DUMP_DATABASE)
        return sink.size

    def _write_archive(
        self, snapshot: Snapshot, facts: DatabaseFacts, totals: FileTotals, sink: _Counted
    ) -> tuple[int, _Files]:
        counted = None if sink.can_patch else self._count_dump(snapshot)
        files = _Files()
        with (
            ArchiveWriter(
                sink, moment=int(time.time()), level=self._options.compression_level, threads=self._options.threads
            ) as writer,
            closing(self._fetch(snapshot, files)) as fetching,  # the first files come while the dump is written
        ):
            writer.begin(self._metadata(facts, counted or 0, totals.byte_count))
            dump_size = self._write_dump(snapshot, writer, counted)
            self._write_files(writer, fetching, totals, files)
            writer.finish(self._metadata(facts, dump_size, files.byte_count, files.encrypted))
        return dump_size, files

    def _fetch(self, snapshot: Snapshot, files: _Files) -> Generator[tuple[FileDocument, Fetched | LossKind]]:
        if self._store:
            return fetch_ahead(self._store, self._wanted(snapshot, files), self._options.fetch)
        return _no_files()

    def _count_dump(self, snapshot: Snapshot) -> int | None:
        """The size of the dump, by making it twice: a tar entry begins with its size, and a pipe cannot be patched."""
        if Half.DATABASE not in self._options.halves:
            return None
        self._progress.started(Task.COUNT_DUMP)
        with self._dump(snapshot, 0) as dump:
            size = 0
            while data := dump.read(1 << 20):
                size += len(data)
                self._progress.advanced(Task.COUNT_DUMP, byte_count=len(data))
        self._progress.finished(Task.COUNT_DUMP)
        return size

    def _write_dump(self, snapshot: Snapshot, writer: ArchiveWriter, counted: int | None) -> int:
        if Half.DATABASE not in self._options.halves:
            return 0
        self._progress.started(Task.DUMP_DATABASE, total_bytes=counted)
        with self._dump(snapshot, 0) as dump:
            size = writer.add_dump(
                dump,
                size=counted,
                on_bytes=lambda count: self._progress.advanced(Task.DUMP_DATABASE, byte_count=count),
            )
        self._progress.finished(Task.DUMP_DATABASE)
        return size

    def _write_files(
        self,
        writer: ArchiveWriter,
        fetching: Iterable[tuple[FileDocument, Fetched | LossKind]],
        totals: FileTotals,
        files: _Files,
    ) -> None:
        if not self._store:
            return
        known = not self._options.every_file
        self._progress.started(
            Task.FETCH_FILES,
            total_bytes=totals.byte_count if known else None,
            total_items=totals.count if known else None,
        )
        for document, fetched in fetching:
            self._write_file(writer, document, fetched, files)
            self._progress.advanced(Task.FETCH_FILES, item_count=1)
        self._refuse_all_missing(files)
        self._progress.finished(Task.FETCH_FILES)

    def _wanted(self, snapshot: Snapshot, files: _Files) -> Iterator[FileDocument]:
        """The documents of the snapshot, then, for `--files all`, the blobs that none of them names."""
        if not self._options.every_file or not self._store:
            yield from snapshot.file_documents()
            return
        named = set()
        for document in snapshot.file_documents():
            named.add(short_name(document.blob))
            yield document
        for stat in self._store.list():
            if short_name(stat.blob) not in named:
                files.unreferenced += 1
                yield FileDocument(stat.blob, None, stat.size)

    def _write_file(
        self, writer: ArchiveWriter, document: FileDocument, fetched: Fetched | LossKind, files: _Files
    ) -> None:
        if isinstance(fetched, LossKind):
            files.missing.append(MissingBlob(document.blob, document.name, fetched))
            return
        self._keep_key(fetched, files)
        size = plain_size(fetched)
        if document.size is not None and size is not None and document.size != size:
            files.wrong_sizes.append(WrongSize(document.blob, document.name, document.size, size))
        assert self._store
        chunks = remaining_chunks(self._store, fetched, self._options.fetch)
        writer.add_blob(document.blob, fetched.size, self._told(chunks))
        files.count += 1
        files.byte_count += fetched.size

    def _keep_key(self, fetched: Fetched, files: _Files) -> None:
        self._refuse_encrypted(bool(fetched.encryption))
        if fetched.encryption and self._kept:
            self._kept.add(fetched.blob, fetched.encryption)
            files.encrypted += 1

    def _warn_of_keyless(self, files: _Files) -> None:
        if self._app.encrypts_blobs and (plain := files.count - files.encrypted):
            self._progress.warned(
                f"{plain} files have no key in their metadata: they were stored before the app encrypted its files, or "
                "the keys to them are kept elsewhere"
            )

    def _told(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            yield chunk
            self._progress.advanced(Task.FETCH_FILES, byte_count=len(chunk))

    def _refuse_all_missing(self, files: _Files) -> None:
        if files.count or len(files.missing) < ALL_MISSING_FLOOR:
            return
        forbidden = sum(one.kind is LossKind.FORBIDDEN for one in files.missing)
        raise FileStoreError(
            f"every one of the {len(files.missing)} files that the database names is missing from the file storage",
            evidence=f"The storage refused {forbidden} of them as forbidden; they were looked for at {self._layout}.",
            hint="Check bucket, prefix and rights in the storage Secret. If the files are really gone, "
            "`--only database` makes a backup without them.",
        )

    def _settle(self, missing: list[MissingBlob]) -> tuple[MissingBlob, ...]:
        """Tell the files that the app deleted while the backup ran (harmless) from real losses."""
        if not missing:
            return ()
        still = self._database.still_named([one.blob for one in missing])
        return tuple(one if one.blob in still else replace(one, kind=LossKind.DELETED_MEANWHILE) for one in missing)

    @contextmanager
    def _dump(self, snapshot: Snapshot, compression: int) -> Iterator[ByteReader]:
        chosen = self._options.dump_compression
        with snapshot.dump(compression=compression if chosen is None else chosen) as dump:
            if self._options.dump_version is None:
                yield dump
                return
            readable, known = at_most(dump, self._options.dump_version)
            if not known:
                self._progress.warned(
                    "pg_dump writes an archive version that this tool does not know yet: the dump is kept as it is, "
                    "and Mendix Cloud may refuse it"
                )
            yield readable

    def _metadata(self, facts: DatabaseFacts, dump_size: int, files_size: int, encrypted: int = 0) -> Metadata:
        return Metadata(
            duration=int(self._elapsed()),
            dump_size=dump_size,
            model_version=self._model_version(facts) or "",
            database_size=facts.size,
            files_size=files_size,
            encrypted_files=encrypted,
        )

    def _model_version(self, facts: DatabaseFacts) -> str | None:
        return self._app.model_version or facts.model_version

    def _elapsed(self) -> float:
        return time.monotonic() - self._begun


def _no_files() -> Generator[tuple[FileDocument, Fetched | LossKind]]:
    yield from ()


class _Counted:
    """A sink that knows how many bytes it was given."""

    def __init__(self, sink: ArchiveSink) -> None:
        self._sink = sink
        self.size = 0
        self.can_patch = sink.can_patch
        self.patch = sink.patch
        self.commit = sink.commit
        self.abort = sink.abort

    def write(self, data: bytes | memoryview) -> None:
        self._sink.write(data)
        self.size += len(data)
