"""Locks on open files that the system takes away when their process ends, however it ends."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Protocol


class _HasDescriptor(Protocol):
    def fileno(self) -> int: ...


def try_lock(file: int | _HasDescriptor) -> bool:
    """Take the lock; False where somebody has it, and where the system or the file system knows none (Windows)."""
    if sys.platform == "win32":
        return False
    import fcntl

    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
