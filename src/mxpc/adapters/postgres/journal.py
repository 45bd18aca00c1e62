"""The journal of a restore: what runs, since when, from which archive, how far, and what was there before.

It lives in the parked schema, in tables whose names no app has. Every function works on a connection of the role that
restores, in the transaction that the caller has open, if any.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import psycopg

from mxpc.adapters.postgres.connection import Connection
from mxpc.errors import DatabaseError
from mxpc.model import InterruptedRestore

PARKED = "mxpc$parked"
"""The schema that keeps the old content of schema public."""
JOURNAL = "mxpc$journal"
INVENTORY = "mxpc$inventory"
SCHEMAS = "mxpc$schemas"
ADDED = "mxpc$added_blobs"
LARGE_OBJECTS = "mxpc$large_objects"
PAGES = "mxpc$large_object_pages"
TABLES = (JOURNAL, INVENTORY, SCHEMAS, ADDED, LARGE_OBJECTS, PAGES)

UNKNOWN = "unknown"
_COMMENT = (
    "mxpc-backup-restore-cli keeps the old content of this database here while it restores. Nothing is lost: "
    "`mxpc-backup-restore-cli restore --undo` brings it back. since={since} archive={archive}"
)


class Phase(StrEnum):
    """How far a restore is. In ACCEPTING the new content is the environment's, in all others the old one."""

    PARKING = "parking"
    RESTORING = "restoring"
    RESTORED = "restored"
    ACCEPTING = "accepting"
    UNDOING = "undoing"


@dataclass(frozen=True)
class Journal:
    """The one row of the journal's table."""

    phase: Phase
    since: str
    archive: str


@dataclass(frozen=True)
class ParkedSchema:
    """A schema of the dump besides public; `parked_as` has its old content, None where the target had no such one."""

    name: str
    parked_as: str | None


def create(connection: Connection, archive: str, tool_version: str) -> None:
    """Make the parked schema and the empty journal in phase PARKING."""
    connection.execute(f"""
        CREATE SCHEMA "{PARKED}";
        CREATE TABLE "{PARKED}"."{JOURNAL}" (
            phase text NOT NULL, since timestamptz NOT NULL DEFAULT date_trunc('second', now()), archive text NOT NULL,
            tool_version text NOT NULL, server_major int NOT NULL, journal_oid oid NOT NULL);
        -- A publication of all tables forbids updates of tables without.
        ALTER TABLE "{PARKED}"."{JOURNAL}" REPLICA IDENTITY FULL;
        CREATE TABLE "{PARKED}"."{INVENTORY}" (classid oid NOT NULL, objid oid NOT NULL, PRIMARY KEY (classid, objid));
        CREATE TABLE "{PARKED}"."{SCHEMAS}" (name text PRIMARY KEY, parked_as text);
        CREATE TABLE "{PARKED}"."{ADDED}" (blob text NOT NULL);
        CREATE TABLE "{PARKED}"."{LARGE_OBJECTS}" (loid oid PRIMARY KEY, statements text[] NOT NULL);
        CREATE TABLE "{PARKED}"."{PAGES}" (loid oid, start bigint, content bytea NOT NULL, PRIMARY KEY (loid, start));
    """)
    connection.execute(
        f'INSERT INTO "{PARKED}"."{JOURNAL}" (phase, archive, tool_version, server_major, journal_oid) '
        "VALUES (%s, %s, %s, current_setting('server_version_num')::int / 10000, to_regclass(%s))",
        [Phase.PARKING, archive, tool_version, f'"{PARKED}"."{JOURNAL}"'],
    )
    _comment(connection, archive)


def _comment(connection: Connection, archive: str) -> None:
    """Readable for every role and in every tool, also where the journal's table is not."""
    row = connection.execute('SELECT to_char(now(), \'YYYY-MM-DD"T"HH24:MI:SS"Z"\')').fetchone()
    assert row
    text = _COMMENT.format(since=row[0], archive=archive)
    connection.execute(psycopg.sql.SQL('COMMENT ON SCHEMA "{}" IS {}').format(psycopg.sql.SQL(PARKED), text))


def read(connection: Connection) -> Journal | None:
    """None when no restore is unfinished. Raises psycopg's errors when the role may not read it."""
    if not exists(connection):
        return None
    row = connection.execute(
        'SELECT phase, to_char(since, \'YYYY-MM-DD"T"HH24:MI:SS"Z"\'), archive, '
        "journal_oid = tableoid AND server_major = current_setting('server_version_num')::int / 10000 "
        f'FROM "{PARKED}"."{JOURNAL}"'
    ).fetchone()
    if row is None:
        raise DatabaseError(
            f'schema "{PARKED}" has an empty journal, which no restore leaves', hint="Look into it before you drop it."
        )
    if not row[3]:
        raise DatabaseError(
            f'schema "{PARKED}" was copied here from another database, or upgraded with it, in the middle of a restore',
            evidence="its inventory names objects by numbers that this database has given to others",
            hint="Undo the restore in the database that it came from, and copy it again.",
        )
    return Journal(Phase(row[0]), row[1], row[2])


def exists(connection: Connection) -> bool:
    """Whether there is a parked schema. Needs no right at all."""
    return connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [PARKED]).fetchone() is not None


def identity(connection: Connection) -> int | None:
    """A number that only this journal has, in this database; None without a journal."""
    row = connection.execute("SELECT to_regclass(%s)::oid", [f'"{PARKED}"."{JOURNAL}"']).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def interrupted(connection: Connection) -> InterruptedRestore | None:
    """For everybody: a role without rights in the parked schema is told what its comment says."""
    row = connection.execute(
        "SELECT has_schema_privilege(n.oid, 'USAGE') AND coalesce(has_table_privilege(c.oid, 'SELECT'), false), "
        "obj_description(n.oid, 'pg_namespace') FROM pg_namespace n "
        "LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = %s WHERE n.nspname = %s",
        [JOURNAL, PARKED],
    ).fetchone()
    if row is None:
        return None
    known = read(connection) if row[0] else None
    if known:
        return InterruptedRestore(known.phase.value, known.since, known.archive, known.phase is Phase.ACCEPTING)
    found = re.search(r"since=(\S+) archive=(.*)", row[1] or "", re.DOTALL)
    return InterruptedRestore(UNKNOWN, found[1] if found else UNKNOWN, found[2] if found else UNKNOWN)


def set_phase(connection: Connection, phase: Phase) -> None:
    """Committed at once unless the caller has a transaction open."""
    connection.execute(f'UPDATE "{PARKED}"."{JOURNAL}" SET phase = %s', [phase])


def take_inventory(connection: Connection, query: str, parameters: Collection[object]) -> None:
    """Remember objects as old: `query` gives (classid, objid)."""
    connection.execute(
        f'INSERT INTO "{PARKED}"."{INVENTORY}" {query} ON CONFLICT DO NOTHING',
        list(parameters),
    )


def add_schema(connection: Connection, schema: ParkedSchema) -> None:
    """Remember what became of a schema besides public."""
    connection.execute(
        f'INSERT INTO "{PARKED}"."{SCHEMAS}" VALUES (%s, %s)',
        [schema.name, schema.parked_as],
    )


def schemas(connection: Connection) -> list[ParkedSchema]:
    """The schemas besides public that the restore touches."""
    rows = connection.execute(f'SELECT name, parked_as FROM "{PARKED}"."{SCHEMAS}" ORDER BY 1')
    return [ParkedSchema(*row) for row in rows]


def add_blobs(connection: Connection, blobs: Iterable[str]) -> None:
    """Write blobs down, durably, in one commit."""
    with connection.cursor() as cursor, cursor.copy(f'COPY "{PARKED}"."{ADDED}" (blob) FROM STDIN') as copy:
        for blob in blobs:
            copy.write_row([blob])


def added_blobs(connection: Connection) -> Iterator[str]:
    """What was written down, each once, in constant memory."""
    with (
        connection.transaction(),
        psycopg.ServerCursor(connection, "mxpc_added") as cursor,
    ):
        for row in cursor.execute(f'SELECT DISTINCT blob FROM "{PARKED}"."{ADDED}"'):
            yield row[0]


def drop(connection: Connection) -> None:
    """End of the restore: journal and schema go in one transaction. The schema must hold nothing else: RESTRICT."""
    with connection.transaction():
        for table in TABLES:
            connection.execute(f'DROP TABLE IF EXISTS "{PARKED}"."{table}"')
        connection.execute(f'DROP SCHEMA "{PARKED}" RESTRICT')
