"""Where archives are written to and read from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class ByteReader(Protocol):
    """A stream of bytes that ends by itself."""

    def read(self, size: int, /) -> bytes:
        """Between 1 and `size` bytes; b"" only at an end that is known to be complete, else an error."""


class ArchiveSink(Protocol):
    """Where an archive is written to. One thread. Nothing has the final name before `commit`."""

    @property
    def can_patch(self) -> bool:
        """Whether `patch` works: a regular file, yes; a pipe, no."""

    def write(self, data: bytes | memoryview) -> None:
        """Append. Raises DestinationError (full disk, closed pipe)."""

    def patch(self, offset: int, data: bytes) -> None:
        """Overwrite bytes that were written before."""

    def commit(self) -> None:
        """Everything is on the disk and under its final name when this returns."""

    def abort(self) -> None:
        """Take away what was written. May be repeated; does nothing after `commit`."""


class ArchiveInput(Protocol):
    """An archive to read: a file, or standard input."""

    @property
    def name(self) -> str:
        """As the user gave it, for messages and the journal."""

    @property
    def size(self) -> int | None:
        """Bytes, None for a pipe."""

    @property
    def repeatable(self) -> bool:
        """Whether `open` may be called more than once, also at the same time; all readings see the same file."""

    def open(self) -> ByteReader:
        """A new reading from the start."""


class ObjectsSink(Protocol):
    """Keeps the metadata of encrypted objects beside an archive. One thread.

    The order of calls is: `add`, `publish` before the archive is committed and `finish` after it, or `abort`. At every
    moment what is there serves the archive that has the name.
    """

    def add(self, blob: str, encryption: Mapping[str, str]) -> None:
        """Keep this; nothing is written yet."""

    def publish(self) -> None:
        """Write what was added, together with what an older archive of the same name needs."""

    def finish(self) -> None:
        """Leave out what only the older archive needed. Raises nothing: a rest does no harm."""

    def abort(self) -> None:
        """Take away what was written, where no archive needs it. May be repeated."""
