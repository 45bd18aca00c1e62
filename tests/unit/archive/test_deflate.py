from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxpc.archive import deflate
from unit.archive.archives import ENGINES


@settings(deadline=None)
@given(first=st.binary(max_size=300), second=st.binary(max_size=300))
def test_combined_checksum_is_that_of_the_whole(first: bytes, second: bytes) -> None:
    for engine in ENGINES:
        combined = engine.crc32_combine(engine.crc32(first, 0), engine.crc32(second, 0), len(second))
        assert combined == zlib.crc32(first + second)


@pytest.mark.parametrize("size", [0, 1, 2**31, 2**32 + 5, 2**40])
def test_checksums_combine_alike_for_any_length(size: int) -> None:
    assert len({engine.crc32_combine(0xDEADBEEF, 0x12345678, size) for engine in ENGINES}) == 1


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize("level", [0, 1, 2, 3, 6, 9])
def test_pieces_stand_alone_and_join_at_byte_boundaries(engine: deflate.Engine, level: int) -> None:
    pieces = [b"a" * 70_000, b"", random.Random(1).randbytes(200_000), b"text " * 9]
    packed = b"".join(deflate.pack(engine, piece, level) for piece in pieces) + b"\x01\0\0\xff\xff"
    assert zlib.decompress(packed, -15) == b"".join(pieces)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_what_does_not_compress_is_stored(engine: deflate.Engine) -> None:
    noise = random.Random(2).randbytes(1 << 19)
    assert deflate.pack(engine, noise, 1) == deflate.store(noise)
    assert len(deflate.store(noise)) < len(noise) * 1.0001
    assert len(deflate.pack(engine, noise[:1000], 1)) == 1005
    assert len(deflate.pack(engine, bytes(1 << 19), 1)) < 5000
