"""A file storage that misbehaves in three requests of ten, and a disk that is full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.s3_faults import Fault, FaultProxy, Request, by_chance
from faults.counting import COUNTED, SEED
from faults.stage import Stage
from faults.test_kill import expect_complete

pytestmark = pytest.mark.faults

RATE = 0.3
SEEDS = range(3)
OLDER = b"the older backup"


def seeded(number: int) -> int:
    """A whole number of the run's seed and of the test's number."""
    return sum(f"{SEED} {number}".encode()) * 1000 + number


@pytest.mark.parametrize("number", SEEDS)
def test_backup_gets_every_byte_through_a_bad_network(stage: Stage, tmp_path: Path, number: int) -> None:
    file = tmp_path / "backup.tar.gz"
    with FaultProxy(("127.0.0.1", stage.source.s3.port), by_chance(seeded(number), RATE)) as proxy:
        credentials = stage.source.credentials_folder(storage_endpoint=proxy.endpoint)
        stage.source.run("backup", "--credentials-dir", credentials, "-f", file).expect(0)
    COUNTED["S3: faults in backup"] += proxy.spoiled.total()
    expect_complete(stage, file)


@pytest.mark.parametrize("number", SEEDS)
def test_restore_stores_every_byte_through_a_bad_network(stage: Stage, number: int) -> None:
    with FaultProxy(("127.0.0.1", stage.target.s3.port), by_chance(seeded(number), RATE)) as proxy:
        credentials = stage.target.credentials_folder(storage_endpoint=proxy.endpoint)
        stage.touch()
        stage.target.run("restore", "--credentials-dir", credentials, "-f", stage.archive).expect(0)
    COUNTED["S3: faults in restore"] += proxy.spoiled.total()
    stage.expect_new()


def test_stalls_are_broken_off_and_asked_for_again(stage: Stage, tmp_path: Path) -> None:
    stalls = iter([Fault.STALL, None, None, Fault.STALL])

    def plan(request: Request) -> Fault | None:
        return next(stalls, None) if request.method == "GET" else None

    file = tmp_path / "backup.tar.gz"
    with FaultProxy(("127.0.0.1", stage.source.s3.port), plan) as proxy:
        credentials = stage.source.credentials_folder(storage_endpoint=proxy.endpoint)
        stage.source.run("backup", "--credentials-dir", credentials, "-f", file).expect(0)
    COUNTED["S3: stalls in backup"] += proxy.spoiled[Fault.STALL]
    assert proxy.spoiled[Fault.STALL]
    expect_complete(stage, file)


@pytest.mark.parametrize("count", [8])
def test_storage_that_takes_no_more_files_leaves_the_old_content_and_none_of_the_new_files(
    stage: Stage, count: int
) -> None:
    """Half of a minute: that is how long the tool tries."""
    with FaultProxy(("127.0.0.1", stage.target.s3.port)) as proxy:
        proxy.plan = forbidden = Forbidden(proxy, count)
        credentials = stage.target.credentials_folder(storage_endpoint=proxy.endpoint)
        stage.touch()
        ended = stage.target.run("restore", "--credentials-dir", credentials, "-f", stage.archive)
    assert forbidden.used
    COUNTED["S3: writing refused in restore"] += 1
    ended.expect(3)
    stage.expect_old()


class Forbidden:
    """From some PUT on, the signature of each is spoiled, which no retry mends."""

    def __init__(self, proxy: FaultProxy, count: int) -> None:
        self._proxy = proxy
        self._left = count
        self.used = False

    def __call__(self, request: Request) -> Fault | None:
        if request.method != "PUT":
            return None
        self._left -= 1
        self.used = self.used or self._left < 0
        return Fault.FLIP_UPLOAD if self._left < 0 else None


# ------------------------------------------------------------------------------------------------------------ full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A place to mount a small file system on; unmounted afterwards."""
    folder = tmp_path / "disk"
    folder.mkdir()
    yield folder
    subprocess.run(["umount", str(folder)], check=False, capture_output=True)


def mount(folder: Path, size: int) -> bool:
    """Only root may, and not everywhere."""
    subprocess.run(["umount", str(folder)], check=False, capture_output=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


SIZES = tuple(round(part / 12, 2) for part in range(13))


@pytest.mark.parametrize("part", SIZES)
def test_backup_onto_a_full_disk_leaves_the_older_one(stage: Stage, small_disk: Path, part: float) -> None:
    size = int(stage.archive.stat().st_size * part) // 4096 * 4096 + 8192
    if not mount(small_disk, size):
        pytest.skip("may not mount a tmpfs; `ulimit` in another test does instead")
    file = small_disk / "backup.tar.gz"
    file.write_bytes(OLDER)
    ended = stage.back_up_source(file).ended()
    expect_file_or_older(stage, file, ended.code, str(ended))


@pytest.mark.parametrize("part", SIZES[::3])
def test_backup_that_may_not_grow_leaves_the_older_one(stage: Stage, tmp_path: Path, part: float) -> None:
    blocks = int(stage.archive.stat().st_size * part) // 1024 + 1
    file = tmp_path / "backup.tar.gz"
    file.write_bytes(OLDER)
    limited = ["bash", "-c", f'ulimit -f {blocks}; exec "$@"', "bash"]
    ended = stage.source.run("backup", "--credentials-dir", stage.source_credentials, "-f", file, wrapper=limited)
    expect_file_or_older(stage, file, ended.code, str(ended))


def expect_file_or_older(stage: Stage, file: Path, code: int, words: str) -> None:
    """Exit code 3 and the older backup, or 0 and the new one."""
    assert code in (0, 3), words
    COUNTED[f"full disk in backup: exit code {code}"] += 1
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    if code == 0:
        expect_complete(stage, file)
    else:
        assert file.read_bytes() == OLDER
        assert "cannot write the backup file" in words
