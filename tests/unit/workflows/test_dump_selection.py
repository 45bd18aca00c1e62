"""Which entries of a dump are left out, and what of it is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.database import TARGET
from mxpc.model import DumpEntry, DumpFacts, Severity, TargetFacts
from mxpc.workflows.checks import left_out
from mxpc.workflows.dump_selection import select


def entry(number: int, kind: str, name: str, *needs: int, definition: str = "", schema: str = "public") -> DumpEntry:
    return DumpEntry(number, kind, schema, name, "", kind == "TABLE DATA", needs, definition)


def dump(*entries: DumpEntry, rows: dict[int, int] | None = None) -> DumpFacts:
    return DumpFacts((1, 14, 0), "none", "", "db", "15.1", "15.1", entries, row_counts=rows or {})


def severities(facts: DumpFacts, *skip: str, target: TargetFacts = TARGET) -> dict[str, Severity]:
    return {one.code: one.severity for one in left_out(select(facts, target), skip=frozenset(skip))}


WITH_EXTENSION = dump(
    entry(1, "EXTENSION", "postgis"),
    entry(2, "TABLE", "places", 1),
    entry(3, "TABLE DATA", "places", 2),
    entry(4, "VIEW", "on_places", 2),
    entry(5, "COMMENT", "VIEW on_places", 4),
    entry(6, "TABLE", "other"),
)


def test_everything_that_needs_a_missing_extension_is_left_out_with_it_and_named() -> None:
    selection = select(WITH_EXTENSION, TARGET)
    assert selection.leave_out == {1, 2, 3, 4, 5}
    assert [one.name for one in selection.losses[0].needed_by] == ["places", "on_places"]
    assert severities(WITH_EXTENSION) == {"left-out-extensions": Severity.REFUSE}
    assert severities(WITH_EXTENSION, "extensions") == {"left-out-extensions": Severity.WARN}


def test_nothing_is_left_out_for_an_extension_that_is_there() -> None:
    target = replace(TARGET, installed_extensions={"postgis": "public"})
    selection = select(WITH_EXTENSION, target)
    assert (selection.leave_out, selection.losses) == ({1}, ())


def test_extension_that_nobody_needs_is_only_a_warning() -> None:
    assert severities(dump(entry(1, "EXTENSION", "adminpack"))) == {"left-out-extensions": Severity.WARN}


@pytest.mark.parametrize(
    ("rows", "expected"), [({2: 0}, Severity.WARN), ({2: 5}, Severity.REFUSE), ({}, Severity.WARN)], ids=str
)
def test_rows_for_a_table_of_an_installed_extension_are_left_out_and_named(
    rows: dict[int, int], expected: Severity
) -> None:
    facts = dump(entry(1, "EXTENSION", "postgis"), entry(2, "TABLE DATA", "spatial_ref_sys", 1), rows=rows)
    target = replace(TARGET, installed_extensions={"postgis": "public"})
    assert select(facts, target).leave_out == {1, 2}
    assert severities(facts, target=target) == {"left-out-extension-rows": expected}


@pytest.mark.parametrize(
    ("language", "trusted"),
    [("sql", True), ("plpgsql", True), ("c", False), ("internal", False), ("plpython3u", False)],
)
def test_code_that_only_an_administrator_may_add_is_named(language: str, trusted: bool) -> None:
    definition = (
        f"CREATE FUNCTION public.f(a text DEFAULT 'LANGUAGE c') RETURNS int\n    LANGUAGE {language}\n    AS ''"
    )
    facts = dump(entry(1, "FUNCTION", "f(text)", definition=definition))
    assert bool(select(facts, TARGET).losses) is not trusted
    assert select(facts, replace(TARGET, superuser=True)).losses == ()


def test_cast_of_a_type_of_the_app_comes_along() -> None:
    with_function = entry(2, "CAST", "CAST (public.pair AS text)", 1, definition="CREATE CAST … WITH FUNCTION f")
    without = replace(with_function, definition="CREATE CAST … WITHOUT FUNCTION;")
    kind = entry(1, "TYPE", "pair")
    assert select(dump(kind, with_function), TARGET).losses == ()
    assert severities(dump(kind, without)) == {"left-out-casts": Severity.REFUSE}
    assert severities(dump(with_function)) == {"left-out-casts": Severity.REFUSE}


def test_statistics_of_the_planner_are_left_out_for_servers_that_do_not_take_them() -> None:
    facts = dump(entry(1, "STATISTICS DATA", "t"))
    newer = replace(TARGET, database=replace(TARGET.database, server_major=18))
    assert select(facts, TARGET).leave_out == {1}
    assert select(facts, newer).leave_out == set()
    assert select(facts, TARGET).losses == ()
