"""What the scenarios share."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.content import Content
from benchmarks.data import Blob, load_app, make_blobs, upload
from benchmarks.duel import GOOD, OBVIOUS, TOOL, BrokenRun, Clock, Contender, Result, alternate
from benchmarks.judge import mb
from benchmarks.measure import Command
from benchmarks.sizes import Sizes
from benchmarks.world import Place, World

SEED = "benchmarks"
KEYS = (("tool", TOOL), ("obvious", OBVIOUS), ("good", GOOD))


@dataclass
class Bench:
    """Servers, sizes, the time that is left, and the judge of content."""

    world: World
    sizes: Sizes
    clock: Clock
    content: Content

    def fill(self, name: str, count: int, byte_count: int) -> list[Blob]:
        """A database and a bucket of this name with so many file documents."""
        blobs = make_blobs(count, byte_count, SEED)
        load_app(self.world.create_database(name), blobs)
        upload(self.world.create_bucket(name), blobs, SEED)
        return blobs

    def alternate(self, *contenders: Contender) -> dict[str, Result]:
        return alternate(contenders, self.sizes.rounds, self.clock)

    def fresh_target(self, name: str, *, slow: bool = False) -> Place:
        """The database of this name again, and a bucket that is empty, as target of a restore."""
        self._targets = getattr(self, "_targets", 0) + 1
        target = f"target-{self._targets}"
        self.world.create_database(target, name)
        self.world.create_bucket(target)
        return self.world.add(target, target, slow=slow)

    def copy(self, name: str, copy: str) -> Place:
        """An environment over a copy of a database; its bucket is not used."""
        self.world.create_database(copy, name)
        return self.world.add(copy, "none")

    def prepare(self, command: Command) -> None:
        """Run something that is not measured. Raises BrokenRun."""
        if alternate([Contender("(preparing)", lambda: command)], 1, self.clock)["(preparing)"].failed:
            raise BrokenRun(f"cannot prepare: {command.words}")

    def archive_sizes(self, name: str) -> str:
        """What the contenders made of the same content."""
        archives = {who: self.world.archive(f"{key}-{name}") for key, who in KEYS}
        sizes = (f"{who} {mb(archive.stat().st_size)}" for who, archive in archives.items() if archive.exists())
        return f"Archives: {', '.join(sizes)}."
