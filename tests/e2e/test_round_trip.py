"""The main job: back up, lose everything, restore, and have it back."""

from __future__ import annotations

import io
import stat
import tarfile
from pathlib import Path

import pytest

from e2e.conftest import MakeEnvironment
from e2e.environment import Content, LiveEnvironment
from e2e.sample import Restorable, Untouchable
from fakes.s3_faults import FaultProxy
from mxpc.demo.data import LOST_BLOB, Sample
from mxpc.demo.postgres import PostgresServer

DOCUMENTS = 300


class Full:
    """An environment with 300 documents, its bucket shared with another environment."""

    def __init__(self, make: MakeEnvironment, postgres: PostgresServer) -> None:
        self.environment = make(postgres, folder="our-app")
        self.sample: Sample = self.environment.fill(documents=DOCUMENTS, orphans=12)
        self.neighbour = make(folder="another-app", bucket_of=self.environment)
        self.neighbour.fill(seed="neighbour")
        # What only a careful dump brings back: a view, a comment, a check, another index, a sequence with gaps.
        self.environment.execute(
            """
            CREATE VIEW "crm$active" AS SELECT "name" FROM "crm$customer" WHERE "active";
            ALTER TABLE "crm$customer" ADD CONSTRAINT "limit is positive" CHECK ("creditlimit" >= 0);
            CREATE INDEX "names, lower" ON "crm$customer" (lower("name")) WHERE "active";
            COMMENT ON TABLE "crm$customer" IS 'Kundinnen & "Kunden" ①';
            CREATE SEQUENCE "crm$стран_mxseq" INCREMENT 7 START 70; SELECT nextval('"crm$стран_mxseq"');
            """
        )
        self.content = self.environment.content()


@pytest.fixture(scope="module", params=["postgres_15", "postgres_18"])
def full(request: pytest.FixtureRequest, make_environment: MakeEnvironment) -> Full:
    """On PostgreSQL 15 and on 18."""
    return Full(make_environment, request.getfixturevalue(request.param))


@pytest.fixture(scope="module")
def full_archive(full: Full) -> Path:
    """Its backup; the run's own words are in backup.json beside it."""
    path = full.environment.home / "backup.tar.gz"
    ended = full.environment.run("backup", "-f", path, "-o", "json").expect(0)
    path.with_name("backup.json").write_bytes(ended.stdout)
    return path


def test_everything_comes_back_after_everything_was_lost(full: Full, full_archive: Path) -> None:
    before = full.environment.content()
    assert full.content.changes(before) == []  # a backup changes nothing
    neighbour = full.neighbour.content()
    full.environment.destroy()

    ended = full.environment.run("restore", "-f", full_archive, "-o", "json").expect(0)

    wanted = {full.environment.layout.key(blob): digest for blob, digest in full.sample.blobs.items()}
    assert Content(before.database, wanted).changes(full.environment.content()) == []
    assert neighbour.changes(full.neighbour.content()) == []
    result = ended.json()
    assert result["file_count"] == result["files_sent"] == len(full.sample.blobs)
    assert [one["blob"] for one in result["missing_files"]] == [LOST_BLOB]


def test_backup_holds_the_files_of_the_environment_and_no_others(full: Full, full_archive: Path) -> None:
    with tarfile.open(full_archive) as archive:
        entries = {member.name: member.size for member in archive}
    blobs = {name.rpartition("/")[2] for name in entries if name.startswith("tree/")}
    assert list(entries)[:2] == [".metadata", "db/db.backup"]
    assert blobs == set(full.sample.blobs)
    assert set(entries) == {".metadata", "db/db.backup", *(f"tree/{b[:2]}/{b[2:4]}/{b}" for b in full.sample.blobs)}
    assert {0, 6_000_000} <= set(entries.values())


def test_backup_file_is_for_its_owner_alone(full_archive: Path) -> None:
    assert stat.S_IMODE(full_archive.stat().st_mode) == 0o600


def test_identity_that_may_not_list_is_told_so_and_only_when_the_list_is_asked_for(full: Full) -> None:
    path = full.environment.home / "all.tar.gz"
    full.environment.run("backup", "-f", path, "--files", "all").expect(3, full.environment.bucket, "list")
    assert not path.exists()


def test_kubernetes_is_only_asked_to_get_named_objects(full: Full, full_archive: Path) -> None:
    ours = [request for request in full.environment.kubernetes.requests if full.environment.name in request[1]]
    assert {verb for verb, _ in ours} == {"get"}
    assert {path.rpartition("/")[2].removeprefix(full.environment.name) for _, path in ours} == {
        "",
        "-database",
        "-file",
    }


# --------------------------------------------------------------------------------------------- of the small environment


def test_lost_file_is_listed_with_uuid_and_name_and_the_backup_is_done(untouchable: LiveEnvironment) -> None:
    path = untouchable.home / "lost.tar.gz"
    ended = untouchable.run("backup", "-f", path).expect(0, LOST_BLOB, "lost.docx", "missing from the file storage")
    assert "1 file" in ended.out
    assert path.exists()


def test_lost_file_makes_a_strict_backup_end_with_7_and_the_file_is_there(untouchable: LiveEnvironment) -> None:
    path = untouchable.home / "strict.tar.gz"
    result = untouchable.run("backup", "-f", path, "--strict", "-o", "json").expect(7, LOST_BLOB).json()
    assert result["missing"] == [{"blob": LOST_BLOB, "name": "lost.docx", "kind": "missing from the file storage"}]
    assert path.exists()


def test_strict_backup_without_any_loss_ends_with_0(environment: LiveEnvironment) -> None:
    environment.execute(f'DELETE FROM "system$filedocument" WHERE "__uuid__" = \'{LOST_BLOB}\'')
    environment.run("backup", "-f", environment.home / "whole.tar.gz", "--strict").expect(0)


def test_file_of_another_size_than_the_database_has_is_a_warning_that_names_both(environment: LiveEnvironment) -> None:
    environment.execute('UPDATE "system$filedocument" SET "size" = 4097 WHERE "name" = \'contract-1000.pdf\'')
    path = environment.home / "sizes.tar.gz"
    environment.run("backup", "-f", path).expect(0, "contract-1000.pdf", "4,097", "4,096")
    environment.run("backup", "-f", path, "--strict").expect(7)


def test_amazon_says_forbidden_for_a_lost_file_and_the_backup_says_so_too(untouchable: LiveEnvironment) -> None:
    with FaultProxy(("127.0.0.1", untouchable.s3.port), hide_missing=True) as amazon:
        untouchable.storage_secret["storage-endpoint"] = amazon.endpoint
        untouchable.run("backup", "-f", untouchable.home / "amazon.tar.gz").expect(0, LOST_BLOB, "missing or forbidden")


def test_restore_with_an_identity_to_which_amazon_does_not_tell_what_is_missing(
    restorable: Restorable, sample_archive: Path
) -> None:
    target = restorable.environment
    endpoint = target.storage_secret["storage-endpoint"]
    with FaultProxy(("127.0.0.1", target.s3.port), hide_missing=True) as amazon:
        target.storage_secret["storage-endpoint"] = amazon.endpoint
        try:
            target.run("restore", "-f", sample_archive).expect(0, LOST_BLOB)
        finally:
            target.storage_secret["storage-endpoint"] = endpoint
    assert restorable.differences() == []


def test_restore_into_a_second_environment_that_is_empty(
    make_environment: MakeEnvironment, untouchable_state: Untouchable, sample_archive: Path
) -> None:
    second = make_environment()
    second.run("restore", "-f", sample_archive).expect(0)
    assert Restorable(second, untouchable_state).differences() == []


def test_restore_brings_the_sample_and_takes_away_what_the_backup_lacks(
    restorable: Restorable, sample_archive: Path
) -> None:
    result = restorable.environment.run("restore", "-f", sample_archive, "-o", "json").expect(0).json()
    assert restorable.differences() == []
    assert result["app_name"] == "SampleApp"
    assert result["database_restored"] is True


def test_backup_through_standard_output_and_restore_from_standard_input(
    untouchable: LiveEnvironment, restorable: Restorable
) -> None:
    backup = untouchable.run("backup", "-f", "-").expect(0, "standard output", LOST_BLOB)
    with tarfile.open(fileobj=io.BytesIO(backup.stdout)) as archive:
        assert archive.getnames()[:2] == [".metadata", "db/db.backup"]
    restorable.environment.run("restore", "-f", "-", feed=backup.stdout).expect(0)
    assert restorable.differences() == []


def test_verify_and_inspect_read_standard_input(untouchable: LiveEnvironment, sample_archive: Path) -> None:
    data = sample_archive.read_bytes()
    assert "sound" in untouchable.run("verify", "-f", "-", feed=data).expect(0).out
    # As with the shell's <(…): a link leads to a pipe that has no path of its own.
    assert "sound" in untouchable.run("verify", "-f", "/dev/stdin", feed=data).expect(0).out
    assert "SampleApp" in untouchable.run("inspect", "-f", "-", feed=data).expect(0).out


def test_database_alone_is_a_bare_dump_and_comes_back_alone(
    untouchable: LiveEnvironment, restorable: Restorable
) -> None:
    path = untouchable.home / "database.backup"
    untouchable.run("backup", "-f", path, "--only", "database").expect(0)
    assert path.read_bytes()[:5] == b"PGDMP"
    restorable.environment.run("restore", "-f", path).expect(0)
    assert restorable.differences(files=False) == []


def test_database_alone_in_an_archive(untouchable: LiveEnvironment, restorable: Restorable) -> None:
    path = untouchable.home / "database.tar.gz"
    untouchable.run("backup", "-f", path, "--only", "database").expect(0)
    with tarfile.open(path) as archive:
        assert archive.getnames() == [".metadata", "db/db.backup"]
    restorable.environment.run("restore", "-f", path, "--only", "database").expect(0)
    assert restorable.differences(files=False) == []


def test_files_alone_come_back_and_the_database_stays(untouchable: LiveEnvironment, restorable: Restorable) -> None:
    target = restorable.environment
    path = untouchable.home / "files.tar.gz"
    untouchable.run("backup", "-f", path, "--only", "files").expect(0)
    before = target.content()
    target.run("restore", "-f", path, "--only", "files").expect(0)
    after = target.content()
    assert before.database == after.database
    assert len(after.bucket) == 6


def test_only_database_needs_no_file_storage_at_all(untouchable: LiveEnvironment) -> None:
    untouchable.objects[4]["metadata"]["name"] = "elsewhere"
    untouchable.run("backup", "-f", untouchable.home / "no-storage.backup", "--only", "database").expect(0)


def test_all_files_brings_the_orphans_along(environment: LiveEnvironment, restorable: Restorable) -> None:
    environment.storage_secret["storage-access-key-id"] = environment.s3.admin.access_key_id
    environment.storage_secret["storage-secret-access-key"] = environment.s3.admin.secret_access_key
    path = environment.home / "all.tar.gz"
    result = environment.run("backup", "-f", path, "--files", "all", "-o", "json").expect(0).json()
    assert result["unreferenced_count"] == 2
    target = restorable.environment
    target.run("restore", "-f", path).expect(0)
    assert set(target.blobs()) == set(environment.blobs())


def test_files_that_are_there_already_are_not_sent_again(restorable: Restorable, sample_archive: Path) -> None:
    target = restorable.environment
    target.run("restore", "-f", sample_archive).expect(0)
    again = target.run("restore", "-f", sample_archive, "-o", "json").expect(0).json()
    assert (again["files_sent"], again["files_already_there"]) == (0, again["file_count"])
    assert restorable.differences() == []


def test_endpoint_with_the_bucket_in_its_path_and_a_folder(
    make_environment: MakeEnvironment, sample_archive: Path
) -> None:
    target = make_environment(folder="sub/folder")
    target.run("restore", "-f", sample_archive).expect(0)
    assert all(key.startswith("sub/folder/") for key in target.content().bucket)
    path = target.home / "again.tar.gz"
    result = target.run("backup", "-f", path, "-o", "json").expect(0).json()
    assert result["layout"] == "sub/folder/<uuid>"
    assert result["file_count"] == 6


def test_credentials_from_a_folder_need_no_kubernetes(untouchable: LiveEnvironment, restorable: Restorable) -> None:
    path = untouchable.home / "from-folder.tar.gz"
    nowhere = {"KUBECONFIG": "/nonexistent/kubeconfig"}
    untouchable.run("backup", "--credentials-dir", untouchable.credentials_folder(), "-f", path, env=nowhere).expect(0)
    target = restorable.environment
    target.run("restore", "--credentials-dir", target.credentials_folder(), "-f", path, env=nowhere).expect(0)
    assert restorable.differences() == []


def test_older_backup_of_the_name_is_replaced(untouchable: LiveEnvironment) -> None:
    path = untouchable.home / "replaced" / "backup.tar.gz"
    path.parent.mkdir()
    path.write_bytes(b"an older backup")
    untouchable.run("backup", "-f", path).expect(0)
    assert path.read_bytes()[:2] == b"\x1f\x8b"
    assert list(path.parent.iterdir()) == [path]
