"""Fingerprints of a database and of a bucket, to prove that two moments have the same content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import obstore
import psycopg
from obstore.store import S3Store
from psycopg import sql

from mxpc.demo.postgres import connect
from mxpc.model import DatabaseSettings

Digest = dict[str, dict[str, str]]
"""Kind of thing (rows, sequences, indexes…) to name to fingerprint."""

_CATALOG = Path(__file__).with_name("digest.sql")

_RELATIONS = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^(pg_|information_schema$)' AND c.relkind = ANY(%s) AND c.relispopulated
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1, 2"""

# A sum of row hashes does not depend on the rows' order and needs no memory; two rows that are equal do not cancel out.
_ROWS = """
    SELECT concat_ws(' ', count(*), sum(('x' || left(h, 16))::bit(64)::bigint::numeric),
      sum(('x' || right(h, 16))::bit(64)::bigint::numeric))
    FROM (SELECT md5("this row"::text) AS h FROM ONLY {} AS "this row") AS hashes"""


def database_digest(settings: DatabaseSettings) -> Digest:
    """Everything that a backup has to bring back, by kind and name: two databases with equal content are equal here.

    Takes one snapshot. Owners and grants are left out (a backup does not carry them), and so is the order of rows.
    The user needs to read every table; raises DatabaseError.
    """
    with connect(settings) as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        # With an empty path every name comes out with its schema; the others decide how values look as text.
        connection.execute("SET LOCAL search_path = ''; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'")
        connection.execute("SET LOCAL extra_float_digits = 1; SET LOCAL IntervalStyle = 'iso_8601'")
        digest = {kind: dict(_pairs(connection, query)) for kind, query in _catalog_queries()}
        digest["rows"] = dict(_per_relation(connection, ["r", "m"], _ROWS))
        digest["sequences"] = dict(
            _per_relation(connection, ["S"], "SELECT concat_ws(' ', last_value, is_called) FROM {}")
        )
        return digest


def bucket_digest(store: S3Store, *, threads: int = 16) -> dict[str, str]:
    """SHA-256 of every object, by key. Objects are read whole."""
    keys = [entry["path"] for batch in obstore.list(store) for entry in batch]
    with ThreadPoolExecutor(threads) as pool:
        return dict(zip(keys, pool.map(lambda key: _object_digest(store, key), keys), strict=True))


def differences(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """One line for each thing that is missing, new or different; nothing when both are equal."""
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        place = f"{path}{name}"
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from differences(old, new, f"{place}: ")
        elif old is None or new is None:
            yield f"{place} is {'new' if old is None else 'missing'}"
        elif old != new:
            yield f"{place} was {old!r} and is {new!r}"


def _catalog_queries() -> Iterator[tuple[str, str]]:
    for section in _CATALOG.read_text(encoding="utf-8").split("-- kind: ")[1:]:
        kind, _, query = section.partition("\n")
        yield kind, query


def _pairs(connection: psycopg.Connection[tuple[Any, ...]], query: str) -> Sequence[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in connection.execute(sql.SQL(query))]


def _per_relation(
    connection: psycopg.Connection[tuple[Any, ...]], kinds: list[str], query: str
) -> Iterator[tuple[str, str]]:
    for schema, name in connection.execute(sql.SQL(_RELATIONS), [kinds]).fetchall():
        row = connection.execute(sql.SQL(query).format(sql.Identifier(schema, name))).fetchone()
        yield f"{schema}.{name}", str(row[0]) if row else ""


def _object_digest(store: S3Store, key: str) -> str:
    return hashlib.sha256(bytes(obstore.get(store, key).bytes())).hexdigest()
