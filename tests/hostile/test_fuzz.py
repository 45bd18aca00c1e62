"""Archives changed at random: each reading ends with ArchiveError, or with content that hangs together.

`make test` takes some hundred examples of each; HOSTILE_EXAMPLES=20000 takes more. A failing one is printed so that it
can be repeated (`@reproduce_failure`), and belongs among the examples here once it is understood.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hostile.corpus import ASSETS, Good
from hostile.making import BLOB, BLOCK, END, Block, Dump, Entry, file, member, pax
from mxpc.archive import deflate
from mxpc.archive.dump import DumpStream
from mxpc.archive.gzipread import GzipReader
from mxpc.archive.layout import Place
from mxpc.archive.reader import ArchiveReader
from mxpc.archive.scan import scan
from mxpc.errors import ArchiveError
from mxpc.model import ArchiveSummary
from mxpc.ports import ByteReader

GOOD = Good((ASSETS / "dumps" / "pg15-Z0.backup").read_bytes(), {BLOB: b"Hello, world!" * 50})
SMALL = Good(replace(GOOD.parts, entries=GOOD.parts.entries[:1], blocks=()).encoded(), GOOD.blobs)
"""Its archive has 4 KB, so that each byte gets its share of the changes."""
ENGINES = [engine for engine in (deflate.ISAL, deflate.ZLIB) if engine]
MEBIBYTES = 48
"""Most of it is what the thread reads ahead."""

fuzzed = settings(
    max_examples=int(os.environ.get("HOSTILE_EXAMPLES", "300")),
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)

places = st.integers(0, 1 << 32)
changes = st.one_of(
    st.tuples(st.just("flip"), places, st.integers(0, 7)),
    st.tuples(st.just("write"), places, st.binary(min_size=1, max_size=16)),
    st.tuples(st.just("insert"), places, st.binary(min_size=1, max_size=16)),
    st.tuples(st.just("cut"), places, st.integers(1, 2000)),
    st.tuples(st.just("double"), places, st.integers(1, 2000)),
    st.tuples(st.just("end"), places, st.just(0)),
)
Change = tuple[str, int, Any]


def changed(data: bytes, edits: list[Change]) -> bytes:
    """The data with these changes, one after the other."""
    for kind, place, what in edits:
        at = place % (len(data) + 1)
        match kind:
            case "flip" if at < len(data):
                data = data[:at] + bytes((data[at] ^ 1 << what,)) + data[at + 1 :]
            case "write":
                data = data[:at] + what + data[at + len(what) :]
            case "insert":
                data = data[:at] + what + data[at:]
            case "cut":
                data = data[:at] + data[at + what :]
            case "double":
                data = data[: at + what] + data[at:]
            case "end":
                data = data[:at]
    return data


def everything(stream: ByteReader) -> bytes:
    """All that it has."""
    return b"".join(iter(lambda: stream.read(4096), b""))


def outcome(read: Callable[[], Any]) -> Any:
    """What came of it; None when the archive was refused."""
    try:
        return read()
    except ArchiveError as error:
        _check_words(error)
        return None


def _check_words(error: ArchiveError) -> None:
    assert error.hint
    assert len(error.what) + len(error.evidence) < 3000
    assert all(line.isprintable() for line in f"{error.what}\n{error.evidence}".split("\n"))


def known(summary: ArchiveSummary) -> tuple[object, ...]:
    """What a summary says of dump and blobs."""
    return summary.dump, summary.dump_size, summary.blob_count, summary.blob_bytes


@fuzzed
@given(edits=st.lists(changes, max_size=4), level=st.sampled_from([0, 1, 6]))
@example(edits=[("double", 7478655, 30)], level=6)
def test_gzip_gives_what_was_compressed_or_an_error(edits: list[Change], level: int) -> None:
    data = changed(member(GOOD.tar[:6000], level=level) + member(b"more"), edits)
    found = [
        outcome(lambda engine=engine: everything(GzipReader(io.BytesIO(data), engine=engine))) for engine in ENGINES
    ]  # type: ignore[misc]
    assert found[0] == found[-1]
    if found[0] is not None:
        # A whole member may be gone, or come twice: nothing can know.
        assert found[0].replace(GOOD.tar[:6000], b"").replace(b"more", b"") == b""


@fuzzed
@given(edits=st.lists(changes, max_size=4))
def test_archive_gives_its_content_or_an_error(edits: list[Change]) -> None:
    sound = known(scan(io.BytesIO(SMALL.gzip)))
    summary = outcome(lambda: scan(io.BytesIO(changed(SMALL.gzip, edits))))
    assert summary is None or known(summary) == sound


@fuzzed
@given(edits=st.lists(changes, max_size=6), repaired=st.booleans())
def test_tar_hangs_together_or_is_an_error(edits: list[Change], repaired: bool) -> None:
    """A plain tar has no checksum of its content, so that the content may be other: but not its lengths and places."""
    data = changed(SMALL.tar, edits)
    data = _repaired(data) if repaired else data
    summary = outcome(lambda: scan(io.BytesIO(data)))
    if summary:
        entries = _entries(data)
        assert sum(place is Place.BLOB for place, _ in entries) == summary.blob_count
        assert sum(size for place, size in entries if place is Place.BLOB) == summary.blob_bytes


def _entries(data: bytes) -> list[tuple[Place, int]]:
    with ArchiveReader(io.BytesIO(data)) as reader:
        return [(entry.place, len(everything(entry))) for entry in reader]


def _repaired(data: bytes) -> bytes:
    """With right checksums in everything that could be a header: so the changes reach what lies behind that check."""
    blocks = [bytearray(data[at : at + BLOCK]) for at in range(0, len(data), BLOCK)]
    for block in blocks:
        if len(block) == BLOCK and block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
    return b"".join(blocks)


fields = st.dictionaries(
    st.sampled_from([0, 100, 124, 156, 157, 257, 345]),
    st.one_of(
        st.binary(max_size=12), st.sampled_from([b"\x80" + b"\xff" * 11, b"77777777777\0", b"5", b"x", b"L", b"g"])
    ),
    max_size=3,
)


@fuzzed
@given(headers=st.lists(st.tuples(fields, st.binary(max_size=600)), max_size=4))
def test_headers_of_any_kind_are_read_or_refused(headers: list[tuple[dict[int, bytes], bytes]]) -> None:
    parts = []
    for number, (changes_of_it, content) in enumerate(headers):
        block = bytearray(file(f"entry{number}", content))
        for at, value in changes_of_it.items():
            block[at : at + len(value)] = value
        parts.append(_repaired(bytes(block)))
    outcome(lambda: scan(io.BytesIO(GOOD.dump_file + b"".join(parts) + END)))


@fuzzed
@given(
    records=st.lists(
        st.tuples(st.sampled_from(["path", "size", "a", "GNU.sparse.map", ""]), st.binary(max_size=30)), max_size=4
    ),
    edits=st.lists(changes, max_size=2),
    kind=st.sampled_from([b"x", b"g"]),
)
@example(records=[("GNU.sparse.map", bytes(19)), ("path", bytes(4))], edits=[("write", 12, b"\0")], kind=b"x")
def test_pax_records_of_any_kind_are_read_or_refused(
    records: list[tuple[str, bytes]], edits: list[Change], kind: bytes
) -> None:
    body = b"".join(b"%d %s=%s\n" % (len(key) + len(value) + 5, key.encode(), value) for key, value in records)
    data = GOOD.dump_file + pax(changed(body, edits), kind) + file("plain") + END
    outcome(lambda: scan(io.BytesIO(data)))


@fuzzed
@given(edits=st.lists(changes, min_size=1, max_size=4), compressed=st.booleans())
def test_dump_is_passed_on_exactly_when_its_check_is_content(edits: list[Change], compressed: bool) -> None:
    dump = GOOD.parts.compressed() if compressed else GOOD.parts
    _check_and_pass(changed(dump.encoded(), edits))


numbers = st.one_of(st.integers(-300, 300), st.sampled_from([0, (1 << 31) - 1, -(1 << 31), 1 << 20, 100_000_001]))
texts = st.one_of(
    st.none(), st.binary(max_size=40), st.sampled_from([b"TABLE DATA", b"BLOBS", b"mendixsystem$version"])
)


@fuzzed
@given(data=st.data(), compressed=st.booleans())
def test_dump_with_any_parts_is_passed_on_exactly_when_its_check_is_content(
    data: st.DataObject, compressed: bool
) -> None:
    dump = GOOD.parts.compressed() if compressed else GOOD.parts
    for _ in range(data.draw(st.integers(1, 3))):
        dump = data.draw(st.sampled_from(PART_CHANGES))(dump, data)
    with contextlib.suppress(OverflowError):
        _check_and_pass(dump.encoded())


def _check_and_pass(data: bytes) -> None:
    """The check and the way through a pipe agree, and what comes out is sound and has the same entries and rows."""
    checked = outcome(lambda: DumpStream(io.BytesIO(data)).check())
    passed = outcome(lambda: everything(DumpStream(io.BytesIO(data)).rewritten(checked=True)))
    assert (checked is None) == (passed is None)
    if checked is not None:
        assert DumpStream(io.BytesIO(passed)).check() == checked


def _entry_changed(dump: Dump, data: st.DataObject) -> Dump:
    def change(entry: Entry) -> Entry:
        place = data.draw(st.integers(0, len(entry.texts) + 2))
        if place < len(entry.texts):
            return entry.with_text(place, data.draw(texts))
        if place == len(entry.texts):
            return replace(entry, dump_id=data.draw(numbers))
        if place == len(entry.texts) + 1:
            return replace(entry, has_data=not entry.has_data)
        return replace(entry, dependencies=tuple(data.draw(st.lists(st.binary(max_size=12), max_size=3))))

    return dump.edited(data.draw(st.integers(0, len(dump.entries) - 1)), change)


def _block_changed(dump: Dump, data: st.DataObject) -> Dump:
    if not dump.blocks:
        return dump
    place = data.draw(st.integers(0, len(dump.blocks) - 1))
    old = dump.blocks[place]
    content = b"".join(old.pieces)
    size = data.draw(st.integers(1, 40))
    new = data.draw(
        st.sampled_from(
            [
                [],
                [old, old],
                [replace(old, dump_id=size)],
                [replace(old, kind=3)],
                [replace(old, kind=3, objects=((size, old.pieces),))],
                [replace(old, pieces=tuple(content[at : at + size] for at in range(0, len(content), size)))],
                [replace(old, pieces=(content[:-size],))],
                [replace(old, pieces=(content + bytes(size),))],
                [replace(old, pieces=(zlib.compress(content),))],
                [Block(old.dump_id)],
            ]
        )
    )
    return replace(dump, blocks=(*dump.blocks[:place], *new, *dump.blocks[place + 1 :]))


def _order_changed(dump: Dump, data: st.DataObject) -> Dump:
    return replace(dump, blocks=tuple(data.draw(st.permutations(dump.blocks))))


def _count_changed(dump: Dump, data: st.DataObject) -> Dump:
    return replace(dump, count=data.draw(numbers))


def _identity_changed(dump: Dump, data: st.DataObject) -> Dump:
    at = data.draw(st.integers(5, 10))
    return replace(
        dump, identity=dump.identity[:at] + data.draw(st.binary(min_size=1, max_size=1)) + dump.identity[at + 1 :]
    )


PART_CHANGES = [
    _entry_changed,
    _entry_changed,
    _block_changed,
    _block_changed,
    _order_changed,
    _count_changed,
    _identity_changed,
]


@fuzzed
@given(edits=st.lists(changes, max_size=3))
def test_memory_is_bounded_whatever_the_changes(edits: list[Change]) -> None:
    data = changed(GOOD.tar, edits)
    tracemalloc.start()
    try:
        outcome(lambda: scan(io.BytesIO(data)))
        assert tracemalloc.get_traced_memory()[1] < MEBIBYTES << 20
    finally:
        tracemalloc.stop()


def test_what_is_changed_is_what_is_meant() -> None:
    assert scan(io.BytesIO(SMALL.gzip)).blob_count == 1
    assert hashlib.sha256(SMALL.dump).digest() != hashlib.sha256(GOOD.dump).digest()
    assert (
        changed(b"abc", [("flip", 1, 0), ("insert", 3, b"x"), ("double", 0, 1), ("cut", 1, 1), ("end", 3, 0)]) == b"acc"
    )
