"""Writes into a dump on disk where the data of each entry are, as pg_dump does when it writes to a file.

Parallel pg_restore reads the data of many entries at once: without these offsets each of its workers searches from the
start.
"""

from __future__ import annotations

from typing import IO

from mxpc.archive.dumpblocks import Blocks
from mxpc.archive.dumpread import Toc, read_toc
from mxpc.archive.layout import shown
from mxpc.archive.trouble import damaged

_POSITION_SET = 2
_IDENTITY_SIZE = 11
"""`PGDMP`, three bytes of version, sizes of integers and offsets, format."""
_COUNT_SIZE = 5


def index_dump(file: IO[bytes]) -> None:
    """Fill in the offsets of a complete custom-format dump, opened for reading and writing; reads all of it once.

    Raises ArchiveError when it is damaged, OSError when it cannot be written.
    """
    file.seek(0)
    toc, cursor = read_toc(file)
    blocks = Blocks(cursor)
    positions: dict[int, int] = {}
    while True:
        position = cursor.place
        block = blocks.next()
        if block is None:
            break
        positions[block.dump_id] = position
        for _ in blocks.objects() if block.large_objects else (0,):
            blocks.skip()
    _write_offsets(file, toc, positions)


def _write_offsets(file: IO[bytes], toc: Toc, positions: dict[int, int]) -> None:
    at = _IDENTITY_SIZE + len(toc.compression_field) + len(toc.head) + _COUNT_SIZE
    for entry in toc.entries:
        at += len(entry.raw)
        if entry.facts.has_data:
            if entry.facts.dump_id not in positions:
                raise damaged("the database dump lacks the data of an entry", shown(entry.facts.name))
            file.seek(at)
            file.write(bytes((_POSITION_SET,)) + positions[entry.facts.dump_id].to_bytes(toc.offset_size, "little"))
        at += 1 + toc.offset_size
    file.flush()
