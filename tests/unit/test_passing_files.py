"""A file appears whole or not at all, and what a killed run left is taken away."""

from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path

import pytest

from mxpc.adapters.archive_files import open_destination
from mxpc.adapters.passing_files import ABANDONED_SECONDS, PassingFile, remove_abandoned

LONGEST_NAME = "ö" * 127


@pytest.fixture(params=["a file without a name", "a passing name"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """As on file systems and systems that know no O_TMPFILE."""
    way = str(request.param)
    if way == "a passing name":
        monkeypatch.setattr("sys.platform", "another")
    elif sys.platform != "linux":
        pytest.skip("a file without a name is Linux' own")
    return way


def written(path: Path, content: bytes) -> PassingFile:
    file = PassingFile(path)
    os.write(file.descriptor, content)
    return file


def left_by_a_killed_run(path: Path, *, age: float) -> Path:
    before = set(path.parent.iterdir())
    file = PassingFile(path)
    (left,) = set(path.parent.iterdir()) - before
    file.close()
    moment = time.time() - age
    os.utime(left, (moment, moment))
    return left


@pytest.mark.parametrize("name", ["backup.tar.gz", LONGEST_NAME], ids=["usual", "longest"])
@pytest.mark.parametrize("older", [False, True])
def test_it_appears_when_it_is_complete_and_is_its_owners_alone(
    way: str, tmp_path: Path, name: str, older: bool
) -> None:
    path = tmp_path / name
    if older:
        path.write_bytes(b"older")
    file = written(path, b"content")
    assert path.exists() == older
    assert len(list(tmp_path.iterdir())) == older + (way == "a passing name")
    file.put_in_place()
    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("way")
def test_nothing_is_left_of_one_that_is_dropped(tmp_path: Path) -> None:
    file = written(tmp_path / "backup.tar.gz", b"content")
    file.drop()
    file.drop()
    assert list(tmp_path.iterdir()) == []


def test_the_next_backup_into_a_folder_removes_what_killed_ones_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("sys.platform", "another")
        left = left_by_a_killed_run(tmp_path / "app-20260101.tar.gz", age=ABANDONED_SECONDS + 60)
        fresh = left_by_a_killed_run(tmp_path / "app-20260102.tar.gz", age=ABANDONED_SECONDS - 60)
    sink = open_destination(str(tmp_path / "app-20260103.tar.gz"))
    sink.abort()
    assert not left.exists()
    assert fresh.exists()


def test_one_that_is_being_written_is_never_taken_for_abandoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("sys.platform", "another")
        file = PassingFile(tmp_path / "backup.tar.gz")
    (path,) = tmp_path.iterdir()
    os.utime(path, (0, 0))
    remove_abandoned(tmp_path)
    assert path.exists()
    file.close()
    remove_abandoned(tmp_path)
    assert not path.exists()


def test_files_of_others_stay(tmp_path: Path) -> None:
    names = (
        "backup.tar.gz",
        ".backup.tar.gz.0123abcd.partial",
        "backup.tar.gz.0123abcd.mxpc-partial",
        ".backup.tar.gz.0123ABCD.mxpc-partial",
        ".0123abcd.mxpc-partial",
    )
    for name in names:
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (0, 0))
    folder = tmp_path / ".folder.0123abcd.mxpc-partial"
    folder.mkdir()
    os.utime(folder, (0, 0))
    remove_abandoned(tmp_path)
    remove_abandoned(tmp_path / "missing")
    assert {path.name for path in tmp_path.iterdir()} == {*names, folder.name}
