"""When something happens to a run: after a part of the time that it takes undisturbed, or when the journal says so."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from e2e.environment import Running
from faults.counting import COUNTED, SEED
from faults.stage import Stage, phase_of

MISSES = 5
"""A run may be over before its moment: it is tried again a little earlier so many times."""


@dataclass(frozen=True)
class Moment:
    """`at` is a fraction of an undisturbed run, or a phase of the journal, and `delay` seconds after it was seen."""

    at: float | str
    delay: float = 0.0
    everything: bool = False
    """The children meet the same fate in the same moment."""

    def __str__(self) -> str:
        at = f"{self.at:.0%}" if isinstance(self.at, float) else self.at
        delay = f"+{self.delay * 1000:.0f}ms" if self.delay else ""
        return f"{at}{delay}{'-everything' if self.everything else ''}"

    def wait(self, stage: Stage, running: Running, seconds: float) -> bool:
        """Until the moment has come; False when the run was over before."""
        return self._wait_phase(stage, running) if isinstance(self.at, str) else _sleep(running, self.at * seconds)

    def _wait_phase(self, stage: Stage, running: Running) -> bool:
        with stage.watching() as connection:
            while running.process.poll() is None:
                if phase_of(connection) == self.at:
                    return not self.delay or _sleep(running, self.delay)
                time.sleep(0.001)
        return False

    def earlier(self, misses: int) -> Moment:
        """For the next try."""
        factor = 0.8**misses
        if isinstance(self.at, str):
            return Moment(self.at, self.delay * factor, self.everything)
        return Moment(self.at * factor, self.delay, self.everything)


def _sleep(running: Running, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, 0.005))
        if running.process.poll() is not None:
            return False
    return running.process.poll() is None


def spread(name: str, count: int, first: float, last: float, *, everything: bool | None = None) -> Iterator[Moment]:
    """Moments from one fraction to another, each somewhere in its share of the time; every other one with children."""
    chance = random.Random(f"{SEED} {name}")
    for number in range(count):
        at = first + (last - first) * (number + chance.random()) / count
        yield Moment(round(at, 3), everything=bool(number % 2) if everything is None else everything)


def in_phases(name: str, *phases: tuple[str, float]) -> Iterator[Moment]:
    """For each phase one moment when it is first seen, and one up to so many seconds later."""
    chance = random.Random(f"{SEED} {name}")
    for number, (phase, longest) in enumerate(phases):
        yield Moment(phase, everything=bool(number % 2))
        yield Moment(phase, round(chance.uniform(0.2, 1) * longest, 3), everything=not number % 2)


def meet(
    stage: Stage, kind: str, moment: Moment, seconds: float, start: Callable[[], Running], begin: Callable[[], None]
) -> tuple[Running, bool]:
    """Start a run and wait for the moment, anew when the run was over before; True when it is under way."""
    for misses in range(MISSES):
        begin()
        running = start()
        stage.touch()
        if moment.earlier(misses).wait(stage, running, seconds):
            COUNTED[kind] += 1
            return running, True
        running.ended().expect(0)
    return running, False
