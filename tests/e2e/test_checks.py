"""Checks before a restore: each finding has its hint, nothing is touched, and what may be overridden can be."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.conftest import MakeEnvironment
from e2e.environment import LiveEnvironment
from e2e.sample import Restorable
from mxpc.demo.postgres import PostgresServer, connect


def test_running_environment_is_refused(untouchable: LiveEnvironment, sample_archive: Path) -> None:
    untouchable.app["replicas"] = 2
    ended = untouchable.run("restore", "-f", sample_archive)
    ended.expect(5, untouchable.name, "2 replica", "environment-running", "scale it to 0", "--allow-running")


def test_running_environment_is_restored_when_that_is_allowed(restorable: Restorable, sample_archive: Path) -> None:
    target = restorable.environment
    target.app["replicas"] = 1
    try:
        target.run("restore", "-f", sample_archive, "--allow-running").expect(0, "environment-running")
    finally:
        target.app["replicas"] = 0
    assert restorable.differences() == []


@contextmanager
def other_session(environment: LiveEnvironment) -> Iterator[None]:
    """Somebody else is in the database."""
    with connect(environment.database) as session:
        session.execute("SET application_name = 'Mendix Runtime'")
        yield


def test_open_session_is_refused(untouchable: LiveEnvironment, sample_archive: Path) -> None:
    with other_session(untouchable):
        ended = untouchable.run("restore", "-f", sample_archive)
    ended.expect(5, "database-in-use", "Mendix Runtime", untouchable.database.user, "--allow-running")


def test_open_session_does_not_matter_for_files_alone(untouchable: LiveEnvironment, sample_archive: Path) -> None:
    with other_session(untouchable):
        untouchable.run("restore", "-f", sample_archive, "--only", "files").expect(0)


OTHER_APP = 'UPDATE "mendixsystem$version" SET "sprintrprojectname" = \'AnotherApp\''


@pytest.mark.parametrize("how", ["file", "standard input"])
def test_backup_of_another_app_is_refused(environment: LiveEnvironment, sample_archive: Path, how: str) -> None:
    environment.execute(OTHER_APP)
    before = environment.content()
    feed = sample_archive.read_bytes() if how == "standard input" else None
    ended = environment.run("restore", "-f", "-" if feed else sample_archive, feed=feed)
    ended.expect(5, "SampleApp", "AnotherApp", "--allow-other-app")
    assert before.changes(environment.content()) == []


def test_backup_of_another_app_is_restored_when_that_is_allowed(
    environment: LiveEnvironment, sample_archive: Path
) -> None:
    environment.execute(OTHER_APP)
    environment.run("restore", "-f", sample_archive, "--allow-other-app").expect(0, "other-app")


@pytest.fixture(scope="module")
def archive_with_extensions(make_environment: MakeEnvironment) -> Path:
    """A backup of a database whose administrator added an extension that only a superuser may create."""
    origin = make_environment()
    origin.fill()
    origin.postgres.execute("CREATE EXTENSION pageinspect", origin.database.name)
    path = origin.home / "extensions.tar.gz"
    origin.run("backup", "-f", path).expect(0)
    return path


def test_extension_that_nothing_needs_and_that_cannot_be_created_is_left_out(
    restorable: Restorable, archive_with_extensions: Path
) -> None:
    restorable.environment.run("restore", "-f", archive_with_extensions).expect(0, "pageinspect")
    assert restorable.differences() == []


def test_extension_that_is_needed_is_named_and_refused(
    make_environment: MakeEnvironment, untouchable: LiveEnvironment
) -> None:
    origin = make_environment()
    origin.fill()
    origin.postgres.execute("CREATE EXTENSION pageinspect", origin.database.name)
    origin.execute("CREATE VIEW \"crm$page\" AS SELECT (page_header('\\x00'::bytea)).lsn")
    path = origin.home / "needed.tar.gz"
    origin.run("backup", "-f", path).expect(0)
    ended = untouchable.run("restore", "-f", path)
    ended.expect(5, "pageinspect", "crm$page", "left-out-extensions", "--skip extensions")


def test_trusted_extension_comes_along(make_environment: MakeEnvironment) -> None:
    origin, target = make_environment(), make_environment()
    origin.fill()
    origin.execute('CREATE EXTENSION pg_trgm; CREATE INDEX ON "crm$customer" USING gin ("name" gin_trgm_ops)')
    path = origin.home / "trgm.tar.gz"
    origin.run("backup", "-f", path).expect(0)
    target.run("restore", "-f", path).expect(0)
    assert origin.content().database == target.content().database


@pytest.fixture
def poor(make_environment: MakeEnvironment, postgres_15: PostgresServer) -> LiveEnvironment:
    """An environment whose role does not own its database, and has no right on the schema public."""
    made = make_environment()
    name = made.database.name
    made.postgres.execute(f'ALTER DATABASE "{name}" OWNER TO postgres')
    return made


def test_role_without_rights_is_refused(poor: LiveEnvironment, sample_archive: Path) -> None:
    ended = poor.run("restore", "-f", sample_archive)
    ended.expect(5, poor.database.user, "may-not-create-schema", "may-not-create-in-public", "GRANT CREATE")


def test_role_that_was_granted_what_the_hints_say_can_restore(poor: LiveEnvironment, sample_archive: Path) -> None:
    name = poor.database.name
    poor.postgres.execute(f'GRANT CREATE ON DATABASE "{name}" TO "{name}"', name)
    poor.run("restore", "-f", sample_archive).expect(5, "GRANT CREATE, USAGE ON SCHEMA public")
    poor.postgres.execute(f'GRANT CREATE, USAGE ON SCHEMA public TO "{name}"', name)
    poor.run("restore", "-f", sample_archive).expect(0)
    # And over its own content.
    poor.run("restore", "-f", sample_archive).expect(0)


def test_table_of_another_role_that_is_in_the_way_is_named(
    make_environment: MakeEnvironment, sample_archive: Path
) -> None:
    target = make_environment()
    foreign = 'CREATE TABLE public."crm$customer" (id int); GRANT SELECT ON public."crm$customer" TO public'
    target.postgres.execute(foreign, target.database.name)
    before = target.content()
    target.run("restore", "-f", sample_archive).expect(5, "foreign-objects", "crm$customer", "hint:")
    assert before.changes(target.content()) == []


def test_table_of_another_role_that_is_not_in_the_way_stays(
    make_environment: MakeEnvironment, sample_archive: Path
) -> None:
    target = make_environment()
    target.postgres.execute(
        "CREATE TABLE public.audit (id int); INSERT INTO public.audit VALUES (7)", target.database.name
    )
    target.run("restore", "-f", sample_archive).expect(0, "audit")
    assert target.postgres.execute("SELECT id FROM public.audit", target.database.name) == [(7,)]


# ------------------------------------------------------------------------------------------------------------- dry run


def test_dry_run_prints_the_plan_and_changes_nothing(untouchable: LiveEnvironment, sample_archive: Path) -> None:
    ended = untouchable.run("restore", "-f", sample_archive, "--dry-run").expect(0)
    for word in (untouchable.name, "SampleApp", "6 files", "PostgreSQL 15", "pg_restore", "ready: nothing was changed"):
        assert word in ended.out
    value = untouchable.run("restore", "-f", sample_archive, "--dry-run", "-o", "json").expect(0).json()
    assert (value["status"], value["dry_run"], value["findings"]) == ("ready", True, [])
    assert value["contents"]["blob_count"] == 6


def test_dry_run_that_finds_something_ends_with_5_and_shows_all_findings(
    untouchable: LiveEnvironment, sample_archive: Path
) -> None:
    untouchable.app["replicas"] = 1
    with other_session(untouchable):
        ended = untouchable.run("restore", "-f", sample_archive, "--dry-run")
        value = untouchable.run("restore", "-f", sample_archive, "--dry-run", "-o", "json").expect(5).json()
    ended.expect(5, "environment-running", "database-in-use", "hint:")
    assert "refused: nothing was changed" in ended.out
    assert [one["code"] for one in value["findings"]] == ["environment-running", "database-in-use"]
    assert all(one["hint"] for one in value["findings"])
    assert value["status"] == "refused"


def test_undo_with_nothing_to_do(untouchable: LiveEnvironment) -> None:
    assert "nothing" in untouchable.run("restore", "--undo").expect(0).out
    value = untouchable.run("restore", "--undo", "-o", "json").expect(0).json()
    assert (value["undo"], value["put_back"]) == (True, False)


def test_second_restore_at_the_same_time_is_refused(untouchable: LiveEnvironment, sample_archive: Path) -> None:
    first = untouchable.start("restore", "-f", "-", stdin=subprocess.PIPE)
    assert first.process.stdin
    first.process.stdin.write(sample_archive.read_bytes()[:1000])
    first.process.stdin.flush()
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    while not untouchable.postgres.execute(locks)[0][0]:
        assert first.process.poll() is None
        time.sleep(0.02)
    second = untouchable.start("restore", "-f", sample_archive).ended()
    second.expect(5, "another restore is running", untouchable.database.name, "hint:")
    first.ended(b"").expect(4)


def test_files_that_the_database_does_not_name_are_pruned_only_when_asked(
    make_environment: MakeEnvironment, sample_archive: Path
) -> None:
    target = make_environment()
    sample = target.fill(orphans=3)
    admin = target.s3.admin
    target.storage_secret["storage-access-key-id"] = admin.access_key_id
    target.storage_secret["storage-secret-access-key"] = admin.secret_access_key
    target.run("restore", "-f", sample_archive).expect(0)
    assert set(target.blobs()) == {*sample.blobs, *sample.orphans}
    result = target.run("restore", "-f", sample_archive, "--prune-files", "-o", "json").expect(0).json()
    assert result["pruned"] == 3
    assert set(target.blobs()) == set(sample.blobs)
