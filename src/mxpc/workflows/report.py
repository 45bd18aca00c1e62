"""What a restore did."""

from __future__ import annotations

from dataclasses import dataclass

from mxpc.model import Environment, FileDocument, Finding, Replicas


@dataclass(frozen=True)
class RestoreReport:
    """What a restore did. Sizes in bytes, duration in seconds."""

    environment: Environment
    archive: str
    app_name: str | None
    database_restored: bool
    database_size: int | None
    file_count: int
    files_sent: int
    bytes_sent: int
    files_already_there: int
    missing_files: tuple[FileDocument, ...]
    """Files that the restored database names and that are neither in the archive nor in the storage."""
    pruned: int
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    duration: float
    scaled_back_to: Replicas | None = None
    """What the app was scaled back to, where it was stopped for the restore."""
