"""What a restore from a pipe finds out on its way is what a check of the file would have found before."""

from __future__ import annotations

import gzip
import threading

import pytest

from fakes.database import MemoryTarget, broken
from fakes.file_store import MemoryFileStore
from hostile.corpus import Good
from hostile.making import BLOB, END, file, header, member
from mxpc.errors import ArchiveError, DatabaseError
from mxpc.model import Half
from mxpc.workflows.plan import RestoreOptions
from mxpc.workflows.report import RestoreReport
from mxpc.workflows.restore import Restore
from unit.workflows.conftest import APP, ENVIRONMENT, PipeOf, some_dump

GOOD = Good(some_dump(), {BLOB: b"content"})


def restored(archive: bytes, target: MemoryTarget, options: RestoreOptions | None = None) -> RestoreReport:
    restore = Restore(ENVIRONMENT, APP, "app", target, MemoryFileStore({}), options or RestoreOptions())
    return restore.run(PipeOf(archive))


def test_metadata_that_is_none_is_refused_also_from_a_pipe() -> None:
    target = MemoryTarget()
    with pytest.raises(ArchiveError, match="not JSON"):
        restored(member(GOOD.dump_file + GOOD.blob_files + file(".metadata", b"nothing") + END), target)
    assert target.parked is None


def test_entries_that_are_passed_over_are_a_warning_also_from_a_pipe() -> None:
    extras = b"".join(file(f"extra\x1b{number}") for number in range(7))
    report = restored(member(GOOD.entries + extras + END), MemoryTarget())
    assert [text for text in report.warnings if "belong to no known place" in text] == [
        "7 entries of the archive belong to no known place and are passed over: "
        r"extra\x1b0, extra\x1b1, extra\x1b2, extra\x1b3, extra\x1b4 and 2 more"
    ]


def test_dump_that_is_left_out_is_checked_also_from_a_pipe() -> None:
    archive = member(file("db/db.backup", GOOD.dump[:-5]) + GOOD.blob_files + END)
    with pytest.raises(ArchiveError, match="ends in the middle"):
        restored(archive, MemoryTarget(), RestoreOptions(halves=frozenset({Half.FILES})))


def test_dump_from_a_pipe_is_checked_before_the_database_gets_it() -> None:
    """The database would take it: only the check knows better."""
    for dump in (GOOD.dump[:-5], GOOD.dump + b"\1", GOOD.dump[:-20]):
        target = MemoryTarget()
        with pytest.raises(ArchiveError):
            restored(member(file("db/db.backup", dump) + END), target)
        assert (target.parked, "restored" in target.steps) == (None, False)


def test_a_damaged_archive_is_named_rather_than_what_the_database_stumbled_over() -> None:
    stored = bytearray(gzip.compress(GOOD.tar, 0, mtime=0))
    stored[stored.index(b"CREATE")] ^= 1
    with pytest.raises(ArchiveError, match="checksum"):
        restored(bytes(stored), MemoryTarget(fault=broken("restore")))
    with pytest.raises(DatabaseError):
        restored(GOOD.gzip, MemoryTarget(fault=broken("restore")))


def test_a_failure_does_not_read_a_pipe_without_end_and_leaves_no_thread() -> None:
    before = threading.active_count()
    size = 1 << 30
    archive = member(GOOD.entries + header("big", size), (bytes(1 << 20), size >> 20), END)
    pipe = PipeOf(archive)
    with pytest.raises(DatabaseError):
        Restore(ENVIRONMENT, APP, "app", MemoryTarget(fault=broken("restore")), None, RestoreOptions()).run(pipe)
    assert threading.active_count() == before
