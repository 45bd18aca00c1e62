"""Runs the scenarios: `python -m benchmarks [--quick] [--only NAME]…`."""

from __future__ import annotations

import argparse
import dataclasses
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from benchmarks import report
from benchmarks.bench import Bench
from benchmarks.content import Content
from benchmarks.duel import BrokenRun, Clock
from benchmarks.judge import Scenario
from benchmarks.scenarios import SCENARIOS, chosen
from benchmarks.sizes import FULL, QUICK, Sizes
from benchmarks.world import World

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> int:
    """0: done, and content, memory and temporary disk are as promised; 1: they are not."""
    for number in ENDINGS:
        signal.signal(number, _interrupted)
    options = _options()
    sizes = _sizes(options)
    begun = time.monotonic()
    clock = Clock(sizes.minutes, _say)
    scenarios: list[Scenario] = []
    with World(options.postgres_bin, _say) as world:
        bench = Bench(world, sizes, clock, Content(world, thorough=options.quick))
        server = world.server_version()
        broken = _run(bench, options.only, scenarios)
    broken += _out_of_bounds(scenarios)
    minutes = (time.monotonic() - begun) / 60
    if scenarios:
        _say("\n" + report.table(report.TARGETS, list(report.judgements(scenarios, times=not options.quick))))
    if options.output:
        command = " ".join(["python -m benchmarks", *sys.argv[1:]])
        options.output.write_text(
            report.document(scenarios, broken, command, server, minutes, times=not options.quick), encoding="utf-8"
        )
    for line in broken:
        _say(f"BROKEN: {line}")
    return 1 if broken else 0


def _run(bench: Bench, only: list[str], scenarios: list[Scenario]) -> list[str]:
    """What is broken."""
    broken = []
    for name, share in chosen(only):
        if bench.clock.over:
            broken.append(f"{name} was left out: the time is over")
            continue
        bench.clock.share(share)
        _say(f"\n{name}")
        try:
            scenarios.append(SCENARIOS[name](bench))
        except BrokenRun as error:
            broken.append(f"{name}: {error}")
            continue
        finally:
            bench.world.clean()
        _say(report.table(report.COLUMNS, list(report.rows(scenarios[-1]))))
    return broken


def _out_of_bounds(scenarios: list[Scenario]) -> list[str]:
    return [
        f"{one.target}: {one.measured}, and {one.wanted} is the bound"
        for scenario in scenarios
        for one in scenario.judgements
        if not one.reached and not one.about_time
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: only what must hold everywhere")
    parser.add_argument("--only", action="append", default=[], choices=SCENARIOS, help="this scenario; may be repeated")
    parser.add_argument("--postgres-bin", type=Path, help="PostgreSQL's programs; else the wheel's, else the system's")
    parser.add_argument("--output", type=Path, help="where the results go; without --quick and --only RESULTS.md")
    for field in dataclasses.fields(Sizes):
        kind = float if field.type == "float" else int
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind)
    options = parser.parse_args()
    if not (options.output or options.quick or options.only):
        options.output = RESULTS
    return options


def _sizes(options: argparse.Namespace) -> Sizes:
    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(Sizes)}
    return dataclasses.replace(
        QUICK if options.quick else FULL, **{name: value for name, value in given.items() if value is not None}
    )


def _interrupted(number: int, _: FrameType | None) -> None:
    # An exception, so that everything on the way out ends its servers and processes; a second one would cut that short.
    for one in ENDINGS:
        signal.signal(one, signal.SIG_IGN)
    sys.exit(128 + number)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
