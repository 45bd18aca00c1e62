"""How a dump is cut for a restore in several sessions."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mxpc.archive.dump import DumpStream
from mxpc.model import DataBlock, DumpEntry, DumpFacts, Section
from mxpc.workflows.dump_parts import SETTINGS, USUAL_SESSIONS, DumpParts, cut, one_part, sessions

DUMPS = sorted((Path(__file__).parents[2] / "assets" / "dumps").glob("*.backup"))
MB = 1 << 20


def entry(number: int, kind: str, name: str, *needs: int) -> DumpEntry:
    section = (
        Section.DATA
        if kind in ("TABLE DATA", "SEQUENCE SET", "BLOBS")
        else Section.PRE_DATA
        if kind in ("TABLE", "FUNCTION", "SEQUENCE", "ENCODING", "TABLE ATTACH")
        else Section.POST_DATA
    )
    return DumpEntry(number, kind, "public", name, "", kind in ("TABLE DATA", "BLOBS"), needs, section=section)


def dump(sizes: dict[int, int], *entries: DumpEntry) -> DumpFacts:
    """With data of these sizes (in MB) by dump id, one behind the other."""
    blocks, at = [], 1000
    for number, size in sizes.items():
        blocks.append(DataBlock(number, at, at + size * MB))
        at += size * MB
    return DumpFacts((1, 14, 0), "none", "", "db", "15.1", "15.1", entries, data_blocks=tuple(blocks))


SHOP = (
    entry(1, "ENCODING", "ENCODING"),
    entry(2, "TABLE", "order"),
    entry(3, "TABLE", "line"),
    entry(4, "TABLE", "state"),
    entry(5, "FUNCTION", "rate(int)"),
    entry(12, "TABLE DATA", "order", 2),
    entry(13, "TABLE DATA", "line", 3),
    entry(14, "TABLE DATA", "state", 4),
    entry(15, "SEQUENCE SET", "numbers"),
    entry(20, "CONSTRAINT", "order pkey", 2, 2),
    entry(21, "INDEX", "order by name", 2, 2),
    entry(22, "INDEX", "line by rate", 3, 5),
    entry(23, "CONSTRAINT", "line pkey", 3),
    entry(24, "CONSTRAINT", "state pkey", 4),
    entry(25, "COMMENT", "INDEX order by name", 21),
    entry(30, "FK CONSTRAINT", "line to order", 3, 20),
    entry(31, "FK CONSTRAINT", "line to state", 3, 24),
    entry(32, "FK CONSTRAINT", "state to state", 4, 24),
)
SIZES = {12: 40, 13: 500, 14: 0}


def parts_of(*more: DumpEntry, leave_out: frozenset[int] = frozenset()) -> DumpParts:
    return cut(dump(SIZES, *SHOP, *more), leave_out)


def test_tables_come_first_and_small_statements_last() -> None:
    parts = parts_of()
    assert parts.settings == {1}
    assert parts.first == {2, 3, 4, 5}
    assert parts.last == {15, 22, 24, 25, 32}


def test_indexes_of_a_big_table_wait_for_its_own_rows_alone() -> None:
    assert [(group.ids, group.indexes) for group in parts_of().data] == [
        ({12}, ({20, 21},)),
        ({13}, ({23},)),
        ({14}, ()),
    ]


def test_a_big_table_whose_rows_can_be_told_apart_travels_alone() -> None:
    facts = dump({12: 40, 14: 1, 13: 500, 15: 1}, *SHOP)
    assert [group.ids for group in cut(facts, ()).data] == [{12}, {14, 13}, {15}]
    blocks = [replace(one, cuts=(one.start + 100,)) for one in facts.data_blocks]
    groups = cut(replace(facts, data_blocks=tuple(blocks)), ()).data
    assert [(group.ids, group.indexes, group.can_be_dealt) for group in groups[:3]] == [
        ({12}, ({20, 21},), True),
        ({14}, (), True),
        ({13}, ({23},), True),
    ]
    assert not any(group.can_be_dealt for group in cut(facts, ()).data)


def test_large_objects_are_made_before_they_are_filled() -> None:
    made, filled = entry(41, "BLOB METADATA", "BLOB METADATA 7..9"), entry(42, "BLOBS", "BLOBS")
    made = replace(made, section=Section.DATA)
    assert 41 in cut(dump({**SIZES, 42: 1}, *SHOP, made, filled), ()).first


def test_an_index_that_calls_a_function_waits_for_all_rows() -> None:
    assert 22 in parts_of().last


def test_foreign_keys_of_big_tables_are_checked_together_only_where_they_lock_different_tables() -> None:
    assert parts_of().foreign_keys == (({30},), ({31},))
    apart = entry(33, "FK CONSTRAINT", "order to order", 2, 20)
    assert parts_of(apart).foreign_keys == (({30},), ({31}, {33}))


def test_a_foreign_key_that_is_needed_or_has_a_partitioned_table_stays_where_it_was() -> None:
    assert 30 in parts_of(entry(40, "COMMENT", "CONSTRAINT line to order", 30)).last
    assert {30, 31} <= parts_of(entry(40, "TABLE ATTACH", "line", 3)).last


def test_what_is_left_out_is_in_no_part() -> None:
    parts = parts_of(leave_out=frozenset({5, 22, 13}))
    everything = {
        *parts.first,
        *parts.last,
        *(number for group in parts.data for number in group.ids),
        *(number for ids in parts.indexes for number in ids),
    }
    assert not everything & {5, 22, 13}
    assert [block.dump_id for group in parts.data for block in group.blocks] == [12, 14]


def test_one_part_has_everything_behind_the_data_in_it() -> None:
    parts = one_part(parts_of())
    assert parts.indexes == ()
    assert parts.foreign_keys == ()
    assert parts.last == {15, 20, 21, 22, 23, 24, 25, 30, 31, 32}
    assert parts.statement_count == parts_of().statement_count == 10


def test_many_small_tables_travel_together() -> None:
    tables = [entry(number, "TABLE", f"t{number}") for number in range(1, 1501)]
    data = [entry(2000 + number, "TABLE DATA", f"t{number}", number) for number in range(1, 1501)]
    facts = dump({one.dump_id: 1 for one in data}, *tables, *data)
    groups = cut(facts, ()).data
    assert len(groups) <= 64
    assert [block.dump_id for group in groups for block in group.blocks] == [one.dump_id for one in data]


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.stem)
def test_every_entry_of_a_real_dump_is_in_exactly_one_part(path: Path) -> None:
    facts = DumpStream(io.BytesIO(path.read_bytes())).check()
    left_out = {facts.entries[-1].dump_id, facts.entries[5].dump_id}
    parts = cut(facts, left_out)
    count = Counter([*parts.settings, *parts.first, *parts.last])
    count.update(number for group in parts.data for number in group.ids)
    count.update(number for ids in parts.indexes for number in ids)
    count.update(number for one in parts.foreign_keys for ids in one for number in ids)
    assert set(count.values()) == {1}
    assert set(count) == {one.dump_id for one in facts.entries} - left_out
    assert {one.kind for one in facts.entries if one.dump_id in parts.settings} == set(SETTINGS)


@pytest.mark.parametrize(
    ("size", "jobs", "expected"), [(1, None, 1), (500, None, USUAL_SESSIONS), (1, 8, 8), (500, 1, 1)]
)
def test_sessions_follow_the_data_unless_somebody_says_how_many(size: int, jobs: int | None, expected: int) -> None:
    assert sessions(dump({12: size}, *SHOP), jobs) == expected
