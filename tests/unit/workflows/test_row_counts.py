"""Which tables are counted after a restore, and what is said of those with other rows."""

from __future__ import annotations

from mxpc.archive.dumpblocks import MOST_COUNTED_ROWS
from mxpc.model import DumpEntry, DumpFacts
from mxpc.workflows.row_counts import MOST_ROWS, expected_rows, wrong_rows


def dump(rows: dict[str, int], *, created: bool = True) -> DumpFacts:
    entries = []
    counts = {}
    for number, (name, count) in enumerate(rows.items()):
        if created:
            entries.append(DumpEntry(2 * number + 1, "TABLE", "public", name, "", False))
        entries.append(DumpEntry(2 * number + 2, "TABLE DATA", "public", name, "", True))
        counts[2 * number + 2] = count
    return DumpFacts((1, 14, 0), "none", "", "db", "15.1", "15.1", tuple(entries), row_counts=counts)


def test_small_tables_are_counted_and_large_ones_are_not() -> None:
    found = expected_rows(dump({"small": 3, "large": MOST_COUNTED_ROWS + 1, "empty": 0}), ())
    assert found == {("public", "small"): 3, ("public", "empty"): 0}


def test_all_tables_together_are_bounded_and_the_smallest_come_first() -> None:
    many = {f"t{number}": MOST_COUNTED_ROWS for number in range(100)}
    found = expected_rows(dump({**many, "tiny": 1}), ())
    assert ("public", "tiny") in found
    assert sum(found.values()) <= MOST_ROWS


def test_tables_that_an_extension_brought_or_that_are_left_out_are_not_counted() -> None:
    assert expected_rows(dump({"spatial_ref_sys": 5}, created=False), ()) == {}
    assert expected_rows(dump({"left_out": 5}), {2}) == {}


def test_differences_are_named_with_both_numbers() -> None:
    expected = {("public", "a"): 1, ("public", "b"): 2000, ("s", "c"): 3, ("s", "hidden"): 4}
    found = {("public", "a"): 1, ("public", "b"): 1999, ("s", "hidden"): None}
    assert wrong_rows(expected, found) == ["public.b has 1,999 rows instead of 2,000", "s.c is not there"]
