"""The database of an environment that is backed up: a snapshot, its dump, its file documents."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator

from mxpc.adapters.children import Child
from mxpc.adapters.postgres import journal, mendix
from mxpc.adapters.postgres.client_environment import client_environment
from mxpc.adapters.postgres.connection import APPLICATION, Connection, connect, place, speaking_of
from mxpc.adapters.postgres.trust import tell_trust
from mxpc.adapters.programs import Program, Programs
from mxpc.errors import DatabaseError
from mxpc.model import DatabaseFacts, DatabaseSettings, FileDocument, FileTotals, InterruptedRestore
from mxpc.progress import Progress, Silent

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

DUMP_LOCK_TIMEOUT = 300_000
"""Milliseconds that pg_dump waits for somebody who changes a table's definition (an app that is being updated)."""


class PostgresSource:
    """SourceDatabase over PostgreSQL 12 and newer. Any thread."""

    def __init__(
        self, settings: DatabaseSettings, *, programs: Programs | None = None, progress: Progress | None = None
    ) -> None:
        self._settings = settings
        self._programs = programs or Programs()
        self._progress = progress or Silent()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[PostgresSnapshot]:
        """Open and export a snapshot. Raises RequestError when no pg_dump fits the server."""
        with contextlib.ExitStack() as stack:
            exporting = stack.enter_context(contextlib.closing(connect(self._settings)))
            major, tls = exporting.info.server_version // 10000, exporting.pgconn.ssl_in_use
            program = self._programs.pg_dump(major, tls=tls)
            self._progress.noted(f"dumping with {program.explained}")
            reading = stack.enter_context(contextlib.closing(connect(self._settings)))
            with speaking_of(self._settings, "exporting a snapshot"):
                exporting.execute(BEGIN)
                row = exporting.execute("SELECT pg_export_snapshot()").fetchone()
                assert row
                reading.execute(BEGIN)
                reading.execute(f"SET TRANSACTION SNAPSHOT '{row[0]}'")
                tell_trust(reading, self._settings, self._progress)
            yield PostgresSnapshot(self._settings, program, reading, row[0])

    def still_named(self, blobs: Collection[str]) -> set[str]:
        """Those of the blobs that file documents name now, in a new snapshot."""
        with self._connected("looking for file documents") as connection:
            return mendix.still_named(connection, blobs)

    def interrupted_restore(self) -> InterruptedRestore | None:
        """The unfinished restore that this database is in, if any; also for a role that may not read the journal."""
        with self._connected("looking for an unfinished restore") as connection:
            return journal.interrupted(connection)

    @contextlib.contextmanager
    def _connected(self, doing: str) -> Iterator[Connection]:
        with contextlib.closing(connect(self._settings)) as connection, speaking_of(self._settings, doing):
            yield connection


class PostgresSnapshot:
    """Snapshot over two sessions: one keeps the exported snapshot, the other reads in it, one thread at a time.

    `dump` uses neither, so another thread may read it meanwhile.
    """

    def __init__(self, settings: DatabaseSettings, program: Program, reading: Connection, name: str) -> None:
        self._settings = settings
        self._program = program
        self._reading = reading
        self._name = name

    def facts(self) -> DatabaseFacts:
        """Sizes, versions and app of this moment."""
        with speaking_of(self._settings, "reading the app's version"):
            return mendix.read_facts(self._reading)

    def file_totals(self) -> FileTotals:
        """Number and bytes of the distinct blobs that the snapshot names."""
        with speaking_of(self._settings, "counting the file documents"):
            return mendix.read_totals(self._reading)

    def file_documents(self) -> Iterator[FileDocument]:
        """Each distinct blob once, ordered by its name, in constant memory."""
        with speaking_of(self._settings, "reading the file documents"):
            yield from mendix.read_documents(self._reading)

    @contextlib.contextmanager
    def dump(self, *, compression: int = 0) -> Iterator[DumpReader]:
        """The whole database as `pg_dump -Fc -O -x` writes it, with gzip level `compression` inside (0: none)."""
        major = self._reading.info.server_version // 10000
        with (
            client_environment(self._settings, major, APPLICATION) as environment,
            Child(self._program.path, self._arguments(compression), environment, read=True) as child,
        ):
            yield DumpReader(child, self._settings)

    def _arguments(self, compression: int) -> list[str]:
        return [
            *("--format=custom", f"--compress={compression}", "--no-owner", "--no-privileges", "--no-password"),
            *(f"--snapshot={self._name}", f"--lock-wait-timeout={DUMP_LOCK_TIMEOUT}"),
            # What an unfinished restore keeps aside is no part of the environment's content.
            f'--exclude-schema="{journal.PARKED}"*',
        ]


class DumpReader:
    """The output of a running pg_dump."""

    def __init__(self, child: Child, settings: DatabaseSettings) -> None:
        self._child = child
        self._settings = settings

    def read(self, size: int, /) -> bytes:
        """Between 1 and `size` bytes; b"" at the end of a dump that pg_dump itself calls complete."""
        data = self._child.read(size)
        if not data and self._child.wait() != 0:
            raise _dump_failed(self._child, self._settings)
        return data


def _dump_failed(child: Child, settings: DatabaseSettings) -> DatabaseError:
    code = child.wait()
    said = [line for line in child.complaints if line.strip()]
    errors = [line for line in said if "error:" in line] or said[-1:]
    ended = f"ended by signal {-code}" if code < 0 else f"exit code {code}"
    return DatabaseError(
        f"pg_dump of {place(settings)} failed",
        evidence=" ".join(errors[-2:]) or ended,
        hint=_dump_hint(" ".join(said)),
    )


def _dump_hint(said: str) -> str:
    if "permission denied" in said:
        return "The environment's role may not read everything in its database: give it the right, or drop the object."
    if "row-level security" in said:
        return (
            "The rows that the policy hides would be missing: ALTER TABLE … NO FORCE ROW LEVEL SECURITY, or let the "
            "environment's role see them (as an administrator: ALTER ROLE … BYPASSRLS)."
        )
    if "lock timeout" in said:
        return "Somebody changes the tables: is the app being updated? Run the backup again afterwards."
    return ""
