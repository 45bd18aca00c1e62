"""Scenarios that ask for memory: one blob of gigabytes, hundreds of thousands of tiny ones; and the start-up."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.duel import TOOL, Contender, alternate
from benchmarks.judge import Judgement, Scenario, mb
from benchmarks.world import Place


def big_blob(bench: Bench) -> Scenario:
    """One blob of gigabytes there and back."""
    size = bench.sizes.big_blob_bytes
    bench.fill("huge", 1, size)
    place, archive = bench.world.add("huge", "huge"), bench.world.archive("tool-huge")
    target = bench.fresh_target("huge")
    results = alternate(
        [
            Contender(f"{TOOL}: backup", lambda: bench.world.backup(place, archive)),
            Contender(f"{TOOL}: restore", lambda: bench.world.restore(target, archive)),
        ],
        1,
        bench.clock,
    )
    bench.content.same_files("huge", target)
    archive.unlink()
    scenario = Scenario("one big blob", mb(size), [*results.values()])
    scenario.memory(*results.values())
    scenario.no_disk(results[f"{TOOL}: backup"])
    return scenario


def tiny_blobs(bench: Bench) -> Scenario:
    """What one more blob costs when there are very many."""
    few, many = bench.sizes.few_tiny_blobs, bench.sizes.many_tiny_blobs
    places = {count: _tiny(bench, count) for count in (1, few, many)}
    results = {
        count: alternate([_tiny_backup(bench, place, count)], 1 if count == many else 3, bench.clock)[_tiny_name(count)]
        for count, place in places.items()
    }
    start = results[1].wall
    per_few, per_many = ((results[count].wall - start) / count for count in (few, many))
    grown = results[many].memory - results[few].memory
    scenario = Scenario("many tiny blobs", f"{few:,} and {many:,} blobs of 200 bytes", [*results.values()])
    scenario.judgements += [
        Judgement(
            f"time per blob, {many:,} ÷ {few:,} blobs", "≤ 1.2", f"{per_many / per_few:.2f}", per_many <= 1.2 * per_few
        ),
        Judgement("memory grown in between", "≤ 60 MB", mb(grown), grown <= 60e6, about_time=False),
    ]
    scenario.memory(results[many])
    scenario.notes.append(
        f"Per blob, start-up taken off: {per_few * 1e6:.0f} µs at {few:,}, {per_many * 1e6:.0f} µs at {many:,}."
    )
    return scenario


def _tiny(bench: Bench, count: int) -> Place:
    name = f"tiny-{count}"
    bench.fill(name, count, count * 200)
    return bench.world.add(name, name)


def _tiny_name(count: int) -> str:
    return f"{TOOL}: {count:,} blobs"


def _tiny_backup(bench: Bench, place: Place, count: int) -> Contender:
    return Contender(_tiny_name(count), lambda: bench.world.backup(place, bench.world.archive(f"tool-tiny-{count}")))


def start_up(bench: Bench) -> Scenario:
    """What `--help` costs."""
    results = alternate([Contender(f"{TOOL}: --help", lambda: bench.world.tool("--help"))], 5, bench.clock)
    result = results[f"{TOOL}: --help"]
    scenario = Scenario("start-up", "`--help`", [result])
    scenario.judgements.append(Judgement("`--help`", "≤ 0.2 s", f"{result.wall:.2f} s", result.wall <= 0.2))
    return scenario
