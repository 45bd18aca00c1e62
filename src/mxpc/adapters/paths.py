"""Paths of files as the system takes them."""

from __future__ import annotations

import sys
from pathlib import Path

LONGEST_ON_WINDOWS = 240
"""Characters; the limit is 260, for folders 248, and names beside the one meant are a little longer."""
_EXTENDED = "\\\\?\\"


def absolute(path: Path) -> Path:
    """The absolute path, links followed, in the form in which this system takes one of any length."""
    found = path.resolve()
    return Path(extended(str(found))) if sys.platform == "win32" else found


def readable(path: Path) -> Path:
    """A file to be read, in the form in which this system takes it; links stay, for a pipe has no path of its own where
    `/dev/stdin` or the shell's `<(…)` lead to it."""
    return absolute(path) if sys.platform == "win32" else path


def extended(path: str) -> str:
    """A long absolute path of Windows with the prefix that lifts its limit; a short one as it is."""
    if len(path) < LONGEST_ON_WINDOWS or path.startswith(_EXTENDED):
        return path
    if path.startswith("\\\\"):
        return f"{_EXTENDED}UNC{path[1:]}"
    return f"{_EXTENDED}{path}"
