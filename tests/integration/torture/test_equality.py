"""Everything that a role without further rights can make comes through a backup and a restore equal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from integration.postgres.bringing import bring_in
from integration.postgres.conftest import closest_clients
from integration.postgres.content import run
from integration.torture.conftest import Torture, every_major
from integration.torture.database import load_torture
from mxpc.adapters.postgres import PostgresTarget
from mxpc.adapters.postgres.connection import connect
from mxpc.adapters.postgres.rows import count_rows
from mxpc.archive.dump import DumpStream
from mxpc.model import DumpFacts
from mxpc.workflows.row_counts import expected_rows

CHANGES = (
    "DELETE FROM identities",
    "UPDATE tree SET parent = NULL",
    "DROP TABLE all_types",
    'ALTER TABLE "public" ADD COLUMN b int',
    "CREATE TABLE only_here (id serial, feeling mood)",
    'CREATE TABLE "Zweites Schema".only_here (id serial)',
    "SELECT lo_unlink(700002), lo_put(700001, 0, 'another content'), lo_from_bytea(700009, 'only here')",
    "COMMENT ON LARGE OBJECT 700009 IS 'a ''comment''; and more'",
    "GRANT SELECT ON LARGE OBJECT 700009 TO PUBLIC",
)
"""What makes a torture database another one."""


def checked(dump: Path) -> DumpFacts:
    """What reading the whole dump shows."""
    return DumpStream(io.BytesIO(dump.read_bytes())).check()


@every_major
def test_empty_database_becomes_equal(torture: Torture) -> None:
    settings = torture.empty()
    report = torture.restoring(settings).run(torture.dump)
    assert torture.content.changes(torture.witnessed(settings)) == []
    assert [one for one in report.findings if one.code.startswith("left-out")] == []


@every_major
def test_other_content_becomes_equal(torture: Torture) -> None:
    settings = torture.filled()
    run(settings, *CHANGES)
    torture.restoring(settings).run(torture.dump)
    assert torture.content.changes(torture.witnessed(settings)) == []


@every_major
def test_other_content_comes_back_equal(torture: Torture) -> None:
    settings = torture.filled()
    run(settings, *CHANGES)
    before = torture.witnessed(settings)
    target = PostgresTarget(settings, programs=closest_clients(torture.server))
    with target.exclusive():
        target.park("a.tar.gz", schemas=["Zweites Schema"])
        assert run(settings, "SELECT count(*) FROM pg_largeobject_metadata") == [(0,)]
        bring_in(target, io.BytesIO(torture.dump.read_bytes()))
        assert run(settings, "SELECT count(*) FROM pg_largeobject_metadata") == [(3,)]
        target.put_back()
    assert before.changes(torture.witnessed(settings)) == []
    granted = (
        "SELECT privilege_type FROM pg_largeobject_metadata, aclexplode(lomacl) WHERE oid = 700009 AND grantee = 0"
    )
    assert run(settings, granted) == [("SELECT",)]


@pytest.mark.parametrize("major", [13, 15, 18])
@pytest.mark.parametrize("jobs", [2, 5])
@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
def test_several_sessions_bring_the_same(torture: Torture, jobs: int, piped: bool) -> None:
    settings = torture.filled()
    if piped:
        # What a pipe brings is not known when the old content is set aside: this schema would be in the way.
        run(settings, 'DROP SCHEMA "Zweites Schema" CASCADE')
    else:
        run(settings, *CHANGES)
    torture.restoring(settings, jobs=jobs).run(torture.dump, piped=piped)
    assert torture.content.changes(torture.witnessed(settings)) == []


@every_major
def test_rows_that_several_sessions_share_are_the_same(torture: Torture, dealt: list[str]) -> None:
    settings = torture.filled()
    torture.restoring(settings, jobs=6).run(torture.dump)
    assert torture.content.changes(torture.witnessed(settings)) == []
    assert len(set(dealt)) > 3, dealt
    assert max(dealt.count(name) for name in dealt) > 1, dealt


@every_major
def test_rows_counted_in_the_dump_are_those_of_the_tables(torture: Torture) -> None:
    """Though triggers swallow and double rows, and rules change them."""
    facts = checked(torture.dump)
    expected = expected_rows(facts, ())
    with connect(torture.source) as connection:
        found = count_rows(connection, list(expected))
    assert found == expected
    with_data = {entry.name for entry in facts.entries if entry.kind == "TABLE DATA"}
    assert {name for _, name in expected} == with_data
    assert expected["public", "no_columns"] == 2
    assert expected["public", "line\nbreak\ttab"] == 3


@pytest.mark.faults
@pytest.mark.parametrize("major", [15, 18])
def test_values_of_200_megabytes_come_through_equal(torture: Torture) -> None:
    source, settings = torture.empty(), torture.empty()
    load_torture(source, large=200)
    dump = torture.dump_of(source)
    torture.restoring(settings).run(dump)
    dump.unlink()
    sums = "SELECT id, length(t), md5(t), length(b), md5(b) FROM large_values ORDER BY id"
    assert run(settings, sums) == run(source, sums)
    assert min(run(source, "SELECT length(b) FROM large_values WHERE id = 2")[0]) == 200 << 20
