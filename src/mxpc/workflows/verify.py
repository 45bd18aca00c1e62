"""`verify` and `inspect`: one reading of a whole archive."""

from __future__ import annotations

from dataclasses import replace

from mxpc.archive.scan import scan
from mxpc.errors import ArchiveError
from mxpc.model import ArchiveSummary, KeptObjects
from mxpc.ports import ArchiveInput
from mxpc.progress import Progress, Task
from mxpc.workflows.encrypted import EncryptedFiles


def check_keys(summary: ArchiveSummary) -> None:
    """Raise ArchiveError when files are encrypted and the keys to them are not all beside the archive."""
    count = summary.encrypted_count or 0
    if count and summary.keys_known != count:
        raise ArchiveError(
            f"the backup is incomplete: the keys to {count - (summary.keys_known or 0)} of its {count} encrypted files "
            "are not there",
            evidence="The archive itself is sound." if summary.keys_known is None else "FILE.objects.json lacks them.",
            hint="Put the file FILE.objects.json that was written with this archive beside it, or name it with "
            "--objects-file.",
        )


def read_archive(archive: ArchiveInput, progress: Progress, kept: KeptObjects | None = None) -> ArchiveSummary:
    """Read everything and prove it sound, the keys to encrypted files in `kept` included. Raises ArchiveError."""
    progress.started(Task.CHECK_ARCHIVE, total_bytes=archive.size)
    encrypted = EncryptedFiles(kept)
    summary = scan(
        archive.open(),
        on_bytes=lambda count: progress.advanced(Task.CHECK_ARCHIVE, byte_count=count),
        on_blob=encrypted.look,
    )
    progress.finished(Task.CHECK_ARCHIVE)
    return replace(summary, keys_known=encrypted.known if kept else None)
