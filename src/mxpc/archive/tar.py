"""Tar headers: a strict reader of ustar, GNU and pax, and the one dialect that we write. No entry becomes a path here.

docs/decisions/0001-tar-dialect.md says why the dialect is ustar with GNU's base-256 sizes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mxpc.archive.layout import shown
from mxpc.archive.trouble import cut_short, damaged, located, suspicious
from mxpc.errors import ArchiveError
from mxpc.ports import ByteReader

BLOCK = 512
RECORD = 20 * BLOCK
"""Archives are padded to whole records, as GNU tar does."""
MAX_EXTENSION = 1 << 20
"""Bytes of one GNU long name or pax header: a path has at most 4 KiB, so this is plenty."""
MAX_OCTAL_SIZE = 8**11 - 1
"""8 GiB - 1: the largest size that ustar's eleven octal digits hold."""
MAX_SIZE = 1 << 62
MAX_NAME = 4096
"""Bytes of a name: what Linux takes as a path. Ours have 47."""
MAX_EXTENSIONS = 16
"""Header extensions of one entry. GNU tar and star write at most three."""
MAX_RECORDS = 1024
"""Records of one pax header. bsdtar writes a dozen, and one for each extended attribute."""
_SPARSE = "GNU.sparse"
_OWN_EXTENSIONS = {b"x": "pax", b"g": "global pax", b"L": "GNU long name", b"K": "GNU long link"}
_CHECKSUM = re.compile(rb"[ \0]*([0-7]+)[ \0]*")
_ZERO_BLOCK = bytes(BLOCK)
_SKIP = 1 << 18

_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a named pipe",
    b"S": "a sparse file",
    b"M": "a part of a file from another volume",
    b"V": "a volume label",
    b"D": "an incremental dump's folder",
}


# -------------------------------------------------------------------------------------------------------------- writing


class HeaderMaker:
    """Headers of regular files, mode 0600, uid and gid 0, all of one moment (Unix seconds)."""

    def __init__(self, moment: int) -> None:
        self._before = b"0000600\0" + b"0000000\0" * 2
        self._after = b"%011o\0" % max(0, min(moment, MAX_OCTAL_SIZE))
        self._rest = (b"0" + bytes(100) + b"ustar\0" + b"00" + bytes(64) + b"0000000\0" * 2).ljust(BLOCK - 156, b"\0")
        self._sum = sum(self._before) + sum(self._after) + sum(self._rest) + 8 * 32

    def header(self, name: str, size: int) -> bytes:
        """The 512 bytes before a file's content. Names are ASCII and at most 100 bytes, as ours all are."""
        plain = name.encode("ascii")
        if len(plain) > 100:
            raise ValueError(f"a name of {len(plain)} bytes does not fit into a tar header")
        digits = _size_field(size)
        checksum = b"%06o\0 " % (self._sum + sum(plain) + sum(digits))
        return b"".join((plain.ljust(100, b"\0"), self._before, digits, self._after, checksum, self._rest))


def _size_field(size: int) -> bytes:
    if size <= MAX_OCTAL_SIZE:
        return b"%011o\0" % size
    return b"\x80" + size.to_bytes(11, "big")


def padding(size: int) -> bytes:
    """What comes after content of this size, up to the next header."""
    return bytes(-size % BLOCK)


def end_marker(size: int) -> bytes:
    """The end of an archive that has `size` bytes so far: two zero blocks, filled up to a whole record."""
    return bytes(2 * BLOCK + (-(size + 2 * BLOCK) % RECORD))


# -------------------------------------------------------------------------------------------------------------- reading


def looks_like_tar(block: bytes) -> bool:
    """Whether a stream that begins with these 512 bytes is a tar."""
    return len(block) == BLOCK and (block == _ZERO_BLOCK or _has_right_checksum(block))


@dataclass(frozen=True, slots=True)
class TarEntry:
    """A regular file of a tar. The name is as the archive has it."""

    name: str
    size: int


class TarReader:
    """The regular files of a tar, one after the other; folders are stepped over.

    Everything but files and folders raises ArchiveError, as do damage and an end without an end marker. A folder's name
    ends with a slash. Names are not judged here, but bounded.
    """

    def __init__(self, stream: ByteReader, *, max_entries: int) -> None:
        self._stream = stream
        self._left = 0
        self._padding = 0
        self._max_entries = max_entries
        self._at = 0
        self._name = ""
        self.lone_zero_block = False
        """The end marker was one zero block instead of two."""

    def entries(self) -> Iterator[TarEntry]:
        """Each file once. What the caller did not `read` of a file is skipped."""
        count = 0
        while (entry := self._next()) is not None:
            count += 1
            if count > self._max_entries:
                raise suspicious(f"The archive has more than {self._max_entries} entries")
            yield entry
            self._skip()
        self._check_end()

    def read(self, size: int, /) -> bytes:
        """Between 1 and `size` bytes of the current file; b"" at its end."""
        if not self._left:
            return b""
        try:
            data = self._stream.read(min(size, self._left))
            if not data:
                raise cut_short(f"{self._left} bytes are missing.")
        except ArchiveError as error:
            raise located(error, f"In {shown(self._name)}, at byte {self._at} of the tar.") from error
        self._left -= len(data)
        self._at += len(data)
        return data

    def _next(self) -> TarEntry | None:
        start = self._at
        try:
            entry = self._header()
        except ArchiveError as error:
            where = f"behind {shown(self._name)}" if self._name else "at its beginning"
            raise located(error, f"At byte {start} of the tar, {where}.") from error
        if entry:
            self._name = entry.name
            self._left, self._padding = entry.size, -entry.size % BLOCK
        return entry

    def _header(self) -> TarEntry | None:
        found: dict[str, bytes] = {}
        for extensions in range(MAX_EXTENSIONS + 1):
            block = self._exactly(BLOCK)
            if block == _ZERO_BLOCK:
                if extensions:
                    raise damaged("an extended tar header belongs to no entry", "")
                return None
            header = _Header.parse(block)
            if header.kind not in _OWN_EXTENSIONS:
                return header.entry(found)
            self._extend(found, header)
        raise suspicious(f"An entry of the archive has more than {MAX_EXTENSIONS} header extensions")

    def _extend(self, found: dict[str, bytes], header: _Header) -> None:
        """What an extension says of the entry's name, size and kind. Nothing else counts."""
        kind = _OWN_EXTENSIONS[header.kind]
        if header.size > MAX_EXTENSION:
            raise suspicious(f"A tar header extension is too big: {header.size} bytes", f"{kind} {shown(header.name)}")
        body = self._exactly(header.size)
        self._exactly(-header.size % BLOCK)
        if header.kind == b"L":
            records = {"path": body.split(b"\0", 1)[0]}
        else:
            records = {} if header.kind == b"K" else _pax_records(body)
        if header.kind == b"g" and records:
            raise damaged("a header for all entries gives them one name or size", ", ".join(records))
        for key, value in records.items():
            _put(found, key, value)

    def _skip(self) -> None:
        while self.read(_SKIP):
            pass
        self._exactly(self._padding)
        self._padding = 0

    def _check_end(self) -> None:
        """After the first zero block: a second one and nothing but zeros, or a clean end."""
        rest = 0
        while chunk := self._stream.read(_SKIP):
            if chunk.count(0) != len(chunk):
                place = self._at + rest + len(chunk) - len(chunk.lstrip(b"\0"))
                raise damaged(
                    "something follows the end marker of the tar",
                    f"At byte {place} of the tar, behind {shown(self._name)}. Two archives joined into one?",
                )
            rest += len(chunk)
        self.lone_zero_block = rest < BLOCK

    def _exactly(self, size: int) -> bytes:
        data = self._stream.read(size) if size else b""
        while len(data) < size:
            more = self._stream.read(size - len(data))
            if not more:
                raise cut_short("The tar has no end marker.")
            data += more
        self._at += size
        return data


@dataclass(frozen=True, slots=True)
class _Header:
    name: str
    size: int
    kind: bytes

    @classmethod
    def parse(cls, block: bytes) -> _Header:
        if not _has_right_checksum(block):
            raise damaged("a tar header is damaged", "Its checksum is wrong.")
        name = _text(block[0:100])
        if block[257:263] == b"ustar\0" and (prefix := _text(block[345:500])):
            name = f"{prefix}/{name}"
        return cls(name, _number(block[124:136], name), block[156:157])

    def entry(self, extended: dict[str, bytes]) -> TarEntry:
        path = extended.get("path")
        if path is not None and len(path) > MAX_NAME:
            raise suspicious(
                f"The archive holds a name that is too big: {len(path)} bytes", shown(_decoded(path[:200]))
            )
        name = self.name if path is None else _decoded(path)
        if _SPARSE in extended:
            raise _refused(name, _KINDS[b"S"], shown(_decoded(extended[_SPARSE][:100])))
        size = _pax_size(extended["size"], name) if "size" in extended else self.size
        folder = self.kind == b"5" or (self.kind in b"0\0" and name.endswith("/"))
        if not folder and self.kind not in (b"0", b"\0", b"7"):
            raise _refused(name, _KINDS.get(self.kind, "of an unknown kind"), f"type {self.kind!r}")
        if folder and size:
            raise damaged(f"the folder {shown(name)} has content", f"{size} bytes")
        return TarEntry(name if not folder else name.rstrip("/") + "/", size)


def _refused(name: str, kind: str, evidence: str) -> ArchiveError:
    return suspicious(f"The archive holds something that is no plain file: {shown(name)} is {kind}", evidence)


def _has_right_checksum(block: bytes) -> bool:
    digits = _CHECKSUM.fullmatch(block, 148, 156)
    if not digits:
        return False
    stated = int(digits[1], 8)
    rest = block[:148] + b" " * 8 + block[156:]
    unsigned = sum(rest)
    # Some old tars summed signed bytes.
    return stated == unsigned or stated == unsigned - 256 * sum(byte > 127 for byte in rest)


def _number(data: bytes, name: str) -> int:
    """An octal number between spaces and NULs, or GNU's base 256."""
    if data[0] == 0x80:
        number = int.from_bytes(data[1:], "big")
    else:
        digits = data.split(b"\0", 1)[0].strip(b" ")
        if not all(digit in b"01234567" for digit in digits) or data[0] > 0x80:
            raise damaged(f"the size of {shown(name)} is no number", repr(data))
        number = int(digits or b"0", 8)
    if number > MAX_SIZE:
        raise damaged(f"the size of {shown(name)} is impossible", str(number))
    return number


def _pax_records(body: bytes) -> dict[str, bytes]:
    """Name, size and whether the entry is sparse, out of the records `length key=value\\n` of a pax header."""
    records: dict[str, bytes] = {}
    at = count = 0
    while at < len(body):
        count += 1
        if count > MAX_RECORDS:
            raise suspicious(f"A pax header has more than {MAX_RECORDS} records")
        space = body.find(b" ", at, at + 12)
        digits = body[at:space] if space > 0 else b""
        end = at + int(digits) if digits.isdigit() else 0
        key, equals, value = body[space + 1 : end - 1].partition(b"=")
        if not equals or not at < end <= len(body) or body[end - 1 : end] != b"\n":
            raise damaged("a pax header is damaged", repr(body[at : at + 40]))
        if key in (b"path", b"size"):
            _put(records, key.decode(), value)
        elif key.startswith(b"GNU.sparse"):
            records[_SPARSE] = key
        at = end
    return records


def _put(records: dict[str, bytes], key: str, value: bytes) -> None:
    """Readers differ in which of two values counts: that is how an archive shows two faces."""
    if records.setdefault(key, value) != value:
        raise damaged(f"an entry has two values for its {key}", f"{records[key][:100]!a} and {value[:100]!a}")


def _pax_size(value: bytes, name: str) -> int:
    if not value.isdigit() or len(value) > 19 or int(value) > MAX_SIZE:
        raise damaged(f"the size of {shown(name)} is no number", repr(value[:40]))
    return int(value)


def _text(field: bytes) -> str:
    return _decoded(field.split(b"\0", 1)[0])


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
