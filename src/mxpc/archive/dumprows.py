"""The COPY text of a table in a dump: how many rows it has, and what the first one says."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mxpc.archive.dumpblocks import END_OF_COPY
from mxpc.archive.dumpread import TocEntry

_COLUMN = re.compile(r'"((?:[^"]|"")+)"|([^\s,()"]+)')
_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def rows_in(pieces: Iterable[bytes]) -> int | None:
    """Rows of a COPY text: those within have no bare newline. None when it does not end as pg_dump ends it."""
    newlines, tail = 0, b""
    for piece in pieces:
        newlines += piece.count(b"\n")
        tail = (tail + piece[-len(END_OF_COPY) :])[-len(END_OF_COPY) :]
    return newlines - END_OF_COPY.count(b"\n") if tail == END_OF_COPY else None


def copies_its_own_rows(entry: TocEntry) -> bool:
    """With --load-via-partition-root the rows of a partition may end up in another one."""
    statement, facts = entry.copy_statement or "", entry.facts
    names = [(name, '"' + name.replace('"', '""') + '"') for name in (facts.schema or "", facts.name)]
    return any(statement.startswith(f"COPY {schema}.{table} ") for schema in names[0] for table in names[1])


def first_row(copy_statement: str, text: bytes) -> dict[str, str | None]:
    """The first row of a COPY text, by column; empty where there is none."""
    columns = [quoted.replace('""', '"') or bare for quoted, bare in _COLUMN.findall(_column_list(copy_statement))]
    line = text.decode("utf-8", "replace").split("\n", 1)[0]
    values = line.split("\t")
    if line == "\\." or len(values) != len(columns):
        return {}
    return {column: _unescaped(value) for column, value in zip(columns, values, strict=True)}


def _column_list(copy_statement: str) -> str:
    """What is between the parentheses of `COPY public."t" (a, b) FROM stdin;`."""
    return copy_statement.rpartition(") FROM ")[0].partition(" (")[2]


def _unescaped(value: str) -> str | None:
    if value == "\\N":
        return None
    return _ESCAPE.sub(lambda match: _escape(match[1]), value)


def _escape(code: str) -> str:
    if code[0] in "01234567":
        return chr(int(code, 8))
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    return _ESCAPED.get(code, code)
