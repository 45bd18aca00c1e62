"""What can be wrong with the compression."""

from __future__ import annotations

import gzip
import random
import struct
import zlib

from hostile.corpus import Good, refused, sound
from hostile.making import END, ZEROS, gzip_head, member

FHCRC, FEXTRA, FNAME, FCOMMENT = 2, 4, 8, 16


def _with_body(body: bytes) -> bytes:
    return gzip_head() + body + bytes(8)


def _flipped(good: Good) -> bytes:
    data = bytearray(good.gzip)
    data[len(data) // 3] ^= 0x10
    return bytes(data)


def _stored(good: Good) -> bytes:
    """A member of stored blocks, whose content can be changed without the deflate becoming wrong."""
    return gzip.compress(good.tar, 0, mtime=0)


def _changed_stored(good: Good) -> bytes:
    data = bytearray(_stored(good))
    data[data.index(b"PGDMP") + 2000] ^= 1
    return bytes(data)


def _cut_out(good: Good) -> bytes:
    """Half a kilobyte of random content is missing in the middle of the compressed data."""
    middle = len(good.gzip) // 2
    return good.gzip[:middle] + good.gzip[middle + 512 :]


def _in_two(good: Good) -> tuple[bytes, bytes]:
    middle = len(good.tar) // 2
    return member(good.tar[:middle]), member(good.tar[middle:])


def _noise(size: int) -> bytes:
    return random.Random(3).randbytes(size)


CASES = [
    refused("gzip-empty-input", "no byte at all", lambda _: b"", "empty"),
    refused("gzip-only-magic", "only the first two bytes", lambda good: good.gzip[:2], "incomplete", "2 bytes"),
    refused("gzip-cut-in-header", "five bytes of a header", lambda good: good.gzip[:5], "incomplete", "5 bytes"),
    refused("gzip-cut-behind-header", "a header and nothing else", lambda good: good.gzip[:10], "incomplete"),
    refused("gzip-cut-in-body", "the first half", lambda good: good.gzip[: len(good.gzip) // 2], "incomplete", "tar"),
    refused("gzip-cut-before-trailer", "all data, no checksum", lambda good: good.gzip[:-8], "incomplete"),
    refused("gzip-cut-in-trailer", "the last byte is missing", lambda good: good.gzip[:-1], "incomplete"),
    refused(
        "gzip-wrong-crc",
        "the checksum of other content",
        lambda good: good.gzip[:-8] + bytes(4) + good.gzip[-4:],
        "checksum of the content is wrong",
        "before byte",
    ),
    refused(
        "gzip-wrong-length",
        "the length of other content",
        lambda good: good.gzip[:-4] + struct.pack("<I", 12345),
        "length of the content is wrong",
    ),
    refused("gzip-flipped-bit", "one bit of the compressed data", _flipped, "archive"),
    refused("gzip-changed-stored", "one bit inside of a stored block", _changed_stored, "checksum of the content"),
    refused("gzip-cut-out", "half a kilobyte is missing in the middle", _cut_out, "archive"),
    refused("gzip-reserved-block", "a deflate block of type 3", lambda _: _with_body(b"\x07"), "damaged"),
    refused(
        "gzip-stored-length",
        "a stored block whose length is not that of its complement",
        lambda _: _with_body(b"\1\5\0\0\0hello"),
        "damaged",
    ),
    refused(
        "gzip-too-far-back",
        "a copy from in front of the beginning",
        lambda _: _with_body(bytes((0b00000011, 0b00000010, 0, 0))),
        "damaged",
    ),
    refused(
        "gzip-method", "compressed by a method that is not deflate", lambda good: b"\x1f\x8b\x07" + good.gzip[3:], "7"
    ),
    refused(
        "gzip-reserved-flags",
        "flags that are reserved",
        lambda good: b"\x1f\x8b\x08\xe0" + good.gzip[4:],
        "unknown kind",
        "0xe0",
    ),
    refused(
        "gzip-garbage-between-members",
        "text between two members",
        lambda good: b"garbage".join(_in_two(good)),
        "something follows the end of the compressed data",
    ),
    refused("gzip-garbage-behind", "text behind the end", lambda good: good.gzip + b"garbage", "something follows"),
    refused(
        "gzip-garbage-behind-padding",
        "text behind a megabyte of zeros behind the end",
        lambda good: good.gzip + ZEROS + b"garbage",
        "something follows",
    ),
    refused(
        "gzip-second-member-cut",
        "the second of two members is cut",
        lambda good: b"".join(_in_two(good))[:-9],
        "incomplete",
    ),
    refused("gzip-second-archive", "two archives joined", lambda good: good.gzip * 2, "follows the end marker"),
    refused(
        "gzip-huge-name",
        "a file name of a megabyte in the header",
        lambda _: gzip_head(FNAME, b"n" * (1 << 20)) + bytes(100),
        "gzip header has no end",
    ),
    refused(
        "gzip-huge-comment",
        "a comment of 20 MB of the same letter, in a gzip that is sound",
        lambda good: gzip_head(FCOMMENT, b"c" * (20 << 20) + b"\0") + good.gzip[10:],
        "gzip header has no end",
        live=False,
    ),
    refused(
        "gzip-extra-cut", "extra bytes announced, not there", lambda _: gzip_head(FEXTRA, b"\xff\xff1"), "incomplete"
    ),
    refused("gzip-in-gzip", "compressed twice", lambda good: member(good.gzip), "compressed by gzip once more"),
    refused("gzip-of-noise", "noise, well compressed", lambda _: member(_noise(5000)), "neither", "begins with"),
    refused("gzip-of-nothing", "an empty file, well compressed", lambda _: member(), "empty"),
    refused(
        "gzip-bomb",
        "1 GiB of zeros in 1 MB",
        lambda _: member((ZEROS, 1024), level=9),
        "neither db/db.backup nor any file",
        live=False,
    ),
    refused("gzip-zlib", "a zlib stream instead of gzip", lambda good: zlib.compress(good.tar), "neither"),
    refused("gzip-zip", "a zip file", lambda _: b"PK\3\4" + bytes(200), "zip"),
    refused("gzip-zeros", "nothing but zeros", lambda _: bytes(100_000), "neither"),
    sound("gzip-zero-padding", "zeros behind the end", lambda good: good.gzip + bytes(5000), "Zero bytes follow"),
    sound("gzip-two-members", "two members", lambda good: b"".join(_in_two(good)), "2 gzip members"),
    sound(
        "gzip-empty-members",
        "a hundred thousand empty members",
        lambda good: member() * 50_000 + good.gzip + member() * 50_000,
        "100001 gzip members",
    ),
    sound(
        "gzip-all-fields",
        "a header with 64 KiB of everything, and a wrong checksum of it",
        lambda good: (
            gzip_head(
                FHCRC | FEXTRA | FNAME | FCOMMENT,
                b"\xff\xff" + _noise(65535) + b"n" * 60_000 + b"\0" + b"c" * 60_000 + b"\0" + b"??",
            )
            + good.gzip[10:]
        ),
    ),
    sound(
        "gzip-bomb-behind-the-end",
        "256 MiB of zeros behind the end of the tar",
        lambda good: member(good.tar, (ZEROS, 256), level=9),
    ),
    sound("gzip-uncompressed", "a tar that is not compressed at all", lambda good: good.tar),
    sound("gzip-records", "no zeros beyond the two blocks of the end", lambda good: member(good.entries + END)),
]
