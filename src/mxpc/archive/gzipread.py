"""Any gzip stream, read in constant memory and proved sound; nothing but ArchiveError for a damaged one."""

from __future__ import annotations

from mxpc.archive import deflate
from mxpc.archive.trouble import cut_short, damaged
from mxpc.errors import ArchiveError
from mxpc.ports import ByteReader

GZIP_MAGIC = b"\x1f\x8b"
_READ = 1 << 20
_WINDOW = 1 << 20
"""Bytes decompressed at once: a millisecond without the interpreter's lock, which is worth coming back for. Of bigger
ones, or with less input at once, isal copies what it has when it needs more room."""
_MAX_HEADER_FIELD = 1 << 16
_FEXTRA, _FNAME, _FCOMMENT, _FHCRC = 4, 8, 16, 2


class GzipReader:
    """The content of a gzip stream of any number of members, proved by CRC and length at the end of each.

    A ByteReader in constant memory. Zero bytes after the last member are padding (`padded`); anything else there, an
    end in the middle and damage raise ArchiveError.
    """

    def __init__(self, stream: ByteReader, *, engine: deflate.Engine = deflate.DEFAULT) -> None:
        self._stream = stream
        self._engine = engine
        self._fetched = 0
        self._input = b""
        self._at = 0
        self._inflater: deflate.Inflater | None = None
        self._size = 0
        self._ended = False
        self._content = b""
        self._content_at = 0
        self.member_count = 0
        """Members begun so far."""
        self.padded = False
        """Whether zero bytes came after the last member."""

    def read(self, size: int, /) -> bytes:
        """Between 1 and `size` bytes; b"" once everything has been proved."""
        if self._content_at == len(self._content):
            self._content, self._content_at = self._next_content(), 0
            if len(self._content) <= size:
                self._content_at = len(self._content)
                return self._content
        start = self._content_at
        self._content_at = min(start + size, len(self._content))
        return self._content[start : self._content_at]

    def _next_content(self) -> bytes:
        while not self._ended:
            if self._inflater is None and not self._begin_member():
                break
            if data := self._inflate():
                return data
        return b""

    def _inflate(self) -> bytes:
        inflater = self._inflater
        assert inflater is not None
        hungry = inflater.needs_input
        compressed = (self._take_all() or self._fetch()) if hungry else b""
        try:
            data = inflater.decompress(compressed, _WINDOW)
        except self._engine.errors as error:
            raise damaged("compressed data are damaged", f"{error}, before byte {self._fetched}") from error
        self._size += len(data)
        if inflater.eof:
            self._input, self._at = inflater.unused_data, 0
            self._end_member(inflater.crc)
        elif hungry and not data and not compressed:
            raise self._cut_short()
        return data

    def _begin_member(self) -> bool:
        """Read a member's header; False at the end of the input."""
        magic = self._take(2, may_end=self.member_count > 0)
        if magic != GZIP_MAGIC:
            self._check_padding(magic)
            return False
        method, flags = self._take(8)[:2]
        if method != 8 or flags & 0xE0:
            raise damaged(
                "gzip header is of an unknown kind", f"method {method}, flags {flags:#04x}, before byte {self._place}"
            )
        self._skip_header_fields(flags)
        self._inflater = self._engine.gzip_body()
        self._size = 0
        self.member_count += 1
        return True

    def _skip_header_fields(self, flags: int) -> None:
        if flags & _FEXTRA:
            self._take(int.from_bytes(self._take(2), "little"))
        for text in (_FNAME, _FCOMMENT):
            if flags & text:
                self._skip_text()
        if flags & _FHCRC:
            self._take(2)

    def _skip_text(self) -> None:
        size = 0
        while True:
            rest = self._take_all() or self._fetch()
            if not rest:
                raise self._cut_short()
            end = rest.find(b"\0")
            size += len(rest) if end < 0 else end
            if size > _MAX_HEADER_FIELD:
                raise damaged("gzip header has no end", f"a text above {_MAX_HEADER_FIELD} bytes")
            if end >= 0:
                self._input, self._at = rest, end + 1
                return

    def _end_member(self, found_crc: int) -> None:
        self._inflater = None
        trailer = self._take(8)
        crc, size = int.from_bytes(trailer[:4], "little"), int.from_bytes(trailer[4:], "little")
        if crc != found_crc:
            raise damaged(
                "checksum of the content is wrong",
                f"CRC-32 {found_crc:08x}, the archive says {crc:08x} before byte {self._place}",
            )
        if size != self._size & 0xFFFFFFFF:
            raise damaged(
                "length of the content is wrong",
                f"{self._size} bytes, the archive says {size} (modulo 2^32) before byte {self._place}",
            )

    def _check_padding(self, first: bytes) -> None:
        if not self.member_count:
            raise damaged("input is not gzip", f"begins with {first!r}")
        self._ended = True
        chunk = first
        while chunk:
            if chunk.count(0) != len(chunk):
                found = ascii(chunk.lstrip(b"\0")[:20])
                raise damaged(
                    "something follows the end of the compressed data", f"{found}, before byte {self._fetched}"
                )
            self.padded = True
            chunk = self._take_all() or self._fetch()

    @property
    def _place(self) -> int:
        """Bytes of the input that were used."""
        return self._fetched - len(self._input) + self._at

    def _fetch(self) -> bytes:
        data = self._stream.read(_READ)
        self._fetched += len(data)
        return data

    def _cut_short(self) -> ArchiveError:
        return cut_short(f"It has {self._fetched} bytes, and its compressed data have no end.")

    def _take_all(self) -> bytes:
        rest, self._input = self._input[self._at :] if self._at else self._input, b""
        self._at = 0
        return rest

    def _take(self, size: int, *, may_end: bool = False) -> bytes:
        """Exactly so many bytes; fewer only at an end that is allowed."""
        while len(self._input) - self._at < size:
            more = self._fetch()
            if not more:
                if may_end:
                    return self._take_all()
                raise self._cut_short()
            self._input, self._at = self._take_all() + more, 0
        self._at += size
        return self._input[self._at - size : self._at]
