"""Scenarios in which the database is what takes the time."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.data import load_app, load_big_tables, load_small_tables
from benchmarks.duel import GOOD, OBVIOUS, TOOL, Contender, alternate
from benchmarks.judge import Scenario, mb


def back_up_database(bench: Bench) -> Scenario:
    """Tables of gigabytes, no files."""
    world = bench.world
    load_app(world.create_database("big"), [])
    load_big_tables(world.database("big"), bench.sizes.database_scale)
    place = world.add("big", "none")
    dump_to_nowhere = "pg_dump -Fc -Z0 > /dev/null"
    limit = Contender(dump_to_nowhere, lambda: world.shell(place, dump_to_nowhere))
    alternate([limit], 1, bench.clock)  # now everything is in memory that fits
    results = bench.alternate(
        limit,
        Contender(TOOL, lambda: world.backup(place, world.archive("tool-big"), "--only", "database")),
        Contender(
            OBVIOUS, lambda: world.obvious("backup", place, world.archive("obvious-big"), database=True, files=False)
        ),
        Contender(
            GOOD, lambda: world.good("backup", place, world.archive("good-big"), database=True, files=False), rounds=1
        ),
    )
    scenario = Scenario(
        "backup of the database", f"{mb(bench.content.database_size('big'))} on disk", [*results.values()]
    )
    scenario.at_most("backup ÷ `pg_dump -Fc -Z0 > /dev/null`", results[TOOL], results[dump_to_nowhere], 1.5)
    scenario.at_least("obvious script ÷ backup, database", results[OBVIOUS], results[TOOL], 4.5)
    scenario.memory(results[TOOL])
    scenario.no_disk(results[TOOL])
    scenario.notes.append(bench.archive_sizes("big"))
    return scenario


def restore_database(bench: Bench) -> Scenario:
    """The same, over the content that is there."""
    world = bench.world
    targets = {name: bench.copy("big", f"big-{name}") for name in ("tool", "obvious")}
    dump = world.home / "big.backup"
    bench.prepare(world.shell(world.add("big", "none"), f"pg_dump -Fc -Z0 -f {dump}"))
    alone = "pg_restore -j2 from an uncompressed dump"
    empty = world.add("big-limit", "none")
    limit = Contender(
        alone,
        lambda: world.shell(empty, f'pg_restore -j2 -O -x -d "$PGDATABASE" {dump}'),
        prepare=lambda: _create(bench, "big-limit"),
    )
    results = bench.alternate(
        limit,
        Contender(TOOL, lambda: world.restore(targets["tool"], world.archive("tool-big"), "--only", "database")),
        Contender(
            OBVIOUS,
            lambda: world.obvious(
                "restore", targets["obvious"], world.archive("obvious-big"), database=True, files=False
            ),
        ),
    )
    bench.content.same_database("big", targets["tool"].database.name)
    dump.unlink()
    for name in ("big-tool", "big-obvious", "big-limit"):
        world.drop_database(name)
    scenario = Scenario("restore of the database", "over the same content", [*results.values()])
    scenario.at_most("restore ÷ `pg_restore -j2` alone, uncompressed dump", results[TOOL], results[alone], 1.2)
    scenario.at_least("obvious script ÷ restore, database", results[OBVIOUS], results[TOOL], 1.3)
    scenario.memory(results[TOOL])
    scenario.notes.append("Tool and obvious script replace content; `pg_restore -j2` fills an empty database.")
    return scenario


def small_tables(bench: Bench) -> Scenario:
    """An app with many tables: pg_restore's work is mostly statements."""
    world, count = bench.world, bench.sizes.small_tables
    load_app(world.create_database("tables"), [])
    load_small_tables(world.database("tables"), count)
    place = world.add("tables", "none")
    alternate(
        [Contender(TOOL, lambda: world.backup(place, world.archive("tool-tables"), "--only", "database"))],
        1,
        bench.clock,
    )
    bench.prepare(world.obvious("backup", place, world.archive("obvious-tables"), database=True, files=False))
    targets = {name: bench.copy("tables", f"tables-{name}") for name in ("tool", "obvious")}
    results = bench.alternate(
        Contender(TOOL, lambda: world.restore(targets["tool"], world.archive("tool-tables"), "--only", "database")),
        Contender(
            OBVIOUS,
            lambda: world.obvious(
                "restore", targets["obvious"], world.archive("obvious-tables"), database=True, files=False
            ),
        ),
    )
    bench.content.same_database("tables", "tables-tool")
    scenario = Scenario("restore of many tables", f"{count:,} tables with four indexes each", [*results.values()])
    scenario.memory(results[TOOL])
    return scenario


def _create(bench: Bench, name: str) -> None:
    bench.world.create_database(name)
