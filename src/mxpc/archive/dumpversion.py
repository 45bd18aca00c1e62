"""Dumps in an archive version that others read: Mendix Cloud takes 1.14, and so does every pg_restore from 12 on."""

from __future__ import annotations

from mxpc.archive.dump import DumpStream
from mxpc.ports import ByteReader

MENDIX_CLOUD = (1, 14, 0)
"""Mendix Cloud's restore refuses what is newer than 1.15, and did so with 1.15 for long; pg_dump 17 writes 1.16."""
NEWEST_KNOWN = (1, 16)
_HEADER = 8
"""`PGDMP` and three bytes of version."""


def at_most(dump: ByteReader, version: tuple[int, int, int]) -> tuple[ByteReader, bool]:
    """The dump in this archive version or its own older one; False when its own is newer than anything known here.

    Only the table of contents is written anew, the data pass through. A dump of an unknown version comes as it is.
    """
    header = b""
    while len(header) < _HEADER and (more := dump.read(_HEADER - len(header))):
        header += more
    whole = _Resumed(header, dump)
    own = tuple(header[5:7])
    if own <= version[:2]:
        return whole, True
    if own > NEWEST_KNOWN:
        return whole, False
    return DumpStream(whole).rewritten(version=version), True


class _Resumed:
    """A reader whose first bytes were taken already."""

    def __init__(self, start: bytes, reader: ByteReader) -> None:
        self._start = start
        self._reader = reader

    def read(self, size: int, /) -> bytes:
        if self._start:
            data, self._start = self._start[:size], self._start[size:]
            return data
        return self._reader.read(size)
