"""A restore that fails in pg_restore brings the old content back, and says why in pg_restore's own words."""

from __future__ import annotations

import pytest

from integration.postgres.conftest import closest_clients, dump_of
from integration.postgres.content import run
from integration.torture.conftest import Torture
from integration.torture.restoring import written
from mxpc.adapters.postgres import PostgresSource
from mxpc.errors import DatabaseError

SECOND_SCHEMA = 'CREATE SCHEMA "Zweites Schema"'
"""So that the target's is set aside as well: its foreign keys hang on the old content."""

FAILING = {
    "constraint": (
        "CREATE FUNCTION allowed(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END'; "
        "CREATE TABLE bad (id int CONSTRAINT never CHECK (allowed(id))); INSERT INTO bad VALUES (1); "
        "CREATE OR REPLACE FUNCTION allowed(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN false; END'",
        ("violates check constraint", "never", 'relation "bad"'),
    ),
    "function that needs a search path": (
        "CREATE TABLE other (id int); CREATE FUNCTION counts() RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS "
        "'BEGIN RETURN (SELECT count(*) FROM other); END'; "
        "CREATE TABLE bad (id int CHECK (id + counts() > 0)); INSERT INTO bad VALUES (1)",
        ('relation "other" does not exist', 'table "bad"'),
    ),
    "materialised view": (
        "CREATE TABLE bad (id int); INSERT INTO bad VALUES (1); "
        "CREATE MATERIALIZED VIEW broken AS SELECT 1 / id AS n FROM bad; UPDATE bad SET id = 0",
        ("division by zero", "REFRESH MATERIALIZED VIEW public.broken"),
    ),
    "unique index": (
        "CREATE FUNCTION key(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'; "
        "CREATE TABLE bad (id int); INSERT INTO bad VALUES (1), (2); CREATE UNIQUE INDEX broken ON bad (key(id)); "
        "CREATE OR REPLACE FUNCTION key(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'",
        ("could not create unique index", "CREATE UNIQUE INDEX broken ON public.bad"),
    ),
}


@pytest.mark.parametrize("case", FAILING)
@pytest.mark.parametrize("major", [18])
def test_old_content_comes_back_and_the_object_is_named(torture: Torture, case: str) -> None:
    statements, words = FAILING[case]
    source, settings = torture.empty(), torture.filled()
    run(source, SECOND_SCHEMA, statements)
    before = torture.witnessed(settings)
    with pytest.raises(DatabaseError, match="pg_restore into database") as caught:
        torture.restoring(settings).run(torture.dump_of(source))
    assert "pg_restore: error:" in caught.value.evidence
    assert [word for word in words if word not in caught.value.evidence] == []
    assert before.changes(torture.witnessed(settings)) == []


@pytest.mark.parametrize("major", [13, 18])
def test_old_content_comes_back_when_one_of_several_that_share_rows_fails(torture: Torture, dealt: list[str]) -> None:
    source, settings = torture.empty(), torture.filled()
    run(source, SECOND_SCHEMA, "CREATE TABLE many (id int PRIMARY KEY, note text)")
    run(source, "INSERT INTO many SELECT n, repeat('x', 90) FROM generate_series(100000, 120000) n")
    dump = torture.dump_of(source)
    dump.write_bytes(dump.read_bytes().replace(b"115000\tx", b"11500x\tx"))
    before = torture.witnessed(settings)
    with pytest.raises(DatabaseError, match="pg_restore into database") as caught:
        torture.restoring(settings, jobs=6).run(dump)
    assert 'invalid input syntax for type integer: "11500x"' in caught.value.evidence
    assert dealt.count("many") > 1
    assert before.changes(torture.witnessed(settings)) == []


@pytest.mark.parametrize("major", [14])
def test_parameter_that_the_older_server_does_not_know(torture: Torture, torture_18: Torture) -> None:
    source, settings = torture_18.empty(), torture.filled()
    run(
        source,
        SECOND_SCHEMA,
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET transaction_timeout = '1h' AS 'SELECT 1'",
    )
    before = torture.witnessed(settings)
    with pytest.raises(DatabaseError) as caught:
        torture.restoring(settings).run(torture_18.dump_of(source))
    assert 'unrecognized configuration parameter "transaction_timeout"' in caught.value.evidence
    assert "FUNCTION f()" in caught.value.evidence
    assert "newer PostgreSQL" in caught.value.hint
    assert before.changes(torture.witnessed(settings)) == []


@pytest.mark.parametrize("major", [14])
def test_extension_that_is_gone_when_it_is_needed(torture: Torture) -> None:
    """It was there when the target was looked at: a function of the same name is not enough."""
    source, settings = torture.empty(), torture.filled()
    for one in (source, settings):
        torture.server.execute("CREATE EXTENSION citext", one.name)
    run(source, SECOND_SCHEMA, "CREATE TABLE t (id int, c citext); INSERT INTO t VALUES (1, 'a')")
    run(source, "CREATE INDEX hashed_more ON t (citext_hash_extended(c, 1::bigint))")
    dump = torture.dump_of(source)
    torture.server.execute("ALTER EXTENSION citext DROP FUNCTION citext_hash_extended(citext, bigint)", settings.name)
    torture.server.execute("DROP FUNCTION citext_hash_extended(citext, bigint) CASCADE", settings.name)
    before = torture.witnessed(settings)
    with pytest.raises(DatabaseError) as caught:
        torture.restoring(settings).run(dump)
    assert "citext_hash_extended" in caught.value.evidence
    assert before.changes(torture.witnessed(settings)) == []


# --------------------------------------------------------------------------------------------------- row level security


@pytest.mark.parametrize("major", [18])
def test_rows_that_a_forced_policy_would_hide_make_the_backup_fail_and_say_what_to_do(torture: Torture) -> None:
    source = torture.empty()
    run(source, "CREATE TABLE hidden (id int); INSERT INTO hidden VALUES (1)")
    run(source, "ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    with pytest.raises(DatabaseError, match="pg_dump") as caught:
        dump_of(source, closest_clients(torture.server))
    assert "hidden" in caught.value.evidence
    assert "NO FORCE ROW LEVEL SECURITY" in caught.value.hint
    assert "BYPASSRLS" in caught.value.hint


@pytest.mark.parametrize("major", [14, 18])
def test_dump_with_a_forced_policy_is_restored_with_its_rows(torture: Torture) -> None:
    """Made by a role that may see all; the owner may restore them, and is not asked to count them."""
    source, settings = torture.empty(), torture.empty()
    run(source, "CREATE TABLE hidden (id int); INSERT INTO hidden VALUES (1), (2)")
    run(source, "ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    run(source, "CREATE POLICY one ON hidden USING (id = 1)")
    seeing = torture.server.settings_for(source.name, "postgres", torture.server.superuser.password or "")
    with (
        PostgresSource(seeing, programs=closest_clients(torture.server)).snapshot() as snapshot,
        snapshot.dump() as dump,
    ):
        path = written(b"".join(iter(lambda: dump.read(1 << 20), b"")), torture.folder)
    for _ in range(2):
        torture.restoring(settings).run(path)
    assert torture.server.execute("SELECT count(*) FROM hidden", settings.name) == [(2,)]
    assert run(settings, "SELECT count(*) FROM hidden") == [(1,)]


# ----------------------------------------------------------------------------------------------------------- row counts


@pytest.mark.parametrize("major", [18])
def test_rows_that_somebody_takes_away_meanwhile_bring_the_old_content_back(torture: Torture) -> None:
    """An event trigger of the administrator's that changes what the restore brings."""
    source, settings = torture.empty(), torture.empty()
    run(settings, "CREATE TABLE old (id int)", "INSERT INTO old VALUES (1)")
    run(source, "CREATE TABLE few (id int)", "INSERT INTO few SELECT generate_series(1, 5)")
    run(source, "CREATE INDEX last ON few (id)")
    before = torture.witnessed(settings)
    torture.server.execute(
        "CREATE FUNCTION eat() RETURNS event_trigger LANGUAGE plpgsql AS "
        "'BEGIN IF to_regclass(''public.few'') IS NOT NULL THEN DELETE FROM public.few WHERE id = 3; END IF; END'; "
        "CREATE EVENT TRIGGER eats_rows ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION eat()",
        settings.name,
    )
    with pytest.raises(DatabaseError, match="rows of the backup") as caught:
        torture.restoring(settings).run(torture.dump_of(source))
    assert caught.value.evidence == "public.few has 4 rows instead of 5"
    torture.server.execute("DROP FUNCTION eat() CASCADE", settings.name)
    assert before.changes(torture.witnessed(settings)) == []
