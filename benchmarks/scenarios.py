"""The scenarios by name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.bench import Bench
from benchmarks.databases import back_up_database, restore_database, small_tables
from benchmarks.extremes import big_blob, start_up, tiny_blobs
from benchmarks.files import back_up_files, back_up_slow_files, restore_files, restore_slow_files
from benchmarks.judge import Scenario

SCENARIOS: dict[str, Callable[[Bench], Scenario]] = {
    "start-up": start_up,
    "backup-database": back_up_database,
    "restore-database": restore_database,
    "backup-files": back_up_files,
    "restore-files": restore_files,
    "backup-slow-files": back_up_slow_files,
    "restore-slow-files": restore_slow_files,
    "big-blob": big_blob,
    "tiny-blobs": tiny_blobs,
    "small-tables": small_tables,
}
SECONDS = dict(zip(SCENARIOS, (2, 290, 335, 170, 190, 165, 170, 110, 240, 60), strict=True))
"""What each takes on a quiet machine: its share of the time when that is short."""
NEEDS = {
    "restore-database": "backup-database",
    "restore-files": "backup-files",
    "restore-slow-files": "backup-slow-files",
}


def chosen(names: list[str]) -> Iterator[tuple[str, float]]:
    """The scenarios of these names, all without any, with those whose archives they restore; each with the part that it
    may use of the time that is left when it begins.
    """
    wanted = set(names or SCENARIOS)
    wanted |= {NEEDS[name] for name in wanted if name in NEEDS}
    left = sum(SECONDS[name] for name in wanted)
    for name in SCENARIOS:
        if name in wanted:
            yield name, SECONDS[name] / left
            left -= SECONDS[name]
