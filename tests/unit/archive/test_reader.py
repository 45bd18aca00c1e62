from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxpc.archive.reader import ArchiveReader
from mxpc.archive.scan import scan
from mxpc.errors import ArchiveError
from mxpc.model import ArchiveKind
from unit.archive.archives import (
    ASSETS,
    BLOB,
    DUMP,
    OTHER_BLOB,
    Trickle,
    contents,
    everything,
    foreign,
    special,
    written,
)

ENTRY = f"tree/0d/3e/{BLOB}"
REFERENCE = contents((ASSETS / "archives" / "plain.tar").read_bytes())
SMALL = written(b"PGDMP, or nearly so", {BLOB: b"Hello, world!", OTHER_BLOB: b"x" * 5000}, level=6)
SMALL_CONTENTS = contents(SMALL)
PLAIN = gzip.decompress(SMALL)


@pytest.mark.parametrize(
    "name",
    [
        "gnu-dot",
        "gnu-ustar",
        "gnu-gnu",
        "gnu-pax",
        "python-gnu",
        "python-pax",
        "tree-first",
        "several-members",
        "zero-padded",
    ],
)
def test_archives_of_other_tools_have_the_same_content(name: str) -> None:
    assert contents((ASSETS / "archives" / f"{name}.tar.gz").read_bytes()) == REFERENCE


def test_entries_come_in_odd_pieces_as_well() -> None:
    archive = (ASSETS / "archives" / "gnu-pax.tar.gz").read_bytes()
    assert {entry.name: everything(entry) for entry in ArchiveReader(Trickle(archive, 100))} == REFERENCE


def test_what_is_not_read_is_skipped() -> None:
    reader = ArchiveReader(io.BytesIO(SMALL))
    assert [(entry.name, entry.read(3)) for entry in reader] == [
        (name, content[:3]) for name, content in SMALL_CONTENTS.items()
    ]
    assert reader.compressed_count == len(SMALL)


def test_an_entry_ends_when_the_iteration_goes_on() -> None:
    entries = list(ArchiveReader(io.BytesIO(SMALL)))
    assert [entry.read(10) for entry in entries] == [b""] * 4


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (SMALL, ArchiveKind.TAR_GZ),
        (PLAIN, ArchiveKind.TAR),
        (DUMP, ArchiveKind.DUMP),
        (gzip.compress(DUMP), ArchiveKind.DUMP),
    ],
)
def test_kind_is_recognised_by_content(data: bytes, kind: ArchiveKind) -> None:
    assert ArchiveReader(io.BytesIO(data)).kind is kind


def test_bare_dump_is_one_entry_without_size() -> None:
    for data in (DUMP, gzip.compress(DUMP)):
        found = [(entry.size, everything(entry)) for entry in ArchiveReader(Trickle(data, 999))]
        assert found == [(None, DUMP)]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        (b"hello", "neither"),
        (gzip.compress(b"hello" * 1000, mtime=0), "neither"),
        (b"PK\x03\x04" + bytes(600), "zip"),
        (b"\xfd7zXZ\0" + bytes(600), "xz"),
        (b"BZh91AY" + bytes(600), "bzip2"),
        (b"--\n-- PostgreSQL database dump\n", "SQL"),
        (bytes(10240), "neither"),
        (b"\x1f", "neither"),
        (b"\x1f\x8b", "incomplete"),
        (foreign([("README", b"nothing else")]), "neither"),
        (foreign([(".metadata", b"{}")]), "neither"),
        (foreign([("backup/db/db.backup", b"a folder too deep")]), "neither"),
    ],
)
def test_what_is_no_backup_is_refused_with_a_word_of_its_own(data: bytes, text: str) -> None:
    with pytest.raises(ArchiveError, match=text):
        contents(data)


HOSTILE: list[tuple[str, list[tuple[tarfile.TarInfo | str, bytes]]]] = [
    ("unsafe", [("../../etc/passwd", b"x")]),
    ("unsafe", [("/etc/passwd", b"x")]),
    ("unsafe", [(special("../up/", tarfile.DIRTYPE), b"")]),
    ("unsafe", [(special("/root", tarfile.DIRTYPE), b"")]),
    ("symbolic link", [(special("db/db.backup", tarfile.SYMTYPE, "/etc/passwd"), b"")]),
    ("hard link", [(special(ENTRY, tarfile.LNKTYPE, "db/db.backup"), b"")]),
    ("character device", [(special("dev", tarfile.CHRTYPE), b"")]),
    ("block device", [(special("dev", tarfile.BLKTYPE), b"")]),
    ("named pipe", [(special("pipe", tarfile.FIFOTYPE), b"")]),
    ("sparse", [(special("sparse", tarfile.GNUTYPE_SPARSE), b"")]),
    ("unknown kind", [(special("odd", b"Q"), b"")]),
    ("twice", [("db/db.backup", b"1"), ("./db/db.backup", b"2")]),
    ("twice", [(ENTRY, b"1"), (ENTRY, b"1")]),
    ("twice", [(ENTRY, b"1"), (f"tree/{BLOB}", b"2")]),
    ("twice", [("README", b"1"), ("README", b"2")]),
    ("wrong folder", [(f"tree/ff/3e/{BLOB}", b"x")]),
]


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize(("text", "entries"), HOSTILE)
def test_hostile_entries_are_refused_and_named(
    text: str, entries: list[tuple[tarfile.TarInfo | str, bytes]], format: int
) -> None:
    archive = foreign([("db/db.backup", b"")] * ("db/db.backup" not in [name for name, _ in entries]) + entries)
    with pytest.raises(ArchiveError, match=text) as caught:
        contents(archive)
    name = entries[-1][0]
    assert (name if isinstance(name, str) else name.name).rstrip("/") in caught.value.what


def test_extras_are_yielded_and_the_rest_is_read() -> None:
    summary = scan(io.BytesIO((ASSETS / "archives" / "extra-entries.tar.gz").read_bytes()))
    assert summary.extra_count == 3
    assert summary.extra_entries == ("README.txt", "tree/0d/notes.txt", "logs/überblick ①.log")
    assert summary.blob_count == 6


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_strange_names_are_read(format: int) -> None:
    names = ["x" * 300, "ü" * 200 + "/①", "a/" * 120 + "b"]
    archive = foreign([("db/db.backup", b"d"), *((name, b"1") for name in names)], format=format)
    assert [name for name in contents(archive) if name != "db/db.backup"] == names


def test_bounds_hold() -> None:
    archive = foreign([(f"extra{number}", b"") for number in range(20)])
    with pytest.raises(ArchiveError, match="more than 10"):
        list(ArchiveReader(io.BytesIO(archive), max_entries=10))
    with pytest.raises(ArchiveError, match="too big"):
        contents(foreign([("n" * (2 << 20), b"")]))
    with pytest.raises(ArchiveError, match="big"):
        scan(io.BytesIO(foreign([("db/db.backup", DUMP), (".metadata", b" " * 100_000)])))


def _edited(position: int, data: bytes) -> bytes:
    """The plain tar with other bytes in its first header, whose checksum is made right again."""
    block = bytearray(PLAIN[:512])
    block[position : position + len(data)] = data
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + 256 + sum(block[156:]))
    return bytes(block) + PLAIN[512:]


@pytest.mark.parametrize(
    "size",
    [b"00000001000\0", b"       1000 ", b"   1000\0    ", b"\x80" + (512).to_bytes(11, "big"), b"1000\0" + b"x" * 7],
)
def test_sizes_of_every_writer_are_understood(size: bytes) -> None:
    assert contents(_edited(124, size)) == SMALL_CONTENTS


@pytest.mark.parametrize(
    "size",
    [b"\xff" * 12, b"0000000100x\0", b"-0000001000\0", b"\x80" + b"\xff" * 11, b"\x81" + bytes(11), b"99999999999\0"],
)
def test_impossible_sizes_are_refused(size: bytes) -> None:
    with pytest.raises(ArchiveError):
        contents(_edited(124, size))


@pytest.mark.parametrize(
    "record",
    [
        b"x",
        b"0 a=b\n",
        b"6 a=b",
        b"99 a=b\n",
        b"-6 a=b\n",
        b"6 a b\n",
        b"13 size=1e3\n\n",
        b"12 size=-1\n",
        b"6 a=b\n6",
    ],
)
def test_damaged_pax_headers_are_refused(record: bytes) -> None:
    with pytest.raises(ArchiveError):
        contents(_pax(record))


def test_pax_records_override_the_header() -> None:
    found = contents(_pax(b"14 path=other\n"))
    assert "other" in found


def _pax(record: bytes) -> bytes:
    header = bytearray(512)
    header[0:1] = b"p"
    header[124:136] = b"%011o\0" % len(record)
    header[156:157] = b"x"
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 256 + sum(header[156:]))
    return bytes(header) + record.ljust(512, b"\0") + PLAIN


def test_one_zero_block_is_an_end_with_a_note() -> None:
    reader = ArchiveReader(io.BytesIO(PLAIN.rstrip(b"\0").ljust(_content_size() + 512, b"\0")))
    assert len(list(reader)) == 4
    assert any("one zero block" in note for note in reader.notes)


def _content_size() -> int:
    return 512 * 2 + 512 * 2 + 512 * 2 + 512 + 5120


@pytest.mark.parametrize(
    "break_it",
    [
        lambda size: PLAIN[:size],
        lambda size: gzip.compress(PLAIN[:size]),
        lambda size: PLAIN[:size] + bytes(100),
        lambda size: PLAIN[: size + 1024] + PLAIN,
        lambda size: PLAIN[: size + 512] + b"x" * 512,
    ],
    ids=["no end", "no end in sound gzip", "part of an end", "two archives", "something after the end"],
)
def test_tar_without_a_right_end_is_refused(break_it: Callable[[int], bytes]) -> None:
    with pytest.raises(ArchiveError):
        contents(break_it(_content_size()))


@pytest.mark.parametrize("data", [SMALL, PLAIN], ids=["gzip", "plain"])
def test_every_truncation_is_noticed(data: bytes) -> None:
    end = len(data) if data is SMALL else _content_size() + 512
    for size in range(end):
        with pytest.raises(ArchiveError):
            contents(data[:size])


@settings(deadline=None, max_examples=500)
@given(position=st.integers(0), bit=st.integers(0, 7))
def test_a_flipped_bit_gives_an_error_or_the_right_content(position: int, bit: int) -> None:
    data = bytearray(SMALL)
    data[position % len(data)] ^= 1 << bit
    with contextlib.suppress(ArchiveError):
        assert contents(bytes(data)) == SMALL_CONTENTS


@settings(deadline=None, max_examples=500)
@given(edits=st.lists(st.tuples(st.integers(0), st.binary(min_size=1, max_size=12)), max_size=5))
def test_no_edit_of_a_tar_escapes_as_another_error(edits: list[tuple[int, bytes]]) -> None:
    data = bytearray(PLAIN)
    for position, new in edits:
        start = position % len(data)
        data[start : start + len(new)] = new
    with contextlib.suppress(ArchiveError):
        contents(bytes(data))
