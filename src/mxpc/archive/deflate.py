"""Deflate and CRC-32 by ISA-L, or by zlib where isal is missing: one small interface over both."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

try:
    from isal import igzip_lib, isal_zlib
except ImportError:  # no wheel for this processor
    igzip_lib = isal_zlib = None  # type: ignore[assignment]

_RAW = -15
_STORED_LIMIT = 0xFFFF
_SAMPLE = 2048
_SAMPLES = 8
_WORTH = 0.95
"""Samples that shrink to less than this make a piece worth compressing."""


class Inflater(Protocol):
    """A decompressor that keeps the input for which it had no room, as igzip_lib has it."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool:
        """Whether it has no more to give without more input."""

    @property
    def unused_data(self) -> bytes: ...
    @property
    def crc(self) -> int:
        """CRC-32 of what it gave so far; of a gzip member only."""

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


@dataclass(frozen=True)
class Engine:
    """One implementation. All its functions release the GIL on big input and may be used from several threads."""

    name: str
    deflate: Callable[[bytes, int], bytes]
    """Raw deflate blocks of the data at a level from 1 to 9, ended at a byte boundary and not final."""
    gzip_body: Callable[[], Inflater]
    """For what is between the header and the trailer of a gzip member."""
    zlib_stream: Callable[[], Inflater]
    """For a zlib stream, whose checksum it proves."""
    crc32: Callable[[bytes | memoryview, int], int]
    crc32_combine: Callable[[int, int, int], int]
    """CRC of a concatenation out of both CRCs and the second's length."""
    errors: tuple[type[Exception], ...]
    """What damaged input raises."""


def _deflate_zlib(data: bytes, level: int) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, _RAW)
    return compressor.compress(data) + compressor.flush(zlib.Z_FULL_FLUSH)


_POLYNOMIAL = 0xEDB88320


def _multiply(left: int, right: int) -> int:
    """Product of two polynomials modulo the CRC's, bits reflected (as in zlib's crc32_combine)."""
    product, bit = 0, 1 << 31
    while left:
        if left & bit:
            product ^= right
            left ^= bit
        bit >>= 1
        right = (right >> 1) ^ (_POLYNOMIAL if right & 1 else 0)
    return product


def _combine_crc32(first: int, second: int, second_length: int) -> int:
    shift, power, bits = 1 << 31, 1 << 30, second_length * 8  # x^0 and x^1
    while bits:
        if bits & 1:
            shift = _multiply(power, shift)
        power = _multiply(power, power)
        bits >>= 1
    return _multiply(shift, first) ^ second


class _ZlibInflater:
    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)
        self.crc = 0

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not (self._inner.eof or self._inner.unconsumed_tail)

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes:
        content = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self.crc = zlib.crc32(content, self.crc)
        return content


ZLIB = Engine(
    name="zlib",
    deflate=_deflate_zlib,
    gzip_body=lambda: _ZlibInflater(_RAW),
    zlib_stream=lambda: _ZlibInflater(zlib.MAX_WBITS),
    crc32=zlib.crc32,
    crc32_combine=_combine_crc32,
    errors=(zlib.error,),
)


def _isal_engine() -> Engine | None:
    if isal_zlib is None:
        return None
    isal, igzip = isal_zlib, igzip_lib

    def deflate(data: bytes, level: int) -> bytes:
        if level > isal.ISAL_BEST_COMPRESSION:
            return _deflate_zlib(data, level)  # ISA-L has no such level
        compressor = isal.compressobj(level, isal.DEFLATED, _RAW)
        return compressor.compress(data) + compressor.flush(isal.Z_FULL_FLUSH)

    return Engine(
        name="isal",
        deflate=deflate,
        # Not isal_zlib's decompressobj, whose output grows from 16 KB and is copied each time.
        gzip_body=lambda: igzip.IgzipDecompressor(flag=igzip.DECOMP_GZIP_NO_HDR),
        zlib_stream=lambda: igzip.IgzipDecompressor(flag=igzip.DECOMP_ZLIB),
        crc32=isal.crc32,
        crc32_combine=isal.crc32_combine,
        errors=(isal_zlib.IsalError, zlib.error),  # type: ignore[arg-type]  # its stub says instance
    )


ISAL = _isal_engine()
DEFAULT = ISAL or ZLIB


def pack(engine: Engine, data: bytes, level: int) -> bytes:
    """The data as deflate blocks, stored where compressing gains nothing. Level 0 always stores."""
    if level and _looks_compressible(engine, data):
        packed = engine.deflate(data, level)
        if len(packed) < len(data):
            return packed
    return store(data)


def store(data: bytes) -> bytes:
    """The data as stored deflate blocks, which begin and end at byte boundaries. Up to 65,535 bytes are one block."""
    view = memoryview(data)
    parts: list[bytes | memoryview] = []
    for start in range(0, len(data), _STORED_LIMIT):
        block = view[start : start + _STORED_LIMIT]
        parts += (b"\0", len(block).to_bytes(2, "little"), (len(block) ^ 0xFFFF).to_bytes(2, "little"), block)
    return b"".join(parts)


STORED_OVERHEAD = 5
"""Bytes before the payload of one stored block."""


def _looks_compressible(engine: Engine, data: bytes) -> bool:
    """A guess from 16 KB out of the data, at a fortieth of the cost of trying."""
    if len(data) <= _SAMPLE * _SAMPLES * 2:
        return True
    step = len(data) // _SAMPLES
    sample = b"".join(data[start : start + _SAMPLE] for start in range(0, step * _SAMPLES, step))
    return len(engine.deflate(sample, 1)) < len(sample) * _WORTH
