"""`files`: orphans and losses are told, and orphans deleted only by who really wants it."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.environment import NAMESPACE, LiveEnvironment
from mxpc.demo.data import LOST_BLOB


@pytest.fixture
def listable(environment: LiveEnvironment) -> LiveEnvironment:
    """The sample with two orphans and a lost file, and keys that may list its bucket."""
    admin = environment.s3.admin
    environment.storage_secret["storage-access-key-id"] = admin.access_key_id
    environment.storage_secret["storage-secret-access-key"] = admin.secret_access_key
    environment.secrets += (admin.secret_access_key,)
    return environment


def words(environment: LiveEnvironment, *more: str) -> tuple[str, ...]:
    return ("files", "-n", NAMESPACE, "-e", environment.name, *more)


def orphans(environment: LiveEnvironment) -> list[str]:
    lines = environment.run(*words(environment, "--orphans")).expect(0).out.splitlines()
    return [line.split()[0] for line in lines]


def test_orphans_and_losses_are_told(listable: LiveEnvironment) -> None:
    result = listable.run(*words(listable, "-o", "json")).expect(0).json()
    assert len(result["orphans"]) == 2
    assert [one["blob"] for one in result["missing"]] == [LOST_BLOB]
    assert result["blob_count"] == len(listable.blobs())
    assert result["deleted"] is None
    assert set(orphans(listable)) == {one["blob"] for one in result["orphans"]}
    assert LOST_BLOB in listable.run(*words(listable, "--missing")).expect(0).out


@pytest.mark.parametrize("typed", [b"\n", b"1\n", b"yes\n", b""], ids=repr)
def test_orphans_stay_when_another_number_is_typed(listable: LiveEnvironment, typed: bytes) -> None:
    before = listable.content()
    listable.run(*words(listable, "--delete-orphans"), feed=typed).expect(2, "nothing was deleted")
    assert before.changes(listable.content()) == []


@pytest.mark.parametrize(("more", "typed"), [((), b"2\n"), (("--yes",), None)], ids=["typed", "--yes"])
def test_orphans_are_deleted_and_nothing_else(
    listable: LiveEnvironment, more: tuple[str, ...], typed: bytes | None
) -> None:
    before, named = listable.blobs(), orphans(listable)
    ended = listable.run(*words(listable, "--delete-orphans", *more), feed=typed).expect(0)
    assert "deleted" in ended.out
    assert listable.blobs() == {blob: digest for blob, digest in before.items() if blob not in named}
    assert orphans(listable) == []


def test_orphans_of_a_running_app_are_not_deleted(listable: LiveEnvironment) -> None:
    """A file that it is just storing has no document yet."""
    listable.app["replicas"] = 2
    before = listable.content()
    listable.run(*words(listable, "--delete-orphans", "--yes")).expect(5, "2 replica(s)", "--allow-running")
    assert before.changes(listable.content()) == []
    listable.run(*words(listable, "--delete-orphans", "--yes", "--allow-running")).expect(0)


def test_without_the_right_to_list_there_is_no_report(untouchable: LiveEnvironment) -> None:
    untouchable.run(*words(untouchable)).expect(3, "may not list", "s3:ListBucket")


def test_credentials_folder_is_private_and_serves_as_it_is(untouchable: LiveEnvironment, tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    ended = untouchable.run("credentials", "-n", NAMESPACE, "-e", untouchable.name, "--to", folder).expect(0)
    assert str(folder) in ended.out
    assert oct(folder.stat().st_mode & 0o777) == "0o700"
    assert {oct(file.stat().st_mode & 0o777) for file in folder.iterdir()} == {"0o600"}
    archive = untouchable.home / "from-credentials.tar.gz"
    requests = len(untouchable.kubernetes.requests)
    untouchable.run("backup", "--credentials-dir", folder, "-f", archive).expect(0)
    assert len(untouchable.kubernetes.requests) == requests
    untouchable.run("credentials", "-n", NAMESPACE, "-e", untouchable.name, "--to", folder).expect(2, "not empty")


def test_database_and_storage_may_be_in_two_folders(untouchable: LiveEnvironment, tmp_path: Path) -> None:
    whole = untouchable.credentials_folder()
    folders = [tmp_path / "database", tmp_path / "storage"]
    for folder in folders:
        folder.mkdir()
        for file in whole.glob(f"{folder.name}-*"):
            (folder / file.name).write_bytes(file.read_bytes())
    arguments = [word for folder in folders for word in ("--credentials-dir", folder)]
    untouchable.run("backup", *arguments, "-f", untouchable.home / "two-folders.tar.gz").expect(0)
