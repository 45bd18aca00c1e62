from __future__ import annotations

import io
import random
import subprocess
import tarfile
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mxpc.archive import deflate, tar
from mxpc.archive.layout import METADATA_SIZE, Metadata, decode
from mxpc.archive.reader import ArchiveReader
from mxpc.archive.tar import TarReader
from mxpc.archive.writer import ArchiveWriter
from mxpc.errors import ArchiveError, DatabaseError, DestinationError, FileStoreError
from unit.archive.archives import (
    BLOB,
    DUMP,
    ENGINES,
    MOMENT,
    OTHER_BLOB,
    MemorySink,
    Trickle,
    Zeros,
    contents,
    everything,
    written,
)

GIB = 1 << 30
noise = random.Random(4).randbytes
BLOBS = {
    "00000000-0000-4000-8000-00000000e0e0": b"",
    BLOB: b"Hello, world!",
    "6f71bfc9-32f6-4764-8eb8-eefeafc4efc9": noise(512),
    OTHER_BLOB: noise(3 << 20),
    "d5592939-dea6-4c6e-8cbd-63ad495a3267": b"text " * 400_000,
    "FFFFFFFF-0000-4000-8000-00000000E0E0": noise(513),
}
both_destinations = pytest.mark.parametrize("can_patch", [True, False], ids=["file", "pipe"])


class Nowhere(MemorySink):
    """Keeps only the first MiB and what is patched into it."""

    def write(self, data: bytes | memoryview) -> None:
        if len(self.data) < 1 << 20:
            super().write(data)


@both_destinations
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize("level", [0, 1, 6])
def test_what_was_written_is_read(can_patch: bool, engine: deflate.Engine, level: int) -> None:
    archive = written(DUMP, BLOBS, can_patch=can_patch, engine=engine, level=level)
    found = contents(archive, engine=engine)
    metadata = decode(found.pop(".metadata"))
    assert metadata == {
        "duration": "3",
        "dumpSize": str(len(DUMP)),
        "modelVersion": "1.0.0.40",
        "databaseSize": "9730584",
        "filesSize": str(sum(map(len, BLOBS.values()))),
    }
    assert list(found) == ["db/db.backup", *(f"tree/{blob[:2]}/{blob[2:4]}/{blob}" for blob in BLOBS)]
    assert list(found.values()) == [DUMP, *BLOBS.values()]


@both_destinations
def test_gnu_tar_gzip_and_python_read_it(can_patch: bool, tmp_path: Path) -> None:
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(written(DUMP, BLOBS, can_patch=can_patch))
    bare = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    assert subprocess.run(["gzip", "-t", path], env=bare, capture_output=True, check=True).stderr == b""
    listed = subprocess.run(["tar", "-tzf", path], env=bare, capture_output=True, check=True, text=True)
    assert listed.stderr == ""
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-xzf", path, "-C", tmp_path / "out"], env=bare, check=True)
    assert (tmp_path / "out/db/db.backup").read_bytes() == DUMP
    with tarfile.open(path) as archive:
        infos = archive.getmembers()
    assert [info.name for info in infos] == listed.stdout.split()
    assert {(info.mode, info.uid, info.gid, info.mtime, info.type) for info in infos} == {(0o600, 0, 0, MOMENT, b"0")}
    assert infos[0].size == METADATA_SIZE


def test_archives_of_the_same_content_are_the_same_bytes() -> None:
    assert written(DUMP, BLOBS, threads=1) == written(DUMP, BLOBS, threads=3)


def test_archive_without_dump_or_without_files_is_possible() -> None:
    assert len(contents(written(None, BLOBS))) == 1 + len(BLOBS)
    assert list(contents(written(DUMP, {}))) == [".metadata", "db/db.backup"]


def test_dump_from_a_pipe_in_odd_pieces_is_counted() -> None:
    sink, told = MemorySink(), []
    with ArchiveWriter(sink, moment=MOMENT) as writer:
        writer.begin(Metadata())
        assert writer.add_dump(Trickle(DUMP, 1000), on_bytes=told.append) == len(DUMP)
        writer.finish(Metadata())
    assert sum(told) == len(DUMP)
    assert contents(bytes(sink.data))["db/db.backup"] == DUMP


@both_destinations
@pytest.mark.parametrize("difference", [-1, 1, 100_000])
def test_dump_of_another_size_than_announced_is_an_error(can_patch: bool, difference: int) -> None:
    with ArchiveWriter(MemorySink(can_patch=can_patch), moment=MOMENT) as writer:
        writer.begin(Metadata())
        with pytest.raises(DatabaseError, match="size") as caught:
            writer.add_dump(io.BytesIO(DUMP), size=len(DUMP) + difference)
        assert str(len(DUMP) + difference) in caught.value.evidence
        with pytest.raises(ValueError, match="broken"):
            writer.finish(Metadata())


@pytest.mark.parametrize("size", [0, 5, 12, 14, 2 << 20])
def test_blob_of_another_size_than_announced_is_an_error(size: int) -> None:
    with ArchiveWriter(MemorySink(), moment=MOMENT) as writer:
        writer.begin(Metadata())
        with pytest.raises(FileStoreError, match=BLOB):
            writer.add_blob(BLOB, size, [b"Hello, ", b"world!"])


def test_small_blob_that_fails_leaves_no_trace() -> None:
    def breaks() -> Iterator[bytes]:
        yield b"half"
        raise FileStoreError("gone")

    sink = MemorySink()
    with ArchiveWriter(sink, moment=MOMENT) as writer:
        writer.begin(Metadata())
        with pytest.raises(FileStoreError, match="gone"):
            writer.add_blob(BLOB, 8, breaks())
        writer.add_blob(OTHER_BLOB, 2, [b"ok"])
        writer.finish(Metadata())
    assert [entry.blob for entry in ArchiveReader(io.BytesIO(sink.data))] == [None, OTHER_BLOB]
    assert (writer.blob_count, writer.blob_bytes) == (1, 2)


@pytest.mark.parametrize("second", [BLOB, BLOB.upper()])
def test_second_blob_of_a_name_is_refused(second: str) -> None:
    with ArchiveWriter(MemorySink(), moment=MOMENT) as writer:
        writer.begin(Metadata())
        writer.add_blob(BLOB, 1, [b"1"])
        with pytest.raises(ArchiveError, match="twice"):
            writer.add_blob(second, 1, [b"1"])


def test_errors_of_the_destination_pass() -> None:
    class Full(MemorySink):
        def write(self, data: bytes | memoryview) -> None:
            if len(self.data) > 1 << 20:
                raise DestinationError("no space left")
            super().write(data)

    with ArchiveWriter(Full(), moment=MOMENT, level=0) as writer:
        writer.begin(Metadata())
        with pytest.raises(DestinationError, match="no space"):
            writer.add_dump(Zeros(64 << 20))


def test_dump_above_8_gib_gets_a_size_that_was_filled_in_later() -> None:
    sink, size = Nowhere(), 8 * GIB + 5
    with ArchiveWriter(sink, moment=MOMENT) as writer:
        writer.begin(Metadata())
        assert writer.add_dump(Zeros(size)) == size
        writer.finish(Metadata(dump_size=size))
    start = _inflated_start(bytes(sink.data))
    assert decode(start[512:1024])["dumpSize"] == str(size)
    assert tarfile.TarInfo.frombuf(start[1024:1536], "utf-8", "strict").size == size


def _inflated_start(data: bytes) -> bytes:
    return zlib.decompressobj(31).decompress(data, 4096)


@pytest.mark.parametrize("size", [8 * GIB - 1, 8 * GIB, 8 * GIB + 1, 5 << 40])
def test_headers_above_8_gib_are_read_by_python_and_by_us(size: int) -> None:
    header = tar.HeaderMaker(MOMENT).header("db/db.backup", size)
    assert len(header) == 512
    assert tarfile.TarInfo.frombuf(header, "utf-8", "strict").size == size
    entry = next(TarReader(io.BytesIO(header), max_entries=1).entries())
    assert (entry.name, entry.size) == ("db/db.backup", size)


def test_gnu_tar_reads_a_size_above_8_gib(tmp_path: Path) -> None:
    size = 8 * GIB + 5
    with (tmp_path / "big.tar").open("wb") as file:
        file.write(tar.HeaderMaker(MOMENT).header("db/db.backup", size))
        file.truncate(512 + size + len(tar.padding(size)) + 1024)  # a hole: no disk is used
    bare = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    listed = subprocess.run(["tar", "-tvf", file.name], env=bare, capture_output=True, check=True, text=True)
    assert listed.stdout.split()[2] == str(size)


def test_many_small_blobs_share_pieces() -> None:
    """200,000 blobs in 500 KiB pieces: time and memory are those of their bytes."""
    names = [str(uuid.UUID(int=number << 64 | 0x8000 << 48)) for number in range(20_000)]
    archive = written(None, dict.fromkeys(names, b"tiny"))
    assert len(archive) < 20_000 * 100
    assert sum(everything(entry) == b"tiny" for entry in ArchiveReader(io.BytesIO(archive))) == 20_000
