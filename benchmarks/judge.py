"""Targets: what was wanted, what was measured, whether it was reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.duel import Result

MEMORY_BOUND = 300_000_000
DISK_BOUND = 1_000_000


@dataclass(frozen=True)
class Judgement:
    """One line of the table of targets."""

    target: str
    wanted: str
    measured: str
    reached: bool
    about_time: bool = True
    """Times depend on the machine; all else must hold in every run."""


@dataclass
class Scenario:
    """What one scenario showed."""

    title: str
    data: str
    results: list[Result] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def at_least(self, target: str, slower: Result, faster: Result, wanted: float) -> None:
        """`slower` takes so many times as long as `faster`."""
        self._ratio(target, slower, faster, f"≥ {wanted:g}", lambda ratio: ratio >= wanted)

    def at_most(self, target: str, ours: Result, limit: Result, wanted: float) -> None:
        """`ours` takes at most so many times as long as `limit`."""
        self._ratio(target, ours, limit, f"≤ {wanted:g}", lambda ratio: ratio <= wanted)

    def _ratio(self, target: str, over: Result, under: Result, wanted: str, good: Callable[[float], bool]) -> None:
        if over.failed or under.failed:
            self.judgements.append(Judgement(target, wanted, "no figure: a peer failed", reached=False))
            return
        ratio = over.wall / under.wall
        self.judgements.append(Judgement(target, wanted, f"{ratio:.2f}", good(ratio)))

    def memory(self, *results: Result) -> None:
        """The bound on memory, for runs of the tool."""
        peak = max(one.memory for one in results)
        self.judgements.append(
            Judgement(f"{self.title}: peak memory", "≤ 300 MB", mb(peak), peak <= MEMORY_BOUND, about_time=False)
        )

    def no_disk(self, result: Result) -> None:
        """The bound on temporary disk, for a backup to a file."""
        self.judgements.append(
            Judgement(
                f"{self.title}: temporary disk", "≤ 1 MB", mb(result.disk), result.disk <= DISK_BOUND, about_time=False
            )
        )


def mb(byte_count: float) -> str:
    """Millions of bytes."""
    return f"{byte_count / 1e6:.1f} MB" if byte_count < 10e6 else f"{byte_count / 1e6:.0f} MB"
