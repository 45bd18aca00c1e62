"""The part of a restore that changes things.

Whatever ends the work before `accept` leads through `put_back`: the old database content comes back, and the blobs that
were added go away. After it the new content is the environment's.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from mxpc.archive.dump import DumpStream
from mxpc.archive.layout import Place
from mxpc.archive.reader import ArchiveEntry, ArchiveReader
from mxpc.errors import CheckRefused, DatabaseError, HalfwayError, Interrupted, ToolError
from mxpc.model import DumpFacts, FileDocument, Finding, Half, Severity, short_name
from mxpc.ports import ArchiveInput, ByteReader
from mxpc.progress import Task
from mxpc.streams import Gate, Stop, Stopped, ordered_map
from mxpc.workflows import checks
from mxpc.workflows.dump_restore import DumpRestore
from mxpc.workflows.dump_selection import DumpSelection, select
from mxpc.workflows.encrypted import EncryptedFiles, StoreWithKeys
from mxpc.workflows.piped import Passing, read_on
from mxpc.workflows.plan import RestorePlan, dump_findings, refused
from mxpc.workflows.put_back import Parties, put_back
from mxpc.workflows.report import RestoreReport
from mxpc.workflows.row_counts import expected_rows, wrong_rows
from mxpc.workflows.upload import Uploader, UploadReport, delete_all, look_at


class Restoring:
    """One restore on its way, after its plan was found good. One thread calls `run`, once."""

    def __init__(self, parties: Parties, plan: RestorePlan, archive: ArchiveInput, encrypted: EncryptedFiles) -> None:
        self._parties = parties
        self._plan = plan
        self._archive = archive
        self._target = parties.target
        self._store = parties.store
        self._encrypted = encrypted
        self._progress = parties.progress
        self._options = plan.options
        self._warnings: list[str] = []
        self._database_restored = False
        self._journal = threading.Lock()
        self._stop = Stop()
        self._parked = False
        self._accepting = False
        self._uploader = (
            Uploader(
                StoreWithKeys(self._store, encrypted),
                self._note_added,
                self._options.transfers,
                self._progress,
                max_held_bytes=self._options.max_held_bytes,
                check=self._stop.check,
            )
            if self._store
            else None
        )

    def run(self) -> RestoreReport:
        try:
            if self._plan.restores_database:
                self._target.park(self._archive.name, schemas=self._schemas())
                self._parked = True
            self._read_archive()
            self._check_dump_came()
            self._check_app()
            self._check_rows()
            missing = self._missing_files()
            self._accept()
        except BaseException as cause:
            self._settle(cause)
        try:
            pruned = self._prune()
            return self._report(missing, pruned)
        except Interrupted:
            self._progress.warned("the restore itself is done: the new content is in place, and stays")
            raise

    # ------------------------------------------------------------------------------------------------------- the work

    def _read_archive(self) -> None:
        """Both halves of a file at once, each with a reading of its own; a pipe in the order in which it comes."""
        if not self._archive.repeatable:
            self._consume(self._options.halves)
            return
        if not (self._plan.restores_database and self._uploader):
            self._consume(self._options.halves, to_the_end=self._uploader is not None)
            return
        gate = Gate()
        with ThreadPoolExecutor(1, thread_name_prefix="upload") as pool:
            try:
                files = pool.submit(self._upload_files, gate)
                with suppress(Stopped):  # the other half failed first, and says why below
                    self._consume_or_stop(frozenset({Half.DATABASE}), to_the_end=False)
                files.result()
            except BaseException:
                # Also an interruption in the middle of starting the thread: leaving the pool would not wait for it, and
                # otherwise for its last file. Nothing is put back before it has ended.
                self._stop.set()
                gate.close()
                raise

    def _upload_files(self, gate: Gate) -> None:
        with gate.inside() as let_in:
            if let_in:
                self._consume_or_stop(frozenset({Half.FILES}))

    def _consume_or_stop(self, halves: frozenset[Half], *, to_the_end: bool = True) -> None:
        """When one half fails the other need not go on."""
        try:
            self._consume(halves, to_the_end=to_the_end)
        except BaseException:
            self._stop.set()
            raise

    def _consume(self, halves: frozenset[Half], *, to_the_end: bool = True) -> None:
        with ArchiveReader(self._archive.open()) as reader:
            entries = self._entries(reader, halves, to_the_end=to_the_end)
            if Half.FILES in halves and self._uploader:
                self._progress.started(Task.UPLOAD_FILES, **self._file_totals())
                self._uploader.upload(entries, self._plan.summary.blob_count if self._plan.summary else None)
                self._progress.finished(Task.UPLOAD_FILES)
            else:
                for _ in entries:
                    pass

    def _schemas(self) -> frozenset[str]:
        """Schemas besides public that the dump brings: what the target has under these names is set aside too."""
        summary = self._plan.summary
        if summary is None or summary.dump is None:
            return frozenset()
        selection = select(summary.dump, self._plan.target)
        left_out = {entry.name for entry in summary.dump.entries if entry.dump_id in selection.leave_out}
        return summary.dump.schemas - left_out

    def _file_totals(self) -> dict[str, int]:
        summary = self._plan.summary
        return {"total_bytes": summary.blob_bytes, "total_items": summary.blob_count} if summary else {}

    def _entries(self, reader: ArchiveReader, halves: frozenset[Half], *, to_the_end: bool) -> Iterator[ArchiveEntry]:
        """The blob entries; a dump on the way is restored, to its end, before the next entry is read."""
        passing, entries = Passing(), iter(reader)
        for entry in entries:
            self._stop.check()
            if entry.place is Place.DUMP and Half.DATABASE in halves:
                self._restore_dump_or_blame(entry, entries)
                if not to_the_end:
                    return
            elif entry.place is Place.BLOB and Half.FILES in halves:
                if self._plan.summary is None:
                    self._encrypted.look(entry.blob or "")
                yield entry
            elif self._plan.summary is None:
                passing.look(entry, self._check_keys)
        self._warnings += passing.warnings()
        if self._plan.summary is None:
            self._refuse(list(self._encrypted.at_the_end(self._store)))

    def _restore_dump_or_blame(self, dump: ByteReader, entries: Iterator[ArchiveEntry]) -> None:
        try:
            self._restore_dump(dump)
        except (DatabaseError, CheckRefused):
            if self._plan.summary is None:
                read_on(dump, entries)
            raise

    def _restore_dump(self, dump: ByteReader) -> None:
        stream = DumpStream(dump)
        selection = select(stream.facts, self._plan.target)
        if self._plan.summary is None:
            self._check_streamed(stream.facts, selection)
        for reason in selection.quiet:
            self._progress.noted(f"left out: {reason}")
        restore = DumpRestore(self._target, selection.leave_out, self._options.jobs, self._stop, self._progress)
        if self._plan.summary is None:
            self._warnings += restore.from_pipe(stream)
        else:
            assert self._plan.summary.dump
            self._warnings += restore.from_file(stream, self._plan.summary.dump, self._dump_again)
        self._target.mark_restored()
        self._database_restored = True

    @contextmanager
    def _dump_again(self) -> Iterator[DumpStream]:
        """One more reading of the dump; only of a file."""
        with ArchiveReader(self._archive.open()) as reader:
            yield next(DumpStream(entry) for entry in reader if entry.place is Place.DUMP)

    def _check_streamed(self, dump: DumpFacts, selection: DumpSelection) -> None:
        """What the plan could not check because the archive comes through a pipe."""
        findings = [
            *dump_findings(dump, self._plan.target, selection, self._options),
            *checks.other_schemas(dump, self._plan.target),
        ]
        self._refuse(findings)

    def _check_keys(self, metadata: Mapping[str, str]) -> None:
        self._refuse(list(self._encrypted.on_the_way(metadata, self._parties.app, self._store)))

    def _refuse(self, findings: Sequence[Finding]) -> None:
        refusals = tuple(one for one in findings if one.severity is Severity.REFUSE)
        if refusals:
            raise refused(refusals, put_back=self._parked)
        self._warnings += [one.what for one in findings]

    # ------------------------------------------------------------------------------------------------------ the checks

    def _check_dump_came(self) -> None:
        """Through a pipe nobody knows before its end that there is no dump, and the old content is aside by then."""
        if self._parked and not self._database_restored:
            raise CheckRefused(
                "the archive has no database dump; everything was put back",
                hint="With --only files its files are restored, and the database stays as it is.",
            )

    def _check_app(self) -> None:
        """The restored app is the one that was there: known for sure only now when the archive came through a pipe."""
        before = self._plan.target.database.app_name
        if not self._database_restored or before is None or self._options.allow_other_app:
            return
        after = self._target.facts_restored()[0].app_name
        if after is not None and after != before:
            raise CheckRefused(
                f"the backup is of the app {after}, the environment holds the app {before}; everything was put back",
                hint="If both are the same app under two names, use --allow-other-app.",
            )

    def _check_rows(self) -> None:
        """Tables that are cheap to count have as many rows as in the dump, as far as that was read before.

        Not where the app may be running: it would change them.
        """
        dump = self._plan.summary.dump if self._plan.summary else None
        if not self._database_restored or dump is None or self._options.allow_running:
            return
        expected = expected_rows(dump, select(dump, self._plan.target).leave_out)
        if wrong := wrong_rows(expected, self._target.row_counts(list(expected))):
            raise DatabaseError(
                f"{len(wrong)} restored table(s) do not have the rows of the backup",
                evidence="; ".join(wrong[:5]),
                hint="Does something in the database, like an event trigger or another client, change rows? "
                "Everything was put back.",
            )

    def _missing_files(self) -> tuple[FileDocument, ...]:
        """Files that the database names now and that nobody has; only looked for where they were not just sent."""
        if not self._database_restored or not self._store or not self._uploader:
            return ()
        self._progress.started(Task.CHECK_RESULT)
        store, known = self._store, self._uploader.report.known
        unsure = (one for one in self._target.named_blobs() if short_name(one.blob) not in known)
        looked_for = ordered_map(
            unsure,
            lambda one: (one, look_at(store, one.blob)),
            workers=self._options.transfers,
            weight=lambda _: 1,
            max_weight=1 << 10,
            max_ahead=1 << 10,
        )
        missing = tuple(one for one, stat in looked_for if stat is None)
        self._progress.finished(Task.CHECK_RESULT)
        return missing

    # --------------------------------------------------------------------------------------------------------- endings

    def _note_added(self, blobs: Sequence[str]) -> None:
        if self._parked:
            with self._journal:
                self._target.note_added(blobs)

    def _accept(self) -> None:
        """Let the new content be the environment's. Once that is decided, what remains is only tidying up."""
        if not self._parked:
            return
        self._progress.started(Task.REMOVE_OLD)
        self._accepting = True
        self._target.accept()
        self._progress.finished(Task.REMOVE_OLD)

    def _settle(self, cause: BaseException) -> None:
        """Whatever came between: put the old content back and pass `cause` on, unless the new one was accepted."""
        if self._accepting and self._was_accepted(cause):
            self._finish_removal(cause)
            return
        added = self._uploader.report.added if self._uploader else []
        put_back(self._parties, None if self._parked else added)
        raise cause

    def _was_accepted(self, cause: BaseException) -> bool:
        try:
            interrupted = self._target.facts().interrupted
        except ToolError:
            raise self._halfway("the database cannot be asked whether the new content was accepted", cause) from cause
        return interrupted is None or interrupted.accepted

    def _finish_removal(self, cause: BaseException) -> None:
        try:
            self._target.put_back()
        except ToolError:
            raise self._halfway("the new content is in place, the old one is not removed yet", cause) from cause
        self._progress.warned("removing the old content was interrupted, and finished at the second try")
        self._progress.finished(Task.REMOVE_OLD)

    def _halfway(self, what: str, cause: BaseException) -> HalfwayError:
        environment = self._plan.environment
        return HalfwayError(
            f"{what} ({environment.name})",
            evidence=cause.what if isinstance(cause, ToolError) else str(cause),
            hint=f"Run `restore -n {environment.namespace} -e {environment.name} --undo`: it finishes what is left.",
        )

    def _prune(self) -> int:
        """Delete the blobs that the database does not name. The new content is in place already."""
        if not self._options.prune_files or not self._store:
            return 0
        self._progress.started(Task.PRUNE_FILES)
        named = {short_name(one.blob) for one in self._target.named_blobs()}
        orphans = (one.blob for one in self._store.list() if short_name(one.blob) not in named)
        pruned = delete_all(self._store, orphans, self._options.transfers)
        self._progress.finished(Task.PRUNE_FILES)
        return pruned

    def _report(self, missing: tuple[FileDocument, ...], pruned: int) -> RestoreReport:
        upload = self._uploader.report if self._uploader else UploadReport()
        database = self._target.facts_restored()[0] if self._database_restored else None
        return RestoreReport(
            environment=self._plan.environment,
            archive=self._archive.name,
            app_name=database.app_name if database else None,
            database_restored=self._database_restored,
            database_size=database.size if database else None,
            file_count=upload.sent + upload.already_there,
            files_sent=upload.sent,
            bytes_sent=upload.sent_bytes,
            files_already_there=upload.already_there,
            missing_files=missing,
            pruned=pruned,
            findings=self._plan.findings,
            warnings=tuple(self._warnings),
            duration=0,
        )
