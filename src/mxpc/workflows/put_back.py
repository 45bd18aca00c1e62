"""Back to the old content: on every way on which a restore can fail, and for one that was interrupted earlier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mxpc.errors import FileStoreError, HalfwayError, Interrupted, ToolError
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
    put_back(parties)
    return True


def put_back(parties: Parties, added: Sequence[str] | None = None) -> None:
    """Bring the old content back and take added blobs away: `added`, or else those that the journal names.

    The journal goes last, so this may be repeated. An interruption, which comes once, does not leave it half done: it
    is begun again, brought to its end, and the interruption passed on. Raises HalfwayError when it cannot be done now.
    """
    try:
        _put_back(parties, added)
    except Interrupted:
        _put_back(parties, added)
        raise


def _put_back(parties: Parties, added: Sequence[str] | None) -> None:
    parties.progress.started(Task.PUT_BACK)
    try:
        _delete_added(parties, _noted_added(parties.target) if added is None else added)
        parties.target.put_back()
    except ToolError as cause:
        raise _halfway(parties.environment, cause) from cause
    parties.progress.finished(Task.PUT_BACK)


def _noted_added(target: TargetDatabase) -> Sequence[str]:
    """Not what this run remembers: while its session was lost, another run may have put everything back and brought
    the same blobs in, for good. Reading the journal takes the lock again, or fails."""
    noted = list(target.noted_added())
    interrupted = target.facts().interrupted
    return noted if interrupted and not interrupted.accepted else []


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
