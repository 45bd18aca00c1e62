from __future__ import annotations

import gzip
import io

import pytest

from mxpc.archive.scan import scan
from mxpc.errors import ArchiveError
from mxpc.model import ArchiveKind
from unit.archive.archives import ASSETS, BLOB, DUMP, Zeros, foreign, written

METADATA = b'{"duration":"0","dumpSize":"%d","modelVersion":"1","databaseSize":"1","filesSize":"%d"}'


def test_summary_tells_what_was_found() -> None:
    told: list[int] = []
    archive = written(DUMP, {BLOB: b"Hello, world!"})
    summary = scan(io.BytesIO(archive), on_bytes=told.append)
    assert summary.kind is ArchiveKind.TAR_GZ
    assert summary.compressed_size == len(archive) == sum(told)
    assert summary.metadata is not None
    assert summary.metadata["modelVersion"] == "1.0.0.40"
    assert summary.dump is not None
    assert summary.dump.app_name == "SampleApp"
    assert (summary.dump_size, summary.blob_count, summary.blob_bytes) == (len(DUMP), 1, 13)
    assert (summary.extra_count, summary.notes) == (0, ())


@pytest.mark.parametrize("data", [DUMP, gzip.compress(DUMP)])
def test_bare_dump_is_checked_to_its_end(data: bytes) -> None:
    summary = scan(io.BytesIO(data))
    assert (summary.kind, summary.dump_size, summary.metadata) == (ArchiveKind.DUMP, len(DUMP), None)
    with pytest.raises(ArchiveError):
        scan(io.BytesIO(data[:-10]))


@pytest.mark.parametrize("dump", [DUMP[:-100], DUMP + b"x", b"", b"-- SQL", b"PGDMP"])
@pytest.mark.parametrize("before", [True, False])
def test_damaged_dump_in_a_sound_tar_is_noticed_wherever_it_is(dump: bytes, before: bool) -> None:
    entries = [("db/db.backup", dump), (f"tree/0d/3e/{BLOB}", b"x")]
    with pytest.raises(ArchiveError):
        scan(io.BytesIO(foreign(entries if before else entries[::-1])))


def test_sizes_that_metadata_has_wrong_are_notes() -> None:
    entries = [("db/db.backup", DUMP), (f"tree/0d/3e/{BLOB}", b"1234")]
    assert scan(io.BytesIO(foreign([(".metadata", METADATA % (len(DUMP), 4)), *entries]))).notes == ()
    notes = scan(io.BytesIO(foreign([*entries, (".metadata", METADATA % (5, 6))]))).notes
    assert [note.split(",")[0] for note in notes] == [
        ".metadata says dumpSize 5",
        ".metadata says filesSize 6",
    ]
    assert str(len(DUMP)) in notes[0]


def test_metadata_that_is_no_json_is_refused() -> None:
    with pytest.raises(ArchiveError, match="JSON"):
        scan(io.BytesIO(foreign([("db/db.backup", DUMP), (".metadata", b"nothing")])))


def test_only_a_hundred_extras_are_named() -> None:
    extras = [(f"extra-{number:03}", b"") for number in range(250)]
    summary = scan(io.BytesIO(foreign([("db/db.backup", DUMP), *extras])))
    assert (summary.extra_count, len(summary.extra_entries)) == (250, 100)


def test_flat_trees_and_members_are_noted() -> None:
    for name, word in (("flat-tree", "tree/"), ("several-members", "5 gzip members"), ("zero-padded", "Zero")):
        summary = scan(io.BytesIO((ASSETS / "archives" / f"{name}.tar.gz").read_bytes()))
        assert word in summary.notes[0]
        assert summary.blob_count == 6


def test_errors_of_the_input_pass() -> None:
    class Breaks:
        def __init__(self) -> None:
            self.start = io.BytesIO(written(DUMP, {})[:5000])

        def read(self, size: int, /) -> bytes:
            if data := self.start.read(size):
                return data
            raise OSError("cable pulled")

    with pytest.raises(OSError, match="cable"):
        scan(Breaks())


def test_zeros_without_end_are_no_archive() -> None:
    with pytest.raises(ArchiveError):
        scan(Zeros(100 << 20))
