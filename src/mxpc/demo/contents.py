"""Contents of believable kinds for file documents: the same bytes for the same seed, on every machine."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

_WORDS = """
invoice contract customer delivery payment reminder address amount total discount order article quantity Zürich Köln
Łódź naïve façade €1.000,00 2024-05-12 approved rejected pending archived attachment signature
""".split()  # noqa: SIM905 - forty words read better as text


def content(kind: str, size: int, seed: str) -> bytes:
    """`size` bytes that look like a file of this kind (`txt`, `csv`, `pdf`, `png`, `jpg`, `docx`, `bin`)."""
    maker = _MAKERS.get(kind, _noise)
    return maker(size, random.Random(seed))[:size].ljust(size, b"\n")  # noqa: S311 - sample data, not a secret


def _text(size: int, chance: random.Random) -> bytes:
    lines = (" ".join(chance.choices(_WORDS, k=12)) for _ in range(min(size, 4096) // 60 + 1))
    return _repeated("\n".join(lines).encode() + b"\n", size)


def _table(size: int, chance: random.Random) -> bytes:
    rows = (f"{n};{chance.choice(_WORDS)};{chance.random() * 1e4:.2f};{chance.randrange(10**9)}\n" for n in range(2000))
    return _repeated(("number;text;amount;code\n" + "".join(rows)).encode(), size)


def _noise(size: int, chance: random.Random) -> bytes:
    return chance.randbytes(size)


def _pdf(size: int, chance: random.Random) -> bytes:
    head = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n3 0 obj\n<< /Filter /FlateDecode >>\nstream\n"
    return head + _noise(size, chance)


def _png(size: int, chance: random.Random) -> bytes:
    header = struct.pack(">IIBBBBB", 640, 480, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", header) + struct.pack(">I", size) + b"IDAT" + _noise(size, chance)


def _png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _jpg(size: int, chance: random.Random) -> bytes:
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + _noise(size, chance)


def _docx(size: int, chance: random.Random) -> bytes:
    """The local header of a stored first entry, as office files begin."""
    name = b"[Content_Types].xml"
    header = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 8, 0, 0x58AC, 0, size, size, len(name), 0)
    return header + name + _noise(size, chance)


def _repeated(block: bytes, size: int) -> bytes:
    return block * (size // len(block) + 1)


_MAKERS: dict[str, Callable[[int, random.Random], bytes]] = {
    "txt": _text,
    "csv": _table,
    "pdf": _pdf,
    "png": _png,
    "jpg": _jpg,
    "docx": _docx,
    "xlsx": _docx,
    "zip": _docx,
}
