"""Every error that the tool reports, sorted by what it means for the data of the user.

    ToolError
    ├── RequestError       exit 2   the request or the environment's settings are wrong; nothing was changed
    ├── ServiceError       exit 3   Kubernetes, database, file storage or disk refused or failed; a target is as it was
    │   ├── KubernetesError
    │   ├── DatabaseError
    │   ├── FileStoreError
    │   │   ├── BlobNotFound
    │   │   ├── BlobForbidden
    │   │   └── BlobChanged
    │   └── DestinationError
    ├── ArchiveError       exit 4   the archive is damaged, incomplete, unsafe or unknown; a target is as it was
    ├── CheckRefused       exit 5   a check before the restore said no; nothing was changed
    └── HalfwayError       exit 6   the target was changed and the restore is not finished

    Interrupted            exit 130 or 143; no Exception, so that nobody on the way takes it for a failure of his own

Adapters turn the errors of their libraries into these, `from` the cause; `mxpc.cli` alone turns them into text and an
exit code. Anything else that escapes is a bug in the tool (exit 1).
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ArchiveError",
    "BlobChanged",
    "BlobForbidden",
    "BlobNotFound",
    "CheckRefused",
    "DatabaseError",
    "DestinationError",
    "FileStoreError",
    "HalfwayError",
    "Interrupted",
    "KubernetesError",
    "RequestError",
    "ServiceError",
    "ToolError",
]


class ToolError(Exception):
    """What failed, the evidence for it, and what to do: three plain texts without any secret."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, evidence: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.evidence = evidence
        self.hint = hint


class RequestError(ToolError):
    """The request or the environment's settings are wrong."""

    exit_code = 2


class ServiceError(ToolError):
    """A service refused or failed, retries included; a restore target is as it was."""

    exit_code = 3


class KubernetesError(ServiceError):
    """The Kubernetes API refused, failed or cannot be reached."""


class DatabaseError(ServiceError):
    """PostgreSQL, pg_dump or pg_restore failed."""


class FileStoreError(ServiceError):
    """The file storage refused, failed or cannot be reached."""


class BlobNotFound(FileStoreError):
    """The storage says that there is no object of this name."""


class BlobForbidden(FileStoreError):
    """One object is refused: forbidden, or missing and the identity may not list (S3 answers 403 then)."""


class BlobChanged(FileStoreError):
    """An object changed while it was read (its ETag is another one)."""


class DestinationError(ServiceError):
    """The backup file cannot be written: full disk, failing close, vanished folder."""


class ArchiveError(ToolError):
    """The archive is damaged, incomplete, unsafe or of an unknown format."""

    exit_code = 4


class CheckRefused(ToolError):
    """A check before the restore said no; nothing was changed."""

    exit_code = 5


class HalfwayError(ToolError):
    """The target was changed and the restore is not finished; the hint says how to finish or to go back."""

    exit_code = 6


class Interrupted(BaseException):
    """A signal ends the run; what was begun is cleaned up. Raised in the main thread, once unless it was lost.

    Like KeyboardInterrupt it is no Exception: it may come up inside of any library, and many catch those
    (`Thread.start` takes it for a thread that could not be started, and that thread dies with a traceback).
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"interrupted by signal {signal_number}")
        self.signal_number = signal_number

    @property
    def shell_exit_code(self) -> int:
        """128 + the signal's number, as shells report it: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.signal_number
