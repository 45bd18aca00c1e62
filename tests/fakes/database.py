"""Databases in memory: the two sides of a backup and a restore, with faults where a test wants them."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from mxpc.errors import CheckRefused, DatabaseError
from mxpc.model import DatabaseFacts, FileDocument, FileTotals, InterruptedRestore, TargetFacts
from mxpc.ports import ByteReader, Stopping

FACTS = DatabaseFacts("15.18", 15, 9_730_584, "SampleApp", "1.0.0.40", "10.9.0.31759")
TARGET = TargetFacts(
    database=FACTS,
    empty=False,
    may_create_schema=True,
    may_create_in_public=True,
    foreign_objects=(),
    other_sessions=(),
    installed_extensions={"plpgsql": "pg_catalog"},
    creatable_extensions=frozenset({"pg_trgm"}),
    schemas=frozenset(),
    large_object_count=0,
    interrupted=None,
    restore_program="pg_restore 15.18",
    restore_program_major=15,
)
Fault = Callable[[str], None]
"""Called with the name of a step before it happens; may raise."""


def no_fault(_step: str) -> None:
    """The step goes well."""


@dataclass
class MemorySource:
    """A SourceDatabase whose snapshot is what `documents` holds when it is opened."""

    dump: bytes
    documents: list[FileDocument] = field(default_factory=list)
    facts: DatabaseFacts = FACTS
    interrupted: InterruptedRestore | None = None
    fault: Fault = no_fault
    dumps: int = 0

    @contextmanager
    def snapshot(self) -> Iterator[_Snapshot]:
        self.fault("snapshot")
        yield _Snapshot(self, tuple(self.documents))

    def still_named(self, blobs: Collection[str]) -> set[str]:
        self.fault("still_named")
        return {one.blob for one in self.documents} & set(blobs)

    def interrupted_restore(self) -> InterruptedRestore | None:
        return self.interrupted


class _Snapshot:
    def __init__(self, source: MemorySource, documents: tuple[FileDocument, ...]) -> None:
        self._source = source
        self._documents = sorted(documents, key=lambda one: one.blob)

    def facts(self) -> DatabaseFacts:
        return self._source.facts

    def file_totals(self) -> FileTotals:
        return FileTotals(len(self._documents), sum(one.size or 0 for one in self._documents))

    def file_documents(self) -> Iterator[FileDocument]:
        return iter(self._documents)

    @contextmanager
    def dump(self, *, compression: int = 0) -> Iterator[ByteReader]:
        self._source.fault("dump")
        self._source.dumps += 1
        yield io.BytesIO(self._source.dump)


@dataclass
class MemoryTarget:
    """A TargetDatabase whose content is a list of documents and an app; a dump is the JSON that `content_dump` makes
    inside of a real one (see `restored`)."""

    facts_before: TargetFacts = TARGET
    documents: list[FileDocument] = field(default_factory=list)
    restored: Callable[[bytes], tuple[str | None, list[FileDocument]]] = lambda _: ("SampleApp", [])
    fault: Fault = no_fault
    steps: list[str] = field(default_factory=list)
    rows: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.app = self.facts_before.database.app_name
        self.parked: tuple[str | None, list[FileDocument]] | None = None
        self.journal: list[str] = []
        self.accepted = False
        self.locked = False

    def _step(self, name: str) -> None:
        self.steps.append(name)
        self.fault(name)

    def facts(self) -> TargetFacts:
        database = replace(self.facts_before.database, app_name=self.app)
        interrupted = InterruptedRestore("restoring", "2026-01-01T00:00:00Z", "old.tar.gz", self.accepted)
        return replace(self.facts_before, database=database, interrupted=interrupted if self.parked else None)

    def other_sessions(self) -> tuple[str, ...]:
        self.fault("other_sessions")
        return self.facts().other_sessions

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        if self.locked:
            raise CheckRefused("another restore is running")
        self.locked = True
        try:
            yield
        finally:
            self.locked = False

    def park(self, archive: str, *, schemas: Collection[str] = ()) -> None:
        self._step("park")
        self.parked = (self.app, self.documents)
        self.app, self.documents = None, []

    def restore(self, dump: ByteReader, stop: Stopping) -> tuple[str, ...]:
        self._step("restore")
        content = io.BytesIO()
        while data := dump.read(1 << 16):
            content.write(data)
        self.app, self.documents = self.restored(content.getvalue())
        return ()

    def mark_restored(self) -> None:
        self._step("restored")

    def note_added(self, blobs: Sequence[str]) -> None:
        self._step("note_added")
        self.journal += blobs

    def noted_added(self) -> Iterator[str]:
        return iter(list(self.journal))

    def facts_restored(self) -> tuple[DatabaseFacts, FileTotals]:
        self._step("facts_restored")
        return replace(FACTS, app_name=self.app), FileTotals(len(self.documents), 0)

    def named_blobs(self) -> Iterator[FileDocument]:
        return iter(sorted(self.documents, key=lambda one: one.blob))

    def row_counts(self, tables: Collection[tuple[str, str]]) -> dict[tuple[str, str], int | None]:
        """None, as if a policy hid the rows, but for those that a test sets in `rows`."""
        self._step("row_counts")
        return {table: self.rows.get(table) for table in tables}

    def accept(self) -> None:
        self._step("accept")
        self.accepted = True
        self._step("drop")
        self.parked, self.journal, self.accepted = None, [], False

    def put_back(self) -> None:
        self._step("put_back")
        if self.parked and not self.accepted:
            self.app, self.documents = self.parked
        self.parked, self.journal, self.accepted = None, [], False


def broken(step: str, error: Exception | None = None) -> Fault:
    """A fault that fails one step, every time."""

    def fault(name: str) -> None:
        if name == step:
            raise error or DatabaseError(f"the database failed at {step}")

    return fault


__all__ = ["FACTS", "TARGET", "Fault", "MemorySource", "MemoryTarget", "broken", "no_fault"]
