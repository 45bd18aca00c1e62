"""Scenarios with thousands of blobs, near and far."""

from __future__ import annotations

import itertools
import tarfile
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.duel import GOOD, OBVIOUS, TOOL, Contender, Result
from benchmarks.judge import Scenario, mb
from benchmarks.world import Place


def back_up_files(bench: Bench) -> Scenario:
    """Thousands of blobs, a small database."""
    count, byte_count = bench.sizes.blobs, bench.sizes.blob_bytes
    bench.fill("files", count, byte_count)
    results = _back_up(bench, bench.world.add("files", "files"), "files", waits=False)
    scenario = Scenario("backup of files", f"{count:,} blobs, {mb(byte_count)}", [*results.values()])
    scenario.at_least("obvious script ÷ backup, files", results[OBVIOUS], results[TOOL], 7)
    scenario.at_least("good script ÷ backup, files", results[GOOD], results[TOOL], 2)
    scenario.memory(results[TOOL])
    scenario.no_disk(results[TOOL])
    scenario.notes.append(bench.archive_sizes("files"))
    return scenario


def back_up_slow_files(bench: Bench) -> Scenario:
    """Storage that is far away."""
    count, byte_count = bench.sizes.slow_blobs, bench.sizes.slow_blob_bytes
    bench.fill("slow", count, byte_count)
    results = _back_up(bench, bench.world.add("slow", "slow", slow=True), "slow", waits=True)
    scenario = Scenario(
        "backup of files, 20 ms more a request", f"{count:,} blobs, {mb(byte_count)}", [*results.values()]
    )
    scenario.at_least("obvious script ÷ backup, files with 20 ms", results[OBVIOUS], results[TOOL], 25)
    scenario.memory(results[TOOL])
    scenario.no_disk(results[TOOL])
    scenario.notes.append("The runs of the obvious script are made at the same time: it only waits.")
    return scenario


def _back_up(bench: Bench, place: Place, name: str, *, waits: bool) -> dict[str, Result]:
    world = bench.world
    # Runs that are made at the same time must not write the same file; restores take the first.
    obvious = (f"obvious-{name}{'-' * number}" for number in itertools.count())
    return bench.alternate(
        Contender("bare download, discarded", lambda: world.limit(place, "download")),
        Contender(TOOL, lambda: world.backup(place, world.archive(f"tool-{name}"))),
        Contender(GOOD, lambda: world.good("backup", place, world.archive(f"good-{name}"), database=True, files=True)),
        Contender(
            OBVIOUS,
            lambda: world.obvious("backup", place, world.archive(next(obvious)), database=True, files=True),
            waits=waits,
        ),
    )


def restore_files(bench: Bench) -> Scenario:
    """Into an empty bucket."""
    results = _restore(bench, "files", slow=False)
    scenario = Scenario("restore of files", "into an empty bucket", [*results.values()])
    scenario.at_least("obvious script ÷ restore, files", results[OBVIOUS], results[TOOL], 5)
    scenario.memory(results[TOOL])
    return scenario


def restore_slow_files(bench: Bench) -> Scenario:
    """Into an empty bucket that is far away."""
    results = _restore(bench, "slow", slow=True)
    scenario = Scenario("restore of files, 20 ms more a request", "into an empty bucket", [*results.values()])
    scenario.at_least("obvious script ÷ restore, files with 20 ms", results[OBVIOUS], results[TOOL], 20)
    scenario.memory(results[TOOL])
    scenario.notes.append("The runs of the obvious script are made at the same time: it only waits.")
    return scenario


def _restore(bench: Bench, name: str, *, slow: bool) -> dict[str, Result]:
    world = bench.world
    folder = _unpacked(world.archive(f"tool-{name}"), world.home / name)
    targets = _Targets(bench, name, slow=slow)
    results = bench.alternate(
        Contender("bare upload", lambda: world.limit(targets.new(), "upload", folder)),
        Contender(
            TOOL,
            lambda: world.restore(targets.new(), world.archive(f"tool-{name}")),
            after=lambda: bench.content.same_files(name, targets.last),
        ),
        Contender(
            OBVIOUS,
            lambda: world.obvious(
                "restore", targets.new(), world.archive(f"obvious-{name}"), database=True, files=True
            ),
            waits=slow,
        ),
    )
    targets.drop()
    return results


class _Targets:
    """A new environment for each restore, with the database of the source and an empty bucket."""

    def __init__(self, bench: Bench, source: str, *, slow: bool) -> None:
        self._bench = bench
        self._source = source
        self._slow = slow
        self._made: list[Place] = []

    def new(self) -> Place:
        self._made.append(self._bench.fresh_target(self._source, slow=self._slow))
        return self._made[-1]

    @property
    def last(self) -> Place:
        return self._made[-1]

    def drop(self) -> None:
        for one in self._made:
            self._bench.world.drop_database(one.database.name)


def _unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / "tree"
