"""The promises of a backup, over services in memory."""

from __future__ import annotations

import io
import json
import os
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fakes.database import broken
from mxpc.archive.dump import DumpStream
from mxpc.errors import (
    BlobNotFound,
    DatabaseError,
    DestinationError,
    FileStoreError,
    HalfwayError,
    Interrupted,
    ToolError,
)
from mxpc.model import FileDocument, Half, InterruptedRestore, LossKind
from mxpc.workflows.backup import BackupOptions
from mxpc.workflows.fetch import FetchOptions
from unit.workflows.conftest import DUMPS, SmallApp, blob_name


def content_of(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as tar:
        return {one.name: reader.read() for one in tar if (reader := tar.extractfile(one))}


def test_backup_holds_metadata_dump_and_every_referenced_blob_in_this_order(app: SmallApp, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"

    report = app.back_up(file)

    content = content_of(file)
    assert list(content)[:2] == [".metadata", "db/db.backup"]
    assert content["db/db.backup"] == app.source.dump
    blobs = {name.rpartition("/")[2]: data for name, data in content.items() if name.startswith("tree/")}
    assert blobs == app.contents
    assert json.loads(content[".metadata"]) == {
        "duration": "0",
        "dumpSize": str(len(app.source.dump)),
        "modelVersion": "1.0.0.40",
        "databaseSize": "9730584",
        "filesSize": str(sum(map(len, app.contents.values()))),
    }
    assert (report.file_count, report.has_warnings) == (40, False)
    assert report.archive_size == file.stat().st_size
    assert file.stat().st_mode & 0o777 == 0o600


def test_big_blobs_arrive_whole_though_they_are_read_in_ranges(app: SmallApp, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    app.back_up(file, BackupOptions(fetch=FetchOptions(transfers=3, range_size=1000, max_ahead_bytes=5000)))
    blobs = {name.rpartition("/")[2]: data for name, data in content_of(file).items() if name.startswith("tree/")}
    assert blobs == app.contents


def test_a_blob_whose_document_is_gone_by_now_was_deleted_meanwhile(app: SmallApp, tmp_path: Path) -> None:
    gone, lost = app.documents[3], app.documents[5]

    def app_deletes_a_file(method: str, _blob: str) -> None:
        if method != "probe":
            return
        app.source.documents = [one for one in app.source.documents if one != gone]
        for one in (gone, lost):
            app.store.contents.pop(one.blob, None)

    app.store.hooks.append(app_deletes_a_file)
    report = app.back_up(tmp_path / "backup.tar.gz")

    assert {(one.blob, one.kind) for one in report.missing} == {
        (gone.blob, LossKind.DELETED_MEANWHILE),
        (lost.blob, LossKind.LOST),
    }
    assert [one.name for one in report.lost] == [lost.name]
    assert report.has_warnings


def test_a_blob_of_another_size_is_kept_and_named_with_both_sizes(app: SmallApp, tmp_path: Path) -> None:
    app.source.documents[7] = FileDocument(app.documents[7].blob, "seven", 5)
    report = app.back_up(tmp_path / "backup.tar.gz")
    (wrong,) = report.wrong_sizes
    assert (wrong.name, wrong.database_size, wrong.blob_size) == ("seven", 5, 7 * 1021)
    assert report.file_count == 40


def test_every_blob_missing_is_an_error_that_leaves_nothing(app: SmallApp, tmp_path: Path) -> None:
    app.store.contents.clear()
    with pytest.raises(FileStoreError, match="every one of the 40 files"):
        app.back_up(tmp_path / "backup.tar.gz")
    assert list(tmp_path.iterdir()) == []


def test_all_files_takes_orphans_too(app: SmallApp, tmp_path: Path) -> None:
    app.store.contents[blob_name(1000)] = b"orphan"
    report = app.back_up(tmp_path / "backup.tar.gz", BackupOptions(every_file=True))
    assert (report.file_count, report.unreferenced_count) == (41, 1)


def test_files_alone_leave_out_the_dump(app: SmallApp, tmp_path: Path) -> None:
    file = tmp_path / "files.tar.gz"
    app.back_up(file, BackupOptions(halves=frozenset({Half.FILES})))
    assert "db/db.backup" not in content_of(file)
    assert app.source.dumps == 0


def test_the_database_alone_is_the_bare_dump(app: SmallApp, tmp_path: Path) -> None:
    file = tmp_path / "database.backup"
    app.back_up(file, BackupOptions(halves=frozenset({Half.DATABASE}), bare_dump=True))
    assert file.read_bytes() == app.source.dump


def version_of(dump: bytes) -> tuple[int, ...]:
    return tuple(dump[5:7])


@pytest.mark.parametrize("sink", ["file", "pipe"])
def test_a_dump_of_any_pg_dump_is_one_that_mendix_cloud_reads(app: SmallApp, tmp_path: Path, sink: str) -> None:
    app.source.dump = (DUMPS / "pg18-Z0.backup").read_bytes()
    file = tmp_path / "backup.tar.gz"
    if sink == "pipe":
        os.mkfifo(file)
        with ThreadPoolExecutor(1) as pool:
            read = pool.submit(file.read_bytes)
            app.back_up(file)
        file.unlink()
        file.write_bytes(read.result())
    else:
        app.back_up(file)
    dump = content_of(file)["db/db.backup"]
    assert (version_of(app.source.dump), version_of(dump)) == ((1, 16), (1, 14))
    checked = DumpStream(io.BytesIO(dump)).check()
    assert checked.table_count == DumpStream(io.BytesIO(app.source.dump)).facts.table_count


def test_a_dump_is_left_as_it_is_when_asked(app: SmallApp, tmp_path: Path) -> None:
    app.source.dump = (DUMPS / "pg18-Z0.backup").read_bytes()
    file = tmp_path / "backup.tar.gz"
    app.back_up(file, BackupOptions(dump_version=None))
    assert content_of(file)["db/db.backup"] == app.source.dump


def test_a_dump_of_a_version_from_the_future_is_kept_as_it_is(app: SmallApp, tmp_path: Path) -> None:
    future = bytearray(app.source.dump)
    future[5:7] = (1, 99)
    app.source.dump = bytes(future)
    file = tmp_path / "backup.tar.gz"
    app.back_up(file)
    assert content_of(file)["db/db.backup"] == future


@pytest.mark.parametrize("step", ["snapshot", "dump", "still_named"])
def test_a_failing_database_leaves_the_older_backup(app: SmallApp, tmp_path: Path, step: str) -> None:
    file = tmp_path / "backup.tar.gz"
    file.write_bytes(b"older")
    app.store.contents.pop(app.documents[1].blob)
    app.source.fault = broken(step)
    with pytest.raises(DatabaseError):
        app.back_up(file)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("backup.tar.gz", b"older")]


@pytest.mark.parametrize("error", [FileStoreError("the server is gone"), Interrupted(15)])
@pytest.mark.parametrize("after", [0, 17, 39])
def test_a_failing_download_leaves_nothing(app: SmallApp, tmp_path: Path, error: ToolError, after: int) -> None:
    app.store.fail("open", error, after=after)
    with pytest.raises(type(error)):
        app.back_up(tmp_path / "backup.tar.gz")
    assert list(tmp_path.iterdir()) == []


def test_a_blob_that_vanishes_between_two_ranges_fails_the_backup(app: SmallApp, tmp_path: Path) -> None:
    app.store.fail("read_range", BlobNotFound("gone"))
    with pytest.raises(BlobNotFound):
        app.back_up(tmp_path / "backup.tar.gz", BackupOptions(fetch=FetchOptions(range_size=1000)))
    assert list(tmp_path.iterdir()) == []


def test_a_half_restored_database_is_not_backed_up(app: SmallApp, tmp_path: Path) -> None:
    app.source.interrupted = InterruptedRestore("restoring", "2026-01-01T00:00:00Z", "old.tar.gz")
    with pytest.raises(HalfwayError, match="middle of a restore") as error:
        app.back_up(tmp_path / "backup.tar.gz")
    assert "--undo" in error.value.hint


def test_a_full_disk_is_an_error_and_leaves_nothing(app: SmallApp) -> None:
    with pytest.raises(DestinationError, match="cannot write"):
        app.back_up(Path("/dev/full"))
