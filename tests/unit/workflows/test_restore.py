"""The promises of a restore, over services in memory: new content or old content, nothing between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fakes.database import TARGET, MemoryTarget, broken
from fakes.file_store import MemoryFileStore
from mxpc.adapters.archive_files import FileInput
from mxpc.errors import ArchiveError, CheckRefused, DatabaseError, FileStoreError, HalfwayError, Interrupted, ToolError
from mxpc.model import FileDocument, Half
from mxpc.ports import ArchiveInput
from mxpc.workflows.backup import BackupOptions
from mxpc.workflows.plan import RestoreOptions
from mxpc.workflows.restore import Restore
from unit.workflows.conftest import APP, ENVIRONMENT, PipeOf, SmallApp, blob_name

OLD_BLOBS = {blob_name(500 + number): b"old" * number for number in range(5)}
OLD_DOCUMENTS = [FileDocument(blob, "old", len(content)) for blob, content in OLD_BLOBS.items()]


class Target:
    """An environment with old content, and what a restore of the small app makes of it."""

    def __init__(self, app: SmallApp) -> None:
        self.app = app
        self.store = MemoryFileStore(dict(OLD_BLOBS))
        self.database = MemoryTarget(documents=list(OLD_DOCUMENTS))
        self.database.restored = lambda _: ("SampleApp", list(app.documents))

    def restore(self, options: RestoreOptions | None = None) -> Restore:
        return Restore(ENVIRONMENT, APP, "app", self.database, self.store, options or RestoreOptions())

    def assert_old(self) -> None:
        assert self.database.documents == OLD_DOCUMENTS
        assert self.database.parked is None
        assert self.store.contents == OLD_BLOBS

    def assert_new(self) -> None:
        assert self.database.documents == self.app.documents
        assert self.database.parked is None
        assert self.store.contents == OLD_BLOBS | self.app.contents


@pytest.fixture
def target(app: SmallApp) -> Target:
    return Target(app)


@pytest.fixture(params=["file", "pipe"])
def either(request: pytest.FixtureRequest, archive: FileInput) -> ArchiveInput:
    """The same archive as a file and through a pipe."""
    return archive if request.param == "file" else PipeOf(Path(archive.name).read_bytes())


def test_restore_brings_database_and_files(target: Target, either: ArchiveInput) -> None:
    report = target.restore().run(either)
    target.assert_new()
    assert (report.files_sent, report.files_already_there, report.database_restored) == (40, 0, True)


def test_an_identity_that_may_not_list_can_restore(target: Target, archive: FileInput) -> None:
    target.store.may_list = False
    assert target.restore().run(archive).files_sent == 40
    target.assert_new()


def test_a_repeated_restore_sends_no_file_again(target: Target, archive: FileInput) -> None:
    target.restore().run(archive)
    report = target.restore().run(archive)
    assert (report.files_sent, report.files_already_there) == (0, 40)
    target.assert_new()


@pytest.mark.parametrize("step", ["park", "restore", "restored", "note_added", "facts_restored"])
def test_a_failing_database_puts_the_old_content_back(target: Target, either: ArchiveInput, step: str) -> None:
    target.database.fault = broken(step)
    with pytest.raises(DatabaseError):
        target.restore().run(either)
    target.assert_old()


@pytest.mark.parametrize("method", ["stat", "put"])
@pytest.mark.parametrize("after", [0, 20, 39])
def test_a_failing_file_storage_puts_the_old_content_back(
    target: Target, either: ArchiveInput, method: str, after: int
) -> None:
    target.store.fail(method, FileStoreError("the server is gone"), after=after)
    with pytest.raises(FileStoreError):
        target.restore().run(either)
    target.assert_old()


def test_a_pipe_that_ends_early_puts_the_old_content_back(target: Target, archive: FileInput) -> None:
    whole = Path(archive.name).read_bytes()
    for end in range(len(whole) // 10, len(whole), len(whole) // 10):
        with pytest.raises(ArchiveError):
            target.restore().run(PipeOf(whole[:end]))
        target.assert_old()


def test_a_damaged_file_is_refused_before_anything_is_touched(target: Target, archive: FileInput) -> None:
    whole = bytearray(Path(archive.name).read_bytes())
    whole[len(whole) // 2] ^= 0x10
    Path(archive.name).write_bytes(whole)
    with pytest.raises(ArchiveError):
        target.restore().run(archive)
    assert target.database.steps == []
    target.assert_old()


def test_a_put_back_that_fails_is_named_and_can_be_repeated(target: Target, archive: FileInput) -> None:
    def fault(step: str) -> None:
        broken("restored")(step)
        broken("put_back")(step)

    target.database.fault = fault
    with pytest.raises(HalfwayError, match="putting the old content") as error:
        target.restore().run(archive)
    assert "--undo" in error.value.hint

    target.database.fault = lambda _: None
    assert target.restore().undo()
    target.assert_old()
    assert not target.restore().undo()


def test_a_killed_restore_is_put_back_before_the_next_one(target: Target, archive: FileInput) -> None:
    added = next(iter(target.app.contents))
    target.database.park("killed.tar.gz")
    target.database.note_added([added])
    target.store.contents[added] = target.app.contents[added]
    report = target.restore().run(archive)
    assert report.files_sent == 40
    target.assert_new()


def test_a_restore_killed_after_it_was_accepted_keeps_the_new_files(target: Target, archive: FileInput) -> None:
    def fault(step: str) -> None:
        broken("drop")(step)
        broken("put_back")(step)

    target.database.fault = fault
    with pytest.raises(HalfwayError, match="new content"):
        target.restore().run(archive)
    target.database.fault = lambda _: None
    assert target.restore().undo()
    target.assert_new()


def test_an_interruption_after_the_new_content_was_accepted_does_not_undo_it(
    target: Target, archive: FileInput
) -> None:
    target.database.fault = broken("drop", Interrupted(15))
    target.restore().run(archive)
    target.assert_new()


@pytest.mark.parametrize("step", ["park", "restored", "note_added", "facts_restored", "accept"])
def test_an_interruption_puts_the_old_content_back(target: Target, either: ArchiveInput, step: str) -> None:
    target.database.fault = broken(step, Interrupted(15))
    with pytest.raises(Interrupted):
        target.restore().run(either)
    target.assert_old()


def test_another_app_is_refused(target: Target, either: ArchiveInput) -> None:
    target.database.app = "OtherApp"
    with pytest.raises(CheckRefused, match="SampleApp"):
        target.restore().run(either)
    target.database.app = "SampleApp"
    target.assert_old()


def test_another_app_is_restored_when_allowed(target: Target, archive: FileInput) -> None:
    target.database.app = "OtherApp"
    target.restore(RestoreOptions(allow_other_app=True)).run(archive)
    target.assert_new()


def test_a_running_environment_is_refused(target: Target, archive: FileInput) -> None:
    restore = Restore(ENVIRONMENT, replace(APP, replicas=2), "app", target.database, target.store, RestoreOptions())
    with pytest.raises(CheckRefused, match=r"2 replica"):
        restore.run(archive)
    target.assert_old()


def test_other_sessions_are_refused(target: Target, archive: FileInput) -> None:
    target.database.facts_before = replace(TARGET, other_sessions=("app from 10.0.0.7",))
    with pytest.raises(CheckRefused, match=r"10\.0\.0\.7"):
        target.restore().run(archive)
    target.restore(RestoreOptions(allow_running=True)).run(archive)
    target.assert_new()


def test_session_that_was_only_passing_refuses_nothing(target: Target, archive: FileInput) -> None:
    seen: list[str] = []

    def leave(step: str) -> None:
        if step == "other_sessions":
            seen.append(step)
            target.database.facts_before = TARGET

    target.database.facts_before = replace(TARGET, other_sessions=("exporter from 10.0.0.9",))
    target.database.fault = leave
    target.restore().run(archive)
    target.assert_new()
    assert seen == ["other_sessions"]


def test_dry_run_changes_nothing_and_names_an_unfinished_restore(target: Target, archive: FileInput) -> None:
    target.database.park("killed.tar.gz")
    plan = target.restore().plan(archive)
    assert [one.code for one in plan.refusals] == ["unfinished-restore"]
    assert target.database.steps == ["park"]


def test_only_files_leave_the_database_alone(target: Target, archive: FileInput) -> None:
    target.restore(RestoreOptions(halves=frozenset({Half.FILES}))).run(archive)
    assert target.database.documents == OLD_DOCUMENTS
    assert target.store.contents == OLD_BLOBS | target.app.contents
    assert "park" not in target.database.steps


def test_only_database_leaves_the_files_alone(target: Target, archive: FileInput) -> None:
    target.restore(RestoreOptions(halves=frozenset({Half.DATABASE}))).run(archive)
    assert target.database.documents == target.app.documents
    assert target.store.contents == OLD_BLOBS


def test_another_file_under_the_same_name_is_not_overwritten(target: Target, either: ArchiveInput) -> None:
    somebodys = target.app.documents[9].blob
    target.store.contents[somebodys] = b"somebody's"
    with pytest.raises(FileStoreError, match="another file"):
        target.restore().run(either)
    assert target.store.contents == OLD_BLOBS | {somebodys: b"somebody's"}


def test_an_archive_without_a_dump_from_a_pipe_does_not_leave_an_empty_database(
    target: Target, app: SmallApp, tmp_path: Path
) -> None:
    file = tmp_path / "files.tar.gz"
    app.back_up(file, BackupOptions(halves=frozenset({Half.FILES})))
    with pytest.raises(CheckRefused, match="no database dump") as error:
        target.restore().run(PipeOf(file.read_bytes()))
    assert "--only files" in error.value.hint
    target.assert_old()
    target.restore(RestoreOptions(halves=frozenset({Half.FILES}))).run(PipeOf(file.read_bytes()))
    assert target.store.contents == OLD_BLOBS | app.contents


def test_prune_deletes_what_the_restored_database_does_not_name(target: Target, archive: FileInput) -> None:
    report = target.restore(RestoreOptions(prune_files=True)).run(archive)
    assert report.pruned == len(OLD_BLOBS)
    assert target.store.contents == target.app.contents


def test_files_that_nobody_has_are_listed(target: Target, archive: FileInput) -> None:
    nowhere = FileDocument(blob_name(900), "nowhere", 10)
    target.database.restored = lambda _: ("SampleApp", [*target.app.documents, nowhere])
    assert target.restore().run(archive).missing_files == (nowhere,)


def test_a_storage_that_fails_while_putting_back_does_not_keep_the_database_half_way(
    target: Target, archive: FileInput
) -> None:
    target.database.fault = broken("facts_restored")
    target.store.fail("delete", FileStoreError("the server is gone"), times=100)
    with pytest.raises(ToolError):
        target.restore().run(archive)
    assert target.database.documents == OLD_DOCUMENTS
    assert target.database.parked is None


# ---------------------------------------------------------------------------------------------------- counting the rows


def test_a_table_with_fewer_rows_than_in_the_dump_brings_the_old_content_back(
    target: Target, archive: FileInput
) -> None:
    target.database.rows = {("public", "system$filedocument"): 3}
    with pytest.raises(DatabaseError, match="rows of the backup") as caught:
        target.restore().run(archive)
    assert "public.system$filedocument has 3 rows instead of" in caught.value.evidence
    target.assert_old()


def test_a_running_app_may_change_rows_meanwhile(target: Target, archive: FileInput) -> None:
    target.database.rows = {("public", "system$filedocument"): 3}
    target.restore(RestoreOptions(allow_running=True)).run(archive)
    target.assert_new()
