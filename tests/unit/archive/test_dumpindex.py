"""Offsets in a dump on disk."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from mxpc.archive.dump import DumpStream
from mxpc.archive.dumpindex import index_dump
from mxpc.errors import ArchiveError

DUMPS = Path(__file__).parents[2] / "assets" / "dumps"


@pytest.mark.parametrize("path", sorted(DUMPS.glob("*.backup")), ids=lambda path: path.stem)
def test_an_indexed_dump_is_the_same_dump(path: Path) -> None:
    plain = path.read_bytes()
    file = io.BytesIO(plain)
    index_dump(file)
    indexed = file.getvalue()
    assert len(indexed) == len(plain)
    assert DumpStream(io.BytesIO(indexed)).check() == DumpStream(io.BytesIO(plain)).check()
    file.seek(0)
    index_dump(file)
    assert file.getvalue() == indexed


def test_offsets_lead_to_the_block_of_the_entry() -> None:
    plain = (DUMPS / "pg15-Z0.backup").read_bytes()
    file = io.BytesIO(plain)
    index_dump(file)
    indexed = file.getvalue()
    # pg_dump marks an offset that is not set with 1, and one that is set with 2 and eight bytes.
    changed = [at for at in range(len(plain)) if plain[at] == 1 and indexed[at] == 2]
    entries = [one for one in DumpStream(io.BytesIO(plain)).facts.entries if one.has_data]
    assert len(changed) == len(entries)
    for at, entry in zip(changed, entries, strict=True):
        position = int.from_bytes(indexed[at + 1 : at + 9], "little")
        assert indexed[position : position + 6] == bytes((1, 0)) + entry.dump_id.to_bytes(4, "little")


def test_a_dump_that_lacks_data_is_not_indexed() -> None:
    plain = (DUMPS / "pg15-Z0.backup").read_bytes()
    with pytest.raises(ArchiveError):
        index_dump(io.BytesIO(plain[: len(plain) * 9 // 10]))
