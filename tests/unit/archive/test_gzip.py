from __future__ import annotations

import contextlib
import gzip
import io
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mxpc.archive import deflate
from mxpc.archive.gzipread import GzipReader
from mxpc.archive.gzipwrite import CHUNK, GzipWriter
from mxpc.errors import ArchiveError
from unit.archive.archives import ENGINES, MemorySink, Trickle, everything

CONTENT = b"".join(b"%d some text, some more; " % number for number in range(3000)) + random.Random(3).randbytes(5000)
by_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)


def read(data: bytes, engine: deflate.Engine = deflate.DEFAULT) -> bytes:
    return everything(GzipReader(io.BytesIO(data), engine=engine))


@by_engine
@settings(deadline=None)
@given(sizes=st.lists(st.sampled_from([0, 1, 100, 65535, 65536, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]), max_size=5))
def test_any_pieces_come_back_joined(engine: deflate.Engine, sizes: list[int]) -> None:
    sink = MemorySink()
    writer = GzipWriter(sink, level=1, threads=2, engine=engine)
    pieces = [bytes([number + 65]) * size for number, size in enumerate(sizes)]
    for piece in pieces:
        writer.write(piece)
    writer.finish()
    assert gzip.decompress(sink.data) == b"".join(pieces)
    assert writer.compressed_size == len(sink.data)


@by_engine
def test_holes_are_filled_in_any_order_within_one_member(engine: deflate.Engine) -> None:
    sink = MemorySink()
    writer = GzipWriter(sink, level=1, threads=2, engine=engine)
    writer.write(b"before")
    first, second = writer.hole(512), writer.hole(3)
    writer.write(CONTENT * 20)
    third = writer.hole(65535)
    writer.write(b"after")
    writer.fill(third, b"3" * 65535)
    writer.fill(first, b"1" * 512)
    writer.fill(second, b"222")
    writer.finish()
    reader = GzipReader(io.BytesIO(sink.data), engine=engine)
    assert everything(reader) == b"before" + b"1" * 512 + b"222" + CONTENT * 20 + b"3" * 65535 + b"after"
    assert reader.member_count == 1


@by_engine
def test_members_of_every_kind_are_read_as_one(engine: deflate.Engine) -> None:
    named = io.BytesIO()
    with gzip.GzipFile("a name", "wb", fileobj=named) as file:
        file.write(b"named ")
    everything_set = (
        b"\x1f\x8b\x08\x1f"
        + bytes(6)
        + b"\x03\0abc"
        + b"name\0"
        + b"comment\0"
        + b"\0\0"
        + gzip.compress(b"full ")[10:]
    )
    data = gzip.compress(CONTENT) + gzip.compress(b"") + named.getvalue() + everything_set
    reader = GzipReader(Trickle(data), engine=engine)
    assert everything(reader) == CONTENT + b"named full "
    assert (reader.member_count, reader.padded) == (4, False)


@by_engine
def test_zero_bytes_at_the_end_are_padding(engine: deflate.Engine) -> None:
    for count in (1, 2, 3, 100_000_0):
        reader = GzipReader(io.BytesIO(gzip.compress(CONTENT) + bytes(count)), engine=engine)
        assert everything(reader) == CONTENT
        assert reader.padded


@by_engine
@pytest.mark.parametrize("tail", [b"x", b"\x1f", b"\x1f\x8b", b"garbage", bytes(600_000) + b"x", b"\0\x1f\x8b\x08"])
def test_anything_else_at_the_end_is_damage(engine: deflate.Engine, tail: bytes) -> None:
    with pytest.raises(ArchiveError):
        read(gzip.compress(CONTENT) + tail, engine)


@by_engine
def test_every_truncation_is_noticed(engine: deflate.Engine) -> None:
    data = gzip.compress(b"short") + gzip.compress(CONTENT)
    boundary = len(gzip.compress(b"short"))
    for size in range(len(data) - 1):
        if size != boundary:  # a whole member is a whole gzip stream
            with pytest.raises(ArchiveError):
                read(data[:size], engine)


@by_engine
@settings(deadline=None)
@given(position=st.integers(0), bit=st.integers(0, 7))
@example(position=3, bit=2)
@example(position=3, bit=5)
def test_a_flipped_bit_is_noticed_or_harmless(engine: deflate.Engine, position: int, bit: int) -> None:
    data = bytearray(gzip.compress(CONTENT, mtime=0))
    data[position % len(data)] ^= 1 << bit
    with contextlib.suppress(ArchiveError):
        assert read(bytes(data), engine) == CONTENT


@by_engine
@settings(deadline=None)
@given(data=st.binary(max_size=200))
def test_noise_after_a_header_never_escapes_as_another_error(engine: deflate.Engine, data: bytes) -> None:
    with pytest.raises(ArchiveError):
        read(b"\x1f\x8b\x08\0\0\0\0\0\0\0" + data, engine)


def test_a_bomb_is_read_in_small_pieces() -> None:
    bomb = gzip.compress(bytes(50 << 20), 9)
    reader = GzipReader(io.BytesIO(bomb))
    sizes = set()
    while piece := reader.read(4096):
        sizes.add(len(piece))
    assert max(sizes) <= 4096
