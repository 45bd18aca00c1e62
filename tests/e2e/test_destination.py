"""Where the backup is to be written: what does not work is said early, and an older backup of the name stays."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.environment import LiveEnvironment
from servers import require

OLDER = b"an older backup"


@pytest.fixture
def older(untouchable: LiveEnvironment) -> Iterator[Path]:
    """An older backup, alone in its folder, which must be the only one there and untouched afterwards."""
    folder = untouchable.home / "destination"
    folder.mkdir()
    path = folder / "backup.tar.gz"
    path.write_bytes(OLDER)
    yield path
    left = list(folder.iterdir())
    content = path.read_bytes()
    shutil.rmtree(folder)
    assert (left, content) == ([path], OLDER)


def test_folder_that_is_missing(untouchable: LiveEnvironment) -> None:
    path = untouchable.home / "missing" / "backup.tar.gz"
    ended = untouchable.run("backup", "-f", path)
    ended.expect(2, str(path.parent), "No such file or directory", "hint:")
    assert not path.parent.exists()


def test_folder_that_is_a_file(untouchable: LiveEnvironment, older: Path) -> None:
    untouchable.run("backup", "-f", older / "backup.tar.gz").expect(2, str(older), "Not a directory")


def test_file_that_is_a_folder(untouchable: LiveEnvironment, older: Path) -> None:
    untouchable.run("backup", "-f", older.parent).expect(2, str(older.parent), "is a folder")


def test_folder_that_is_read_only(untouchable: LiveEnvironment, older: Path) -> None:
    with read_only(older.parent) as wrapper:
        ended = untouchable.run("backup", "-f", older, wrapper=wrapper)
    ended.expect(2, str(older.parent), "Permission denied", "hint:")


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[list[str]]:
    """Take the right to write away; the wrapper takes root's power to ignore that."""
    wrapper = []
    if os.geteuid() == 0:
        program = shutil.which("setpriv")
        if not program:
            require("setpriv is not installed, and root ignores the rights of files")
        wrapper = [program, "--bounding-set=-dac_override,-dac_read_search", "--"]
    folder.chmod(0o500)
    try:
        yield wrapper
    finally:
        folder.chmod(0o700)


def test_folder_that_is_read_only_is_noticed_before_any_service_is_asked(
    untouchable: LiveEnvironment, older: Path
) -> None:
    asked = len(untouchable.kubernetes.requests)
    with read_only(older.parent) as wrapper:
        untouchable.run("backup", "-f", older, wrapper=wrapper).expect(2)
    assert len(untouchable.kubernetes.requests) == asked


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 KiB: the sample's archive needs more."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no right to mount a small file system; test_limit_of_the_file_size does a part of it")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_disk_that_gets_full(untouchable: LiveEnvironment, small_disk: Path) -> None:
    path = small_disk / "backup.tar.gz"
    path.write_bytes(OLDER)
    ended = untouchable.run("backup", "-f", path)
    ended.expect(3, str(path), "No space left on device", "older backup of that name is untouched")
    assert (list(small_disk.iterdir()), path.read_bytes()) == ([path], OLDER)


def test_limit_of_the_file_size(untouchable: LiveEnvironment, older: Path) -> None:
    shell = ["/bin/sh", "-c", 'ulimit -f 16; exec "$@"', "sh"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    untouchable.run("backup", "-f", older, wrapper=shell).expect(3, str(older), "File too large")


def test_device_that_is_full(untouchable: LiveEnvironment) -> None:
    untouchable.run("backup", "-f", "/dev/full").expect(3, "No space left on device")
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_standard_output_that_is_full(untouchable: LiveEnvironment) -> None:
    shell = ["/bin/sh", "-c", 'exec "$@" > /dev/full', "sh"]
    untouchable.run("backup", "-f", "-", wrapper=shell).expect(3, "cannot write the backup", "No space left")


def test_reader_of_the_pipe_that_goes_away(untouchable: LiveEnvironment) -> None:
    shell = ["/bin/sh", "-c", '{ "$@"; echo "code $?" >&2; } | true', "sh"]
    untouchable.run("backup", "-f", "-", wrapper=shell).expect(0, "code 3", "Broken pipe")


def test_failing_backup_leaves_the_older_one(untouchable: LiveEnvironment, older: Path) -> None:
    untouchable.storage_secret["storage-bucket-name"] = "no-such-bucket"
    untouchable.run("backup", "-f", older).expect(3)


def test_name_with_every_kind_of_character(untouchable: LiveEnvironment) -> None:
    folder = untouchable.home / "backups of größe ①"
    folder.mkdir()
    path = folder / "-weird 'näme' \"$(x)\".tar.gz"
    untouchable.run("backup", "-f", path).expect(0)
    assert untouchable.run("verify", "-f", path).expect(0).out.count(str(path)) == 1
