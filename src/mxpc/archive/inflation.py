"""Data that gzip compressed inside of a dump."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mxpc.archive import deflate
from mxpc.archive.trouble import cut_short, damaged


class Inflation:
    """The plain content of one zlib stream, proved by its checksum. Nothing at all is an empty content."""

    def __init__(self, engine: deflate.Engine, on_plain: Callable[[int], None]) -> None:
        self._inflater = engine.zlib_stream()
        self._errors = engine.errors
        self._on_plain = on_plain
        self._empty = True

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What the next piece, which is not empty, has to give."""
        self._empty = False
        too_late = self._inflater.eof
        while not self._inflater.eof:
            yield self._decompress(piece)
            piece = b""
            if self._inflater.needs_input:
                return
        if too_late or self._inflater.unused_data:
            raise damaged("the data in the database dump are damaged", "something follows the end of the data")

    def end(self) -> Iterator[bytes]:
        """The rest; ArchiveError when the stream is not complete."""
        while not (self._inflater.eof or self._empty):
            if not (data := self._decompress(b"")):
                raise cut_short("The data of a table in the database dump have no end.")
            yield data

    def _decompress(self, piece: bytes) -> bytes:
        try:
            data = self._inflater.decompress(piece, 1 << 20)
        except self._errors as error:
            raise damaged("the data in the database dump are damaged", str(error)) from error
        self._on_plain(len(data))
        return data
