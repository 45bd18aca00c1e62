"""Which files are looked for to find out how their keys begin."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from mxpc.model import FileDocument

SAMPLE = 8
"""So many; in the worst published bucket one referenced blob in 64 is gone."""


def sample_of(documents: Iterable[FileDocument]) -> list[str]:
    """The names of a few blobs; the rest is not asked for."""
    return [one.blob for one in islice(documents, SAMPLE)]
