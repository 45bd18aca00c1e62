"""`verify` and `inspect`: one reading of a whole archive."""

from __future__ import annotations

from mxpc.archive.scan import scan
from mxpc.model import ArchiveSummary
from mxpc.ports import ArchiveInput
from mxpc.progress import Progress, Task


def read_archive(archive: ArchiveInput, progress: Progress) -> ArchiveSummary:
    """Read everything and prove it sound. Raises ArchiveError."""
    progress.started(Task.CHECK_ARCHIVE, total_bytes=archive.size)
    summary = scan(archive.open(), on_bytes=lambda count: progress.advanced(Task.CHECK_ARCHIVE, byte_count=count))
    progress.finished(Task.CHECK_ARCHIVE)
    return summary
