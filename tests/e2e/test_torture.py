"""The installed command, on a database with one of everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.conftest import MakeEnvironment
from e2e.environment import LiveEnvironment
from integration.torture.database import load_torture
from integration.torture.equality import Witnessed, witnessed
from mxpc.demo.postgres import PostgresServer


class Tortured:
    """An environment with a torture database, and what is in it."""

    def __init__(self, environment: LiveEnvironment) -> None:
        self.environment = environment
        load_torture(environment.database)
        self.content = self.now()

    def now(self) -> Witnessed:
        """What is in the database at this moment."""
        return witnessed(self.environment.database, self.environment.home)

    def change(self) -> None:
        """Lose some of it, and add to it."""
        self.environment.execute(
            "DELETE FROM identities; DROP TABLE all_types; CREATE TABLE only_here (id serial); "
            "SELECT lo_unlink(700001), lo_from_bytea(700009, 'only here')"
        )


@pytest.fixture(scope="module")
def tortured(make_environment: MakeEnvironment, postgres_18: PostgresServer) -> Tortured:
    """On PostgreSQL 18. Tests restore it."""
    return Tortured(make_environment(postgres_18))


@pytest.fixture(scope="module")
def torture_archive(tortured: Tortured) -> Path:
    """Its backup."""
    path = tortured.environment.home / "torture.tar.gz"
    tortured.environment.run("backup", "-f", path).expect(0)
    return path


def test_torture_database_comes_back_equal(tortured: Tortured, torture_archive: Path) -> None:
    tortured.change()
    tortured.environment.run("restore", "-f", torture_archive).expect(0)
    assert tortured.content.changes(tortured.now()) == []


def test_torture_database_comes_out_of_a_pipe_equal(
    tortured: Tortured, torture_archive: Path, make_environment: MakeEnvironment, postgres_18: PostgresServer
) -> None:
    other = make_environment(postgres_18)
    other.fill()
    other.run("restore", "-f", "-", "--allow-other-app", feed=torture_archive.read_bytes()).expect(0)
    assert tortured.content.changes(witnessed(other.database, other.home)) == []


def test_pipe_cannot_replace_a_second_schema_and_says_so(
    torture_archive: Path, make_environment: MakeEnvironment, postgres_18: PostgresServer
) -> None:
    other = make_environment(postgres_18)
    other.execute('CREATE SCHEMA "Zweites Schema"; CREATE TABLE "Zweites Schema".here (id int); CREATE TABLE old ()')
    before = witnessed(other.database, other.home)
    ended = other.run("restore", "-f", "-", feed=torture_archive.read_bytes())
    ended.expect(5, "Zweites Schema", "from a file")
    assert before.changes(witnessed(other.database, other.home)) == []


def test_what_the_role_cannot_restore_is_refused_with_5_and_skipped_on_request(
    make_environment: MakeEnvironment, postgres_18: PostgresServer
) -> None:
    source, target = make_environment(postgres_18), make_environment(postgres_18)
    source.execute("CREATE TABLE kept (id int)")
    postgres_18.execute("CREATE PUBLICATION everything FOR ALL TABLES", source.database.name)
    archive = source.home / "publication.tar.gz"
    source.run("backup", "-f", archive).expect(0)
    target.execute("CREATE TABLE old (id int)")
    before = witnessed(target.database, target.home)
    for more in ((), ("--dry-run",)):
        ended = target.run("restore", "-f", archive, *more)
        assert "publication everything" in ended.err + ended.out
        assert "--skip publications" in ended.err + ended.out
        assert ended.code == 5
        assert before.changes(witnessed(target.database, target.home)) == []
    target.run("restore", "-f", archive, "--skip", "publications").expect(0, "publication everything")
    assert "public.kept" in witnessed(target.database, target.home).digest["rows"]


def test_failing_late_ends_with_3_and_pg_restores_own_words(
    make_environment: MakeEnvironment, postgres_18: PostgresServer
) -> None:
    source, target = make_environment(postgres_18), make_environment(postgres_18)
    source.execute("CREATE TABLE bad (id int); INSERT INTO bad VALUES (1)")
    source.execute("CREATE MATERIALIZED VIEW broken AS SELECT 1 / id AS n FROM bad")
    source.execute("UPDATE bad SET id = 0")
    archive = source.home / "broken.tar.gz"
    source.run("backup", "-f", archive).expect(0)
    target.fill()
    before = target.content()
    ended = target.run("restore", "-f", archive, "--allow-other-app")
    ended.expect(3, "pg_restore: error:", "division by zero", "REFRESH MATERIALIZED VIEW public.broken")
    assert before.changes(target.content()) == []
