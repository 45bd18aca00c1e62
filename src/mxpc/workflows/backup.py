"""`backup`: database and files of one moment, in one pass, into one archive.

The phases are the methods of `Backup`, in the order in which they run; nothing has the final name before the last one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from mxpc.archive.dumpversion import MENDIX_CLOUD, at_most
from mxpc.archive.layout import Metadata
from mxpc.archive.writer import ArchiveWriter
from mxpc.errors import HalfwayError
from mxpc.model import (
    AppFacts,
    DatabaseFacts,
    Environment,
    FileTotals,
    Half,
    KeyLayout,
    LossKind,
    MissingBlob,
    WrongSize,
)
from mxpc.ports import ArchiveSink, ByteReader, FileStore, ObjectsSink, Snapshot, SourceDatabase
from mxpc.progress import Progress, Silent, Task
from mxpc.workflows.backup_files import BackupFiles, FileTally, settled
from mxpc.workflows.fetch import FetchOptions

BARE_COMPRESSION = 6
"""What pg_dump does by itself: nothing else compresses a bare dump."""


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
        self._options = options
        self._progress = progress
        self._kept = keep_encrypted
        self._begun = time.monotonic()
        self._files: BackupFiles | None = None
        if store and Half.FILES in options.halves:
            self._files = BackupFiles(
                store,
                progress,
                every_file=options.every_file,
                encrypted_app=app.encrypts_blobs,
                keep=keep_encrypted,
                fetch=options.fetch,
            )

    def run(self, open_sink: Callable[[], ArchiveSink]) -> BackupReport:
        """All phases."""
        self._refuse_halfway()
        if self._files:
            self._files.refuse_encrypted(self._app.encrypts_blobs)
        with self._database.snapshot() as snapshot:
            facts = snapshot.facts()
            totals = FileTotals(0, 0)
            if self._files:
                totals = snapshot.file_totals()
                self._files.find(snapshot)
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

    def _write(self, snapshot: Snapshot, facts: DatabaseFacts, totals: FileTotals, sink: _Counted) -> BackupReport:
        if self._options.bare_dump:
            dump_size = self._write_bare(snapshot, sink)
        else:
            dump_size = self._write_archive(snapshot, facts, totals, sink)
        tally = self._tally
        return BackupReport(
            environment=self._environment,
            app_name=facts.app_name,
            model_version=self._model_version(facts),
            server_version=facts.server_version,
            database_size=facts.size,
            dump_size=dump_size,
            file_count=tally.count,
            files_size=tally.byte_count,
            layout=self._files.layout if self._files else None,
            missing=settled(tally.missing, self._database),
            wrong_sizes=tuple(tally.wrong_sizes),
            unreferenced_count=tally.unreferenced,
            encrypted_count=tally.encrypted,
            archive_size=0,
            duration=0,
        )

    @property
    def _tally(self) -> FileTally:
        return self._files.tally if self._files else FileTally()

    def _write_bare(self, snapshot: Snapshot, sink: _Counted) -> int:
        self._progress.started(Task.DUMP_DATABASE, total_bytes=None)
        with self._dump(snapshot, BARE_COMPRESSION) as dump:
            while data := dump.read(1 << 20):
                sink.write(data)
                self._progress.advanced(Task.DUMP_DATABASE, byte_count=len(data))
        self._progress.finished(Task.DUMP_DATABASE)
        return sink.size

    def _write_archive(self, snapshot: Snapshot, facts: DatabaseFacts, totals: FileTotals, sink: _Counted) -> int:
        counted = None if sink.can_patch else self._count_dump(snapshot)
        options = self._options
        with (
            ArchiveWriter(
                sink, moment=int(time.time()), level=options.compression_level, threads=options.threads
            ) as writer,
            # The first files come while the dump is written.
            self._files.fetching(snapshot) if self._files else nullcontext(),
        ):
            writer.begin(self._metadata(facts, counted or 0, totals.byte_count))
            dump_size = self._write_dump(snapshot, writer, counted)
            if self._files:
                self._files.write(writer, totals)
            tally = self._tally
            writer.finish(self._metadata(facts, dump_size, tally.byte_count, tally.encrypted))
        return dump_size

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
