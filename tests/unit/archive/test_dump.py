from __future__ import annotations

import io
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mxpc.archive import deflate
from mxpc.archive.dump import DumpStream
from mxpc.errors import ArchiveError
from mxpc.model import DataBlock, DumpFacts
from unit.archive.archives import ASSETS, DUMP, ENGINES, Trickle, everything

DUMPS = sorted((ASSETS / "dumps").glob("*.backup"))
READABLE = [path for path in DUMPS if "lz4" not in path.name and "zstd" not in path.name]
WITH_LARGE_OBJECTS = [path for path in DUMPS if "large-objects" in path.name]
every_dump = pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.stem)


def check(data: bytes, engine: deflate.Engine = deflate.DEFAULT) -> DumpFacts:
    return DumpStream(io.BytesIO(data), engine=engine).check()


def rewritten(data: bytes, version: tuple[int, int] | None = None, leave_out: set[int] = frozenset()) -> bytes:  # type: ignore[assignment]
    return everything(DumpStream(io.BytesIO(data)).rewritten(version=version, leave_out=leave_out))


@every_dump
def test_header_and_table_of_contents_of_every_major_are_read(path: Path) -> None:
    major = int(path.name[2:4])
    facts = DumpStream(io.BytesIO(path.read_bytes())).facts
    assert facts.archive_version == {14: (1, 14, 0), 15: (1, 14, 0), 16: (1, 15, 0)}.get(major, (1, 16, 0))
    assert facts.dump_version.startswith(f"{major}.")
    assert facts.server_version.startswith(f"{major}.")
    assert facts.database == "my-app-1"
    assert facts.created.startswith("2026-11-23 14:52:")
    kind = path.stem.split("-")[-1]
    assert facts.compression == {"Z0": "none", "offsets": "none", "lz4": "lz4", "zstd": "zstd"}.get(kind, "gzip")
    assert facts.table_count == 25
    assert facts.extensions == (("pg_trgm",) if path in WITH_LARGE_OBJECTS else ())
    names = {(entry.kind, entry.schema, entry.name) for entry in facts.entries if entry.has_data}
    assert ("TABLE DATA", "public", "system$filedocument") in names
    index = next(entry for entry in facts.entries if entry.name == "idx_system$user_name_asc")
    table = next(entry for entry in facts.entries if (entry.kind, entry.name) == ("TABLE", "system$user"))
    assert set(index.dependencies) == {table.dump_id}


@every_dump
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_checking_tells_app_and_byte_count(path: Path, engine: deflate.Engine) -> None:
    told: list[int] = []
    data = path.read_bytes()
    facts = DumpStream(Trickle(data, 1000), engine=engine).check(told.append)
    app = (facts.app_name, facts.model_version, facts.mendix_version)
    assert app == (("SampleApp", "1.0.0.40", "10.9.0.31759") if path in READABLE else (None, None, None))
    assert sum(told) == len(data)


@pytest.mark.parametrize("path", [path for path in DUMPS if path.stem in {"pg15-Z0", "pg18-default", "pg17-zstd"}])
def test_every_truncation_of_a_dump_is_noticed(path: Path) -> None:
    data = path.read_bytes()
    for size in [*range(3000), *range(3000, len(data), 97), *range(len(data) - 300, len(data))]:
        with pytest.raises(ArchiveError):
            check(data[:size])


@every_dump
@pytest.mark.parametrize("tail", [b"\0", b"\1", b"\1\0\1\0\0\0\0\0\0\0\0", b"PGDMP"])
def test_anything_after_the_data_is_noticed(path: Path, tail: bytes) -> None:
    with pytest.raises(ArchiveError):
        check(path.read_bytes() + tail)


@settings(deadline=None, max_examples=400)
@given(path=st.sampled_from(READABLE), edits=st.lists(st.tuples(st.integers(0), st.binary(min_size=1)), max_size=4))
def test_no_edit_of_a_dump_escapes_as_another_error(path: Path, edits: list[tuple[int, bytes]]) -> None:
    data = bytearray(path.read_bytes())
    for position, new in edits:
        start = position % len(data)
        data[start : start + len(new)] = new
    try:
        check(bytes(data))
        everything(DumpStream(io.BytesIO(data)).rewritten(version=(1, 14), leave_out={3200}))
    except ArchiveError:
        pass


@pytest.mark.parametrize("path", [path for path in READABLE if "Z0" not in path.stem], ids=lambda path: path.stem)
def test_flipped_bits_in_compressed_data_are_noticed(path: Path) -> None:
    data = path.read_bytes()
    start_of_stream = re.compile(rb"\x01\x00..\x00\x00\x00..\x00\x00(?=\x78[\x01\x9c\xda])", re.DOTALL)
    streams = [match.end() for match in start_of_stream.finditer(data)]
    assert len(streams) > 5
    for start in streams:
        for position in (start + 1, start + 2, start + 9):
            damaged = bytearray(data)
            damaged[position] ^= 0x10
            with pytest.raises(ArchiveError):
                check(bytes(damaged))


@every_dump
def test_rewriting_without_changes_keeps_everything_but_offsets(path: Path) -> None:
    data = path.read_bytes()
    again = rewritten(data)
    assert check(again) == check(data)
    assert again == data or "offsets" in path.stem


@pytest.mark.parametrize("version", [(1, 14), (1, 15)])
@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
def test_older_versions_have_the_same_entries_and_data(path: Path, version: tuple[int, int]) -> None:
    data = path.read_bytes()
    before, after = check(data), check(rewritten(data, version))
    assert after.archive_version[:2] == min(version, before.archive_version[:2])
    changed = {"BLOB METADATA": "BLOB"} if after.archive_version < before.archive_version else {}
    assert [(entry.dump_id, entry.name, entry.has_data, entry.dependencies) for entry in after.entries] == [
        (entry.dump_id, entry.name, entry.has_data, entry.dependencies) for entry in before.entries
    ]
    assert [entry.kind for entry in after.entries] == [changed.get(one.kind, one.kind) for one in before.entries]
    assert (after.compression, after.app_name) == (before.compression, "SampleApp")


def test_large_objects_of_newer_dumps_are_created_by_sql_in_older_versions() -> None:
    data = (ASSETS / "dumps" / "pg17-large-objects-Z0.backup").read_bytes()
    assert b"lo_create" not in data
    older = rewritten(data, (1, 15))
    assert b"SELECT pg_catalog.lo_create('4711');\nSELECT pg_catalog.lo_create('4712');\n" in older


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compression_that_older_versions_lack_is_refused(compression: str) -> None:
    data = (ASSETS / "dumps" / f"pg17-{compression}.backup").read_bytes()
    assert check(rewritten(data, (1, 15))).compression == compression
    with pytest.raises(ArchiveError, match=compression) as caught:
        rewritten(data, (1, 14))
    assert "16" in caught.value.what


@every_dump
def test_entries_are_left_out_with_their_data(path: Path) -> None:
    data = path.read_bytes()
    before = check(data)
    leave_out = {entry.dump_id for entry in before.entries if entry.kind in ("BLOBS", "INDEX") or "user" in entry.name}
    after = check(rewritten(data, leave_out=leave_out))
    assert after.entries == tuple(entry for entry in before.entries if entry.dump_id not in leave_out)
    assert after.app_name == before.app_name
    assert b"first large object" not in rewritten(data, leave_out=leave_out)


@every_dump
def test_large_objects_pass_when_other_data_are_left_out(path: Path) -> None:
    data = path.read_bytes()
    user = next(entry.dump_id for entry in check(data).entries if entry.kind == "TABLE DATA")
    after = rewritten(data, leave_out={user})
    assert check(after).app_name == check(data).app_name
    assert (b"first large object" in after) == (b"first large object" in data)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "incomplete"),
        (b"-- SQL", "custom format"),
        (b"PGDMP\1\x11\0\4\10\1", "1.17"),
        (b"PGDMP\1\x0b\0\4\10\1", "1.11"),
        (b"PGDMP\1\x0e\0\4\10\3", "custom format"),
        (b"PGDMP\1\x0e\0\10\10\1", "impossible"),
        (b"PGDMP\1\x0f\0\4\10\1\7", "compression"),
    ],
)
def test_what_is_no_known_dump_is_refused_with_a_word_of_its_own(data: bytes, text: str) -> None:
    with pytest.raises(ArchiveError, match=text):
        check(data)


def test_values_of_the_version_row_are_unescaped_and_columns_may_be_missing() -> None:
    old = DUMP.replace(b", mendixversion", b"").replace(b"SampleApp\t10.9.0.31759\n", b"Sample\\tApp\xc3\xa9\n")
    cut = len(b", mendixversion")
    statement = b'COPY public."mendixsystem$version" ('
    start = old.index(statement)
    end = old.index(b";", start) + 2
    old = old.replace(_int(end - start + cut) + old[start:end], _int(end - start) + old[start:end])
    row_start = old.index(b"4.2\t2024")
    row_end = old.index(b"\n", row_start) + 1
    old = old[: row_start - 5] + _int(row_end - row_start) + old[row_start:]
    facts = check(old)
    assert (facts.app_name, facts.mendix_version) == ("Sample\tAppé", None)


def _int(number: int) -> bytes:
    return b"\0" + number.to_bytes(4, "little")


def test_a_table_of_contents_without_bounds_is_refused() -> None:
    start = DUMP.index(b"my-app-1") - 5
    with pytest.raises(ArchiveError, match="long"):
        check(DUMP[:start] + _int(1 << 30) + DUMP[start + 5 :])


# ------------------------------------------------------------------------------------------------------------- excerpts


@every_dump
def test_excerpts_with_data_hold_the_bytes_of_their_entries_and_no_others(path: Path) -> None:
    data = path.read_bytes()
    facts = check(data)
    blocks = facts.data_blocks
    assert [one.dump_id for one in blocks] == [one.dump_id for one in facts.entries if one.has_data]
    assert facts.size == len(data)
    stream = DumpStream(Trickle(data, 1000))
    for chosen in (blocks[2:4], blocks[5:6], [blocks[7], blocks[9]]):
        ids = {one.dump_id for one in chosen}
        excerpt = everything(stream.excerpt(ids, chosen))
        assert excerpt.endswith(b"".join(data[one.start : one.end] for one in chosen))
        assert {one.dump_id for one in check(excerpt).entries} == ids


@every_dump
def test_excerpts_without_data_can_be_had_again_and_again(path: Path) -> None:
    stream = DumpStream(io.BytesIO(path.read_bytes()))
    ids = {one.dump_id for one in stream.facts.entries if one.kind in ("INDEX", "CONSTRAINT")}
    first = everything(stream.excerpt(ids))
    stream.check()
    assert everything(stream.excerpt(ids)) == first
    assert {one.dump_id for one in check(first).entries} == ids


def test_an_excerpt_whose_data_are_cut_off_is_an_error() -> None:
    data = (ASSETS / "dumps" / "pg15-Z0.backup").read_bytes()
    block = check(data).data_blocks[-1]
    stream = DumpStream(io.BytesIO(data[: block.end - 3]))
    with pytest.raises(ArchiveError, match=r"cut short|incomplete"):
        everything(stream.excerpt({block.dump_id}, [block]))


# --------------------------------------------------------------------------------------------------------- dealt rows

PLAIN = (ASSETS / "dumps" / "pg15-Z0.backup").read_bytes()


def with_cuts(data: bytes, monkeypatch: pytest.MonkeyPatch) -> DumpFacts:
    """What a check finds that remembers a place behind nearly every row."""
    monkeypatch.setattr("mxpc.archive.dumpblocks.CUT_SPACING", 1)
    return DumpStream(Trickle(data, 40)).check()


def test_cuts_are_between_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [one for one in with_cuts(PLAIN, monkeypatch).data_blocks if one.cuts]
    assert len(blocks) > 3
    for block in blocks:
        assert list(block.cuts) == sorted(set(block.cuts))
        for cut in block.cuts:
            assert block.start < cut < block.end
            assert PLAIN[cut - 1 : cut] == b"\n"


@pytest.mark.parametrize("name", ["pg15-default", "pg16-lz4", "pg17-zstd", "pg15-Z0"])
def test_small_or_compressed_data_have_no_cuts(name: str) -> None:
    (path,) = [one for one in DUMPS if one.stem == name]
    assert not any(one.cuts for one in check(path.read_bytes()).data_blocks)


def test_cuts_are_the_spacing_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mxpc.archive.dumpblocks.CUT_SPACING", 500)
    cuts = [one.cuts for one in DumpStream(Trickle(PLAIN, 40)).check().data_blocks if len(one.cuts) > 1]
    assert cuts
    assert min(second - first for one in cuts for first, second in pairwise(one)) >= 500


def test_text_that_does_not_end_its_pieces_with_rows_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a pg_dump may write it that gathers rows before it writes."""
    data = bytearray(PLAIN)
    for block in check(PLAIN).data_blocks:
        at = block.start + 6
        for piece in _pieces(PLAIN, block):
            data[at + 5 : at + 5 + len(piece)] = piece.replace(b"\n", b"\v")
            at += 5 + len(piece)
    assert not any(one.cuts for one in with_cuts(bytes(data), monkeypatch).data_blocks)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(st.integers(0, 2), max_size=60))
def test_shares_hold_each_row_once_whoever_takes_them(turns: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    facts = with_cuts(PLAIN, monkeypatch)
    stream = DumpStream(Trickle(PLAIN, 1000))
    for block in (one for one in facts.data_blocks if len(one.cuts) > 2):
        deal = stream.deal(block)
        shares = [stream.share(deal, {block.dump_id}, version=(1, 14)) for _ in range(3)]
        texts = [b"", b"", b""]
        for turn in turns:
            texts[turn] += shares[turn].read(1000)
        for number, share in enumerate(shares):
            texts[number] += everything(share)
        assert not deal.left
        checked = [check(text) for text in texts]
        assert {entry.dump_id for one in checked for entry in one.entries} == {block.dump_id}
        rows = [row for text, one in zip(texts, checked, strict=True) for row in _pieces(text, one.data_blocks[0])]
        assert sorted(rows) == sorted(_pieces(PLAIN, block))


def _pieces(dump: bytes, block: DataBlock) -> list[bytes]:
    pieces, at = [], block.start + 6
    while size := int.from_bytes(dump[at + 1 : at + 5], "little"):
        pieces.append(dump[at + 5 : at + 5 + size])
        at += 5 + size
    assert at + 5 == block.end
    return pieces


def test_a_share_of_data_that_are_cut_off_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    block = next(one for one in with_cuts(PLAIN, monkeypatch).data_blocks if len(one.cuts) > 2)
    stream = DumpStream(io.BytesIO(PLAIN[: block.cuts[1] - 1]))
    with pytest.raises(ArchiveError, match=r"cut short|incomplete"):
        everything(stream.share(stream.deal(block), {block.dump_id}))


def test_comments_have_the_section_of_what_they_are_about() -> None:
    facts = check((ASSETS / "dumps" / "pg15-large-objects-Z0.backup").read_bytes())
    sections = [one.section for one in facts.entries]
    assert sections == sorted(sections, key=["pre-data", "data", "post-data"].index)
    assert {one.section for one in facts.entries if one.kind == "INDEX"} == {"post-data"}
