"""The objects in a schema: finding those that the role owns, moving them, dropping them, as many at a time as fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg

from mxpc.adapters.postgres.connection import Connection
from mxpc.errors import DatabaseError

# Every kind of object that lives in a schema and has an owner. Left out are those that others bring along: indexes,
# toast and row types, array types, sequences of columns. What an extension brought belongs to the extension.
_IN_SCHEMA = """
SELECT 'pg_class'::regclass::oid AS classid, oid AS objid, relnamespace AS schema, relowner AS owner,
       CASE relkind WHEN 'v' THEN 1 WHEN 'm' THEN 2 WHEN 'S' THEN 5 ELSE CASE WHEN relispartition THEN 3 ELSE 4 END END
       AS rank
FROM pg_class c WHERE relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND c.relkind = 'S'
    AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i'))
UNION ALL
SELECT 'pg_type'::regclass, t.oid, typnamespace, typowner, 7 FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE (c.oid IS NULL OR c.relkind = 'c') AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace, proowner, 6 FROM pg_proc
UNION ALL SELECT 'pg_operator'::regclass, oid, oprnamespace, oprowner, 6 FROM pg_operator
UNION ALL SELECT 'pg_opclass'::regclass, oid, opcnamespace, opcowner, 5 FROM pg_opclass
UNION ALL SELECT 'pg_opfamily'::regclass, oid, opfnamespace, opfowner, 6 FROM pg_opfamily
UNION ALL SELECT 'pg_collation'::regclass, oid, collnamespace, collowner, 8 FROM pg_collation
UNION ALL SELECT 'pg_conversion'::regclass, oid, connamespace, conowner, 8 FROM pg_conversion
UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictnamespace, dictowner, 8 FROM pg_ts_dict
UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgnamespace, cfgowner, 7 FROM pg_ts_config
UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxnamespace, stxowner, 1 FROM pg_statistic_ext
"""

_NO_EXTENSION = """
NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'e')
"""
# A partitioned table depends on the columns of its own key like this.
_INTERNAL = """
EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'i'
        AND NOT (d.refclassid = d.classid AND d.refobjid = d.objid))
"""

IN_SCHEMA = f"SELECT o.classid, o.objid FROM ({_IN_SCHEMA}) o WHERE o.schema = to_regnamespace(%s)"
"""(classid, objid) of everything in a schema, whoever owns it."""

_OBJECTS = f"""
SELECT o.classid, o.objid, i.type, i.identity, pg_has_role(o.owner, 'USAGE'), pg_get_userbyid(o.owner),
       {_INTERNAL} AS internal
FROM ({_IN_SCHEMA}) o, pg_identify_object(o.classid, o.objid, 0) i
WHERE o.schema = to_regnamespace(%s) AND {_NO_EXTENSION}
ORDER BY o.rank, o.objid DESC
"""

ROUTINES = ("function", "procedure", "aggregate")


@dataclass(frozen=True, slots=True)
class SchemaObject:
    """An object by its catalogue number and in SQL's words; `identity` is quoted and has its schema."""

    class_id: int
    object_id: int
    kind: str
    identity: str
    ours: bool
    """The role has the rights of the owner."""
    owner: str
    internal: bool
    """Part of another object, that can be moved but only be dropped with it (constructors of a range type)."""

    def __str__(self) -> str:
        return f"{self.kind} {self.identity}"

    def moving_to(self, schema: str) -> str:
        """The statement that puts it into another schema."""
        # ALTER TABLE takes views, sequences and foreign tables as well.
        kind = "TABLE" if self.kind in RELATIONS else self._sql_kind
        return f"ALTER {kind} {self.identity} SET SCHEMA {quoted(schema)}"

    @property
    def dropping(self) -> str:
        """The statement that removes it, with what depends on it; nothing happens when it is gone already."""
        return f"DROP {self._sql_kind} IF EXISTS {self.identity} CASCADE"

    @property
    def _sql_kind(self) -> str:
        if self.kind in ROUTINES:
            return "ROUTINE"
        return "STATISTICS" if self.kind == "statistics object" else self.kind.upper()


RELATIONS = ("table", "view", "materialized view", "sequence", "foreign table")


def quoted(name: str) -> str:
    """An identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def objects_in(connection: Connection, schema: str) -> list[SchemaObject]:
    """Everything in a schema but members of extensions, in an order in which it can be dropped."""
    return [SchemaObject(*row) for row in connection.execute(_OBJECTS, [quoted(schema)])]


# ------------------------------------------------------------------------------------------------------ many at a time


def lock_slots(connection: Connection) -> int:
    """How many locks the server's shared table holds for all sessions together (6,400 by default)."""
    row = connection.execute(
        "SELECT current_setting('max_locks_per_transaction')::int * "
        "(current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)"
    ).fetchone()
    assert row
    slots: int = row[0]
    return slots


def run_in_batches(connection: Connection, statements: Sequence[str], size: int) -> None:
    """Run statements, `size` in a transaction; with fewer when the server has no room for so many locks."""
    done = 0
    while done < len(statements):
        try:
            with connection.transaction():
                connection.execute("; ".join(statements[done : done + size]))
        except psycopg.errors.OutOfMemory:
            if size == 1:
                raise
            size = max(size // 4, 1)
        else:
            done += size


def drop_all(
    connection: Connection, listing: Callable[[], Sequence[SchemaObject]], on_dropped: Callable[[int], None]
) -> None:
    """Drop what `listing` gives until it gives nothing; objects that went along with others are not listed again.

    A table with four indexes takes seven locks, and each lock stays to the end of its transaction: with 64 times fewer
    tables than there are locks, the default settings serve apps of any size beside other sessions.
    """
    size = max(lock_slots(connection) // 64, 10)
    remaining = listing()
    while remaining:
        chunk = remaining[:size]
        try:
            with connection.transaction():
                connection.execute("; ".join(one.dropping for one in chunk))
        except psycopg.errors.OutOfMemory:
            if size == 1:
                raise
            size = max(size // 4, 1)
            continue
        left = listing()
        if set(chunk) <= set(left):
            raise DatabaseError(f"cannot drop {chunk[0]}", evidence="it is still there after DROP … CASCADE")
        on_dropped(len(remaining) - len(left))
        remaining = left
