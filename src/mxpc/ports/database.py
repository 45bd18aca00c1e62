"""The databases of a backup and of a restore."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from mxpc.model import DatabaseFacts, FileDocument, FileTotals, InterruptedRestore, TargetFacts
from mxpc.ports.archives import ByteReader


class Snapshot(Protocol):
    """One moment of a running database. Lives as long as its context; methods are used from one thread at a time,
    but a dump may be read in another thread than the documents."""

    def facts(self) -> DatabaseFacts:
        """Sizes, versions and app of this moment."""

    def file_totals(self) -> FileTotals:
        """Number and bytes of the distinct blobs that the snapshot names; zeros without a file document table."""

    def file_documents(self) -> Iterator[FileDocument]:
        """Each distinct blob once, ordered by its name, in constant memory."""

    def dump(self, *, compression: int = 0) -> AbstractContextManager[ByteReader]:
        """`pg_dump -Fc -O -x` of this moment, compressed inside with gzip level `compression` (0: not at all).

        Leaving the context early ends the child. May be repeated.

        The reader raises DatabaseError instead of ending when pg_dump fails.
        """


class SourceDatabase(Protocol):
    """The database of an environment that is backed up."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Open and export a snapshot."""

    def still_named(self, blobs: Collection[str]) -> set[str]:
        """Those of the blobs that file documents name now, in a new snapshot."""

    def interrupted_restore(self) -> InterruptedRestore | None:
        """The unfinished restore that this database is in, if any."""


class Stopping(Protocol):
    """How long work in several threads learns that it has to end."""

    def on_stop(self, action: Callable[[], None]) -> AbstractContextManager[None]:
        """While the context lasts, `action` is called, from another thread, when all has to end."""


class TargetDatabase(Protocol):
    """The database that is restored into. One thread, except `facts` and `restore`.

    The order of calls is: `exclusive` (around all), `put_back` when a restore was interrupted, `park`, `restore`,
    `mark_restored`, then either `accept` or `put_back`. Killed anywhere in between, the next run finds the state with
    `facts` and `put_back` brings it to the old content, or, once `accept` had begun, to the new.
    """

    def facts(self) -> TargetFacts:
        """What there is and what the role may do. Changes nothing."""

    def other_sessions(self) -> tuple[str, ...]:
        """One text for each other client in the database, as in the facts. Quick enough to be asked every second."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the right to restore into this database. Raises CheckRefused when another restore holds it."""

    def park(self, archive: str, *, schemas: Collection[str] = ()) -> None:
        """Set the old content of schema public and the role's own schemas of these names aside, and keep a journal.

        `archive` is the name of what is restored. Raises CheckRefused, with nothing changed, when something cannot be
        set aside.
        """

    def restore(self, dump: ByteReader, stop: Stopping) -> tuple[str, ...]:
        """Feed a custom-format dump to pg_restore. Returns warnings about what was skipped as harmless.

        May be called for several parts of one dump, from several threads at once; `stop` ends it.

        Raises DatabaseError with pg_restore's own line when anything else failed; the parked content is untouched.
        """

    def mark_restored(self) -> None:
        """All parts are in: write it into the journal, durably. `accept` asks for it."""

    def note_added(self, blobs: Sequence[str]) -> None:
        """Write into the journal, durably, that these blobs are about to be added to the file storage."""

    def noted_added(self) -> Iterator[str]:
        """The blobs that the journal says were added."""

    def facts_restored(self) -> tuple[DatabaseFacts, FileTotals]:
        """The app and its files as the restored content has them."""

    def named_blobs(self) -> Iterator[FileDocument]:
        """As Snapshot.file_documents, of the content that is in schema public now."""

    def row_counts(self, tables: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], int | None]:
        """Rows of those of the tables (schema and name) that are there, without the rows of children and partitions.

        None for a table whose rows a policy hides from the role.
        """

    def accept(self) -> None:
        """The new content is the content from here on: drop the parked one."""

    def put_back(self) -> None:
        """Drop what was restored and bring the parked content back. May be repeated."""
