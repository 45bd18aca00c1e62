"""Comparing the rows of restored tables with those of the dump."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from mxpc.archive.dumpblocks import MOST_COUNTED_ROWS
from mxpc.model import DumpFacts

Table = tuple[str, str]
"""Schema and name."""

MOST_ROWS = 5_000_000
"""Of all tables that are counted: seconds, also on a slow server. The smallest tables come first."""


def expected_rows(dump: DumpFacts, left_out: Collection[int]) -> dict[Table, int]:
    """Tables that are cheap to count, and how many rows the dump has for each.

    Only tables that the dump itself creates: those of extensions may have rows of their own. Triggers and rules change
    nothing of it, since they are created behind the rows.
    """
    created = {(entry.schema, entry.name) for entry in dump.entries if entry.kind == "TABLE"}
    counts = {
        (entry.schema or "", entry.name): dump.row_counts[entry.dump_id]
        for entry in dump.entries
        if entry.dump_id in dump.row_counts and entry.dump_id not in left_out and (entry.schema, entry.name) in created
    }
    return dict(_cheap(counts))


def _cheap(counts: Mapping[Table, int]) -> Iterator[tuple[Table, int]]:
    total = 0
    for table, rows in sorted(counts.items(), key=lambda item: item[1]):
        total += rows
        if rows > MOST_COUNTED_ROWS or total > MOST_ROWS:
            return
        yield table, rows


def wrong_rows(expected: Mapping[Table, int], found: Mapping[Table, int | None]) -> list[str]:
    """One text for each table with another number of rows, or that is not there."""
    texts = []
    for table, rows in sorted(expected.items()):
        shown = ".".join(table)
        if table not in found:
            texts.append(f"{shown} is not there")
        elif found[table] not in (None, rows):
            texts.append(f"{shown} has {found[table]:,} rows instead of {rows:,}")
    return texts
