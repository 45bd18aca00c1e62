"""A dump in PostgreSQL's custom format: what it holds, whether it is whole, and the same for older programs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace

from mxpc.archive import deflate
from mxpc.archive.dumpblocks import Blocks, BlockStart
from mxpc.archive.dumpdeal import Deal
from mxpc.archive.dumpread import (
    HAS_COMPRESSION_BYTE,
    HAS_TABLE_AM,
    TocEntry,
    Version,
    read_toc,
)
from mxpc.archive.dumprows import copies_its_own_rows, first_row, rows_in
from mxpc.archive.dumpwrite import int_bytes, toc_bytes
from mxpc.archive.inflation import Inflation
from mxpc.archive.layout import shown
from mxpc.archive.trouble import cut_short, damaged, located
from mxpc.errors import ArchiveError
from mxpc.model import DataBlock, DumpFacts
from mxpc.ports import ByteReader

_LARGE_OBJECTS = "BLOBS"
_VERSION_TABLE = "mendixsystem$version"
_ROW_LIMIT = 1 << 16


class DumpStream:
    """A dump that is read once: after its table of contents either `check` or `rewritten` takes the rest.

    Everything that does not fit raises ArchiveError. Memory is that of the table of contents.
    """

    def __init__(
        self,
        reader: ByteReader,
        *,
        engine: deflate.Engine = deflate.DEFAULT,
        on_plain: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`on_plain` gets the number of bytes whenever data were decompressed; what it raises passes."""
        self._engine = engine
        self._on_plain = on_plain
        self._toc, self._cursor = read_toc(reader)
        self._version_row: dict[str, str | None] = {}
        self._row_counts: dict[int, int] = {}
        self._blocks: list[DataBlock] = []

    @property
    def facts(self) -> DumpFacts:
        """Header and table of contents; with the app once `check` came by its row, and with row counts after it.

        Where the data are is known as far as they were looked at.
        """
        row = self._version_row
        return replace(
            self._toc.facts,
            app_name=row.get("sprintrprojectname"),
            model_version=row.get("modelversionnumber"),
            mendix_version=row.get("mendixversion"),
            row_counts=dict(self._row_counts),
            data_blocks=tuple(self._blocks),
        )

    def check(self, on_bytes: Callable[[int], None] = lambda _: None) -> DumpFacts:
        """Walk through all data: every entry that has some has it once and whole, and nothing follows.

        What gzip compressed inside the dump is decompressed and checked as well; lz4 and zstd data are counted, no
        more (`proves_data`). `on_bytes` gets the number of bytes of the dump that were read since its last call.
        """
        told = 0
        for block, entry, blocks in self._data():
            try:
                self._walk(block, entry, blocks)
            except ArchiveError as error:
                raise self._located(error, entry) from error
            on_bytes(self._cursor.count - told)
            told = self._cursor.count
        on_bytes(self._cursor.count - told)
        return self.facts

    @property
    def proves_data(self) -> bool:
        """Whether `check` looks into the data: they are plain, or compressed by gzip."""
        return self._toc.compression in ("none", "gzip")

    def rewritten(
        self, *, version: tuple[int, ...] | None = None, leave_out: Collection[int] = (), checked: bool = False
    ) -> ByteReader:
        """The same dump in an archive version that is at most `version`, without the entries of these dump ids.

        Constant memory. The data pass through as they are; when entries with data are left out, blocks are looked at
        and theirs are dropped. With `checked` everything that `check` would find is an ArchiveError of the reader,
        before it gives the bytes away that are wrong. Raises ArchiveError when the older version cannot hold the dump.
        """
        target = self._target_version(version)
        return _Stream(self._rewritten(target, frozenset(leave_out), checked=checked))

    def excerpt(
        self, keep: Collection[int], blocks: Iterable[DataBlock] = (), *, version: tuple[int, ...] | None = None
    ) -> ByteReader:
        """A dump of the entries with these ids alone, in an archive version that is at most `version`.

        `blocks`, in their order, are the data of all entries among them that have some: they lie behind what was read
        so far, and what is between is passed over. Without data it may be asked for at any time and any number of
        times, from any thread.
        """
        return _Stream(self._excerpt(frozenset(keep), tuple(blocks), self._target_version(version)))

    def _excerpt(self, keep: frozenset[int], blocks: tuple[DataBlock, ...], target: Version) -> Iterator[bytes]:
        yield from toc_bytes(self._toc, target, [one for one in self._toc.entries if one.facts.dump_id in keep])
        for start, end in _stretches(blocks):
            yield from self._cursor.between(start, end)

    def deal(self, block: DataBlock) -> Deal:
        """Begin to give the rows of one table to several; it lies behind what was read so far, and has `cuts`."""
        return Deal(self._cursor, block)

    def share(self, deal: Deal, keep: Collection[int], *, version: tuple[int, ...] | None = None) -> ByteReader:
        """As `excerpt`, with those rows of `deal` that nobody else took. From any thread."""
        return _Stream(self._share(deal, frozenset(keep), self._target_version(version)))

    def _share(self, deal: Deal, keep: frozenset[int], target: Version) -> Iterator[bytes]:
        yield from toc_bytes(self._toc, target, [one for one in self._toc.entries if one.facts.dump_id in keep])
        yield from deal.block_of_one()

    # ------------------------------------------------------------------------------------------------------- checking

    def _located(self, error: ArchiveError, entry: TocEntry | None = None) -> ArchiveError:
        where = f", in the data of {shown(entry.facts.name)}" if entry else ""
        return located(error, f"At byte {self._cursor.place} of the dump{where}.")

    def _data(self) -> Iterator[tuple[BlockStart, TocEntry, Blocks]]:
        """Each data block with its entry; at the end all entries must have had theirs."""
        missing = {entry.facts.dump_id: entry for entry in self._toc.entries if entry.facts.has_data}
        blocks = Blocks(self._cursor)
        start = self._cursor.place
        while block := blocks.next():
            entry = missing.pop(block.dump_id, None)
            if entry is None:
                raise self._located(
                    damaged("the database dump has data that belong to no entry", f"block {block.dump_id}")
                )
            if block.large_objects != (entry.facts.kind == _LARGE_OBJECTS):
                raise self._located(damaged("the database dump has data of another kind", shown(entry.facts.kind)))
            yield block, entry, blocks
            cuts = blocks.cuts if self._toc.compression == "none" and copies_its_own_rows(entry) else ()
            self._blocks.append(DataBlock(block.dump_id, start, self._cursor.place, tuple(cuts)))
            start = self._cursor.place
        if missing:
            first = next(iter(missing.values())).facts
            raise cut_short(
                f"The database dump lacks the data of {len(missing)} entries, first of {shown(first.name)}."
            )

    def _walk(self, block: BlockStart, entry: TocEntry, blocks: Blocks) -> None:
        if block.large_objects:
            for _ in blocks.objects():
                self._consume(self._plain(blocks.pieces())) if self._is_gzip else blocks.skip()
        elif entry.facts.name == _VERSION_TABLE and entry.copy_statement and self.proves_data:
            text = self._gathered(self._plain(blocks.pieces()))
            self._version_row = first_row(entry.copy_statement, text)
        elif self._is_gzip:
            self._note_rows(entry, rows_in(self._plain(blocks.pieces())))
        elif self.proves_data and copies_its_own_rows(entry):
            self._note_rows(entry, blocks.count_rows())
        else:
            blocks.skip()

    def _note_rows(self, entry: TocEntry, rows: int | None) -> None:
        if rows is not None and copies_its_own_rows(entry):
            self._row_counts[entry.facts.dump_id] = rows

    @property
    def _is_gzip(self) -> bool:
        return self._toc.compression == "gzip"

    def _plain(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        if not self._is_gzip:
            yield from pieces
            return
        inflation = Inflation(self._engine, self._on_plain)
        for piece in pieces:
            yield from inflation.feed(piece)
        yield from inflation.end()

    @staticmethod
    def _consume(pieces: Iterable[bytes]) -> None:
        for _ in pieces:
            pass

    @staticmethod
    def _gathered(pieces: Iterable[bytes]) -> bytes:
        text = b""
        for piece in pieces:
            text += piece[: _ROW_LIMIT - len(text)]
        return text

    # ------------------------------------------------------------------------------------------------------ rewriting

    def _target_version(self, version: tuple[int, ...] | None) -> Version:
        own = self._toc.version
        if version is None or own[:2] <= version[:2]:
            return own
        if version[:2] < HAS_TABLE_AM:
            raise ArchiveError(f"A database dump cannot be rewritten in archive version {version[0]}.{version[1]}")
        if version[:2] < HAS_COMPRESSION_BYTE and not self.proves_data:
            raise ArchiveError(
                f"The database dump is compressed by {self._toc.compression}, which needs pg_restore 16 or newer",
                hint="Install the PostgreSQL clients of version 16 or newer, or make the dump with gzip compression.",
            )
        return (version[0], version[1], 0)

    def _rewritten(self, target: Version, leave_out: frozenset[int], *, checked: bool) -> Iterator[bytes]:
        kept = [entry for entry in self._toc.entries if entry.facts.dump_id not in leave_out]
        yield from toc_bytes(self._toc, target, kept)
        if checked or any(entry.facts.has_data and entry.facts.dump_id in leave_out for entry in self._toc.entries):
            yield from self._selected_data(leave_out, checked=checked)
        else:
            while data := self._cursor.rest():
                yield data

    def _selected_data(self, leave_out: frozenset[int], *, checked: bool) -> Iterator[bytes]:
        proved = checked and self._is_gzip
        for block, entry, blocks in self._data():
            if entry.facts.dump_id not in leave_out:
                yield bytes((3 if block.large_objects else 1,)) + int_bytes(block.dump_id)
                try:
                    yield from self._copied(block, blocks, self._proved if proved else Blocks.copied)
                except ArchiveError as error:
                    raise self._located(error, entry) from error
            elif block.large_objects:
                for _ in blocks.objects():
                    blocks.skip()
            else:
                blocks.skip()

    @staticmethod
    def _copied(block: BlockStart, blocks: Blocks, copy: Callable[[Blocks], Iterator[bytes]]) -> Iterator[bytes]:
        if not block.large_objects:
            yield from copy(blocks)
            return
        for oid in blocks.objects():
            yield int_bytes(oid)
            yield from copy(blocks)
        yield int_bytes(0)

    def _proved(self, blocks: Blocks) -> Iterator[bytes]:
        """One stream, each piece once it was decompressed without trouble."""
        inflation = Inflation(self._engine, self._on_plain)
        for piece in blocks.pieces():
            self._consume(inflation.feed(piece))
            yield int_bytes(len(piece)) + piece
        self._consume(inflation.end())
        yield int_bytes(0)


def _stretches(blocks: Iterable[DataBlock]) -> Iterator[tuple[int, int]]:
    """Blocks that follow each other as one: there may be thousands of small ones."""
    start = end = -1
    for block in blocks:
        if block.start != end:
            if end > start:
                yield start, end
            start = block.start
        end = block.end
    if end > start:
        yield start, end


class _Stream:
    """An iterator of bytes as a ByteReader."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        """Between 1 and `size` bytes; b"" at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        data, self._rest = bytes(self._rest[:size]), self._rest[size:]
        return data
