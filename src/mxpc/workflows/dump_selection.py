"""Which entries of a dump are restored, and what of the dump cannot come along.

Nothing is left out silently. An entry is left out when it would be wrong here for a known, harmless reason (`quiet`),
or because the role or the server cannot take it (`losses`), which is named before anything changes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from mxpc.archive.layout import printable
from mxpc.model import DumpEntry, DumpFacts, TargetFacts

OUTSIDE_OF_SCHEMAS = {
    "EVENT TRIGGER": "event-triggers",
    "SUBSCRIPTION": "subscriptions",
    "SUBSCRIPTION TABLE": "subscriptions",
    "PUBLICATION": "publications",
    "PUBLICATION TABLE": "publications",
    "PUBLICATION TABLES IN SCHEMA": "publications",
    "FOREIGN DATA WRAPPER": "foreign-data",
    "SERVER": "foreign-data",
    "USER MAPPING": "foreign-data",
    "SECURITY LABEL": "security-labels",
    "TRANSFORM": "languages",
    "ACCESS METHOD": "languages",
    "PROCEDURAL LANGUAGE": "languages",
}
"""Kinds that belong to the database, where the target's own cannot be set aside, or need more than the app's role; with
the topic for --skip."""

SUPERUSER_KINDS = {
    "OPERATOR CLASS": "operator-classes",
    "OPERATOR FAMILY": "operator-classes",
    "TEXT SEARCH PARSER": "text-search",
    "TEXT SEARCH TEMPLATE": "text-search",
    "SHELL TYPE": "base-types",
}
"""Kinds in schemas that only a superuser may create, with the topic."""

ROUTINES = ("FUNCTION", "PROCEDURE", "AGGREGATE")
_LANGUAGE = re.compile(r"^    LANGUAGE (\S+)", re.MULTILINE)
_STATISTICS_MAJOR = 18
"""From here on a dump may have the planner's statistics, and servers take them."""

PARKED_PREFIX = "mxpc$parked"
"""Our own parked schema: a dump of a half-restored database may hold it."""


@dataclass(frozen=True)
class Loss:
    """Something that will be missing after the restore. `needed_by` lists what the restore fails on without it."""

    topic: str
    what: str
    hint: str
    needed_by: tuple[DumpEntry, ...] = ()


@dataclass(frozen=True)
class DumpSelection:
    """Dump ids to leave out, and the losses among them."""

    leave_out: frozenset[int]
    losses: tuple[Loss, ...]
    quiet: tuple[str, ...]
    """Entries that are left out without loss, one sentence each, for -v."""


def select(dump: DumpFacts, target: TargetFacts) -> DumpSelection:
    """Decide for every entry of the dump."""
    quiet = {entry.dump_id: reason for entry in dump.entries if (reason := _harmless(entry, target))}
    losses = [
        *_extensions(dump, target),
        *_extension_rows(dump, target),
        *_beyond_the_role(dump, target),
        *_large_objects(dump, target),
    ]
    lost = {entry.dump_id for _, entries in losses for entry in entries}
    dependents = {entry.dump_id for entry in _needing(dump, lost)}
    return DumpSelection(
        leave_out=frozenset(quiet) | lost | dependents,
        losses=tuple(loss for loss, _ in losses),
        quiet=tuple(sorted(set(quiet.values()))),
    )


def _harmless(entry: DumpEntry, target: TargetFacts) -> str | None:
    """Why an entry is left out though nothing is missing without it."""
    reason: str | None = None
    match entry.kind, entry.name:
        case "SCHEMA", "public":
            reason = "schema public is there already and keeps its owner and grants"
        case "COMMENT", "SCHEMA public":
            reason = "schema public keeps its comment"
        case "COMMENT", name if name.startswith("EXTENSION "):
            reason = "comments on extensions belong to the owner of the extension"
        case "EXTENSION", name if name in target.installed_extensions:
            reason = f"extension {name} is installed already"
        case "ACL" | "DEFAULT ACL", _:
            reason = "grants of the source (restored with -x)"
        case "STATISTICS DATA", _ if target.database.server_major < _STATISTICS_MAJOR:
            reason = "the planner's statistics, which this server gathers by itself"
    return reason or ("the parked content of an unfinished restore in the source" if _is_parked(entry) else None)


def _is_parked(entry: DumpEntry) -> bool:
    return (entry.name if entry.kind == "SCHEMA" else entry.schema or "").startswith(PARKED_PREFIX)


def _extensions(dump: DumpFacts, target: TargetFacts) -> Iterator[tuple[Loss, list[DumpEntry]]]:
    available = target.creatable_extensions | frozenset(target.installed_extensions)
    for entry in dump.entries:
        if entry.kind == "EXTENSION" and entry.name not in available:
            loss = Loss(
                "extensions",
                f"the extension {printable(entry.name)} is not installed, and the role may not create it",
                f"As an administrator, in the target database: CREATE EXTENSION {_quoted(entry.name)}.",
                _shown_needing(dump, {entry.dump_id}),
            )
            yield loss, [entry]


def _quoted(name: str) -> str:
    return '"' + printable(name).replace('"', '""') + '"'


def _extension_rows(dump: DumpFacts, target: TargetFacts) -> Iterator[tuple[Loss, list[DumpEntry]]]:
    """Rows of tables that an extension made (PostGIS has such): one that is installed already keeps its own."""
    installed = {
        one.dump_id for one in dump.entries if one.kind == "EXTENSION" and one.name in target.installed_extensions
    }
    created = {(one.schema, one.name) for one in dump.entries if one.kind == "TABLE"}
    for entry in dump.entries:
        if entry.kind == "TABLE DATA" and (entry.schema, entry.name) not in created:
            if not installed.intersection(entry.dependencies):
                continue
            rows = dump.row_counts.get(entry.dump_id)
            loss = Loss(
                "extension-rows",
                f"the table {entry.name} belongs to an extension that is installed already, and keeps its rows; "
                f"the backup has {'no' if rows == 0 else rows or 'perhaps some'} rows for it",
                "As the owner of the extension, add them after the restore.",
                (entry,) if rows else (),
            )
            yield loss, [entry]


def _needing(dump: DumpFacts, ids: Collection[int]) -> list[DumpEntry]:
    """Entries that need one of these, directly or through others: they fail without it, and are left out with it."""
    users: dict[int, list[DumpEntry]] = {}
    for entry in dump.entries:
        for needed in entry.dependencies:
            users.setdefault(needed, []).append(entry)
    found: dict[int, DumpEntry] = {}
    waiting = list(ids)
    while waiting:
        for entry in users.get(waiting.pop(), ()):
            if entry.dump_id not in found and entry.dump_id not in ids:
                found[entry.dump_id] = entry
                waiting.append(entry.dump_id)
    return [found[dump_id] for dump_id in sorted(found)]


def _shown_needing(dump: DumpFacts, ids: Collection[int]) -> tuple[DumpEntry, ...]:
    """Without those that go along with another that is named."""
    return tuple(entry for entry in _needing(dump, ids) if entry.kind not in ("COMMENT", "TABLE DATA", "SEQUENCE SET"))


def _beyond_the_role(dump: DumpFacts, target: TargetFacts) -> Iterator[tuple[Loss, list[DumpEntry]]]:
    created = {entry.dump_id for entry in dump.entries if entry.kind in ("TYPE", "DOMAIN", "TABLE")}
    topics: dict[str, list[DumpEntry]] = {}
    for entry in dump.entries:
        if topic := _topic_beyond_the_role(entry, created, target):
            topics.setdefault(topic, []).append(entry)
    for topic, entries in topics.items():
        names = ", ".join(printable(f"{one.kind.lower()} {one.name}") for one in entries[:5])
        more = f" and {len(entries) - 5} more" if len(entries) > 5 else ""
        yield (
            Loss(
                topic,
                f"the app's role may not create {topic.replace('-', ' ')}: {names}{more}",
                "An administrator can add them after the restore.",
                # Somebody made these on purpose: their loss is accepted with --skip, never by itself.
                _shown_needing(dump, {one.dump_id for one in entries}) or tuple(entries),
            ),
            entries,
        )


def _topic_beyond_the_role(entry: DumpEntry, created: Collection[int], target: TargetFacts) -> str | None:
    if topic := OUTSIDE_OF_SCHEMAS.get(entry.kind):
        return topic
    if entry.kind == "CAST":
        return None if _may_cast(entry, created) else "casts"
    if target.superuser:
        return None
    if entry.kind == "TYPE" and "\n    INTERNALLENGTH = " in entry.definition:
        return "base-types"
    if entry.kind in ROUTINES and not _trusted(entry.definition):
        return "languages"
    return SUPERUSER_KINDS.get(entry.kind)


def _may_cast(entry: DumpEntry, created: Collection[int]) -> bool:
    """A cast lives and dies with its types, and the owner of one of them may make it."""
    return bool(set(created).intersection(entry.dependencies)) and "WITHOUT FUNCTION" not in entry.definition


def _trusted(definition: str) -> bool:
    """Everybody may use languages whose code cannot leave the database; the others are called plpython3u and so on."""
    found = _LANGUAGE.search(definition)
    language = found[1].strip('"') if found else "sql"
    return language not in ("c", "internal") and not (language.startswith("pl") and language.endswith("u"))


def _large_objects(dump: DumpFacts, target: TargetFacts) -> Iterator[tuple[Loss, list[DumpEntry]]]:
    """The role's own are set aside; those of others stay, and may have the numbers that the dump's want."""
    entries = [entry for entry in dump.entries if entry.kind in ("BLOB", "BLOBS", "BLOB METADATA")]
    if entries and target.foreign_large_object_count:
        yield (
            Loss(
                "large-objects",
                f"the backup has large objects, and the target has {target.foreign_large_object_count} of other roles, "
                "which cannot be kept aside",
                "Have their owner remove them (SELECT lo_unlink(oid) FROM pg_largeobject_metadata), or give them to "
                "the app's role (ALTER LARGE OBJECT … OWNER TO …).",
                tuple(entries),
            ),
            entries,
        )
