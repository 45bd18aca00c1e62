"""What a role cannot restore is named before anything changes, and left out when that is accepted."""

from __future__ import annotations

import pytest

from integration.postgres.content import run
from integration.torture.conftest import Torture
from mxpc.errors import CheckRefused
from mxpc.model import DatabaseSettings, Severity

KEPT = "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1), (2)"
TARGET = "CREATE TABLE old (id int); INSERT INTO old VALUES (7)"

BEYOND = {
    "foreign-data": (
        "CREATE EXTENSION postgres_fdw; CREATE SERVER there FOREIGN DATA WRAPPER postgres_fdw; "
        "CREATE USER MAPPING FOR PUBLIC SERVER there; CREATE FOREIGN TABLE far (id int) SERVER there; "
        "CREATE VIEW on_far AS SELECT * FROM far; COMMENT ON VIEW on_far IS 'far'",
        ("server there", "foreign table far", "view on_far"),
    ),
    "publications": (
        "CREATE PUBLICATION few FOR TABLE kept; CREATE PUBLICATION every FOR ALL TABLES",
        ("publication few", "publication every"),
    ),
    "event-triggers": (
        "CREATE FUNCTION on_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; "
        "CREATE EVENT TRIGGER watching ON ddl_command_start EXECUTE FUNCTION on_event()",
        ("event trigger watching",),
    ),
    "operator-classes": (
        "CREATE OPERATOR CLASS my_int FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, "
        "OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int); CREATE INDEX by_my_int ON kept (id my_int)",
        ("operator class my_int", "index by_my_int"),
    ),
    "languages": (
        "CREATE FUNCTION in_c(int, int) RETURNS int LANGUAGE internal IMMUTABLE AS 'int4pl'; "
        "CREATE TABLE uses_c (id int DEFAULT in_c(1, 2)); INSERT INTO uses_c VALUES (5)",
        ("function in_c(integer, integer)", "table uses_c"),
    ),
    "casts": (
        "CREATE FUNCTION to_point(int) RETURNS point LANGUAGE sql IMMUTABLE AS 'SELECT point($1, $1)'; "
        "CREATE CAST (int AS point) WITH FUNCTION to_point(int)",
        ("cast CAST (integer AS point)",),
    ),
    "text-search": (
        "CREATE TEXT SEARCH TEMPLATE my_template (LEXIZE = dsimple_lexize); "
        "CREATE TEXT SEARCH DICTIONARY my_dictionary (TEMPLATE = my_template)",
        ("text search template my_template", "text search dictionary my_dictionary"),
    ),
    "base-types": (
        "CREATE TYPE mine; CREATE FUNCTION mine_in(cstring) RETURNS mine LANGUAGE internal IMMUTABLE AS 'int4in'; "
        "CREATE FUNCTION mine_out(mine) RETURNS cstring LANGUAGE internal IMMUTABLE AS 'int4out'; "
        "CREATE TYPE mine (INPUT = mine_in, OUTPUT = mine_out, LIKE = int4); "
        "CREATE TABLE of_mine (m mine); INSERT INTO of_mine VALUES ('5')",
        ("type mine", "table of_mine"),
    ),
}


@pytest.mark.parametrize("topic", BEYOND)
@pytest.mark.parametrize("major", [18])
def test_what_needs_an_administrator_is_named_and_can_be_skipped(torture: Torture, topic: str) -> None:
    statements, named = BEYOND[topic]
    source, settings = torture.empty(), torture.empty()
    run(source, KEPT)
    torture.server.execute(statements, source.name)
    give_all(torture, source)
    run(settings, TARGET)
    before = torture.witnessed(settings)
    dump = torture.dump_of(source)
    torture.server.execute("DROP EVENT TRIGGER IF EXISTS watching", source.name)

    with pytest.raises(CheckRefused, match="before anything was changed") as caught:
        torture.restoring(settings).run(dump)
    refusal = f"{caught.value.what} {caught.value.hint}"
    assert [name for name in named if name not in refusal] == []
    assert f"--skip {topic}" in refusal
    assert before.changes(torture.witnessed(settings)) == []

    topics = [one.code.removeprefix("left-out-") for one in torture.restoring(settings).plan(dump).refusals]
    report = torture.restoring(settings, skip=tuple(topics)).run(dump)
    assert run(settings, "SELECT * FROM kept ORDER BY 1") == [(1,), (2,)]
    assert {one.severity for one in report.findings if one.code.startswith("left-out")} == {Severity.WARN}


def give_all(torture: Torture, settings: DatabaseSettings) -> None:
    """What the superuser made in a database to dump is readable for its owner."""
    torture.server.execute(
        f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{settings.user}"; '
        f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_foreign_server) THEN "
        f'GRANT USAGE ON FOREIGN SERVER there TO "{settings.user}"; END IF; END $$',
        settings.name,
    )


# ---------------------------------------------------------------------------------------------------------- extensions

WITH_TRIGRAMS = """
    CREATE EXTENSION pg_trgm; CREATE EXTENSION citext; CREATE EXTENSION hstore;
    CREATE TABLE words (id int PRIMARY KEY, w text, c citext UNIQUE, h hstore);
    INSERT INTO words SELECT n, 'word number ' || n, 'Word ' || n, hstore('n', n::text) FROM generate_series(1, 500) n;
    CREATE INDEX by_trigram ON words USING gin (w gin_trgm_ops);
    CREATE INDEX by_hstore ON words USING gist (h);
    CREATE VIEW alike AS SELECT id FROM words WHERE w % 'word number';
    CREATE TABLE kept (id int)"""

ASKED = (
    "SET enable_seqscan = off",
    "SELECT (SELECT count(*) FROM words WHERE w LIKE '%number 49%'), (SELECT id FROM words WHERE c = 'wORD 7'), "
    "(SELECT count(*) FROM words WHERE h @> 'n=>5'), (SELECT count(*) > 0 FROM alike)",
)
ANSWER = [(11, 7, 1, True)]


@pytest.mark.parametrize("major", [14, 18])
def test_extensions_of_the_superuser_stay_and_the_restored_indexes_use_them(torture: Torture) -> None:
    source, settings = torture.empty(), torture.empty()
    for one in (source, settings):
        torture.server.execute(
            "CREATE EXTENSION pg_trgm; CREATE EXTENSION citext; CREATE EXTENSION hstore; "
            "COMMENT ON EXTENSION citext IS 'of the administrator'; GRANT USAGE ON SCHEMA public TO pg_monitor; "
            "COMMENT ON SCHEMA public IS 'of the administrator'",
            one.name,
        )
        run(one, WITH_TRIGRAMS.partition("hstore;")[2].removeprefix("\n"))
    before = torture.witnessed(settings)
    for _ in range(2):
        report = torture.restoring(settings).run(torture.dump_of(source))
        assert report.warnings == ()
        assert before.changes(torture.witnessed(settings)) == []
    assert run(settings, *ASKED) == ANSWER


@pytest.mark.parametrize("major", [14, 18])
def test_trusted_extensions_come_along(torture: Torture) -> None:
    source, settings = torture.empty(), torture.empty()
    run(source, WITH_TRIGRAMS)
    run(settings, TARGET)
    torture.restoring(settings).run(torture.dump_of(source))
    assert run(settings, *ASKED) == ANSWER
    assert run(settings, "SELECT count(*) FROM pg_extension WHERE pg_has_role(extowner, 'USAGE')") == [(3,)]
    # The role's own extension is part of the old content, and stays where it is at the next restore.
    torture.restoring(settings).run(torture.dump_of(source))
    assert run(settings, *ASKED) == ANSWER


@pytest.mark.parametrize("major", [12])
def test_extension_that_the_role_may_not_create_is_named_with_what_needs_it(torture: Torture) -> None:
    """Before PostgreSQL 13 none is trusted."""
    source, settings = torture.empty(), torture.empty()
    torture.server.execute("CREATE EXTENSION pg_trgm; CREATE EXTENSION citext; CREATE EXTENSION hstore", source.name)
    run(source, WITH_TRIGRAMS.partition("hstore;")[2])
    run(settings, TARGET)
    before = torture.witnessed(settings)
    with pytest.raises(CheckRefused) as caught:
        torture.restoring(settings).run(torture.dump_of(source))
    for word in ("pg_trgm", "citext", "index by_trigram", "table words", "--skip extensions", "CREATE EXTENSION"):
        assert word in f"{caught.value.what} {caught.value.hint}"
    assert before.changes(torture.witnessed(settings)) == []
    torture.restoring(settings, skip=("extensions",)).run(torture.dump_of(source))
    assert run(settings, "SELECT to_regclass('words')::text, to_regclass('kept')::text") == [(None, "kept")]


@pytest.mark.parametrize("major", [18])
def test_large_objects_of_another_role_are_named(torture: Torture) -> None:
    settings = torture.empty()
    torture.server.execute("SELECT lo_from_bytea(700001, 'theirs')", settings.name)
    with pytest.raises(CheckRefused, match="large objects") as caught:
        torture.restoring(settings).run(torture.dump)
    assert "--skip large-objects" in caught.value.hint
    torture.restoring(settings, skip=("large-objects",)).run(torture.dump)
    assert torture.server.execute("SELECT convert_from(lo_get(700001), 'UTF8')", settings.name) == [("theirs",)]


@pytest.mark.parametrize("major", [14, 18])
def test_publication_of_the_targets_own_tables_is_named_before_anything_changes(torture: Torture) -> None:
    """Its tables would be dropped from it with the old content, and whoever listens would not hear of the new ones."""
    source, settings = torture.empty(), torture.empty()
    run(source, KEPT)
    run(settings, KEPT)
    torture.server.execute("CREATE PUBLICATION changes FOR TABLE kept", settings.name)
    before = torture.witnessed(settings)
    with pytest.raises(CheckRefused, match="depend on the old content") as caught:
        torture.restoring(settings).run(torture.dump_of(source))
    assert "kept in publication changes" in caught.value.evidence
    assert before.changes(torture.witnessed(settings)) == []
    torture.server.execute("DROP PUBLICATION changes; CREATE PUBLICATION changes FOR ALL TABLES", settings.name)
    torture.restoring(settings).run(torture.dump_of(source))
