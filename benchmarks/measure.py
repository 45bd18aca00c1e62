"""Running one command while watching what it and its children use."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.proc import family, named_files, peak_resident, unlinked_files, with_programs

INTERVAL = 0.05
GRACE_SECONDS = 10


@dataclass(frozen=True)
class Command:
    """What to run. `temporary` is its TMPDIR, `destination` the folder of its result, if it makes one."""

    words: Sequence[str | Path]
    environment: Mapping[str, str]
    temporary: Path
    log: Path
    """Where standard error goes."""
    destination: Path | None = None
    seconds: float = 900


@dataclass(frozen=True)
class Measured:
    """One run. Seconds and bytes."""

    wall: float
    cpu: float
    """User and system, of the process and the children that it waited for."""
    peak_memory: int
    """The largest sum, over the processes alive at one time, of each one's own peak: never less than the truth."""
    temporary_disk: int
    """The most that was taken in TMPDIR, in unlinked open files, and beside the result in the destination."""
    exit_code: int
    complaints: str
    """The end of standard error."""


def run(command: Command) -> Measured:
    """Run to the end, or to the command's time limit; no process of it is left. Does not judge the exit code."""
    with command.log.open("w+b") as errors:
        begun = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in command.words],
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        watch = _Watch(process.pid, command)
        limit = threading.Timer(command.seconds, _end, [process.pid])
        limit.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.monotonic() - begun
            process.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:
            _end(process.pid)
            process.wait()
            raise
        finally:
            limit.cancel()
            watch.stop()
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - 2000))
        said = errors.read().decode(errors="replace").strip()
    cpu = usage.ru_utime + usage.ru_stime
    return Measured(wall, cpu, watch.memory, watch.disk, process.returncode, said)


def _end(pid: int) -> None:
    """Ask the whole family to end, then make it end."""
    members = family(pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for member in members:
            try:
                os.kill(member, number)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline and any(peak_resident(member) for member in members):
            time.sleep(0.05)


class _Watch:
    """A thread that looks at the family every INTERVAL seconds."""

    def __init__(self, pid: int, command: Command) -> None:
        self._pid = pid
        self._command = command
        self.memory = 0
        self.disk = 0
        self._there_before = set(dict(self._sizes_in(command.destination)))
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(INTERVAL):
            members = family(self._pid)
            self.memory = max(self.memory, sum(map(peak_resident, with_programs(members))))
            self.disk = max(self.disk, self._temporary(members))

    def _temporary(self, members: Sequence[int]) -> int:
        """The largest file in the destination, named or not, is the result; everything else is temporary."""
        results = dict(self._sizes_in(self._command.destination))
        for path in self._there_before & results.keys():
            del results[path]
        others = dict(self._sizes_in(self._command.temporary))
        for member in members:
            for inode, folder, size in unlinked_files(member):
                (results if folder == self._command.destination else others)[str(inode)] = size
        return sum(others.values()) + sum(results.values()) - max(results.values(), default=0)

    @staticmethod
    def _sizes_in(folder: Path | None) -> Iterator[tuple[str, int]]:
        for path, size in named_files(folder) if folder else ():
            yield str(path), size
