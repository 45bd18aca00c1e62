"""What can be wrong with tar headers: sizes, kinds, extensions, ends. Names have a file of their own."""

from __future__ import annotations

from collections.abc import Callable

from hostile.corpus import Case, Good, refused, sound
from hostile.making import END, OTHER, ZEROS, blob_entry, file, header, member, padded, pax, record


def _tar(*parts: bytes, end: bytes = END) -> bytes:
    return member(b"".join(parts) + end)


def _with(*more: bytes) -> Callable[[Good], bytes]:
    """A good archive with these entries in it."""
    return lambda good: _tar(good.entries, *more)


def _sized(size: int | bytes) -> Callable[[Good], bytes]:
    """The last entry has a size field of its own."""
    return lambda good: _tar(good.entries, header(blob_entry(OTHER), size), padded(b"content"))


def _extended(*extensions: bytes) -> Callable[[Good], bytes]:
    """These extensions in front of a small file."""
    return lambda good: _tar(good.entries, *extensions, file("plain.txt", b"content"))


def _special(name: str, kind: bytes, wrong: str, *words: str, link: bytes = b"") -> Case:
    return refused(
        name, wrong, lambda good: _tar(good.entries, header("special", 0, kind, link=link)), "special", *words
    )


def _wrong_checksum(good: Good) -> bytes:
    data = bytearray(good.tar)
    data[148:156] = b"000123\0 "
    return member(bytes(file("first.txt")) + bytes(data))


def _python_checksum(good: Good) -> bytes:
    """A checksum as `0o1234`, which Python's int() reads."""
    block = bytearray(file("first.txt"))
    block[148:156] = (b"0o%o" % int(bytes(block[148:154]), 8)).ljust(8)
    return _tar(good.entries, bytes(block))


def _old_headers(good: Good) -> bytes:
    """Headers of the seventh edition: no magic, type NUL, folders by a slash."""
    blobs = [file(blob_entry(blob), content, b"\0", magic=b"") for blob, content in good.blobs.items()]
    return _tar(file("db/", b"", b"\0", magic=b""), file("db/db.backup", good.dump, b"\0", magic=b""), *blobs)


def _contiguous(good: Good) -> bytes:
    return _tar(file("db/db.backup", good.dump, b"7"), good.blob_files)


def _base_256(good: Good) -> bytes:
    size = b"\x80" + len(good.dump).to_bytes(11, "big")
    return _tar(header("db/db.backup", size), padded(good.dump), good.blob_files)


def _pax_size(good: Good) -> bytes:
    """The header says 0, pax says the truth, as for files above 8 GiB."""
    return _tar(pax(record("size", str(len(good.dump)))), header("db/db.backup", 0), padded(good.dump), good.blob_files)


def _global_comment(good: Good) -> bytes:
    return _tar(pax(record("comment", "of git archive") + record("mtime", "1.5"), b"g"), good.entries)


def _shorter(good: Good) -> bytes:
    """The dump is said to be shorter by a block than it is: its end is taken for a header."""
    return _tar(header("db/db.backup", len(good.dump) - 512), padded(good.dump), good.blob_files)


def _longer(good: Good) -> bytes:
    """The dump is said to be longer by a block than it is: it swallows the next header."""
    return _tar(header("db/db.backup", len(good.dump) + 512), padded(good.dump), good.blob_files)


SIZES = [
    refused("size-negative-octal", "a size of -1 in octal", _sized(b"-0000000001\0"), OTHER, "no number"),
    refused("size-negative-base-256", "a size of -1 in base 256", _sized(b"\xff" * 12), OTHER, "no number"),
    refused("size-no-number", "letters for a size", _sized(b"0000000100x\0"), OTHER, "no number"),
    refused("size-beyond-64-bits", "a size of 2^88 - 1", _sized(b"\x80" + b"\xff" * 11), OTHER, "impossible"),
    refused("size-beyond-signed", "a size of 2^63", _sized(b"\x80" + (1 << 63).to_bytes(11, "big")), "impossible"),
    refused("size-exabytes", "a size of 2^62", _sized(b"\x80" + (1 << 62).to_bytes(11, "big")), OTHER, "incomplete"),
    refused("size-gigabytes", "a size of 8 GiB - 1", _sized(8**11 - 1), OTHER, "incomplete"),
    refused("size-too-short", "the dump is longer than its entry", _shorter, "lacks the data"),
    refused("size-too-long", "the dump is shorter than its entry", _longer, "a"),
    refused(
        "pax-size-too-long", "pax has a size of 10^18", _extended(pax(record("size", "1" + "0" * 18))), "plain.txt"
    ),
    refused("pax-size-beyond", "pax has a size of 10^30", _extended(pax(record("size", "1" + "0" * 30))), "plain.txt"),
    refused("pax-size-negative", "pax has a size of -1", _extended(pax(record("size", "-1"))), "plain.txt"),
    refused("pax-size-empty", "pax has an empty size", _extended(pax(record("size", ""))), "plain.txt"),
    refused(
        "pax-size-digits", "pax has a size in Arabic digits", _extended(pax(record("size", "\u0661"))), "plain.txt"
    ),
    sound("size-base-256", "a size in base 256", _base_256),
    sound("pax-size", "a header that says 0, and pax the true size", _pax_size),
]

EXTENSIONS = [
    refused(
        "pax-path-outside", "pax has another name", _extended(pax(record("path", "../../etc/passwd"))), "etc/passwd"
    ),
    refused(
        "pax-path-absolute", "pax has an absolute name", _extended(pax(record("path", "/etc/passwd"))), "etc/passwd"
    ),
    refused("pax-path-nul", "pax has a name with a NUL", _extended(pax(record("path", b"tree/a\0b"))), "NUL", "tree/a"),
    refused("pax-path-empty", "pax has an empty name", _extended(pax(record("path", ""))), "empty"),
    refused(
        "pax-path-twice",
        "pax has two names",
        _extended(pax(record("path", "db/db.backup") + record("path", "readme"))),
        "two values",
        "db/db.backup",
    ),
    refused(
        "pax-and-gnu-name",
        "pax has one name, GNU's extension another",
        _extended(file("././@LongLink", b"readme\0", b"L"), pax(record("path", "db/db.backup"))),
        "two values",
    ),
    refused("pax-length-zero", "a record of no length", _extended(pax(b"0 a=b\n")), "pax header is damaged"),
    refused("pax-length-beyond", "a record that is longer than its header", _extended(pax(b"99 a=b\n")), "pax header"),
    refused("pax-length-huge", "a record of 10^12 bytes", _extended(pax(b"1000000000000 a=b\n")), "pax header"),
    refused("pax-length-no-number", "a record without a length", _extended(pax(b"a=b\n")), "pax header is damaged"),
    refused("pax-no-newline", "a record without an end", _extended(pax(b"6 a=b;")), "pax header is damaged"),
    refused("pax-no-equals", "a record without a value", _extended(pax(b"6 a b\n")), "pax header is damaged"),
    refused("pax-too-many", "17,000 records", _extended(pax(b"6 a=b\n" * 17_000)), "records"),
    refused(
        "pax-too-big", "a header of two megabytes", _extended(pax(record("a", b"x" * (2 << 20)))), "too big", "pax"
    ),
    refused(
        "pax-chain",
        "a hundred pax headers in a row",
        _extended(*(pax(record(f"k{one}", "v")) for one in range(100))),
        "16",
    ),
    refused(
        "pax-chain-bomb",
        "20,000 pax headers of a megabyte in a row, each with other keys",
        lambda good: member(good.entries, (pax(record("a", b"x" * 1_000_000)), 2000), END),
        "16 header extensions",
    ),
    refused("pax-of-pax", "a pax header for a pax header", _extended(pax(pax(record("path", "x")))), "pax header"),
    refused("pax-alone", "a pax header in front of the end", _with(pax(record("path", "x"))), "belongs to no entry"),
    refused("pax-global-path", "one name for all entries", _extended(pax(record("path", "x"), b"g")), "path"),
    refused("pax-global-size", "one size for all entries", _extended(pax(record("size", "0"), b"g")), "size"),
    refused(
        "pax-sparse", "a sparse file in pax", _extended(pax(record("GNU.sparse.major", "1"))), "sparse", "plain.txt"
    ),
    refused(
        "gnu-name-long",
        "a name of 5,000 bytes",
        _extended(file("././@LongLink", b"n" * 5000, b"L")),
        "5000 bytes",
        "nnn",
    ),
    refused(
        "gnu-name-bomb",
        "a name of 1 GiB",
        lambda good: member(good.entries, header("././@LongLink", 1 << 30, b"L"), (ZEROS, 1024), END),
        "too big",
        "1073741824",
    ),
    refused(
        "gnu-name-cut",
        "a long name that is cut",
        lambda good: _tar(good.entries, header("L", 900, b"L"), end=b"n" * 9),
        "incomplete",
    ),
    refused(
        "gnu-name-outside", "a long name that leads outside", _extended(file("L", b"../" * 50 + b"x\0", b"L")), "unsafe"
    ),
    sound("gnu-link-name", "a long link name for a plain file", _extended(file("K", b"l" * 900, b"K")), extra_count=1),
    sound("pax-global", "remarks for all entries", _global_comment),
    sound("pax-unknown", "records that nobody knows", _extended(pax(record("X.y", b"\xff\0\xfe"))), extra_count=1),
]

KINDS = [
    _special("kind-symbolic-link", b"2", "a symbolic link", "symbolic link", link=b"/etc/passwd"),
    _special("kind-hard-link", b"1", "a hard link", "hard link", link=b"db/db.backup"),
    _special("kind-character-device", b"3", "a character device", "character device"),
    _special("kind-block-device", b"4", "a block device", "block device"),
    _special("kind-pipe", b"6", "a named pipe", "named pipe"),
    _special("kind-sparse", b"S", "a sparse file of GNU tar", "sparse"),
    _special("kind-volume", b"M", "a part of a file from another volume", "another volume"),
    _special("kind-label", b"V", "a volume label", "label"),
    _special("kind-old-name", b"N", "a long name of old GNU tar", "unknown kind"),
    _special("kind-solaris", b"X", "an extended header of Solaris", "unknown kind"),
    _special("kind-unknown", b"Z", "a kind that nobody knows", "unknown kind"),
    refused(
        "kind-dump-link",
        "the dump is a symbolic link",
        lambda good: _tar(header("db/db.backup", 0, b"2", link=b"/etc/passwd"), good.blob_files),
        "db/db.backup",
        "symbolic link",
    ),
    refused(
        "kind-folder-content", "a folder with content", _with(file("folder", b"content", b"5")), "folder", "has content"
    ),
    sound("kind-contiguous", "a contiguous file", _contiguous),
    sound("kind-old-headers", "headers of the seventh edition", _old_headers),
]

ENDS = [
    refused("tar-wrong-checksum", "a header with another checksum", _wrong_checksum, "checksum is wrong", "first.txt"),
    refused(
        "tar-no-end", "no end marker, in a sound gzip", lambda good: member(good.entries), "no end marker", "behind"
    ),
    refused("tar-cut-header", "half a header", lambda good: member(good.entries + file("x")[:200]), "incomplete"),
    refused(
        "tar-cut-content", "half a file", lambda good: member(good.tar[: len(good.tar) // 2]), "incomplete", "db.backup"
    ),
    refused("tar-half-end", "half an end marker", lambda good: member(good.entries + bytes(100)), "incomplete"),
    refused(
        "tar-end-in-the-middle",
        "an end marker, and further files",
        lambda good: _tar(good.dump_file, END, good.blob_files),
        "follows the end marker",
        "db/db.backup",
    ),
    refused(
        "tar-zero-block-in-the-middle",
        "one zero block, and further files",
        lambda good: _tar(good.dump_file, bytes(512), good.blob_files),
        "follows the end marker",
    ),
    refused("tar-garbage-behind", "text behind the end", lambda good: member(good.tar + b"garbage"), "follows the end"),
    refused("tar-only-end", "an end marker and nothing else", lambda _: member(END), "neither"),
    refused("tar-nothing-known", "a tar of something else", lambda _: _tar(file("README")), "neither"),
    refused("tar-checksum-literal", "a checksum that only Python reads", _python_checksum, "checksum"),
    sound(
        "tar-one-zero-block", "half of the end marker", lambda good: member(good.entries + bytes(512)), "one zero block"
    ),
    sound(
        "tar-signed-checksum",
        "a checksum over signed bytes",
        lambda good: _tar(good.entries, file("ü".encode(), b"x", signed=True)),
        extra_count=1,
    ),
]


CASES = [*SIZES, *EXTENSIONS, *KINDS, *ENDS]
