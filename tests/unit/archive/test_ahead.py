from __future__ import annotations

import gc
import gzip
import io
import random
import threading

import pytest

from mxpc.archive.ahead import ReadAhead
from mxpc.archive.entryset import EntrySet
from mxpc.archive.reader import ArchiveReader
from mxpc.errors import ArchiveError
from unit.archive.archives import BLOB, Trickle, Zeros, everything, written


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "read-ahead"]


def test_everything_arrives_in_order_whatever_the_pieces() -> None:
    data = random.Random(5).randbytes(3_000_000)
    assert everything(ReadAhead(io.BytesIO(data))) == data
    assert everything(ReadAhead(Trickle(data[:50_000], 99))) == data[:50_000]
    reader = ReadAhead(io.BytesIO(data))
    assert b"".join(iter(lambda: reader.read(1001), b"")) == data
    assert reader.read(5) == b""


def test_error_comes_after_what_was_read_and_again() -> None:
    class Breaks(Trickle):
        def read(self, size: int, /) -> bytes:
            if data := super().read(size):
                return data
            raise OSError("broken")

    reader = ReadAhead(Breaks(b"12345", 3))
    assert reader.read(10) + reader.read(10) == b"12345"
    for _ in range(2):
        with pytest.raises(OSError, match="broken"):
            reader.read(10)


def test_thread_ends_when_nobody_reads_on() -> None:
    gc.collect()
    for thread in _threads():
        thread.join(5)
    closed, dropped = ReadAhead(Zeros(1 << 40)), ReadAhead(Zeros(1 << 40))
    assert closed.read(10) == dropped.read(10) == bytes(10)
    closed.close()
    closed.close()
    waiting = _threads()
    del dropped
    gc.collect()
    for thread in waiting:
        thread.join(5)
    assert not _threads()


def test_set_knows_what_was_added() -> None:
    entries, number = EntrySet(), random.Random(6)
    names = [f"{number.getrandbits(32):08x}{BLOB[8:]}" for _ in range(5000)]
    assert all(entries.add_blob(name) for name in names)
    assert not any(entries.add_blob(name.upper()) for name in names)
    nil = "00000000-0000-0000-0000-000000000000"
    assert (entries.add_blob(nil), entries.add_blob(nil)) == (True, False)
    assert (entries.add_name(nil), entries.add_name("\udcff"), entries.add_name("\udcff")) == (True, True, False)
    assert len(entries) == 5003


def test_closing_does_not_wait_for_a_pipe_that_stays_open() -> None:
    begun, end = threading.Event(), threading.Event()

    class Waits:
        def read(self, size: int, /) -> bytes:
            begun.set()
            end.wait(30)
            return b""

    reader = ReadAhead(Waits())
    assert begun.wait(10)
    reader.close()
    assert not end.is_set()
    assert reader.read(10) == b""
    end.set()


def test_leaving_a_reader_ends_its_thread() -> None:
    gc.collect()
    before = _threads()
    with ArchiveReader(io.BytesIO(written(None, {BLOB: bytes(50 << 20)}))) as reader:
        next(iter(reader))
        assert len(_threads()) == len(before) + 1
    assert _threads() == before
    with pytest.raises(ArchiveError):
        ArchiveReader(io.BytesIO(gzip.compress(b"no archive" * 10_000_000)))
    assert _threads() == before
