"""The torture database: torture.sql, and what is too long to be written there."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from mxpc.demo.postgres import connect
from mxpc.model import DatabaseSettings

SECTIONS = re.compile(r"^-- from (\d+)\n", re.MULTILINE)
MEGABYTE = 1 << 20
MANY_COLUMNS = 1000

# A column of every built-in type that a table may have, and one of its array type.
_ALL_TYPES = """
    SELECT string_agg(format('%I pg_catalog.%I', 'c ' || typname, typname), ', ' ORDER BY typname)
    FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm') AND typisdefined
      AND typname NOT LIKE 'pg\\_%' AND typname !~ '^_?(pg_|cstring)' AND typelem = 0"""
_ALL_ARRAYS = _ALL_TYPES.replace("typelem = 0", "typelem <> 0")

_VALUES = {
    "bool": "true",
    "bytea": r"\x00ff",
    "char": "x",
    "name": "ÄÖ",
    "int8": "-9223372036854775808",
    "int2": "-32768",
    "int4": "2147483647",
    "regproc": "pg_catalog.now",
    "regprocedure": "pg_catalog.abs(integer)",
    "regoper": "pg_catalog.||/",
    "regoperator": "pg_catalog.+(integer,integer)",
    "regclass": "pg_catalog.pg_class",
    "regtype": "pg_catalog.int4",
    "regcollation": 'pg_catalog."C"',
    "regconfig": "pg_catalog.german",
    "regdictionary": "pg_catalog.simple",
    "regnamespace": "public",
    "text": "t",
    "oid": "4294967295",
    "tid": "(4294967295,65535)",
    "xid": "4294967295",
    "xid8": "18446744073709551615",
    "cid": "7",
    "json": '{"a": [1, null]}',
    "jsonb": '{"a": [1, null]}',
    "jsonpath": '$."a"[*]?(@ > 1)',
    "xml": "<x/>",
    "path": "[(0,0),(1,Infinity)]",
    "polygon": "((0,0),(1,1),(NaN,0))",
    "line": "{1,-1,0}",
    "circle": "<(1,2),Infinity>",
    "float4": "NaN",
    "float8": "-Infinity",
    "macaddr": "08:00:2b:01:02:03",
    "macaddr8": "08:00:2b:01:02:03:04:05",
    "inet": "2001:db8::1/64",
    "cidr": "10.0.0.0/8",
    "bpchar": "a  ",
    "varchar": "",
    "date": "infinity",
    "time": "24:00:00",
    "timetz": "24:00:00-15:59",
    "timestamp": "-infinity",
    "timestamptz": "4714-11-24 00:00:00+00 BC",
    "interval": "-178000000 years",
    "bit": "1",
    "varbit": "",
    "numeric": "NaN",
    "refcursor": "c",
    "uuid": "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "tsvector": "'a':1A,2B 'it''s'",
    "tsquery": "'a' <-> ! 'b':*A",
    "txid_snapshot": "1:10:3,5",
    "int4range": "[1,)",
    "numrange": "[NaN,NaN]",
    "tsrange": "[-infinity,infinity]",
    "tstzrange": "empty",
    "daterange": "(,)",
    "int8range": "[1,2)",
    "int4multirange": "{[1,2),[5,)}",
    "nummultirange": "{}",
    "point": "(1,2)",
    "lseg": "[(1,2),(3,4)]",
    "box": "(3,4),(1,2)",
}


def load_torture(settings: DatabaseSettings, *, features: int | None = None, large: int = 0) -> None:
    """Fill an empty database, as the role that owns it.

    `features`: only what PostgreSQL of this major knows; `large`: MiB of each of two large values.
    """
    with connect(settings) as connection:
        major = features or connection.info.server_version // 10000
        parts = SECTIONS.split((Path(__file__).parent / "torture.sql").read_text(encoding="utf-8"))
        for since, section in zip(parts[1::2], parts[2::2], strict=True):
            if major >= int(since):
                connection.execute(section.encode())
    if features is None:
        _load_all_types(settings)
    _load_many_columns(settings)
    if large:
        _load_large_values(settings, large)


def _load_all_types(settings: DatabaseSettings) -> None:
    with connect(settings) as connection:
        for table, query in (("all_types", _ALL_TYPES), ("all_arrays", _ALL_ARRAYS)):
            row = connection.execute(query.encode()).fetchone()
            assert row
            connection.execute(f"CREATE TABLE {table} ({row[0]})".encode())
        known = {
            row[0].removeprefix("c ")
            for row in connection.execute("SELECT attname FROM pg_attribute WHERE attrelid = 'all_types'::regclass")
        }
        without = () if _has_xml(connection) else ("xml",)
        values = {name: value for name, value in _VALUES.items() if name in known and name not in without}
        names = sql.SQL(", ").join(sql.Identifier(f"c {name}") for name in values)
        texts = sql.SQL(", ").join(map(sql.Literal, values.values()))
        connection.execute(sql.SQL("INSERT INTO all_types ({}) VALUES ({})").format(names, texts))
        connection.execute("INSERT INTO all_types DEFAULT VALUES")
        names = sql.SQL(", ").join(sql.Identifier(f"c _{name}") for name in values)
        casts = [sql.SQL("ARRAY[NULL, {}]::{}[]").format(value, _type(name)) for name, value in values.items()]
        connection.execute(sql.SQL("INSERT INTO all_arrays ({}) VALUES ({})").format(names, sql.SQL(", ").join(casts)))


def _has_xml(connection: psycopg.Connection[Any]) -> bool:
    """Some servers are built without."""
    with contextlib.suppress(psycopg.errors.FeatureNotSupported):
        connection.execute("SELECT xmlcomment('')")
        return True
    return False


def _type(name: str) -> sql.Composable:
    return sql.SQL("pg_catalog.{}").format(sql.Identifier(name))


def _load_many_columns(settings: DatabaseSettings) -> None:
    columns = [
        f'"column {number} of many ÄÖÜ" text{f" DEFAULT {number}" * (number % 100 == 0)}'
        for number in range(MANY_COLUMNS)
    ]
    with connect(settings) as connection:
        connection.execute(f"CREATE TABLE many_columns ({', '.join(columns)})".encode())
        connection.execute("INSERT INTO many_columns DEFAULT VALUES")
        connection.execute("INSERT INTO many_columns DEFAULT VALUES")


def _load_large_values(settings: DatabaseSettings, megabytes: int) -> None:
    """Kept as they are: compressing them would take longer than everything else."""
    with connect(settings) as connection:
        connection.execute("CREATE TABLE large_values (id int PRIMARY KEY, t text, b bytea)")
        connection.execute("ALTER TABLE large_values ALTER t SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL")
        connection.execute(
            "INSERT INTO large_values VALUES (1, repeat(E'a\\n\\\\é\\t\u20ac...', %s * 104857 / 10 * 10 / 10), NULL)",
            [megabytes],
        )
        connection.execute(
            "INSERT INTO large_values VALUES (2, NULL, decode(repeat('00ff0a5c', %s * 262144), 'hex'))", [megabytes]
        )
