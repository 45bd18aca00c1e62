"""Which entries of a dump are restored, and what of the dump cannot come along.

Nothing is left out silently. An entry is left out when it would be wrong here for a known, harmless reason (`quiet`),
or because the role or the server cannot take it (`losses`), which is named before anything changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mxpc.model import DumpEntry, DumpFacts, TargetFacts

SUPERUSER_KINDS = {
    "EVENT TRIGGER": "event-triggers",
    "SUBSCRIPTION": "subscriptions",
    "PUBLICATION": "publications",
    "PUBLICATION TABLE": "publications",
    "PUBLICATION TABLES IN SCHEMA": "publications",
    "FOREIGN DATA WRAPPER": "foreign-data",
    "SERVER": "foreign-data",
    "USER MAPPING": "foreign-data",
    "SECURITY LABEL": "security-labels",
    "TRANSFORM": "languages",
    "CAST": "casts",
    "ACCESS METHOD": "languages",
    "PROCEDURAL LANGUAGE": "languages",
}
"""Kinds that only a superuser, or a role with rights that the app's role does not have, may create; with the topic."""

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
    losses = [*_extensions(dump, target), *_superuser_kinds(dump), *_large_objects(dump, target)]
    lost = {entry.dump_id for loss, entries in losses for entry in entries}
    return DumpSelection(
        leave_out=frozenset(quiet) | frozenset(lost),
        losses=tuple(loss for loss, _ in losses),
        quiet=tuple(sorted(set(quiet.values()))),
    )


def _harmless(entry: DumpEntry, target: TargetFacts) -> str | None:
    """Why an entry is left out though nothing is missing without it."""
    match entry.kind, entry.name:
        case "SCHEMA", "public":
            return "schema public is there already and keeps its owner and grants"
        case "COMMENT", "SCHEMA public":
            return "schema public keeps its comment"
        case "COMMENT", name if name.startswith("EXTENSION "):
            return "comments on extensions belong to the owner of the extension"
        case "EXTENSION", name if name in target.installed_extensions:
            return f"extension {name} is installed already"
        case "ACL" | "DEFAULT ACL", _:
            return "grants of the source (restored with -x)"
    parked = (entry.schema or "").startswith(PARKED_PREFIX) or (entry.kind == "SCHEMA" and _is_parked(entry.name))
    return "the parked content of an unfinished restore in the source" if parked else None


def _is_parked(name: str) -> bool:
    return name.startswith(PARKED_PREFIX)


def _extensions(dump: DumpFacts, target: TargetFacts) -> Iterator[tuple[Loss, list[DumpEntry]]]:
    available = target.creatable_extensions | frozenset(target.installed_extensions)
    for entry in dump.entries:
        if entry.kind == "EXTENSION" and entry.name not in available:
            loss = Loss(
                "extensions",
                f"the extension {entry.name} is not installed, and the role may not create it",
                f'As an administrator, in the target database: CREATE EXTENSION "{entry.name}".',
                tuple(_needing(dump, {entry.dump_id})),
            )
            yield loss, [entry]


def _needing(dump: DumpFacts, ids: set[int]) -> Iterable[DumpEntry]:
    """Entries that need one of these, comments left out."""
    return (entry for entry in dump.entries if ids.intersection(entry.dependencies) and entry.kind != "COMMENT")


def _superuser_kinds(dump: DumpFacts) -> Iterator[tuple[Loss, list[DumpEntry]]]:
    topics: dict[str, list[DumpEntry]] = {}
    for entry in dump.entries:
        if topic := SUPERUSER_KINDS.get(entry.kind):
            topics.setdefault(topic, []).append(entry)
    for topic, entries in topics.items():
        names = ", ".join(f"{one.kind.lower()} {one.name}" for one in entries[:5])
        needed = tuple(one for one in _needing(dump, {one.dump_id for one in entries}) if one not in entries)
        yield (
            Loss(
                topic,
                f"the app's role may not create {topic.replace('-', ' ')}: {names}",
                "An administrator can add them after the restore.",
                # Somebody made these on purpose: their loss is accepted with --skip, never by itself.
                needed or tuple(entries),
            ),
            entries,
        )


def _large_objects(dump: DumpFacts, target: TargetFacts) -> Iterator[tuple[Loss, list[DumpEntry]]]:
    entries = [entry for entry in dump.entries if entry.kind in ("BLOB", "BLOBS", "BLOB METADATA")]
    if entries and target.large_object_count:
        yield (
            Loss(
                "large-objects",
                f"the backup has large objects, and so has the target ({target.large_object_count}): "
                "they live outside of every schema and cannot be kept aside",
                "Remove the target's large objects first (SELECT lo_unlink(oid) FROM pg_largeobject_metadata).",
                tuple(entries),
            ),
            entries,
        )
