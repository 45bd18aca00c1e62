"""Large objects, which live outside of every schema: set aside as rows of tables in the parked schema.

Only the role's own; those of others stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from mxpc.adapters.postgres.connection import Connection
from mxpc.adapters.postgres.journal import INVENTORY, LARGE_OBJECTS, PAGES, PARKED

PAGE = 1 << 20
"""Bytes that are copied with one statement, inside of the server."""
TOGETHER = 100
"""Large objects in a transaction: each takes a lock."""

_OURS = "FROM pg_largeobject_metadata m WHERE pg_has_role(m.lomowner, 'USAGE')"

# What makes a copy equal again: owner, comment, grants.
_STATEMENTS = """
    SELECT array_agg(statement) FROM (
      SELECT format('ALTER LARGE OBJECT %%s OWNER TO %%I', m.oid, pg_get_userbyid(lomowner)) AS statement
        FROM pg_largeobject_metadata m WHERE m.oid = %(oid)s AND pg_get_userbyid(lomowner) <> current_user
      UNION ALL SELECT format('COMMENT ON LARGE OBJECT %%s IS %%L', m.oid, obj_description(m.oid, 'pg_largeobject'))
        FROM pg_largeobject_metadata m WHERE m.oid = %(oid)s AND obj_description(m.oid, 'pg_largeobject') IS NOT NULL
      UNION ALL SELECT format('GRANT %%s ON LARGE OBJECT %%s TO %%s%%s', a.privilege_type, m.oid,
          CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
          CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM pg_largeobject_metadata m, aclexplode(m.lomacl) a WHERE m.oid = %(oid)s AND a.grantee <> m.lomowner
    ) AS statements"""


def set_aside(connection: Connection) -> None:
    """Keep the role's large objects in the parked schema and remove them, some in each transaction."""
    remaining = iter([row[0] for row in connection.execute(f"SELECT m.oid {_OURS} ORDER BY 1")])
    while together := list(islice(remaining, TOGETHER)):
        with connection.transaction():
            for oid in together:
                _keep(connection, oid)
            connection.execute("SELECT lo_unlink(o) FROM unnest(%s::oid[]) o", [together])


def _keep(connection: Connection, oid: int) -> None:
    row = connection.execute(_STATEMENTS, {"oid": oid}).fetchone()
    connection.execute(f'INSERT INTO "{PARKED}"."{LARGE_OBJECTS}" VALUES (%s, %s)', [oid, (row and row[0]) or []])
    start, length = 0, PAGE
    while length == PAGE:
        copied = connection.execute(
            f'INSERT INTO "{PARKED}"."{PAGES}" SELECT %s, %s, lo_get(%s, %s, {PAGE}) RETURNING length(content)',
            [oid, start, oid, start],
        ).fetchone()
        assert copied
        length = copied[0]
        start += length


def drop_restored(connection: Connection) -> None:
    """Remove the role's large objects that came after the old ones were listed, or in the place of one set aside."""
    if not _has_tables(connection):
        return
    # One that is kept and not brought back yet: what has its number now was restored.
    query = f"""
        SELECT lo_unlink(oid) FROM (SELECT m.oid {_OURS} AND (
            m.oid NOT IN (SELECT objid FROM "{PARKED}"."{INVENTORY}"
                          WHERE classid = 'pg_largeobject_metadata'::regclass)
            OR m.oid IN (SELECT loid FROM "{PARKED}"."{LARGE_OBJECTS}")) LIMIT {TOGETHER}) AS made"""
    while connection.execute(query).fetchall():
        pass


def bring_back(connection: Connection) -> None:
    """Make those that were set aside again, with their numbers, some in each transaction."""
    if not _has_tables(connection):
        return
    query = f'SELECT loid, statements FROM "{PARKED}"."{LARGE_OBJECTS}" ORDER BY 1 LIMIT {TOGETHER}'
    while together := connection.execute(query).fetchall():
        with connection.transaction():
            for oid, statements in together:
                _make(connection, oid, statements)
            for table in (PAGES, LARGE_OBJECTS):
                connection.execute(
                    f'DELETE FROM "{PARKED}"."{table}" WHERE loid = ANY (%s)', [[oid for oid, _ in together]]
                )


def _make(connection: Connection, oid: int, statements: Sequence[str]) -> None:
    connection.execute("SELECT lo_create(%s)", [oid])
    connection.execute(
        f'SELECT lo_put(loid, start, content) FROM "{PARKED}"."{PAGES}" WHERE loid = %s ORDER BY start', [oid]
    )
    # The owner goes last: after it the object is not ours to comment on.
    for statement in sorted(statements, key=lambda one: one.startswith("ALTER")):
        connection.execute(statement.encode())


def _has_tables(connection: Connection) -> bool:
    """A journal of an older version of the tool has none."""
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [f'"{PARKED}"."{LARGE_OBJECTS}"']).fetchone()
    return bool(row and row[0])
