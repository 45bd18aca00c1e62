"""What a Mendix database says of itself: app, versions, and the blobs that its file documents name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

import psycopg

from mxpc.adapters.postgres.connection import Connection
from mxpc.errors import DatabaseError
from mxpc.model import DatabaseFacts, FileDocument, FileTotals

VERSION_TABLE = "mendixsystem$version"
FILE_TABLE = "system$filedocument"
ROWS_AT_A_TIME = 5_000
"""Rows of a server-side cursor that are fetched together: about 1 MB."""
ASKED_AT_A_TIME = 10_000

_COLUMNS = """
SELECT a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = to_regnamespace('public') AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped
"""

_DOCUMENTS = """
SELECT DISTINCT ON (blob) blob, name, CASE WHEN size >= 0 THEN size END
FROM (SELECT "__uuid__"::text COLLATE "C" AS blob, {name} AS name, {size} AS size FROM public."system$filedocument"
      WHERE "__uuid__"::text <> '') AS document
ORDER BY blob, (size IS NULL OR size < 0), name
"""
"""Each blob once; where several rows name one, the row that knows its size."""


def read_facts(connection: Connection) -> DatabaseFacts:
    """Of this connection's moment."""
    row = connection.execute(
        "SELECT current_setting('server_version'), pg_database_size(current_database())"
    ).fetchone()
    assert row
    app, model, mendix = _app(connection)
    return DatabaseFacts(
        server_version=row[0].split()[0],
        server_major=connection.info.server_version // 10000,
        size=row[1],
        app_name=app,
        model_version=model,
        mendix_version=mendix,
    )


def _app(connection: Connection) -> tuple[str | None, str | None, str | None]:
    """App, model version, runtime version; None for each that the runtime of that age did not write."""
    there = _columns(connection, VERSION_TABLE)
    wanted = ("sprintrprojectname", "modelversionnumber", "mendixversion")
    if not there:
        return None, None, None
    columns = ", ".join(f'"{name}"::text' if name in there else "NULL" for name in wanted)
    row = connection.execute(f'SELECT {columns} FROM public."{VERSION_TABLE}" LIMIT 1').fetchone()
    return (row[0], row[1], row[2]) if row else (None, None, None)


def read_totals(connection: Connection) -> FileTotals:
    """Number and known bytes of the blobs."""
    query = _documents_query(connection)
    if query is None:
        return FileTotals(0, 0)
    row = connection.execute(
        f"SELECT count(*), coalesce(sum(known.size), 0)::bigint FROM ({query}) AS known (blob, name, size)"
    ).fetchone()
    assert row
    return FileTotals(row[0], row[1])


def read_documents(connection: Connection) -> Iterator[FileDocument]:
    """Each blob once, by its name, in constant memory. The connection must be in a transaction."""
    query = _documents_query(connection)
    if query is None:
        return
    with psycopg.ServerCursor(connection, "mxpc_documents") as cursor:
        cursor.itersize = ROWS_AT_A_TIME
        for blob, name, size in cursor.execute(query):
            yield FileDocument(blob, name, size)


def still_named(connection: Connection, blobs: Collection[str]) -> set[str]:
    """Those of the blobs that a row names in this connection's moment."""
    found: set[str] = set()
    if _documents_query(connection) is None:
        return found
    rest = iter(blobs)
    while chunk := list(islice(rest, ASKED_AT_A_TIME)):
        rows = connection.execute(
            f'SELECT "__uuid__"::text FROM public."{FILE_TABLE}" WHERE "__uuid__"::text = ANY(%s)',
            [chunk],
        )
        found.update(row[0] for row in rows)
    return found


def _documents_query(connection: Connection) -> str | None:
    """None in a database without file documents. A table of another shape is an error: its files would be missed."""
    there = _columns(connection, FILE_TABLE)
    if not there:
        return None
    if "__uuid__" not in there:
        raise DatabaseError(
            f"table public.{FILE_TABLE} has no column __uuid__: the files of this app cannot be found",
            hint="Only databases of Mendix 7 and later are known. `--only database` backs up the database alone.",
        )
    return _DOCUMENTS.format(
        name='"name"::text' if "name" in there else "NULL::text",
        size='"size"::bigint' if "size" in there else "NULL::bigint",
    )


def _columns(connection: Connection, table: str) -> set[str]:
    return {row[0] for row in connection.execute(_COLUMNS, [table])}
