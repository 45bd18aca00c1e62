"""The database that is restored into."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence

from mxpc.adapters.postgres import journal, mendix, parking
from mxpc.adapters.postgres.connection import Connection, connect, lost, place, speaking_of
from mxpc.adapters.postgres.control import LOCK_SECONDS, Control
from mxpc.adapters.postgres.journal import Phase
from mxpc.adapters.postgres.restoring import run_pg_restore
from mxpc.adapters.postgres.rows import count_rows
from mxpc.adapters.postgres.target_facts import read_other_sessions, read_target_facts
from mxpc.adapters.postgres.trust import tell_trust
from mxpc.adapters.programs import Program, Programs
from mxpc.errors import DatabaseError
from mxpc.model import DatabaseFacts, DatabaseSettings, FileDocument, FileTotals, TargetFacts
from mxpc.ports import ByteReader, Stopping
from mxpc.progress import Progress, Silent, Task

ATTEMPTS = 3
"""How often what may be repeated is begun again after a lost connection; each tries to connect for 20 seconds."""


class PostgresTarget:
    """TargetDatabase over PostgreSQL 12 and newer, for the role that owns the app's tables.

    One thread drives a restore; `restore`, `facts`, `note_added` and `noted_added` may be called from others meanwhile.
    `lock_seconds` is how long `exclusive` waits for another run to end.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        *,
        programs: Programs | None = None,
        progress: Progress | None = None,
        lock_seconds: float = LOCK_SECONDS,
    ) -> None:
        self._settings = settings
        self._programs = programs or Programs()
        self._progress = progress or Silent()
        self._control = Control(settings, lock_seconds)
        self._choosing = threading.Lock()
        self._chosen: tuple[Program, int] | None = None
        self._journal: int | None = None

    # ------------------------------------------------------------------------------------------------------- looking

    def facts(self) -> TargetFacts:
        """What there is and what the role may do. Raises RequestError when there is no pg_restore."""
        with self._reading("looking at the target") as connection:
            major, tls = connection.info.server_version // 10000, connection.pgconn.ssl_in_use
            program = self._programs.pg_restore(major, tls=tls)
            return read_target_facts(connection, program)

    def other_sessions(self) -> tuple[str, ...]:
        """One text for each other client in the database."""
        with self._control.use("looking for other sessions") as connection:
            return read_other_sessions(connection)

    def facts_restored(self) -> tuple[DatabaseFacts, FileTotals]:
        """The app and its files as schema public has them now."""
        with self._reading("looking at the restored content") as connection:
            return mendix.read_facts(connection), mendix.read_totals(connection)

    def named_blobs(self) -> Iterator[FileDocument]:
        """Each blob that schema public names now, once, ordered by its name, in constant memory."""
        with self._reading("reading the file documents") as connection, connection.transaction():
            yield from mendix.read_documents(connection)

    def row_counts(self, tables: Collection[tuple[str, str]]) -> dict[tuple[str, str], int | None]:
        """Rows of each of these tables that is there, children left out; None where a policy hides rows."""
        with self._reading("counting the restored rows") as connection:
            return count_rows(connection, tables)

    # ------------------------------------------------------------------------------------------------------ restoring

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the right to restore into this database. Raises CheckRefused when another restore holds it."""
        with self._control.exclusive():
            with self._control.use("looking at the connection") as connection:
                tell_trust(connection, self._settings, self._progress)
            yield

    def park(self, archive: str, *, schemas: Collection[str] = ()) -> None:
        """Set the old content of schema public aside, and the role's own schemas of these names (the dump's).

        Raises CheckRefused, with nothing changed, when something cannot be set aside.
        """
        with self._control.use("setting the old content aside") as connection:
            if journal.exists(connection):
                raise DatabaseError(
                    f"{place(self._settings)} is in an unfinished restore", hint="Put that one back first."
                )
            parking.end_leftovers(connection)
            parking.park(connection, archive, schemas)
            self._journal = journal.identity(connection)

    def restore(self, dump: ByteReader, stop: Stopping) -> tuple[str, ...]:
        """Feed a custom-format dump, or a part of one, to a pg_restore of its own; returns warnings.

        Raises DatabaseError with pg_restore's own line. Errors of `dump` itself pass through. pg_restore is ended.
        """
        with self._choosing:
            if self._chosen is None:
                self._chosen = self._choose()
        return run_pg_restore(*self._chosen, self._settings, dump, stop)

    def _choose(self) -> tuple[Program, int]:
        """The pg_restore, and the server's major version."""
        with self._control.use("preparing the restore") as connection:
            major, tls = connection.info.server_version // 10000, connection.pgconn.ssl_in_use
        program = self._programs.pg_restore(major, tls=tls)
        self._progress.noted(f"restoring with {program.explained}")
        return program, major

    def mark_restored(self) -> None:
        """Write into the journal, durably, that all of the dump is in."""
        with self._control.use("writing the journal") as connection:
            self._check_ours(connection)
            if journal.exists(connection):
                journal.set_phase(connection, Phase.RESTORED)

    def note_added(self, blobs: Sequence[str]) -> None:
        """Write into the journal, durably, that these blobs are about to be added to the file storage."""
        with self._control.use("writing the journal") as connection:
            self._check_ours(connection)
            journal.add_blobs(connection, blobs)

    def noted_added(self) -> Iterator[str]:
        """The blobs that the journal says were added, each once; none without a journal, or from another run's.

        Under the lock, if it was held: who would take these blobs away must not meet a run that brings them in.
        """
        noted: list[str] = []

        def read(connection: Connection, _: parking.Step) -> None:
            found = journal.identity(connection)
            if found is not None and self._journal in (None, found):
                noted[:] = journal.added_blobs(connection)

        self._persistently("reading the journal", Task.PUT_BACK, read)
        return iter(noted)

    def accept(self) -> None:
        """The new content is the content from here on: drop the parked one.

        Raises DatabaseError, with the old content still there, when the restore is not complete.
        """
        self._persistently(
            "accepting the new content",
            Task.REMOVE_OLD,
            lambda connection, _: self._commit(connection),
        )
        self._journal = None
        self._persistently("dropping the old content", Task.REMOVE_OLD, parking.let_go)

    def put_back(self) -> None:
        """Drop what was restored and bring the parked content back. May be repeated.

        Once `accept` had begun it ends that instead. A pg_restore of a run that died is ended first.
        """
        self._persistently("putting the old content back", Task.PUT_BACK, self._put_back)
        self._journal = None

    # ----------------------------------------------------------------------------------------------------- inner works

    def _commit(self, connection: Connection) -> None:
        self._check_ours(connection)
        parking.commit_to_new_content(connection)

    def _put_back(self, connection: Connection, step: parking.Step) -> None:
        found = journal.identity(connection)
        if self._journal is not None and found not in (None, self._journal):
            self._progress.warned("another restore put this one back already, and works in the database now")
            return
        parking.put_back(connection, step)

    def _check_ours(self, connection: Connection) -> None:
        """The lock goes with its session: after a lost one, another run may have put ours back and begun its own."""
        if self._journal is not None and journal.identity(connection) != self._journal:
            raise DatabaseError(
                f"another restore has taken over in {place(self._settings)}",
                evidence="This run lost its connection, and with it the right to restore; its journal is gone.",
                hint="Wait until the other restore has ended.",
            )

    @contextlib.contextmanager
    def _reading(self, doing: str) -> Iterator[Connection]:
        with contextlib.closing(connect(self._settings)) as connection, speaking_of(self._settings, doing):
            yield connection

    def _persistently(self, doing: str, task: Task, step: Callable[[Connection, parking.Step], None]) -> None:
        """Again after a lost connection: every step may be repeated."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._control.use(doing) as connection:
                    step(connection, lambda count: self._progress.advanced(task, item_count=count))
            except DatabaseError as error:
                if attempt == ATTEMPTS or not lost(error.__cause__):
                    raise
                self._progress.noted(f"{doing}: {error.evidence}; once more")
                time.sleep(attempt)
            else:
                return
