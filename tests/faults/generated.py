"""Apps of many tables: each with a key, three indexes and a foreign key to its neighbour."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from mxpc.demo.postgres import connect
from mxpc.model import DatabaseSettings

AT_ONCE = 200
"""Tables that are made in one transaction: each takes half a dozen locks."""


def make_tables(database: DatabaseSettings, module: str, count: int, *, rows: int) -> None:
    """Tables `module$entity0000` and on, with so many rows each, as the database's owner."""
    with connect(database) as connection:
        connection.execute("SET synchronous_commit = off")
        for first in range(0, count, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, count))
            with connection.transaction():
                connection.execute(psycopg.sql.SQL("; ".join(_statements(module, numbers, rows))))  # type: ignore[arg-type]


def _statements(module: str, numbers: range, rows: int) -> Iterator[str]:
    for number in numbers:
        table = f"{module}$entity{number:04}"
        parent = f'REFERENCES "{module}$entity{number - 1:04}"' if number else ""
        yield f"""CREATE TABLE "{table}" (id bigint PRIMARY KEY, name varchar(200), amount numeric(20, 4),
            changed timestamp, parent bigint {parent})"""
        yield f"""INSERT INTO "{table}" SELECT n, 'row ' || n || ' of {table}', n * 1.25 + {number},
            timestamp '2024-01-01' + n * interval '1 h',
            {"n" if number else "NULL"} FROM generate_series(1, {rows}) n"""
        yield f'CREATE INDEX ON "{table}" (name)'
        yield f'CREATE INDEX ON "{table}" (changed, amount)'
        yield f'CREATE INDEX ON "{table}" (parent) WHERE parent IS NOT NULL'
