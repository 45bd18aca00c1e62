"""Contenders take turns: what disturbs the machine for a while disturbs all of them."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from benchmarks.measure import Command, Measured, run

TOOL = "this tool"
OBVIOUS = "obvious script"
GOOD = "good script"


class BrokenRun(Exception):
    """A run of the tool failed, or what it left is not what it should be."""


def nothing() -> None:
    """Needs no preparation."""


@dataclass(frozen=True)
class Contender:
    """Who takes part. `command` is asked for once a run, `prepare` before each and `after` after each, untimed."""

    name: str
    command: Callable[[], Command]
    prepare: Callable[[], None] = nothing
    after: Callable[[], None] = nothing
    rounds: int | None = None
    """Fewer than the others; None: as many."""
    waits: bool = False
    """It only waits for the network: its runs are made at the same time, after the turns of the others."""


@dataclass
class Result:
    """The runs of one contender."""

    name: str
    runs: list[Measured] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(one.exit_code for one in self.runs) or not self.runs

    @property
    def wall(self) -> float:
        return statistics.median(one.wall for one in self.runs)

    @property
    def fastest(self) -> float:
        return min(one.wall for one in self.runs)

    @property
    def slowest(self) -> float:
        return max(one.wall for one in self.runs)

    @property
    def cpu(self) -> float:
        return statistics.median(one.cpu for one in self.runs)

    @property
    def memory(self) -> int:
        return max(one.peak_memory for one in self.runs)

    @property
    def disk(self) -> int:
        return max(one.temporary_disk for one in self.runs)


class Clock:
    """When no further round may begin: each scenario has a share of the time that is left.

    `say` is told what goes on.
    """

    def __init__(self, minutes: float, say: Callable[[str], None]) -> None:
        self._end = self._share_end = time.monotonic() + 60 * minutes
        self.say = say

    def share(self, fraction: float) -> None:
        """A scenario begins; it may use this part of what is left."""
        now = time.monotonic()
        self._share_end = now + fraction * (self._end - now)

    @property
    def over(self) -> bool:
        """No further scenario may begin."""
        return time.monotonic() > self._end

    @property
    def share_over(self) -> bool:
        """No further round of this scenario may begin."""
        return time.monotonic() > self._share_end


def alternate(contenders: Sequence[Contender], rounds: int, clock: Clock) -> dict[str, Result]:
    """Each contender once a round. Raises BrokenRun when the tool fails; a peer that fails is out."""
    results = {one.name: Result(one.name) for one in contenders}
    for number in range(rounds):
        if number and clock.share_over:
            clock.say("  its time is over: no further round")
            break
        for one in contenders:
            if not one.waits and number < (one.rounds or rounds):
                _take_turn(one, results[one.name], clock)
    for one in contenders:
        if one.waits:
            _all_at_once(one, one.rounds or rounds, results[one.name], clock)
    return results


def _take_turn(contender: Contender, result: Result, clock: Clock) -> None:
    if result.runs and result.failed:
        return
    contender.prepare()
    # What others wrote is not to be written back in this one's time.
    os.sync()
    _note(result, run(contender.command()), clock)
    contender.after()


def _all_at_once(contender: Contender, rounds: int, result: Result, clock: Clock) -> None:
    contender.prepare()
    os.sync()
    commands = [contender.command() for _ in range(rounds)]
    with ThreadPoolExecutor(rounds) as pool:
        for measured in pool.map(run, commands):
            _note(result, measured, clock)
    contender.after()


def _note(result: Result, measured: Measured, clock: Clock) -> None:
    result.runs.append(measured)
    clock.say(
        f"  {result.name:<34} {measured.wall:7.2f} s   processor {measured.cpu:6.2f} s   "
        f"memory {measured.peak_memory / 1e6:5.0f} MB   temporary {measured.temporary_disk / 1e6:7.1f} MB"
        + (f"   FAILED ({measured.exit_code})" if measured.exit_code else "")
    )
    if measured.exit_code:
        clock.say("    " + measured.complaints[-600:].replace("\n", "\n    "))
        if result.name.startswith(TOOL):
            raise BrokenRun(f"{result.name} ended with exit code {measured.exit_code}: {measured.complaints}")
