"""Files in the making: without a name where the system can do that, else under one that nobody takes for a backup."""

from __future__ import annotations

import os
import re
import secrets
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path

from mxpc.adapters.locks import try_lock

PRIVATE = 0o600
"""A backup holds everything that the app knows: it is its owner's alone."""
EVERYWHERE = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
"""Windows has the first of these flags, the others the second."""
ABANDONED_SECONDS = 12 * 3600
"""A passing file that nobody has written to for so long is left behind, unless somebody here has it locked. Locks of
another machine may be unknown here, and a backup that waits for the database writes nothing."""
_NAME_PART = 50
"""Characters of the final name in the passing one: file systems bound names at 255 bytes."""
_PASSING = re.compile(r"(?s)\..+\.[0-9a-f]{8}\.mxpc-partial")


class PassingFile:
    """A file that is open for writing, and gets its name when it is complete. Locked as long as it is open.

    Linux can make a file without a name (O_TMPFILE): then even `kill -9` leaves nothing behind. What it leaves
    elsewhere `remove_abandoned` takes away.
    """

    def __init__(self, path: Path) -> None:
        """`path` is the name that it will get. Raises OSError."""
        self._path = path
        self._passing = path.parent / f".{path.name[:_NAME_PART]}.{secrets.token_hex(4)}.mxpc-partial"
        self._named = False
        self.descriptor = self._open()
        try_lock(self.descriptor)

    def _open(self) -> int:
        if sys.platform == "linux" and Path("/proc/self/fd").exists():
            with suppress(OSError):
                return os.open(self._path.parent, os.O_TMPFILE | os.O_RDWR | EVERYWHERE, PRIVATE)
        descriptor = os.open(self._passing, os.O_RDWR | os.O_CREAT | os.O_EXCL | EVERYWHERE, PRIVATE)
        self._named = True
        return descriptor

    def put_in_place(self) -> None:
        """Close it, under its name from now on; what had that name is replaced in the same step. Raises OSError."""
        if not self._named:
            with suppress(FileExistsError):
                self._give_name(self._path)
                self.close()
                return
            # A rename replaces an older file in one step, a link cannot.
            self._give_name(self._passing)
            self._named = True
        self.close()
        self._passing.replace(self._path)

    def _give_name(self, path: Path) -> None:
        """linkat(2) with AT_SYMLINK_FOLLOW: Python calls it, not link(2), only when given a folder's descriptor."""
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.link(f"/proc/self/fd/{self.descriptor}", path.name, dst_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(folder)

    def close(self) -> None:
        """May be repeated."""
        if self.descriptor >= 0:
            descriptor, self.descriptor = self.descriptor, -1
            os.close(descriptor)

    def drop(self) -> None:
        """Close it and leave nothing of it; not after it was put in place. May be repeated."""
        with suppress(OSError):
            self.close()
        if self._named:
            with suppress(OSError):
                self._passing.unlink(missing_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Take away the passing files in a folder that were left behind: a volume of nightly backups fills up else."""
    with suppress(OSError):
        for path in folder.iterdir():
            if _PASSING.fullmatch(path.name):
                with suppress(OSError):
                    _remove_if_abandoned(path)


def _remove_if_abandoned(path: Path) -> None:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or time.time() - status.st_mtime < ABANDONED_SECONDS:
        return
    with path.open("rb") as file:
        if not try_lock(file) and sys.platform != "win32":
            return
    # Windows has no such lock, and removes no file that somebody has open.
    path.unlink()
