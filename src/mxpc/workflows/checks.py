"""The checks before a restore. Each looks at facts that were already gathered, changes nothing, and yields findings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mxpc.archive.layout import printable
from mxpc.model import (
    ArchiveSummary,
    DumpEntry,
    DumpFacts,
    Environment,
    Finding,
    Half,
    Severity,
    TargetFacts,
)
from mxpc.workflows.dump_selection import DumpSelection

COMPRESSION_SINCE = {"lz4": 16, "zstd": 16}
"""The first PostgreSQL major whose pg_restore reads a dump with this inner compression."""


def running(replicas: int | None, environment: Environment, *, allow: bool) -> Iterator[Finding]:
    """The environment is scaled to 0 replicas."""
    if replicas:
        yield Finding(
            Severity.WARN if allow else Severity.REFUSE,
            "environment-running",
            f"the environment {environment.name} runs with {replicas} replica(s)",
            "Stop it first: scale it to 0 replicas, restore, and scale it up again; --stop-app does that. "
            "--allow-running skips this check.",
        )


def still_running(replicas: int | None, environment: Environment) -> Iterator[Finding]:
    """For an environment that the restore stops itself."""
    if replicas:
        yield Finding(
            Severity.WARN,
            "environment-running",
            f"the environment {environment.name} runs with {replicas} replica(s): it would be stopped",
        )


def sessions(target: TargetFacts, *, allow: bool) -> Iterator[Finding]:
    """Nobody else works in the database."""
    if target.other_sessions:
        yield Finding(
            Severity.WARN if allow else Severity.REFUSE,
            "database-in-use",
            f"{len(target.other_sessions)} other session(s) are in the database: {_some(target.other_sessions)}",
            "Stop the app and close other clients of the database. --allow-running skips this check.",
        )


def sessions_to_end(target: TargetFacts, timeout: float) -> Iterator[Finding]:
    """For an environment that the restore stops itself."""
    if target.other_sessions:
        yield Finding(
            Severity.WARN,
            "database-in-use",
            f"{len(target.other_sessions)} other session(s) are in the database, and would have {timeout:.0f} s to end "
            f"once the app is stopped: {_some(target.other_sessions)}",
        )


def rights(target: TargetFacts, user: str) -> Iterator[Finding]:
    """The role may do what a restore needs."""
    if not target.may_create_schema:
        yield Finding(
            Severity.REFUSE,
            "may-not-create-schema",
            f"the role {user} may not create a schema in the database, so the old content cannot be kept aside",
            f'As an administrator: GRANT CREATE ON DATABASE … TO "{user}"; or make the role the owner of the database.',
        )
    if not target.may_create_in_public:
        yield Finding(
            Severity.REFUSE,
            "may-not-create-in-public",
            f"the role {user} may not create tables in the schema public",
            f'As an administrator: GRANT CREATE, USAGE ON SCHEMA public TO "{user}". '
            "PostgreSQL 15 and newer no longer grant this to everybody.",
        )


def same_app(dump: DumpFacts, target: TargetFacts, *, allow: bool) -> Iterator[Finding]:
    """Entity ids are made per app: the runtime drops the tables of another app when it starts."""
    there, here = dump.app_name, target.database.app_name
    if there and here and there != here:
        yield Finding(
            Severity.WARN if allow else Severity.REFUSE,
            "other-app",
            f"the backup is of the app {printable(there)}, the environment holds the app {printable(here)}",
            "Data of one app cannot be used by another: its runtime would drop the tables. "
            "If both are the same app under two names, use --allow-other-app.",
        )


def left_out(selection: DumpSelection, *, skip: frozenset[str]) -> Iterator[Finding]:
    """What of the dump cannot be restored here, and whether anything needs it."""
    for loss in selection.losses:
        accepted = loss.topic in skip or not loss.needed_by
        needed = f"; needed by {_some([_label(one) for one in loss.needed_by])}" if loss.needed_by else ""
        yield Finding(
            Severity.WARN if accepted else Severity.REFUSE,
            f"left-out-{loss.topic}",
            f"{loss.what}{needed}",
            loss.hint if accepted else f"{loss.hint} To restore without it: --skip {loss.topic}.",
        )


def readable(dump: DumpFacts, target: TargetFacts) -> Iterator[Finding]:
    """pg_restore understands the dump; the server is not older than the one that was dumped."""
    needed = COMPRESSION_SINCE.get(dump.compression, 0)
    if target.restore_program_major < needed:
        yield Finding(
            Severity.REFUSE,
            "pg-restore-too-old",
            f"the dump is compressed with {dump.compression}, which {target.restore_program} cannot read",
            f"Install the PostgreSQL client programs of version {needed} or newer.",
        )
    dumped = _major(dump.server_version)
    if dumped is not None and dumped > target.database.server_major:
        yield Finding(
            Severity.WARN,
            "older-server",
            f"the dump is of PostgreSQL {dumped}, the target runs {target.database.server_major}",
            "Mendix databases restore well into older servers; if this one uses newer features the restore fails "
            "and everything is put back.",
        )


def space_for_new(target: TargetFacts, dump: DumpFacts) -> Iterator[Finding]:
    """Objects of other roles stay where they are: they must not be in the way."""
    names = {entry.name for entry in dump.entries if entry.schema == "public"}
    in_the_way = [one for one in target.foreign_objects if _plain_name(one) in names]
    if in_the_way:
        yield Finding(
            Severity.REFUSE,
            "foreign-objects",
            f"schema public holds objects of other roles that the backup has too: {_some(in_the_way)}",
            "Have their owner remove or rename them, or give them to the app's role (ALTER TABLE … OWNER TO …).",
        )
    elif target.foreign_objects:
        yield Finding(
            Severity.WARN,
            "foreign-objects-stay",
            f"objects of other roles stay in schema public: {_some(target.foreign_objects)}",
        )


def other_schemas(dump: DumpFacts, target: TargetFacts) -> Iterator[Finding]:
    """Through a pipe, the target's other schemas are not known to be replaced before the dump comes."""
    if both := sorted(dump.schemas & target.schemas):
        yield Finding(
            Severity.REFUSE,
            "schemas-in-the-way",
            f"backup and target both have the schema {_some(both)}; from a pipe only the schema public is set aside",
            "Restore from a file instead of standard input.",
        )


def content(summary: ArchiveSummary, halves: frozenset[Half]) -> Iterator[Finding]:
    """The archive has what was asked for."""
    if Half.DATABASE in halves and summary.dump is None:
        yield Finding(
            Severity.WARN if Half.FILES in halves else Severity.REFUSE,
            "no-database-in-archive",
            "the archive has no database dump: the database stays as it is",
        )
    if halves == {Half.FILES} and summary.blob_count == 0:
        yield Finding(Severity.REFUSE, "no-files-in-archive", "the archive has no files, and only files were asked for")
    yield from extra_entries(summary.extra_count, summary.extra_entries)


def extra_entries(count: int, names: tuple[str, ...]) -> Iterator[Finding]:
    """Nothing of an archive is passed over silently. `names` may be the first ones only."""
    if count:
        more = f" and {count - 5} more" if count > 5 else ""
        yield Finding(
            Severity.WARN,
            "extra-entries",
            f"{count} entries of the archive belong to no known place and are passed over: {_some(names[:5])}{more}",
        )


def _plain_name(foreign_object: str) -> str:
    """`crm$customer` of `table public."crm$customer" (owner postgres)`: a dump has names without quotes."""
    identity = foreign_object.partition(" public.")[2].partition(" (owner ")[0]
    return identity[1:-1].replace('""', '"') if identity.startswith('"') else identity


def _label(entry: DumpEntry) -> str:
    return f"{entry.kind.lower()} {entry.name}"


def _some(texts: tuple[str, ...] | list[str], most: int = 5) -> str:
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(map(printable, texts[:most])) + more


def _major(version: str) -> int | None:
    digits = re.match(r"\d+", version.strip())
    return int(digits[0]) if digits else None
