"""Numbers as people read them."""

from __future__ import annotations

from mxpc.progress import Task

_UNITS = ("B", "KB", "MB", "GB", "TB")

TASK_WORDS = {
    Task.CHECK_ARCHIVE: "checking the archive",
    Task.COUNT_DUMP: "measuring the dump",
    Task.DUMP_DATABASE: "dumping the database",
    Task.FETCH_FILES: "fetching files",
    Task.LIST_FILES: "listing files",
    Task.RESTORE_DATABASE: "restoring the database",
    Task.BUILD_INDEXES: "building indexes and the like",
    Task.UPLOAD_FILES: "uploading files",
    Task.CHECK_RESULT: "checking the result",
    Task.REMOVE_OLD: "removing the old content",
    Task.PUT_BACK: "putting the old content back",
    Task.PRUNE_FILES: "deleting files that no document names",
    Task.STOP_APP: "waiting until the app has stopped",
    Task.START_APP: "scaling the app back",
    Task.BRING_TOOL: "bringing the tool into the pod",
    Task.CARRY_ARCHIVE: "carrying the backup",
}

OBJECT_TASKS = (Task.BUILD_INDEXES, Task.REMOVE_OLD, Task.PUT_BACK)
"""Their items are objects of the database; those of the others are files."""


def items(task: Task, number: int) -> str:
    """`306 files`, `1 object`."""
    return count(number, "object" if task in OBJECT_TASKS else "file")


def size(byte_count: float) -> str:
    """`1.4 GB`: decimal units, as storage is sold and billed."""
    number, unit = float(byte_count), 0
    while number >= 999.5 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.0f} {_UNITS[unit]}" if unit == 0 or number >= 99.95 else f"{number:.1f} {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """`0.8 s`, `42 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 file`, `2 files`, `12,345 files`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
