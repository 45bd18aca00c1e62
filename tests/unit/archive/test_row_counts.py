"""Rows are counted while a dump is checked, whatever its inner compression and wherever reads end."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxpc.archive.dump import DumpStream
from mxpc.archive.dumpblocks import MOST_COUNTED_ROWS, Blocks
from mxpc.archive.dumpcursor import Cursor
from unit.archive.archives import ASSETS, Trickle

DUMPS = sorted((ASSETS / "dumps").glob("*.backup"))
ROWS = {"crm$customer": 2, "system$filedocument": 8}
"""Of the sample app, which all of these dumps have."""


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.stem)
def test_rows_of_a_real_dump_are_counted_unless_its_compression_is_not_read(path: Path) -> None:
    facts = DumpStream(io.BytesIO(path.read_bytes())).check()
    names = {entry.dump_id: entry.name for entry in facts.entries}
    counts = {names[dump_id]: rows for dump_id, rows in facts.row_counts.items()}
    if facts.compression in ("lz4", "zstd"):
        assert counts == {}
    else:
        assert {name: counts.get(name) for name in ROWS} == ROWS


def stream_of(rows: list[bytes], pieces: list[int], end: bytes = b"\\.\n\n\n") -> bytes:
    """One data block's content: rows in pieces of these lengths, over and over, then pg_dump's end."""
    data, out, at = b"".join(row + b"\n" for row in rows), b"", 0
    while at < len(data):
        size = pieces[at % len(pieces)]
        piece = data[at : at + size]
        out += b"\0" + len(piece).to_bytes(4, "little") + piece
        at += size
    return out + b"\0" + len(end).to_bytes(4, "little") + end + bytes(5)


ROW = st.binary(max_size=300).map(lambda row: row.replace(b"\n", b"\\n"))


@given(
    rows=st.lists(ROW, max_size=20),
    pieces=st.lists(st.integers(1, 700), min_size=1, max_size=5),
    read=st.integers(1, 300),
)
def test_rows_are_counted_wherever_pieces_and_reads_end(rows: list[bytes], pieces: list[int], read: int) -> None:
    stream = stream_of(rows, pieces) + b"next"
    cursor = Cursor(Trickle(stream, read))
    assert Blocks(cursor).count_rows() == len(rows)
    assert cursor.exactly(4) == b"next"


@pytest.mark.parametrize("length", [10, 10 << 8, 10 << 16, 0x0A0A, 0x0A0A0A])
def test_lengths_with_newlines_among_their_bytes_are_no_rows(length: int) -> None:
    stream = stream_of([b"x" * (length - 1)], [length])
    assert Blocks(Cursor(io.BytesIO(stream))).count_rows() == 1


def test_text_that_does_not_end_as_pg_dump_ends_it_is_not_counted() -> None:
    stream = stream_of([b"INSERT INTO t VALUES (1);"], [100], end=b"\n\n")
    assert Blocks(Cursor(io.BytesIO(stream))).count_rows() is None


@pytest.mark.parametrize(("rows", "counted"), [(MOST_COUNTED_ROWS, True), (MOST_COUNTED_ROWS + 1, False)])
def test_a_table_with_very_many_rows_is_passed_over_whole_but_not_counted(rows: int, counted: bool) -> None:
    row = b"0123456789\n"
    stream = (b"\0" + len(row).to_bytes(4, "little") + row) * rows + stream_of([], [1]) + b"next"
    cursor = Cursor(io.BytesIO(stream))
    assert Blocks(cursor).count_rows() == (rows if counted else None)
    assert cursor.exactly(4) == b"next"
