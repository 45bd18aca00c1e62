"""The plan of a restore: what `--dry-run` shows and what `restore` runs are the same value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mxpc.errors import CheckRefused
from mxpc.model import (
    AppFacts,
    AppScale,
    ArchiveSummary,
    DumpFacts,
    Environment,
    Finding,
    Half,
    InterruptedRestore,
    Replicas,
    Severity,
    TargetFacts,
)
from mxpc.streams import Concurrency
from mxpc.workflows import checks
from mxpc.workflows.dump_parts import sessions
from mxpc.workflows.dump_selection import DumpSelection, select


@dataclass(frozen=True)
class RestoreOptions:
    """What the user allowed and asked for."""

    halves: frozenset[Half] = frozenset(Half)
    allow_running: bool = False
    allow_other_app: bool = False
    skip: frozenset[str] = frozenset()
    prune_files: bool = False
    jobs: int | None = None
    """Sessions in the database; None: as many as the dump is worth."""
    transfers: int | Concurrency = 32
    max_held_bytes: int = 64 << 20
    """Bytes of files that are held in memory."""
    stop_app: bool = False
    """Scale the environment to 0 for the restore, and back afterwards."""
    stop_timeout: float = 300
    """Seconds that the app's sessions have to end."""
    look_seconds: float = 0.5
    """Seconds between two looks for sessions."""


@dataclass(frozen=True)
class RestorePlan:
    """What a restore will do. `summary` is None for an archive that can be read only once: it is checked on its way."""

    environment: Environment
    archive: str
    summary: ArchiveSummary | None
    target: TargetFacts
    user: str
    findings: tuple[Finding, ...]
    options: RestoreOptions
    app: AppScale | None = None
    """The app's replicas at this moment, where the restore has to do with them."""

    @property
    def scales_back_to(self) -> Replicas | None:
        """What the app will have at the end, where the restore scales it."""
        if self.app is None or self.app.now.stopped:
            return self.app.before_stop if self.app else None
        return self.app.now if self.options.stop_app else None

    @property
    def put_back_first(self) -> InterruptedRestore | None:
        """The unfinished restore that is undone before this one begins."""
        return self.target.interrupted

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """The findings that forbid it."""
        return tuple(one for one in self.findings if one.severity is Severity.REFUSE)

    @property
    def restores_database(self) -> bool:
        """Whether the database is replaced, as far as it is known before reading."""
        if Half.DATABASE not in self.options.halves:
            return False
        return self.summary is None or self.summary.dump is not None

    @property
    def sessions(self) -> int | None:
        """How many pg_restore run at once, at most; None where the dump decides that is not known yet."""
        if not self.restores_database:
            return 0
        dump = self.summary.dump if self.summary else None
        return sessions(dump, self.options.jobs) if dump else self.options.jobs

    def refuse(self) -> None:
        """Raise CheckRefused when a finding forbids the restore."""
        if self.refusals:
            raise refused(self.refusals)


def make_plan(
    environment: Environment,
    app: AppFacts,
    archive: str,
    summary: ArchiveSummary | None,
    target: TargetFacts,
    user: str,
    options: RestoreOptions,
    *,
    scale: AppScale | None = None,
    stop_ahead: bool = False,
) -> RestorePlan:
    """Run all checks that need no further reading.

    `scale` is newer than `app`. `stop_ahead`: the app is going to be stopped, so it may run now.
    """
    replicas = scale.now.number if scale else app.replicas
    if stop_ahead:
        findings = [*checks.still_running(replicas, environment), *checks.sessions_to_end(target, options.stop_timeout)]
    else:
        findings = [
            *checks.running(replicas, environment, allow=options.allow_running),
            *(checks.sessions(target, allow=options.allow_running) if Half.DATABASE in options.halves else ()),
        ]
    if summary:
        findings += checks.content(summary, options.halves)
    if Half.DATABASE in options.halves:
        findings += checks.rights(target, user)
        if summary and summary.dump:
            findings += dump_findings(summary.dump, target, select(summary.dump, target), options)
    return RestorePlan(environment, archive, summary, target, user, tuple(findings), options, scale)


def dump_findings(
    dump: DumpFacts, target: TargetFacts, selection: DumpSelection, options: RestoreOptions
) -> Iterator[Finding]:
    """The checks that need the dump's table of contents."""
    yield from checks.readable(dump, target)
    yield from checks.same_app(dump, target, allow=options.allow_other_app)
    yield from checks.left_out(selection, skip=options.skip)
    yield from checks.space_for_new(target, dump)


def refused(refusals: tuple[Finding, ...], *, put_back: bool = False) -> CheckRefused:
    """The error for findings that forbid a restore; `put_back` where they came up on the way."""
    state = "and everything was put back" if put_back else "before anything was changed"
    return CheckRefused(
        f"the restore was refused {state}: " + "; ".join(one.what for one in refusals),
        evidence=", ".join(one.code for one in refusals),
        hint="\n".join(dict.fromkeys(one.hint for one in refusals if one.hint)),
    )
