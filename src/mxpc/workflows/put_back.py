"""Back to the old content: on every way on which a restore can fail, and for one that was interrupted earlier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mxpc.errors import FileStoreError, HalfwayError, ToolError
from mxpc.model import AppFacts, Environment
from mxpc.ports import FileStore, TargetDatabase
from mxpc.progress import Progress, Task
from mxpc.streams import Concurrency
from mxpc.workflows.upload import delete_all


@dataclass(frozen=True)
class Parties:
    """Who takes part in a restore. `store` is None where files are left out."""

    environment: Environment
    app: AppFacts
    user: str
    target: TargetDatabase
    store: FileStore | None
    transfers: int | Concurrency
    progress: Progress


def put_back_interrupted(parties: Parties) -> bool:
    """Undo, or finish, what an earlier run left half-way; False when there was nothing. Raises HalfwayError."""
    interrupted = parties.target.facts().interrupted
    if not interrupted:
        return False
    parties.progress.warned(
        f"an unfinished restore of {interrupted.archive}, begun at {interrupted.since}, is put back first"
    )
    put_back(parties, [] if interrupted.accepted else list(parties.target.noted_added()))
    return True


def put_back(parties: Parties, added: Sequence[str]) -> None:
    """Bring the old content back and take added blobs away. The journal goes last, so this may be repeated.

    Raises HalfwayError when it cannot be done now.
    """
    parties.progress.started(Task.PUT_BACK)
    _delete_added(parties, added)
    try:
        parties.target.put_back()
    except ToolError as cause:
        raise _halfway(parties.environment, cause) from cause
    parties.progress.finished(Task.PUT_BACK)


def _delete_added(parties: Parties, added: Sequence[str]) -> None:
    """Orphans harm nobody, so a storage that fails here must not keep the database from coming back."""
    if not added or not parties.store:
        return
    try:
        delete_all(parties.store, added, parties.transfers)
    except FileStoreError as cause:
        parties.progress.warned(
            f"up to {len(added)} files that the failed restore had added are still in the file storage "
            f"({cause.what}); no document names them, they take space and do nothing else"
        )


def _halfway(environment: Environment, cause: ToolError) -> HalfwayError:
    return HalfwayError(
        f"the restore failed, and putting the old content of {environment.name} back failed too",
        evidence=f"{cause.what}. {cause.evidence}".strip(),
        hint="Nothing is lost: the old content is kept aside in the database. When the cause is mended, run "
        f"`restore -n {environment.namespace} -e {environment.name} --undo`, or the same restore again.",
    )
