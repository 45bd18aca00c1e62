"""How the core says what happens. It reports; `mxpc.cli` draws."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Task(Enum):
    """The stretches of work that take long enough to be shown."""

    CHECK_ARCHIVE = "check archive"
    COUNT_DUMP = "measure dump"
    DUMP_DATABASE = "dump database"
    FETCH_FILES = "fetch files"
    LIST_FILES = "list files"
    RESTORE_DATABASE = "restore database"
    BUILD_INDEXES = "build indexes"
    UPLOAD_FILES = "upload files"
    CHECK_RESULT = "check result"
    REMOVE_OLD = "remove old content"
    PUT_BACK = "put back"
    PRUNE_FILES = "prune files"
    STOP_APP = "stop app"
    START_APP = "start app"
    BRING_TOOL = "bring tool"
    CARRY_ARCHIVE = "carry archive"


class Progress(Protocol):
    """Told what happens, from any thread. Implementations are thread-safe and never raise."""

    def started(self, task: Task, *, total_bytes: int | None = None, total_items: int | None = None) -> None:
        """A task begins; totals are what is expected, None where nobody can say."""

    def advanced(self, task: Task, *, byte_count: int = 0, item_count: int = 0) -> None:
        """So much more was done since the last call."""

    def finished(self, task: Task) -> None:
        """The task ended well."""

    def warned(self, text: str) -> None:
        """Something the user must know, though the work goes on. One sentence, no secret."""

    def noted(self, text: str) -> None:
        """Which rule, program or layout was chosen and why; shown with -v."""


class Silent:
    """The default: says nothing."""

    def started(self, task: Task, *, total_bytes: int | None = None, total_items: int | None = None) -> None: ...

    def advanced(self, task: Task, *, byte_count: int = 0, item_count: int = 0) -> None: ...

    def finished(self, task: Task) -> None: ...

    def warned(self, text: str) -> None: ...

    def noted(self, text: str) -> None: ...
