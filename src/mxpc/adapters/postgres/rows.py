"""Counting rows of many tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from mxpc.adapters.postgres.connection import Connection
from mxpc.adapters.postgres.objects import quoted

TOGETHER = 100
"""Tables that one statement counts: each takes a lock, as does each of its indexes."""

_KNOWN = """
SELECT n.nspname::text, c.relname::text, row_security_active(c.oid)
FROM unnest(%s::text[], %s::text[]) AS wanted (schema, name)
JOIN pg_namespace n ON n.nspname = wanted.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
WHERE c.relkind = 'r'
"""


def count_rows(connection: Connection, tables: Collection[tuple[str, str]]) -> dict[tuple[str, str], int | None]:
    """Rows of each table that is there, its children left out; None where a policy hides rows from the role."""
    schemas, names = [schema for schema, _ in tables], [name for _, name in tables]
    counts: dict[tuple[str, str], int | None] = {}
    visible = []
    for schema, name, hidden in connection.execute(_KNOWN, [schemas, names]).fetchall():
        counts[schema, name] = None
        if not hidden:
            visible.append((schema, name))
    remaining = iter(visible)
    while together := list(islice(remaining, TOGETHER)):
        counts.update(_counted(connection, together))
    return counts


def _counted(connection: Connection, tables: list[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], int]]:
    query = " UNION ALL ".join(
        f"SELECT {number}, count(*) FROM ONLY {quoted(schema)}.{quoted(name)}"
        for number, (schema, name) in enumerate(tables)
    )
    # No parameters: a name may have a percent sign in it.
    for number, rows in connection.execute(query.encode()):
        yield tables[number], rows
