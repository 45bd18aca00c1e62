"""`restore`: check everything, keep the old content aside, bring the new one in, and only then let the old one go."""

from __future__ import annotations

import time
from dataclasses import replace

from mxpc.archive.scan import scan
from mxpc.errors import CheckRefused
from mxpc.model import (
    AppFacts,
    ArchiveSummary,
    Environment,
    Finding,
    Half,
    KeptObjects,
    Replicas,
    Severity,
    TargetFacts,
)
from mxpc.ports import AppControl, ArchiveInput, FileStore, TargetDatabase
from mxpc.progress import Progress, Silent, Task
from mxpc.workflows.app_pause import AppPause
from mxpc.workflows.encrypted import EncryptedFiles
from mxpc.workflows.plan import RestoreOptions, RestorePlan, make_plan
from mxpc.workflows.put_back import Parties, put_back_interrupted
from mxpc.workflows.report import RestoreReport
from mxpc.workflows.restoring import Restoring
from mxpc.workflows.sample import sample_of

VISIT_SECONDS = 1.0
"""Of a session that is only passing: a monitoring probe connects for some milliseconds, again and again."""


class Restore:
    """One restore. One thread calls it."""

    def __init__(
        self,
        environment: Environment,
        app: AppFacts,
        user: str,
        target: TargetDatabase,
        store: FileStore | None,
        options: RestoreOptions,
        progress: Progress | None = None,
        *,
        control: AppControl | None = None,
        kept: KeptObjects | None = None,
    ) -> None:
        """Without `control` the app is left alone; to stop it there must be one. `kept` has the keys to the archive's
        encrypted files, if there are such."""
        self._options = options
        self._encrypted = EncryptedFiles(kept)
        self._pause = AppPause(environment, app, control, target, options, progress or Silent())
        self._parties = Parties(
            environment,
            app,
            user,
            target,
            store if Half.FILES in options.halves else None,
            options.transfers,
            progress or Silent(),
        )

    # ------------------------------------------------------------------------------------------------------- planning

    def plan(self, archive: ArchiveInput) -> RestorePlan:
        """Read the archive (a file; not a pipe) and the target, change nothing. For `--dry-run`."""
        summary = self._scan(archive)
        facts = self._look()
        plan = self._make_plan(archive, summary, facts, stop_ahead=self._options.stop_app)
        return replace(plan, findings=(*_unfinished(facts), *self._right_to_stop(), *plan.findings))

    def _look(self) -> TargetFacts:
        """The facts of the target, without sessions that were only passing."""
        facts = self._parties.target.facts()
        if self._options.allow_running or Half.DATABASE not in self._options.halves:
            return facts
        deadline = time.monotonic() + VISIT_SECONDS
        while facts.other_sessions and time.monotonic() < deadline:
            time.sleep(VISIT_SECONDS / 10)
            facts = replace(facts, other_sessions=self._parties.target.other_sessions())
        return facts

    def _right_to_stop(self) -> tuple[Finding, ...]:
        try:
            self._pause.check()
        except CheckRefused as cause:
            return (Finding(Severity.REFUSE, "may-not-stop-app", cause.what, cause.hint),)
        return ()

    def _scan(self, archive: ArchiveInput) -> ArchiveSummary | None:
        if not archive.repeatable:
            return None
        self._parties.progress.started(Task.CHECK_ARCHIVE, total_bytes=archive.size)
        summary = scan(
            archive.open(),
            on_bytes=lambda count: self._parties.progress.advanced(Task.CHECK_ARCHIVE, byte_count=count),
            on_blob=self._encrypted.look,
        )
        self._parties.progress.finished(Task.CHECK_ARCHIVE)
        return summary

    def _make_plan(
        self, archive: ArchiveInput, summary: ArchiveSummary | None, facts: TargetFacts, *, stop_ahead: bool = False
    ) -> RestorePlan:
        if self._parties.store:
            sample = [] if facts.empty else sample_of(self._parties.target.named_blobs())
            probe = self._parties.store.probe(sample)
            self._parties.progress.noted(f"blobs go to {probe.layout}")
        plan = make_plan(
            self._parties.environment,
            self._parties.app,
            archive.name,
            summary,
            facts,
            self._parties.user,
            self._options,
            scale=self._pause.look(),
            stop_ahead=stop_ahead,
        )
        about_keys = self._encrypted.findings(summary, self._parties.app, self._parties.store)
        return replace(plan, findings=(*plan.findings, *about_keys))

    # -------------------------------------------------------------------------------------------------------- running

    def run(self, archive: ArchiveInput) -> RestoreReport:
        """Restore by the plan that `plan` would make now.

        Raises ArchiveError, CheckRefused, ServiceError: the target is as it was; HalfwayError: it is not.
        """
        begun = time.monotonic()
        summary = self._scan(archive)
        with self._parties.target.exclusive():
            self._refuse_early(archive, summary)
            with self._pause.held():
                put_back_interrupted(self._parties)
                plan = self._make_plan(archive, summary, self._look())
                plan.refuse()
                report = Restoring(self._parties, plan, archive, self._encrypted).run()
        return replace(report, duration=time.monotonic() - begun, scaled_back_to=self._pause.scaled_back_to)

    def _refuse_early(self, archive: ArchiveInput, summary: ArchiveSummary | None) -> None:
        """An app is not stopped for a restore that is refused anyway."""
        if self._options.stop_app and not (facts := self._parties.target.facts()).interrupted:
            self._make_plan(archive, summary, facts, stop_ahead=True).refuse()

    def undo(self) -> bool:
        """Put back what an interrupted restore left half-way; False when there was nothing."""
        with self._parties.target.exclusive(), self._pause.held():
            return put_back_interrupted(self._parties)

    @property
    def environment(self) -> Environment:
        return self._parties.environment

    @property
    def scaled_back_to(self) -> Replicas | None:
        """What the app was scaled back to, where it had been stopped."""
        return self._pause.scaled_back_to


def _unfinished(facts: TargetFacts) -> tuple[Finding, ...]:
    if not facts.interrupted:
        return ()
    return (
        Finding(
            Severity.REFUSE,
            "unfinished-restore",
            f"a restore of {facts.interrupted.archive} began at {facts.interrupted.since} and was not finished "
            f"({facts.interrupted.phase})",
            "Running the restore puts the old content back first; `restore --undo` does only that.",
        ),
    )
