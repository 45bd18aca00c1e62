"""How much data each scenario has."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True)
class Sizes:
    """Counts, and bytes where the name says so."""

    database_scale: float
    """1.0 is 2.4 GB on disk and 1.6 GB as COPY text."""
    blobs: int
    blob_bytes: int
    slow_blobs: int
    slow_blob_bytes: int
    big_blob_bytes: int
    few_tiny_blobs: int
    many_tiny_blobs: int
    small_tables: int
    rounds: int
    minutes: float
    """After so long no further scenario begins, and when a scenario has used its share, no further round of it."""


FULL = Sizes(
    database_scale=1.0,
    blobs=10_000,
    blob_bytes=450 * MB,
    slow_blobs=5_000,
    slow_blob_bytes=100 * MB,
    big_blob_bytes=4_000 * MB,
    few_tiny_blobs=2_000,
    many_tiny_blobs=200_000,
    small_tables=1_500,
    rounds=3,
    minutes=23,
)
QUICK = Sizes(
    database_scale=0.03,
    blobs=600,
    blob_bytes=30 * MB,
    slow_blobs=150,
    slow_blob_bytes=5 * MB,
    big_blob_bytes=400 * MB,
    few_tiny_blobs=500,
    many_tiny_blobs=3_000,
    small_tables=100,
    rounds=1,
    minutes=2.7,
)
