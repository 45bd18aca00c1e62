"""Damaged and hostile archives, each with what is wrong with it and what has to come of it.

They are made from one good archive's content (`Good`), so that the same corpus serves the reader's tests and those that
restore over a live environment. What is refused is refused by ArchiveError with a text that has `words`; what is sound
has exactly the content of the good archive, and says `note` about the oddity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hostile import making
from hostile.making import END, Dump, file

ASSETS = Path(__file__).parents[1] / "assets"


@dataclass(frozen=True)
class Good:
    """The content that all of them are made from: an uncompressed dump of pg_dump 12 to 15, and some small blobs."""

    dump: bytes
    blobs: Mapping[str, bytes]

    @cached_property
    def parts(self) -> Dump:
        """The dump in its parts."""
        return making.parsed(self.dump)

    @cached_property
    def blob_files(self) -> bytes:
        """The blobs as tar entries."""
        return b"".join(file(making.blob_entry(blob), content) for blob, content in self.blobs.items())

    @cached_property
    def dump_file(self) -> bytes:
        """The dump as a tar entry."""
        return file("db/db.backup", self.dump)

    @cached_property
    def entries(self) -> bytes:
        """A good tar without its end."""
        return file(".metadata", b"{}") + self.dump_file + self.blob_files

    @cached_property
    def tar(self) -> bytes:
        return self.entries + END

    @cached_property
    def gzip(self) -> bytes:
        return making.member(self.tar)

    @cached_property
    def first_blob(self) -> str:
        return next(iter(self.blobs))


@dataclass(frozen=True)
class Case:
    """One archive that is not as it should be."""

    name: str
    wrong: str
    make: Callable[[Good], bytes]
    words: tuple[str, ...] = ()
    """Of the refusal, in its text or evidence."""
    sound: bool = False
    note: str = ""
    extra_count: int = 0
    same_content: bool = True
    """When sound: dump and blobs are those of the good archive."""
    mebibytes: int = 64
    """Memory that reading it may take above what an empty process has."""
    live: bool = True
    """Small and quick enough to be restored over a live environment."""
    restore_codes: tuple[int, ...] = ()
    """Exit codes of a restore, where they are others than those of `verify`."""


def refused(
    name: str, wrong: str, make: Callable[[Good], bytes], *words: str, **more: bool | int | tuple[int, ...]
) -> Case:
    """A case that has to be refused."""
    return Case(name, wrong, make, words, **more)  # type: ignore[arg-type]


def sound(
    name: str, wrong: str, make: Callable[[Good], bytes], note: str = "", **more: bool | int | tuple[int, ...]
) -> Case:
    """A case that only looks hostile."""
    return Case(name, wrong, make, sound=True, note=note, **more)  # type: ignore[arg-type]


def corpus() -> dict[str, Case]:
    """All of them, by name."""
    from hostile import dump_cases, gzip_cases, metadata_cases, tar_cases, tar_name_cases

    cases = [
        *gzip_cases.CASES,
        *tar_cases.CASES,
        *tar_name_cases.CASES,
        *metadata_cases.CASES,
        *dump_cases.CASES,
    ]
    found = {case.name: case for case in cases}
    assert len(found) == len(cases), "two cases have one name"
    return found
