"""What a restore from a pipe has to find out on its way, because nothing was read before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from mxpc.archive.dump import DumpStream
from mxpc.archive.layout import Place, printable
from mxpc.archive.reader import ArchiveEntry
from mxpc.archive.scan import NAMED_EXTRAS, read_metadata
from mxpc.ports import ByteReader
from mxpc.workflows import checks

READ_ON = 256 << 20
"""Bytes that are read after a failure, to see whether the archive is to blame. Some seconds of a pipe."""
_READ = 1 << 20


class Passing:
    """Entries that are not restored, judged as `scan` would."""

    def __init__(self) -> None:
        self._extra_count = 0
        self._extra_names: list[str] = []

    def look(self, entry: ArchiveEntry, on_metadata: Callable[[Mapping[str, str]], None]) -> None:
        """Raises ArchiveError for a `.metadata` that is none, and for a damaged dump."""
        if entry.place is Place.METADATA:
            on_metadata(read_metadata(entry))
        elif entry.place is Place.DUMP:
            DumpStream(entry).check()
        elif entry.place is Place.EXTRA:
            self._extra_count += 1
            if len(self._extra_names) < NAMED_EXTRAS:
                self._extra_names.append(printable(entry.name))

    def warnings(self) -> list[str]:
        """About what was passed over."""
        return [one.what for one in checks.extra_entries(self._extra_count, tuple(self._extra_names))]


def read_on(present: ByteReader, entries: Iterator[ArchiveEntry]) -> None:
    """Raise ArchiveError when the rest of the archive shows that it is damaged: that explains a failure better.

    Checksums come last, so what pg_restore stumbled over may be a flipped bit. Reads at most READ_ON bytes.
    """
    left = _read_some(present, READ_ON)
    while left > 0 and (entry := next(entries, None)):
        left = _read_some(entry, left)


def _read_some(stream: ByteReader, left: int) -> int:
    while left > 0 and (data := stream.read(_READ)):
        left -= len(data)
    return left
