"""What can be wrong with the dump inside of an archive that is sound."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace

from hostile.corpus import ASSETS, Case, Good, refused, sound
from hostile.making import (
    BLOCK,
    COPY,
    DEFINITION,
    END,
    OWNER,
    TAG,
    ZEROS,
    Block,
    Dump,
    Entry,
    file,
    header,
    member,
    number,
    plain_entry,
    text,
)

Change = Callable[[Dump], Dump | bytes]
HUGE = (1 << 31) - 1


def _archive(good: Good, dump: bytes) -> bytes:
    return member(file(".metadata", b"{}") + file("db/db.backup", dump) + good.blob_files + END)


def _changed(change: Change, *, compressed: bool = False) -> Callable[[Good], bytes]:
    def make(good: Good) -> bytes:
        dump = change(good.parts.compressed() if compressed else good.parts)
        return _archive(good, dump if isinstance(dump, bytes) else dump.encoded())

    return make


def _bad(name: str, wrong: str, change: Change, *words: str, compressed: bool = False, **more: int | bool) -> Case:
    return refused(name, wrong, _changed(change, compressed=compressed), *words, **more)


def _identity(at: int, value: int) -> Change:
    return lambda dump: replace(dump, identity=dump.identity[:at] + bytes((value,)) + dump.identity[at + 1 :])


def _entry(change: Callable[[Entry], Entry]) -> Change:
    """Another first entry."""
    return lambda dump: dump.edited(0, change)


def _block(change: Callable[[Block], Block]) -> Change:
    """Another block of a table that has rows."""

    def make(dump: Dump) -> Dump:
        place = max(range(len(dump.blocks)), key=lambda one: len(b"".join(dump.blocks[one].pieces)))
        blocks = (*dump.blocks[:place], change(dump.blocks[place]), *dump.blocks[place + 1 :])
        return replace(dump, blocks=blocks)

    return make


def _joined(block: Block) -> bytes:
    return b"".join(block.pieces)


def _raw_block(content: Callable[[Block], bytes]) -> Change:
    """The biggest block is these bytes."""

    def make(dump: Dump) -> bytes:
        place = max(range(len(dump.blocks)), key=lambda one: len(_joined(dump.blocks[one])))
        parts = [one.encoded() for one in dump.blocks]
        parts[place] = content(dump.blocks[place])
        return dump.table_of_contents() + b"".join(parts)

    return make


def _start(block: Block) -> bytes:
    return b"\1" + number(block.dump_id)


def _more(*entries: Entry) -> Change:
    return lambda dump: replace(dump, entries=(*dump.entries, *entries))


def _text_of(place: int, size: int) -> Callable[[Good], bytes]:
    """A dump whose first entry has a text that is made of zeros, without its rest."""

    def make(good: Good) -> bytes:
        whole = good.parts.edited(0, lambda one: one.with_text(place, b"\x01MARK")).table_of_contents()
        start = whole[: whole.index(text(b"\x01MARK"))] + number(size)
        whole_size = (1 << 31) - 1
        return member(header("db/db.backup", whole_size) + start, (ZEROS, 300), END)

    return make


def _loop(dump: Dump) -> Dump:
    """The first two entries need each other, and the first itself."""
    first, second = dump.entries[0].dump_id, dump.entries[1].dump_id
    needs = (b"%d" % second, b"%d" % first)
    return dump.edited(0, lambda one: replace(one, dependencies=needs)).edited(
        1, lambda one: replace(one, dependencies=needs)
    )


def _injection(dump: Dump) -> Dump:
    """Names that a list of entries, a shell or SQL could take for more than names."""
    names = (b"x\n;99; 1 2 TABLE evil", b"x'; DROP TABLE y; --", b'x"\\!id\n\\! id', b"$(id)`id`", b"\x1b[2J")
    return replace(dump, entries=(*dump.entries, *(plain_entry(90_000 + one, name) for one, name in enumerate(names))))


def _dependencies(good: Good) -> bytes:
    """Two million and one needs of one entry, in a few KB."""
    head = replace(good.parts, entries=(), count=1).table_of_contents()
    entry = plain_entry(1, b"x").encoded()[: -5 - 9]
    piece = text(b"7") * 100_000
    size = len(head) + len(entry) + len(piece) * 21
    return member(header("db/db.backup", size) + head + entry, (piece, 21), bytes(-size % BLOCK) + END)


def _entries(count: int) -> Callable[[Good], bytes]:
    return lambda good: _archive(
        good,
        replace(good.parts, entries=tuple(plain_entry(1 + one, b"x") for one in range(count)), blocks=()).encoded(),
    )


def _bomb(good: Good) -> bytes:
    """5 GiB of one table's rows: zeros that zlib compressed, compressed by gzip."""
    packer = zlib.compressobj(9)
    start = packer.compress(ZEROS) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(ZEROS) + packer.flush(zlib.Z_FULL_FLUSH)
    dump = good.parts.compressed()
    table = dump.blocks[0].dump_id
    head = dump.table_of_contents() + b"\1" + number(table) + number(len(start)) + start
    piece = number(len(again) * 64) + again * 64
    return member(header("db/db.backup", 8**11 - 1) + head, (piece, 80), END, level=9)


def _asset(name: str, place: float | None) -> Callable[[Good], bytes]:
    def make(good: Good) -> bytes:
        dump = bytearray((ASSETS / "dumps" / name).read_bytes())
        if place is not None:
            dump[int(len(dump) * place)] ^= 0xFF
        return _archive(good, bytes(dump))

    return make


def _damaged_zlib(change: Callable[[bytes], bytes]) -> Change:
    return _block(lambda one: replace(one, pieces=(change(_joined(one)),)))


IDENTITY = [
    _bad("dump-empty", "empty", lambda _: b"", "no end"),
    _bad("dump-sql", "a plain SQL dump", lambda _: b"--\n-- PostgreSQL database dump\n--\n" * 9, "custom format"),
    _bad("dump-magic", "PGDUMP instead of PGDMP", lambda dump: b"PGDUM" + dump.encoded()[5:], "custom format"),
    _bad("dump-only-magic", "five bytes", lambda _: b"PGDMP", "no end"),
    _bad("dump-version-old", "archive version 1.11", _identity(6, 11), "1.11", "not known"),
    _bad("dump-version-new", "archive version 1.17", _identity(6, 17), "1.17", "not known"),
    _bad("dump-version-2", "archive version 2.14", _identity(5, 2), "2.14", "not known"),
    _bad("dump-integer-size", "integers of 8 bytes", _identity(8, 8), "integers of 8"),
    _bad("dump-offset-size", "offsets of 3 bytes", _identity(9, 3), "3 bytes"),
    _bad("dump-offset-size-255", "offsets of 255 bytes", _identity(9, 255), "255 bytes"),
    _bad("dump-format", "pg_dump's tar format", _identity(10, 3), "not in custom format"),
    _bad("dump-compression", "a compression that nobody knows", lambda dump: _later(dump, b"\x09"), "compression", "9"),
    _bad("dump-sign", "a number with a sign of 2", lambda dump: replace(dump, compression=b"\2\0\0\0\0"), "number"),
    _bad("dump-cut-in-head", "cut in its head", lambda dump: dump.encoded()[:40], "no end"),
]


def _later(dump: Dump, compression: bytes) -> bytes:
    """Archive version 1.15."""
    return replace(dump, identity=b"PGDMP\x01\x0f\x00\x04\x08\x01", compression=compression).encoded()


TABLE_OF_CONTENTS = [
    _bad("toc-count-negative", "-1 entries", lambda dump: replace(dump, count=-1), "impossible length", "-1"),
    _bad("toc-count-huge", "2,147,483,647 entries", lambda dump: replace(dump, count=HUGE), "impossible length"),
    _bad(
        "toc-count-more",
        "one entry more than there is",
        lambda dump: replace(dump, count=len(dump.entries) + 1),
        "dump",
    ),
    _bad("toc-count-fewer", "one entry fewer", lambda dump: replace(dump, count=len(dump.entries) - 1), "dump"),
    _bad("toc-cut", "cut in the table of contents", lambda dump: dump.table_of_contents()[:-3000], "no end", "At byte"),
    _bad("toc-no-data", "a table of contents and no data", lambda dump: dump.table_of_contents(), "lacks the data"),
    _bad("toc-id-zero", "an entry of number 0", _entry(lambda one: replace(one, dump_id=0)), "impossible entry"),
    _bad("toc-id-negative", "a negative number", _entry(lambda one: replace(one, dump_id=-7)), "impossible entry"),
    _bad("toc-id-huge", "a number of 2 billion", _entry(lambda one: replace(one, dump_id=HUGE)), "impossible entry"),
    _bad("toc-id-twice", "two entries of one number", lambda dump: _more(dump.entries[0])(dump), "have one number"),
    refused("toc-text-huge", "a text of 2 GiB", _text_of(DEFINITION, HUGE), "impossibly long"),
    refused("toc-text-big", "a text of 100 MB", _text_of(DEFINITION, 100 << 20), "dump", mebibytes=256, live=False),
    refused("toc-name-big", "a name of 10 MB", _text_of(TAG, 10 << 20), "impossibly long"),
    refused("toc-owner-big", "an owner of 10 MB", _text_of(OWNER, 10 << 20), "impossibly long"),
    refused("toc-copy-big", "a COPY statement of 10 MB", _text_of(COPY, 10 << 20), "impossibly long"),
    _bad(
        "toc-dependency-text",
        "a need that is no number",
        _entry(lambda one: replace(one, dependencies=(b"1; DROP",))),
        "impossible dependency",
        "DROP",
    ),
    _bad(
        "toc-dependency-big",
        "a need of 100 digits",
        _entry(lambda one: replace(one, dependencies=(b"9" * 100,))),
        "impossible dependency",
    ),
    refused("toc-dependencies", "two million needs", _dependencies, "dependencies", mebibytes=256, live=False),
    refused("toc-entries", "600,000 entries", _changed(lambda dump: replace(dump, count=600_000)), "impossible length"),
    sound(
        "toc-many-entries",
        "100,000 entries that do nothing",
        _entries(100_000),
        same_content=False,
        mebibytes=128,
        live=False,
    ),
    sound("toc-loop", "entries that need each other", _changed(_loop), same_content=False),
    sound("toc-injection", "names that look like commands", _changed(_injection), same_content=False),
    sound(
        "toc-missing-dependency",
        "a need that nothing meets",
        _changed(_entry(lambda one: replace(one, dependencies=(b"99999",)))),
        same_content=False,
    ),
]

DATA = [
    _bad(
        "data-unknown", "data of an entry that is not there", _block(lambda one: replace(one, dump_id=99_999)), "99999"
    ),
    _bad("data-missing", "one table's data are missing", lambda dump: replace(dump, blocks=dump.blocks[:-1]), "lacks"),
    _bad(
        "data-twice",
        "one table's data twice",
        lambda dump: replace(dump, blocks=dump.blocks + dump.blocks[:1]),
        "no entry",
    ),
    _bad("data-behind", "bytes behind the end", lambda dump: replace(dump, tail=b"\0\0"), "unknown kind"),
    _bad(
        "data-behind-block",
        "a whole block behind the end",
        lambda dump: replace(dump, tail=b"\1" + number(3) + number(0)),
        "no entry",
    ),
    _bad("data-kind", "a block of kind 7", _block(lambda one: replace(one, kind=7)), "unknown kind", "7"),
    _bad("data-negative", "a piece of length -5", _raw_block(lambda one: _start(one) + number(-5) + b"hello"), "-5"),
    _bad("data-huge", "a piece of 2 GiB", _raw_block(lambda one: _start(one) + number(HUGE) + b"hello"), "no end"),
    _bad(
        "data-beyond",
        "a piece of 4 GiB - 1, which is negative for pg_restore",
        _raw_block(lambda one: _start(one) + b"\0\xff\xff\xff\xff"),
        "impossible length",
    ),
    _bad("data-no-end", "a table without an end", lambda dump: dump.encoded()[:-5], "no end", "in the data of"),
    _bad("data-cut", "cut in the data", lambda dump: dump.encoded()[:-3000], "no end"),
    _bad(
        "data-large-objects",
        "large objects as the data of a table",
        _block(lambda one: replace(one, kind=3, objects=((77, (b"x",)),))),
        "another kind",
    ),
    _bad(
        "data-of-a-view",
        "data of an entry that has none",
        lambda dump: replace(
            dump, blocks=(*dump.blocks, Block(next(e.dump_id for e in dump.entries if not e.has_data)))
        ),
        "belong to no entry",
    ),
    _bad(
        "zlib-damaged",
        "a byte of compressed rows",
        _damaged_zlib(lambda data: data[:9] + b"\xff\xff" + data[11:]),
        "data",
        compressed=True,
    ),
    _bad(
        "zlib-checksum",
        "the checksum of compressed rows",
        _damaged_zlib(lambda data: data[:-4] + b"\0\0\0\1"),
        "damaged",
        compressed=True,
    ),
    _bad(
        "zlib-cut",
        "compressed rows without their end",
        _damaged_zlib(lambda data: data[:-10]),
        "no end",
        compressed=True,
    ),
    _bad(
        "zlib-behind",
        "bytes behind compressed rows",
        _damaged_zlib(lambda data: data + b"more"),
        "follows",
        compressed=True,
    ),
    _bad("zlib-plain", "rows that are not compressed", _damaged_zlib(zlib.decompress), "damaged", compressed=True),
    refused("zlib-bomb", "5 GiB of rows in an archive of some KB", _bomb, "times the size of the archive", live=False),
    sound(
        "zlib-pieces",
        "compressed rows in pieces of one byte",
        _changed(
            _block(lambda one: replace(one, pieces=tuple(bytes((byte,)) for byte in _joined(one)))), compressed=True
        ),
        same_content=False,
    ),
    sound("zlib", "rows that gzip compressed", _changed(lambda dump: dump, compressed=True), same_content=False),
    sound(
        "lz4-damaged",
        "a byte of rows that lz4 compressed: only pg_restore can see it",
        _asset("pg17-lz4.backup", 0.999),
        "compressed by lz4: their lengths were checked",
        same_content=False,
        restore_codes=(3, 5),
    ),
    sound(
        "zstd-damaged",
        "a byte of rows that zstd compressed: only pg_restore can see it",
        _asset("pg17-zstd.backup", 0.999),
        "compressed by zstd: their lengths were checked",
        same_content=False,
        restore_codes=(3, 5),
    ),
    refused(
        "lz4-cut",
        "a dump with lz4, cut",
        lambda good: _archive(good, (ASSETS / "dumps/pg17-lz4.backup").read_bytes()[:-20]),
        "no end",
        restore_codes=(4, 5),
    ),
    refused("bare-dump-cut", "a bare dump, cut", lambda good: good.dump[:-100], "no end"),
    refused("bare-dump-gzip-cut", "a bare dump in gzip, cut", lambda good: member(good.dump)[:-12], "incomplete"),
    sound("bare-dump", "a bare dump", lambda good: good.dump, same_content=False),
]

CASES = [*IDENTITY, *TABLE_OF_CONTENTS, *DATA]
