"""What /proc tells of a process and all its descendants (Linux only)."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

PROC = Path("/proc")


def family(pid: int) -> list[int]:
    """The process and its living descendants."""
    found = [pid]
    for one in found:
        found += _children(one)
    return found


def _children(pid: int) -> Iterator[int]:
    """Each thread lists the children that it started itself."""
    with contextlib.suppress(OSError):
        for thread in (PROC / str(pid) / "task").iterdir():
            with contextlib.suppress(OSError):
                yield from map(int, (thread / "children").read_text().split())


def with_programs(members: Sequence[int]) -> list[int]:
    """Those of a family that run a program of their own: until then a child has the memory of its parent."""
    first = _arguments(members[0])
    return [one for one in members if one == members[0] or _arguments(one) != first]


def _arguments(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return (PROC / str(pid) / "cmdline").read_bytes()
    return b""


def peak_resident(pid: int) -> int:
    """The most memory in bytes that was resident at once so far, libraries included; 0 when the process is gone."""
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def unlinked_files(pid: int) -> Iterator[tuple[int, Path, int]]:
    """Open files without a name, in memory too: inode, the folder they were made in, bytes that they take."""
    with contextlib.suppress(OSError):
        for descriptor in (PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                status = descriptor.stat()
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                    yield status.st_ino, descriptor.readlink().parent, status.st_blocks * 512


def named_files(folder: Path) -> Iterator[tuple[Path, int]]:
    """Every file below a folder with the bytes that it takes on the disk."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    yield from named_files(Path(entry.path))
                else:
                    yield Path(entry.path), entry.stat(follow_symlinks=False).st_blocks * 512
