"""Files that the app encrypted: refused, or kept with the keys to them and put back with both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fakes.database import MemoryTarget
from fakes.file_store import MemoryFileStore
from mxpc.adapters.archive_files import open_input
from mxpc.adapters.objects_file import kept_objects, objects_file_of
from mxpc.archive.scan import scan
from mxpc.errors import ArchiveError, CheckRefused, FileStoreError, RequestError
from mxpc.model import AppFacts, FileDocument, KeptObjects
from mxpc.ports import ArchiveInput
from mxpc.progress import Silent
from mxpc.workflows.plan import RestoreOptions
from mxpc.workflows.restore import Restore
from mxpc.workflows.verify import check_keys, read_archive
from unit.workflows.conftest import APP, ENVIRONMENT, PipeOf, SmallApp, blob_name

OLD_DOCUMENTS = [FileDocument(blob_name(500), "old", 3)]
ENCRYPTING = replace(APP, encrypts_blobs=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backup.tar.gz"


@pytest.fixture(params=["file", "pipe"])
def either(request: pytest.FixtureRequest, app: SmallApp, file: Path) -> ArchiveInput:
    """A backup with three encrypted files, as a file and through a pipe."""
    app.encrypt(3, 5, 39)
    app.back_up(file, keep_encrypted=True)
    return open_input(str(file)) if request.param == "file" else PipeOf(file.read_bytes())


class Target:
    """An environment with other content."""

    def __init__(self, app: SmallApp, facts: AppFacts = ENCRYPTING) -> None:
        self.store = MemoryFileStore({blob_name(500): b"old"})
        self.database = MemoryTarget(documents=list(OLD_DOCUMENTS))
        self.database.restored = lambda _: ("SampleApp", list(app.documents))
        self.facts = facts

    def restore(self, kept: KeptObjects | None) -> Restore:
        return Restore(ENVIRONMENT, self.facts, "app", self.database, self.store, RestoreOptions(), kept=kept)

    def assert_old(self) -> None:
        assert self.database.documents == OLD_DOCUMENTS
        assert self.database.parked is None
        assert self.store.contents == {blob_name(500): b"old"}


# -------------------------------------------------------------------------------------------------------------- backup


@pytest.mark.parametrize("number", [0, 39])
def test_encrypted_blobs_are_refused(app: SmallApp, file: Path, number: int) -> None:
    """Also one that only comes on the way."""
    app.encrypt(number)
    with pytest.raises(RequestError, match="encrypts") as refused:
        app.back_up(file)
    assert "--keep-encrypted" in refused.value.hint
    assert list(file.parent.iterdir()) == []


def test_metadata_of_encrypted_blobs_is_kept_beside_the_archive(app: SmallApp, file: Path) -> None:
    keys = app.encrypt(3, 5, 39)
    report = app.back_up(file, keep_encrypted=True)
    kept = kept_objects(str(file), None)
    assert kept is not None
    assert kept.objects == keys
    assert report.encrypted_count == 3
    assert report.wrong_sizes == ()  # ciphertext is longer than the database says, and nobody knows the plain size
    assert scan(open_input(str(file)).open()).encrypted_count == 3


def test_plain_size_that_the_client_tells_is_compared(app: SmallApp, file: Path) -> None:
    app.encrypt(3, 5)
    for number, size in ((3, app.documents[3].size), (5, 17)):
        blob = app.documents[number].blob
        app.store.encryption[blob] = {**app.store.encryption[blob], "x-amz-unencrypted-content-length": str(size)}
    report = app.back_up(file, keep_encrypted=True)
    assert [(one.blob, one.blob_size) for one in report.wrong_sizes] == [(app.documents[5].blob, 17)]


def test_nothing_is_written_beside_an_archive_without_encrypted_files(app: SmallApp, file: Path) -> None:
    assert app.back_up(file, keep_encrypted=True).encrypted_count == 0
    assert list(file.parent.iterdir()) == [file]


def test_a_failing_backup_leaves_no_keys_behind(app: SmallApp, file: Path) -> None:
    app.encrypt(3)
    app.store.fail("open", FileStoreError("the server is gone"), after=39)
    with pytest.raises(FileStoreError):
        app.back_up(file, keep_encrypted=True)
    assert list(file.parent.iterdir()) == []


# ------------------------------------------------------------------------------------------------------------- restore


def test_metadata_comes_back_with_the_content(app: SmallApp, file: Path, either: ArchiveInput) -> None:
    target = Target(app)
    report = target.restore(kept_objects(str(file), None)).run(either)
    assert report.warnings == ()
    assert target.store.contents == {blob_name(500): b"old"} | app.contents
    assert {blob: one for blob, one in target.store.encryption.items() if one} == app.store.encryption


def test_archive_without_its_keys_is_refused(app: SmallApp, either: ArchiveInput) -> None:
    target = Target(app)
    with pytest.raises(CheckRefused, match="keys to them are not there") as refused:
        target.restore(None).run(either)
    assert refused.value.evidence == "encrypted-without-keys"
    assert "--objects-file" in refused.value.hint
    target.assert_old()


def test_keys_of_another_backup_are_refused(app: SmallApp, file: Path, either: ArchiveInput) -> None:
    kept = kept_objects(str(file), None)
    assert kept
    fewer = KeptObjects(
        "other.json", {blob: one for blob, one in kept.objects.items() if blob != app.documents[5].blob}
    )
    target = Target(app)
    with pytest.raises(CheckRefused, match=r"other.json has the keys to 2 of them") as refused:
        target.restore(fewer).run(either)
    assert refused.value.evidence == "encrypted-other-keys"
    target.assert_old()


def test_storage_that_keeps_no_metadata_is_refused(app: SmallApp, file: Path, either: ArchiveInput) -> None:
    target = Target(app)
    target.store.keeps_metadata = False
    with pytest.raises(CheckRefused) as refused:
        target.restore(kept_objects(str(file), None)).run(either)
    assert refused.value.evidence == "storage-without-metadata"
    target.assert_old()


def test_app_without_encryption_keys_is_warned_of(app: SmallApp, file: Path, either: ArchiveInput) -> None:
    report = Target(app, APP).restore(kept_objects(str(file), None)).run(either)
    said = [*report.warnings, *(one.what for one in report.findings)]
    assert [one for one in said if "no EncryptionKeys" in one]


def test_repeated_restore_sends_nothing_again(app: SmallApp, file: Path, either: ArchiveInput) -> None:
    target = Target(app)
    for expected in (40, 0):
        assert target.restore(kept_objects(str(file), None)).run(either).files_sent == expected


def test_blob_that_lost_its_key_is_nobodys_to_overwrite(app: SmallApp, file: Path, either: ArchiveInput) -> None:
    target, blob = Target(app), app.documents[5].blob
    target.store.contents[blob] = app.contents[blob]
    with pytest.raises(FileStoreError, match=f"{blob} with another key"):
        target.restore(kept_objects(str(file), None)).run(either)
    assert target.store.contents[blob] == app.contents[blob]
    assert target.database.documents == OLD_DOCUMENTS


def test_keys_of_an_older_backup_do_not_spoil_plain_files(app: SmallApp, file: Path) -> None:
    """The app no longer encrypts, and the file with the keys of an older backup still lies there."""
    app.encrypt(3)
    app.back_up(file, keep_encrypted=True)
    app.store.encryption.clear()
    app.back_up(file)
    target = Target(app)
    target.restore(kept_objects(str(file), None)).run(open_input(str(file)))
    assert not any(target.store.encryption.values())


# -------------------------------------------------------------------------------------------------------------- verify


def test_verify_counts_the_keys(app: SmallApp, file: Path) -> None:
    app.encrypt(3, 5)
    app.back_up(file, keep_encrypted=True)
    summary = read_archive(open_input(str(file)), Silent(), kept_objects(str(file), None))
    assert (summary.encrypted_count, summary.keys_known) == (2, 2)
    check_keys(summary)


def test_verify_calls_an_archive_without_its_keys_incomplete(app: SmallApp, file: Path) -> None:
    app.encrypt(3, 5)
    app.back_up(file, keep_encrypted=True)
    objects_file_of(str(file)).unlink()
    with pytest.raises(ArchiveError, match="incomplete"):
        check_keys(read_archive(open_input(str(file)), Silent(), None))
