"""PostgresTarget: the old content or the new one, after whatever happens."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from typing import Any

import pytest

from integration.postgres.bringing import bring_in
from integration.postgres.conftest import clients, closest_clients, dump_of, restore
from integration.postgres.content import content, differences, load_mini_mendix, run
from mxpc.adapters.postgres import PostgresSource, PostgresTarget
from mxpc.adapters.postgres.connection import connect
from mxpc.demo.postgres import PostgresServer
from mxpc.errors import ArchiveError, CheckRefused, DatabaseError
from mxpc.model import DatabaseSettings, InterruptedRestore
from servers import WITH_CLIENTS
from surroundings import new_database

OLDER_CONTENT = (
    "CREATE TABLE old_table (id serial PRIMARY KEY, text text)",
    "INSERT INTO old_table (text) SELECT n::text FROM generate_series(1, 50) n",
    "CREATE VIEW old_view AS SELECT * FROM old_table",
    "CREATE MATERIALIZED VIEW old_matview AS SELECT * FROM old_table",
    "CREATE SEQUENCE old_sequence START 5",
    "CREATE TYPE old_mood AS ENUM ('good', 'bad')",
    "CREATE TYPE old_pair AS (a int, b text)",
    "CREATE TYPE old_nested AS (pair old_pair, moods old_mood[])",
    "CREATE FUNCTION old_rows() RETURNS SETOF old_table LANGUAGE sql AS 'SELECT * FROM old_table'",
    "CREATE DOMAIN old_positive AS int CHECK (VALUE > 0)",
    "CREATE FUNCTION old_function(a int) RETURNS int LANGUAGE sql AS 'SELECT a + 1'",
    "CREATE PROCEDURE old_procedure() LANGUAGE sql AS 'SELECT 1'",
    "CREATE AGGREGATE old_sum(int) (sfunc = int4pl, stype = int)",
    "CREATE AGGREGATE old_count(*) (sfunc = int8inc, stype = int8, initcond = '0')",
    "CREATE OPERATOR ### (leftarg = int, rightarg = int, function = int4pl)",
    'CREATE COLLATION "old collation" FROM "C"',
    "CREATE CONVERSION old_conversion FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
    "CREATE TEXT SEARCH CONFIGURATION old_search (COPY = simple)",
    "CREATE TEXT SEARCH DICTIONARY old_dictionary (TEMPLATE = simple)",
    "CREATE TABLE old_parts (id int, mood old_mood, n old_positive) PARTITION BY RANGE (id)",
    "CREATE TABLE old_part_1 PARTITION OF old_parts FOR VALUES FROM (0) TO (10)",
    "INSERT INTO old_parts VALUES (3, 'good', 4)",
    "CREATE STATISTICS old_statistics ON id, text FROM old_table",
    "CREATE TABLE old_child () INHERITS (old_table)",
    "CREATE TABLE old_identity (id int GENERATED ALWAYS AS IDENTITY, twice int GENERATED ALWAYS AS (1 + 1) STORED)",
    'CREATE TABLE "Ünïcode ""quoted"" % $1" (a int)',
    "CREATE FUNCTION old_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER old_trigger BEFORE INSERT ON old_table FOR EACH ROW EXECUTE FUNCTION old_trigger()",
    "CREATE RULE old_rule AS ON DELETE TO old_table DO ALSO SELECT 1",
    "ALTER TABLE old_table ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY old_policy ON old_table USING (id > 0)",
    "COMMENT ON TABLE old_table IS 'a comment'",
    "SELECT lo_from_bytea(4711, 'a large object'), lo_from_bytea(4712, '')",
    "COMMENT ON LARGE OBJECT 4711 IS 'a comment'",
)
"""One of each kind that an ordinary role can make."""

BREAKING_ITS_OWN_CHECK = (
    "CREATE TABLE a_good_one (id int PRIMARY KEY)",
    "INSERT INTO a_good_one SELECT generate_series(1, 1000)",
    "CREATE FUNCTION allowed(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END'",
    "CREATE TABLE bad (id int CONSTRAINT never CHECK (allowed(id)))",
    "INSERT INTO bad VALUES (1), (1)",
    "CREATE OR REPLACE FUNCTION allowed(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN false; END'",
    "CREATE TABLE z_later (id int)",
)


@pytest.fixture
def mendix_dump(server: PostgresServer) -> bytes:
    """A dump of the sample app by the server's own pg_dump."""
    source = new_database(server)
    load_mini_mendix(source)
    return dump_of(source, clients(server.major))


@pytest.fixture
def failing_dump(server: PostgresServer) -> bytes:
    """A dump whose rows break a check that it has itself."""
    source = new_database(server)
    run(source, *BREAKING_ITS_OWN_CHECK)
    return dump_of(source, clients(server.major))


@pytest.fixture
def old(database: DatabaseSettings) -> DatabaseSettings:
    """A target with content of every kind."""
    run(database, *OLDER_CONTENT)
    return database


# ----------------------------------------------------------------------------------------------------------- it works


def test_app_comes_through_equal(app: DatabaseSettings, server: PostgresServer) -> None:
    target = new_database(server)
    assert restore(PostgresTarget(target), dump_of(app)) == ()
    assert differences(without_owner(app), without_owner(target)) == []


def test_restore_over_other_content_leaves_nothing_of_it(
    old: DatabaseSettings, server: PostgresServer, mendix_dump: bytes
) -> None:
    fresh = new_database(server)
    restore(PostgresTarget(fresh), mendix_dump)
    restore(PostgresTarget(old), mendix_dump)
    assert differences(without_owner(fresh), without_owner(old)) == []
    assert PostgresTarget(old).facts().interrupted is None


def test_restored_facts_are_those_of_the_new_app(database: DatabaseSettings, mendix_dump: bytes) -> None:
    target = PostgresTarget(database)
    restore(target, mendix_dump)
    facts, totals = target.facts_restored()
    assert (facts.app_name, totals.count) == ("SampleApp", 7)
    assert len(list(target.named_blobs())) == 7


def test_parking_and_putting_back_changes_nothing(old: DatabaseSettings) -> None:
    before = content(old)
    target = PostgresTarget(old)
    with target.exclusive():
        target.park("a.tar.gz")
        assert target.facts().empty
        target.put_back()
    assert differences(before, content(old)) == []


@pytest.mark.parametrize("version", WITH_CLIENTS)
def test_every_pg_restore_that_reads_the_dump_restores_it(database: DatabaseSettings, version: int) -> None:
    source = DatabaseSettings(database.host, database.port, database.name, database.user, database.password)
    load_mini_mendix(source)
    # Written by pg_dump of the server's major or newer; archive version 1.14 is what all of these read.
    dump = dump_of(source, clients(15 if PostgresTarget(database).facts().database.server_major == 15 else 18))
    if dump[5:8] > b"\x01\x0e\x00" and version < 18:
        pytest.skip("the dump's archive version is newer than this pg_restore")
    before = content(database)
    warnings = restore(PostgresTarget(database, programs=clients(version)), dump)
    assert differences(before, content(database)) == []
    expected = version >= 17 > PostgresTarget(database).facts().database.server_major
    assert [("transaction_timeout" in warning) for warning in warnings] == [True] * expected


def test_every_server_is_restored_and_undone(other_server: PostgresServer) -> None:
    settings = new_database(other_server)
    load_mini_mendix(settings)
    programs = closest_clients(other_server)
    dump = dump_of(settings, programs)
    before = content(settings)
    target = PostgresTarget(settings, programs=programs)
    with target.exclusive():
        target.park("a.tar.gz")
        bring_in(target, io.BytesIO(dump))
        target.put_back()
    assert differences(before, content(settings)) == []
    restore(target, dump)
    assert differences(before, content(settings)) == []


def test_schema_public_keeps_owner_grants_and_comment(
    app: DatabaseSettings, server: PostgresServer, mendix_dump: bytes
) -> None:
    server.execute("GRANT USAGE ON SCHEMA public TO pg_monitor; COMMENT ON SCHEMA public IS 'ours'", app.name)
    before = content(app)["schemas"]
    restore(PostgresTarget(app), mendix_dump)
    assert content(app)["schemas"] == before


def test_extension_of_somebody_else_stays_usable(
    app: DatabaseSettings, server: PostgresServer, mendix_dump: bytes
) -> None:
    server.execute("CREATE EXTENSION pg_trgm", app.name)
    restore(PostgresTarget(app), mendix_dump)
    assert run(app, "SELECT similarity('word', 'words') > 0") == [(True,)]
    assert PostgresTarget(app).facts().installed_extensions["pg_trgm"] == "public"


# ------------------------------------------------------------------------------------------------------- it goes wrong


def test_failing_restore_names_line_and_object_and_is_put_back(old: DatabaseSettings, failing_dump: bytes) -> None:
    before = content(old)
    target = PostgresTarget(old)
    with target.exclusive():
        target.park("a.tar.gz")
        with pytest.raises(DatabaseError, match="pg_restore into database") as caught:
            bring_in(target, io.BytesIO(failing_dump))
        target.put_back()
    assert "pg_restore: error:" in caught.value.evidence
    assert 'relation "bad" violates check constraint "never"' in caught.value.evidence
    assert caught.value.hint
    assert differences(before, content(old)) == []


def test_failing_restore_without_a_transaction_around_is_put_back_too(postgres_15: PostgresServer) -> None:
    source, settings = new_database(postgres_15), new_database(postgres_15)
    run(source, *BREAKING_ITS_OWN_CHECK)
    run(settings, *OLDER_CONTENT)
    before = content(settings)
    target = PostgresTarget(settings, programs=clients(18))
    with target.exclusive():
        target.park("a.tar.gz")
        with pytest.raises(DatabaseError) as caught:
            bring_in(target, io.BytesIO(dump_of(source, clients(15))))
        assert "never" in caught.value.evidence
        target.put_back()
    assert differences(before, content(settings)) == []


@pytest.mark.parametrize("length", [0, 3, 500, 20_000])
def test_dump_that_ends_early_is_an_error(old: DatabaseSettings, mendix_dump: bytes, length: int) -> None:
    before = content(old)
    target = PostgresTarget(old)
    with target.exclusive():
        target.park("a.tar.gz")
        with pytest.raises(DatabaseError, match="pg_restore"):
            bring_in(target, io.BytesIO(mendix_dump[:length]))
        target.put_back()
    assert differences(before, content(old)) == []


class Spoiled:
    """A dump whose archive turns out to be damaged on the way."""

    def __init__(self, data: bytes) -> None:
        self._stream = io.BytesIO(data)

    def read(self, size: int, /) -> bytes:
        if data := self._stream.read(min(size, 1000)):
            return data
        raise ArchiveError("the archive is damaged")


def test_error_of_the_stream_passes_through_and_everything_is_put_back(
    old: DatabaseSettings, mendix_dump: bytes
) -> None:
    before = content(old)
    target = PostgresTarget(old)
    with target.exclusive():
        target.park("a.tar.gz")
        with pytest.raises(ArchiveError):
            bring_in(target, Spoiled(mendix_dump[:30_000]))
        target.put_back()
    assert differences(before, content(old)) == []


def test_damage_after_the_last_byte_that_pg_restore_needs_is_found(
    database: DatabaseSettings, mendix_dump: bytes
) -> None:
    target = PostgresTarget(database)
    with target.exclusive():
        target.park("a.tar.gz")
        with pytest.raises(ArchiveError):
            bring_in(target, Spoiled(mendix_dump + b"\0" * 5_000_000))
        target.put_back()


# ------------------------------------------------------------------------------------------------------- it is killed


def parked(target: PostgresTarget, dump: bytes) -> None:
    target.park("a.tar.gz")


def restored(target: PostgresTarget, dump: bytes) -> None:
    target.park("a.tar.gz")
    bring_in(target, io.BytesIO(dump))


def restored_halfway(target: PostgresTarget, dump: bytes) -> None:
    target.park("a.tar.gz")
    with pytest.raises(DatabaseError):
        bring_in(target, io.BytesIO(dump[: len(dump) // 2]))


@pytest.mark.parametrize("until", [parked, restored, restored_halfway])
def test_next_run_brings_the_old_content_back(
    old: DatabaseSettings, mendix_dump: bytes, until: Callable[[PostgresTarget, bytes], None]
) -> None:
    before = content(old)
    until(PostgresTarget(old), mendix_dump)
    again = PostgresTarget(old)
    interrupted = again.facts().interrupted
    assert interrupted is not None
    assert interrupted.archive == "a.tar.gz"
    assert PostgresSource(old).interrupted_restore() == interrupted
    with again.exclusive():
        again.put_back()
        again.put_back()
    assert differences(before, content(old)) == []
    assert again.facts().interrupted is None


class Dies(BaseException):
    """What a killed process does to the code: nothing after it runs."""


class DyingConnection:
    """A connection that goes through `left` statements, and dies in the next one."""

    def __init__(self, settings: DatabaseSettings, left: int) -> None:
        self._connection = connect(settings)
        self.left = left

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def execute(self, *arguments: object) -> object:
        if self.left == 0:
            self._connection.close()
            raise Dies
        self.left -= 1
        return self._connection.execute(*arguments)  # type: ignore[arg-type]


def statements_of(settings: DatabaseSettings, step: Callable[[DyingConnection], None], left: int) -> int | None:
    """Run a step that dies after `left` statements; None when it needed no more."""
    connection = DyingConnection(settings, left)
    try:
        step(connection)
    except Dies:
        return left
    connection._connection.close()
    return None


@pytest.mark.faults
def test_killed_at_every_statement_of_park_and_put_back_the_old_content_is_back(
    old: DatabaseSettings, mendix_dump: bytes
) -> None:
    from mxpc.adapters.postgres import parking

    before = content(old)
    for left in range(200):
        died = statements_of(old, lambda one: parking.park(one, "a.tar.gz", []), left)  # type: ignore[arg-type]
        with PostgresTarget(old).exclusive():
            PostgresTarget(old).put_back()
        assert differences(before, content(old)) == [], f"after {left} statements of park"
        if died is None:
            break
    assert left > 5
    for left in range(200):
        target = PostgresTarget(old)
        target.park("a.tar.gz")
        bring_in(target, io.BytesIO(mendix_dump))
        died = statements_of(old, lambda one: parking.put_back(one, lambda _: None), left)  # type: ignore[arg-type]
        target.put_back()
        assert differences(before, content(old)) == [], f"after {left} statements of put_back"
        if died is None:
            break
    assert left > 5


@pytest.mark.faults
def test_killed_at_every_statement_of_accept_the_content_is_old_before_one_row_and_new_after_it(
    server: PostgresServer, mendix_dump: bytes
) -> None:
    from mxpc.adapters.postgres import parking

    def accept(connection: Any) -> None:
        parking.commit_to_new_content(connection)
        parking.let_go(connection, lambda _: None)

    settings = new_database(server)
    run(settings, *OLDER_CONTENT)
    before = content(settings)
    seen = []
    for left in range(200):
        target = PostgresTarget(settings)
        target.park("a.tar.gz")
        bring_in(target, io.BytesIO(mendix_dump))
        new = {name: rows for name, rows in content(settings).items() if name == 'rows of "crm$customer"'}
        died = statements_of(settings, accept, left)  # type: ignore[arg-type]
        interrupted = target.facts().interrupted
        accepted = interrupted is None or interrupted.accepted
        seen.append(accepted)
        target.put_back()
        now = content(settings)
        if accepted:
            assert now.items() >= new.items()
            assert not any("old_" in name for name in now)
            settings = new_database(server)
            run(settings, *OLDER_CONTENT)
            before = content(settings)
        else:
            assert differences(before, now) == []
        if died is None:
            break
    assert seen == sorted(seen)
    assert {False, True} == set(seen)


def test_app_started_by_mistake_makes_nothing_worse(old: DatabaseSettings, mendix_dump: bytes) -> None:
    before = content(old)
    target = PostgresTarget(old)
    target.park("a.tar.gz")
    run(old, "CREATE TABLE old_table (id int)", "CREATE TABLE surprise (id int)", "INSERT INTO surprise VALUES (1)")
    with pytest.raises(DatabaseError), target.exclusive():
        target.park("b.tar.gz")
    PostgresTarget(old).put_back()
    assert differences(before, content(old)) == []


def test_session_of_a_dead_run_is_ended_before_anything_is_put_back(old: DatabaseSettings) -> None:
    before = content(old)
    target = PostgresTarget(old)
    target.park("a.tar.gz")
    leftover = connect(old, "mxpc-backup-restore-cli pg_restore")
    leftover.execute("BEGIN; CREATE TABLE public.late (id int)")
    target.put_back()
    with pytest.raises(Exception, match="terminating connection"):
        leftover.execute("COMMIT")
    leftover.close()
    assert differences(before, content(old)) == []


def test_lost_connection_is_opened_again_for_putting_back(old: DatabaseSettings, server: PostgresServer) -> None:
    before = content(old)
    target = PostgresTarget(old)
    with target.exclusive():
        target.park("a.tar.gz")
        server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{old.name}'")
        target.put_back()
    assert differences(before, content(old)) == []


def test_restart_of_the_server_at_each_step_loses_nothing(
    postgres_15: PostgresServer,
) -> None:
    settings = new_database(postgres_15)
    run(settings, *OLDER_CONTENT)
    before, dump = content(settings), dump_of(settings)
    target = PostgresTarget(settings)
    with target.exclusive():
        postgres_15.restart()
        target.park("a.tar.gz")
        postgres_15.kill()
        postgres_15.start()
        bring_in(target, io.BytesIO(dump))
        postgres_15.restart()
        target.put_back()
        assert differences(before, content(settings)) == []
        target.park("a.tar.gz")
        bring_in(target, io.BytesIO(dump))
        postgres_15.kill()
        postgres_15.start()
        target.accept()
    assert differences(before, content(settings)) == []


def test_second_restore_at_the_same_time_is_refused(app: DatabaseSettings) -> None:
    with PostgresTarget(app).exclusive():
        other = PostgresTarget(app, lock_seconds=0)
        with pytest.raises(CheckRefused, match="another restore") as caught, other.exclusive():
            pass
    assert "session" in caught.value.evidence
    with PostgresTarget(app, lock_seconds=0).exclusive():
        pass


# --------------------------------------------------------------------------------------------------------- the journal


def test_journal_remembers_added_blobs(app: DatabaseSettings) -> None:
    target = PostgresTarget(app)
    assert list(target.noted_added()) == []
    target.park("a.tar.gz")
    target.note_added(["one", "two"])
    target.note_added(["two", "three"])
    assert sorted(PostgresTarget(app).noted_added()) == ["one", "three", "two"]
    target.put_back()
    assert list(target.noted_added()) == []


def test_role_without_rights_learns_of_the_unfinished_restore(app: DatabaseSettings, server: PostgresServer) -> None:
    target = PostgresTarget(app)
    target.park("a 'quoted' name.tar.gz")
    server.create_role("reader-" + app.user, "secret")
    reader = DatabaseSettings(app.host, app.port, app.name, "reader-" + app.user, "secret")
    known = target.facts().interrupted
    assert known is not None
    assert known.phase == "restoring"
    expected = InterruptedRestore("unknown", known.since, known.archive)
    assert PostgresSource(reader).interrupted_restore() == expected


def test_unfinished_restore_is_left_out_of_a_dump(old: DatabaseSettings) -> None:
    PostgresTarget(old).park("a.tar.gz")
    assert b"old_table" not in dump_of(old)


def test_incomplete_or_undone_restore_cannot_be_accepted(old: DatabaseSettings) -> None:
    before = content(old)
    target = PostgresTarget(old)
    target.park("a.tar.gz")
    with pytest.raises(DatabaseError, match="cannot be accepted"):
        target.accept()
    target.put_back()
    with pytest.raises(DatabaseError, match="cannot be accepted"):
        target.accept()
    assert differences(before, content(old)) == []


def test_copied_halfway_database_is_not_put_back(app: DatabaseSettings, server: PostgresServer) -> None:
    """The inventory names objects by numbers: in a copy they are others, and the old ones would be dropped."""
    PostgresTarget(app).park("a.tar.gz")
    run(app, 'UPDATE "mxpc$parked"."mxpc$journal" SET journal_oid = 1')
    with pytest.raises(DatabaseError, match="copied"):
        PostgresTarget(app).put_back()


# ------------------------------------------------------------------------------------------------------------- refusals


def test_view_of_somebody_else_on_the_old_content_is_a_refusal(app: DatabaseSettings, server: PostgresServer) -> None:
    server.execute(
        'CREATE SCHEMA reporting; CREATE VIEW reporting.customers AS SELECT name FROM public."crm$customer"', app.name
    )
    before = content(app)
    with pytest.raises(CheckRefused) as caught:
        PostgresTarget(app).park("a.tar.gz")
    assert "view reporting.customers" in caught.value.evidence
    assert differences(before, content(app)) == []


def test_range_type_is_a_refusal_because_its_constructors_cannot_be_moved(database: DatabaseSettings) -> None:
    run(database, "CREATE TYPE span AS RANGE (subtype = float8)")
    before = content(database)
    with pytest.raises(CheckRefused, match="range type"):
        PostgresTarget(database).park("a.tar.gz")
    assert differences(before, content(database)) == []


def test_range_type_of_the_backup_comes_and_goes(server: PostgresServer) -> None:
    source, settings = new_database(server), new_database(server)
    run(source, "CREATE TYPE span AS RANGE (subtype = float8)", "CREATE TABLE spans (a span)")
    before = content(settings)
    target = PostgresTarget(settings)
    target.park("a.tar.gz")
    bring_in(target, io.BytesIO(dump_of(source)))
    assert run(settings, "SELECT count(*) FROM pg_type WHERE typname = 'span'") == [(1,)]
    target.put_back()
    assert differences(before, content(settings)) == []


def test_superuser_moves_range_types_too(server: PostgresServer) -> None:
    name = new_database(server).name
    settings = dataclasses.replace(server.superuser, name=name)
    run(settings, "CREATE TYPE span AS RANGE (subtype = float8)", "CREATE TABLE spans (a span)", *OLDER_CONTENT)
    before, dump = content(settings), dump_of(settings)
    target = PostgresTarget(settings)
    for last in (target.put_back, target.accept):
        target.park("a.tar.gz")
        bring_in(target, io.BytesIO(dump))
        last()
        assert differences(before, content(settings)) == []


def test_table_that_somebody_uses_is_an_error_and_everything_is_put_back(
    old: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mxpc.adapters.postgres.connection.LOCK_TIMEOUT", "100ms")
    before = content(old)
    target = PostgresTarget(old)
    with connect(old, "the app") as busy, target.exclusive():
        busy.execute("BEGIN; SELECT count(*) FROM public.old_table")
        with pytest.raises(DatabaseError, match="setting the old content aside") as caught:
            target.park("a.tar.gz")
        assert "0 replicas" in caught.value.hint
        target.put_back()
    assert differences(before, content(old)) == []


def test_objects_of_another_role_are_named_and_left_alone(app: DatabaseSettings, server: PostgresServer) -> None:
    server.execute("CREATE TABLE public.theirs (id int)", app.name)
    target = PostgresTarget(app)
    assert target.facts().foreign_objects == ("table public.theirs (owner postgres)",)
    target.park("a.tar.gz")
    assert server.execute("SELECT to_regclass('public.theirs') IS NOT NULL", app.name) == [(True,)]
    assert not target.facts().empty
    target.put_back()


# ------------------------------------------------------------------------------------------------------- other schemas


def test_schema_of_the_dump_replaces_the_targets_and_comes_back(server: PostgresServer) -> None:
    source, settings = new_database(server), new_database(server)
    run(source, "CREATE SCHEMA extra", "CREATE TABLE extra.new (id int)", "INSERT INTO extra.new VALUES (1)")
    run(settings, "CREATE SCHEMA extra", "CREATE TABLE extra.old (id int)", "CREATE SCHEMA untouched")
    dump, before = dump_of(source), content(settings)
    for last in ("put_back", "accept"):
        target = PostgresTarget(settings)
        target.park("a.tar.gz", schemas=["extra", "public", "of_the_dump_only"])
        bring_in(target, io.BytesIO(dump))
        getattr(target, last)()
        if last == "put_back":
            assert differences(before, content(settings)) == []
    assert run(settings, "SELECT * FROM extra.new") == [(1,)]
    assert PostgresTarget(settings).facts().schemas == {"extra", "untouched"}


def test_new_schema_extension_and_large_object_are_gone_after_putting_back(server: PostgresServer) -> None:
    source, settings = new_database(server), new_database(server)
    run(source, "CREATE SCHEMA extra", "CREATE TABLE extra.new (id int)", "CREATE EXTENSION pg_trgm SCHEMA extra")
    run(source, "SELECT lo_from_bytea(0, 'content')")
    dump, before = dump_of(source), content(settings)
    target = PostgresTarget(settings)
    target.park("a.tar.gz", schemas=["extra"])
    bring_in(target, io.BytesIO(dump))
    assert target.facts().large_object_count == 1
    target.put_back()
    assert differences(before, content(settings)) == []


# ---------------------------------------------------------------------------------------------------------- the facts


def test_facts_of_a_role_that_owns_its_database(app: DatabaseSettings) -> None:
    facts = PostgresTarget(app).facts()
    assert facts.database.app_name == "SampleApp"
    assert (facts.empty, facts.may_create_schema, facts.may_create_in_public) == (False, True, True)
    assert facts.foreign_objects == ()
    assert facts.other_sessions == ()
    assert facts.schemas == frozenset()
    assert facts.large_object_count == 0
    assert "pg_trgm" in facts.creatable_extensions
    assert "postgres_fdw" not in facts.creatable_extensions
    assert facts.restore_program_major >= 15


def test_facts_of_an_empty_database(database: DatabaseSettings) -> None:
    assert PostgresTarget(database).facts().empty


def test_role_that_may_do_nothing_is_known_before(app: DatabaseSettings, server: PostgresServer) -> None:
    name = "nothing-" + app.user
    server.create_role(name, "secret")
    server.execute("REVOKE CREATE ON SCHEMA public FROM public", app.name)
    facts = PostgresTarget(DatabaseSettings(app.host, app.port, app.name, name, "secret"))
    with pytest.raises(DatabaseError, match="looking at the target"):
        facts.facts()


def test_other_sessions_are_named_and_ours_are_not(app: DatabaseSettings) -> None:
    with connect(app, "the app"), connect(app):
        (session,) = PostgresTarget(app).facts().other_sessions
    assert session.startswith(f"{app.user} the app from 127.0.0.1")


def without_owner(settings: DatabaseSettings) -> dict[str, object]:
    """Content of databases of two roles made comparable."""
    found = content(settings)
    return {name: [str(row).replace(settings.user, "OWNER") for row in rows] for name, rows in found.items()}
