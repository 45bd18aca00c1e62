"""How a restore in several sessions cuts a dump: which entries go together, and which part waits for which.

`first`, then the groups of `data` in any order, each followed by the indexes of its big tables, then `last`, then the
rounds of `foreign_keys`. Only big tables are treated apart: thousands of small statements are quickest in one session.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest

from mxpc.model import DataBlock, DumpEntry, DumpFacts, Section

SETTINGS = ("ENCODING", "STDSTRINGS", "SEARCHPATH")
"""Entries that tell pg_restore how to read all others: every part has them."""
LARGE_OBJECTS = ("BLOB", "BLOB METADATA")
"""They make large objects, which the data then fill; their section is that of the data."""
USUAL_SESSIONS = 6
"""For a big dump when nobody says how many: three copy, three build indexes."""
WORTH_CUTTING = 64 << 20
"""Bytes of data: below it one session is as quick, and simpler."""
GROUP = 32 << 20
MOST_GROUPS = 64
"""Each group has a pg_restore of its own, which takes some 30 ms to start and to log in."""
BIG = 16 << 20
COMPRESSED_BIG = 4 << 20
"""Bytes of a table's data from which on its indexes take longer than starting a session for them."""
PARTS = 16
"""A table that has this part of all data is big in any case: who asks for several sessions gets them."""

DumpIds = frozenset[int]


@dataclass(frozen=True)
class DataGroup:
    """Data that lie behind each other in the dump, and what can be built as soon as they are in."""

    ids: DumpIds
    blocks: tuple[DataBlock, ...]
    indexes: tuple[DumpIds, ...]
    """For each big table, its indexes and constraints; each set for one session, as they lock the table."""

    @property
    def can_be_dealt(self) -> bool:
        """Whether several sessions can each copy some of its rows: it is one big table whose rows can be told apart."""
        return len(self.blocks) == 1 and bool(self.blocks[0].cuts)

    @property
    def start(self) -> int:
        """The byte of the dump at which its data begin."""
        return self.blocks[0].start

    @property
    def end(self) -> int:
        """The byte behind its data."""
        return self.blocks[-1].end


@dataclass(frozen=True)
class DumpParts:
    """All entries that are restored, each in one part; `settings` are in none."""

    settings: DumpIds
    first: DumpIds
    data: tuple[DataGroup, ...]
    last: DumpIds
    foreign_keys: tuple[tuple[DumpIds, ...], ...]
    """Rounds: the sets of one round touch no table in common, so that they can be checked at the same time."""

    @property
    def indexes(self) -> tuple[DumpIds, ...]:
        """Those of all groups."""
        return tuple(one for group in self.data for one in group.indexes)

    @property
    def statement_count(self) -> int:
        """Entries that are restored behind the data of their table, or behind all data."""
        apart = (*self.indexes, *(ids for one in self.foreign_keys for ids in one))
        return sum(len(ids) for ids in (self.last, *apart))


def one_part(parts: DumpParts) -> DumpParts:
    """The same with everything behind the data in `last`."""
    behind = (*parts.indexes, *(ids for one in parts.foreign_keys for ids in one))
    data = tuple(replace(group, indexes=()) for group in parts.data)
    return replace(parts, data=data, last=parts.last.union(*behind), foreign_keys=())


def sessions(dump: DumpFacts, jobs: int | None) -> int:
    """How many at once: `jobs`, or as many as a dump is worth whose data were read."""
    worth = sum(block.size for block in dump.data_blocks) >= WORTH_CUTTING
    return jobs or (USUAL_SESSIONS if worth else 1)


def cut(dump: DumpFacts, leave_out: Collection[int]) -> DumpParts:
    """Cut a dump whose `data_blocks` are complete."""
    entries = [one for one in dump.entries if one.dump_id not in leave_out]
    blocks = [one for one in dump.data_blocks if one.dump_id not in leave_out]
    big = _big_tables(dump, entries, blocks)
    indexes = _indexes(entries, big)
    data = tuple(_groups(blocks, {data: indexes.get(table, frozenset()) for table, data in big.items()}))
    rounds = _foreign_keys(entries, big)
    settings = frozenset(one.dump_id for one in entries if one.kind in SETTINGS)
    first = frozenset(one.dump_id for one in entries if _comes_first(one)) - settings
    apart = {number for ids in indexes.values() for number in ids}
    apart |= {number for one in rounds for ids in one for number in ids}
    apart |= {block.dump_id for block in blocks}
    last = frozenset(one.dump_id for one in entries) - settings - first - apart
    return DumpParts(settings, first, data, last, rounds)


def _comes_first(entry: DumpEntry) -> bool:
    return entry.section is Section.PRE_DATA or entry.kind in LARGE_OBJECTS


def _big_tables(dump: DumpFacts, entries: Iterable[DumpEntry], blocks: Collection[DataBlock]) -> dict[int, int]:
    """The dump id of each big table, with that of its data."""
    total = sum(block.size for block in blocks)
    least = min(BIG if dump.compression == "none" else COMPRESSED_BIG, total // PARTS)
    big_data = {block.dump_id for block in blocks if block.size >= least}
    tables = {(one.schema, one.name): one.dump_id for one in entries if one.kind == "TABLE"}
    return {
        tables[one.schema, one.name]: one.dump_id
        for one in entries
        if one.kind == "TABLE DATA" and one.dump_id in big_data and (one.schema, one.name) in tables
    }


def _indexes(entries: Iterable[DumpEntry], big: Collection[int]) -> dict[int, DumpIds]:
    """Of each big table, the indexes and constraints that need nothing but its rows.

    Not those that call a function of the user's: it may read another table, whose rows are not there yet.
    """
    kinds = {one.dump_id: one for one in entries}
    found: dict[int, set[int]] = {}
    for entry in kinds.values():
        if entry.kind not in ("INDEX", "CONSTRAINT") or entry.section is not Section.POST_DATA:
            continue
        needed = [kinds[number] for number in entry.dependencies if number in kinds]
        tables = {one.dump_id for one in needed if one.kind == "TABLE"}  # some name it twice
        early = all(one.section is Section.PRE_DATA and one.kind != "FUNCTION" for one in needed)
        if early and len(tables) == 1 and tables <= set(big):
            found.setdefault(tables.pop(), set()).add(entry.dump_id)
    return {table: frozenset(ids) for table, ids in found.items()}


def _groups(blocks: list[DataBlock], big: Mapping[int, DumpIds]) -> Iterator[DataGroup]:
    """`big` has the indexes of each big table by the dump id of its data."""
    total = sum(block.size for block in blocks)
    least = max(min(GROUP, total // PARTS), total // MOST_GROUPS)
    alone = {block.dump_id for block in blocks if block.cuts and block.dump_id in big}
    group: list[DataBlock] = []
    size = 0
    for block, following in zip_longest(blocks, blocks[1:]):
        group.append(block)
        size += block.size
        if size >= least or following is None or alone & {block.dump_id, following.dump_id}:
            ids = [one.dump_id for one in group]
            yield DataGroup(frozenset(ids), tuple(group), tuple(filter(None, (big.get(one) for one in ids))))
            group, size = [], 0


def _foreign_keys(entries: Iterable[DumpEntry], big: Collection[int]) -> tuple[tuple[DumpIds, ...], ...]:
    """Foreign keys that take long because a table is big, in rounds without a table in common.

    Not those that something else needs, nor those of partitioned tables, which lock more tables than they name.
    """
    known = {one.dump_id: one for one in entries}
    needed = {number for one in known.values() for number in one.dependencies}
    partitions = {number for one in known.values() if one.kind == "TABLE ATTACH" for number in one.dependencies}
    rounds: list[tuple[set[int], list[DumpIds]]] = []
    for entry in known.values():
        tables = _tables_of(entry, known)
        if entry.kind != "FK CONSTRAINT" or entry.dump_id in needed or tables & partitions or not tables & set(big):
            continue
        fitting = next((one for one in rounds if not one[0] & tables), None)
        if fitting is None:
            rounds.append(fitting := (set(), []))
        fitting[0].update(tables)
        fitting[1].append(frozenset({entry.dump_id}))
    return tuple(tuple(ids) for _, ids in rounds)


def _tables_of(entry: DumpEntry, known: Mapping[int, DumpEntry]) -> set[int]:
    """Those that an entry names, and those whose key it refers to."""
    direct = [known[number] for number in entry.dependencies if number in known]
    behind = [known[number] for one in direct for number in one.dependencies if number in known]
    return {one.dump_id for one in (*direct, *behind) if one.kind == "TABLE"}
