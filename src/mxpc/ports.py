"""What the workflows need from the outside world, in their own words.

Every method may raise the `ServiceError` of its port when the service fails for good: adapters retry by themselves.
All ports may be used from several threads unless their docstring says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from mxpc.model import (
    AppScale,
    BlobStat,
    DatabaseFacts,
    EnvironmentSettings,
    FileDocument,
    FileTotals,
    InterruptedRestore,
    OpenedBlob,
    Probe,
    TargetFacts,
)


class ByteReader(Protocol):
    """A stream of bytes that ends by itself."""

    def read(self, size: int, /) -> bytes:
        """Between 1 and `size` bytes; b"" only at an end that is known to be complete, else an error."""


class Connection(Protocol):
    """Bytes in both directions between two processes. It breaks at any moment; one thread reads, another one writes."""

    def read(self, size: int, /) -> bytes:
        """Between 1 and `size` bytes; b"" when it is over, for whatever reason."""

    def write(self, data: bytes, /) -> bool:
        """Send all of it; False when it is over."""

    def close(self) -> None:
        """End it, and with it whoever waits in `read` or `write`. Any thread; may be repeated."""

    def release(self) -> None:
        """Give back what the system lent for it, once nobody reads or writes any more. Closes it first."""


class ArchiveSink(Protocol):
    """Where an archive is written to. One thread. Nothing has the final name before `commit`."""

    @property
    def can_patch(self) -> bool:
        """Whether `patch` works: a regular file, yes; a pipe, no."""

    def write(self, data: bytes | memoryview) -> None:
        """Append. Raises DestinationError (full disk, closed pipe)."""

    def patch(self, offset: int, data: bytes) -> None:
        """Overwrite bytes that were written before."""

    def commit(self) -> None:
        """Everything is on the disk and under its final name when this returns."""

    def abort(self) -> None:
        """Take away what was written. May be repeated; does nothing after `commit`."""


class ArchiveInput(Protocol):
    """An archive to read: a file, or standard input."""

    @property
    def name(self) -> str:
        """As the user gave it, for messages and the journal."""

    @property
    def size(self) -> int | None:
        """Bytes, None for a pipe."""

    @property
    def repeatable(self) -> bool:
        """Whether `open` may be called more than once, also at the same time; all readings see the same file."""

    def open(self) -> ByteReader:
        """A new reading from the start."""


class ObjectsSink(Protocol):
    """Keeps the metadata of encrypted objects beside an archive. One thread.

    The order of calls is: `add`, `publish` before the archive is committed and `finish` after it, or `abort`. At every
    moment what is there serves the archive that has the name.
    """

    def add(self, blob: str, encryption: Mapping[str, str]) -> None:
        """Keep this; nothing is written yet."""

    def publish(self) -> None:
        """Write what was added, together with what an older archive of the same name needs."""

    def finish(self) -> None:
        """Leave out what only the older archive needed. Raises nothing: a rest does no harm."""

    def abort(self) -> None:
        """Take away what was written, where no archive needs it. May be repeated."""


class EnvironmentSource(Protocol):
    """Where the settings of an environment come from: the Kubernetes API, or a folder of files."""

    def settings(self, *, storage: bool = True) -> EnvironmentSettings:
        """Read everything once; without `storage` the file storage is neither read nor needed.

        Raises RequestError (no such object, missing key, unsupported kind) or KubernetesError.
        """


class AppControl(Protocol):
    """The replicas of an environment's app. One thread.

    What it had before it was stopped is kept with the app itself, in the same write, so that a killed run forgets
    nothing. Nobody else's number is overwritten: every write is refused when the app was changed since it was read, and
    then it is read again. Every method may be repeated.
    """

    def look(self) -> AppScale:
        """What there is now. Raises RequestError or KubernetesError."""

    def check(self) -> None:
        """Find out whether the next of `stop` and `start_again` would be allowed, without doing it.

        Raises CheckRefused naming the missing right.
        """

    def stop(self) -> AppScale:
        """Scale to 0 and note the number from before; returns what there is then.

        An app that is at 0 already is left alone, with the note of an earlier run, if any. Raises CheckRefused when the
        right is missing.
        """

    def start_again(self) -> AppScale:
        """Scale back to the noted number and take the note away; returns what there is then.

        Where somebody has scaled it meanwhile, only the note goes; without a note nothing is done.
        """


class Snapshot(Protocol):
    """One moment of a running database. Lives as long as its context; methods are used from one thread at a time,
    but a dump may be read in another thread than the documents."""

    def facts(self) -> DatabaseFacts:
        """Sizes, versions and app of this moment."""

    def file_totals(self) -> FileTotals:
        """Number and bytes of the distinct blobs that the snapshot names; zeros without a file document table."""

    def file_documents(self) -> Iterator[FileDocument]:
        """Each distinct blob once, ordered by its name, in constant memory."""

    def dump(self, *, compression: int = 0) -> AbstractContextManager[ByteReader]:
        """`pg_dump -Fc -O -x` of this moment, compressed inside with gzip level `compression` (0: not at all).

        Leaving the context early ends the child. May be repeated.

        The reader raises DatabaseError instead of ending when pg_dump fails.
        """


class SourceDatabase(Protocol):
    """The database of an environment that is backed up."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Open and export a snapshot."""

    def still_named(self, blobs: Collection[str]) -> set[str]:
        """Those of the blobs that file documents name now, in a new snapshot."""

    def interrupted_restore(self) -> InterruptedRestore | None:
        """The unfinished restore that this database is in, if any."""


class Stopping(Protocol):
    """How long work in several threads learns that it has to end."""

    def on_stop(self, action: Callable[[], None]) -> AbstractContextManager[None]:
        """While the context lasts, `action` is called, from another thread, when all has to end."""


class TargetDatabase(Protocol):
    """The database that is restored into. One thread, except `facts` and `restore`.

    The order of calls is: `exclusive` (around all), `put_back` when a restore was interrupted, `park`, `restore`,
    `mark_restored`, then either `accept` or `put_back`. Killed anywhere in between, the next run finds the state with
    `facts` and `put_back` brings it to the old content, or, once `accept` had begun, to the new.
    """

    def facts(self) -> TargetFacts:
        """What there is and what the role may do. Changes nothing."""

    def other_sessions(self) -> tuple[str, ...]:
        """One text for each other client in the database, as in the facts. Quick enough to be asked every second."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the right to restore into this database. Raises CheckRefused when another restore holds it."""

    def park(self, archive: str, *, schemas: Collection[str] = ()) -> None:
        """Set the old content of schema public and the role's own schemas of these names aside, and keep a journal.

        `archive` is the name of what is restored. Raises CheckRefused, with nothing changed, when something cannot be
        set aside.
        """

    def restore(self, dump: ByteReader, stop: Stopping) -> tuple[str, ...]:
        """Feed a custom-format dump to pg_restore. Returns warnings about what was skipped as harmless.

        May be called for several parts of one dump, from several threads at once; `stop` ends it.

        Raises DatabaseError with pg_restore's own line when anything else failed; the parked content is untouched.
        """

    def mark_restored(self) -> None:
        """All parts are in: write it into the journal, durably. `accept` asks for it."""

    def note_added(self, blobs: Sequence[str]) -> None:
        """Write into the journal, durably, that these blobs are about to be added to the file storage."""

    def noted_added(self) -> Iterator[str]:
        """The blobs that the journal says were added."""

    def facts_restored(self) -> tuple[DatabaseFacts, FileTotals]:
        """The app and its files as the restored content has them."""

    def named_blobs(self) -> Iterator[FileDocument]:
        """As Snapshot.file_documents, of the content that is in schema public now."""

    def row_counts(self, tables: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], int | None]:
        """Rows of those of the tables (schema and name) that are there, without the rows of children and partitions.

        None for a table whose rows a policy hides from the role.
        """

    def accept(self) -> None:
        """The new content is the content from here on: drop the parked one."""

    def put_back(self) -> None:
        """Drop what was restored and bring the parked content back. May be repeated."""


class FileStore(Protocol):
    """The blobs of one environment, by their names. Which keys they have is the adapter's business (`use_layout`)."""

    def probe(self, blobs: Sequence[str]) -> Probe:
        """Look for some of these blobs under each known layout; the first layout that holds one is used from here on.

        Proves that the bucket exists and that the login works even when `blobs` is empty.
        Raises FileStoreError naming bucket and server (unreachable, wrong credentials, no such bucket).
        """

    @property
    def keeps_metadata(self) -> bool:
        """Whether `put` can store metadata beside the content."""

    def open(self, blob: str, limit: int) -> OpenedBlob:
        """Size, version and at most the first `limit` bytes of a blob, in one request; and its `encryption`.

        Raises BlobNotFound, BlobForbidden, or FileStoreError for everything else.
        """

    def read_range(self, blob: str, etag: str | None, start: int, length: int) -> bytes:
        """Exactly `length` bytes of this version of the blob. Raises BlobChanged when it is another one now."""

    def stat(self, blob: str) -> BlobStat | None:
        """Size and digest of a blob; None when there is none. Raises BlobForbidden where the store does not tell."""

    def put(self, blob: str, size: int, chunks: Iterable[bytes], encryption: Mapping[str, str] | None = None) -> None:
        """Store a blob and check that what was stored is what was sent. `chunks` is read once and sums up to `size`.

        `encryption` becomes the object's metadata: the app finds the key to an encrypted file there.
        """

    def delete(self, blob: str) -> None:
        """Remove a blob; nothing happens when it is not there."""

    def present(self, most: int) -> Set[bytes] | None:
        """Short names of the blobs that are there, in the layout in use; by listing, at most so many objects.

        None when there are more, or the identity may not list: ask for each blob then.
        """

    def list(self) -> Iterator[BlobStat]:
        """Every blob of the layout in use, in the store's order, in constant memory. Needs the right to list."""


Manifest = dict[str, Any]
"""A Kubernetes object as JSON has it."""


class Cluster(Protocol):
    """The objects of one namespace. One thread. Raises KubernetesError, or RequestError for what can never be."""

    def create(self, manifest: Manifest) -> Manifest:
        """Make an object; as it is there now. One of that name that is there already counts as made."""

    def get(self, kind: str, name: str) -> Manifest | None:
        """The object, or None."""

    def labelled(self, kind: str, labels: Mapping[str, str]) -> list[Manifest]:
        """All of a kind with these labels."""

    def events(self, pod: str) -> list[Manifest]:
        """What the cluster says about a pod."""

    def delete(self, kind: str, name: str) -> None:
        """Begin to remove an object; nothing happens when there is none."""


@dataclass(frozen=True)
class ShellResult:
    """How a command in a pod ended: None as code when it did not end in time."""

    code: int | None
    output: bytes
    complaint: str


class PodShell(Protocol):
    """Commands inside of one pod, in the folder that its container starts in. The way there may break at any time."""

    def run(self, command: Sequence[str], feed: bytes = b"", *, seconds: float = 60.0) -> ShellResult:
        """Run a command to its end. What breaks on the way shows as a code, or as output that is cut short."""

    def open(self, command: Sequence[str]) -> Connection:
        """A command's standard input and output."""

    def complaint(self) -> str:
        """The last words about the last command that was opened."""


class Life(Enum):
    """Whether the process of a run still runs."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """It is not of this machine, or of another user."""


class RunRegister(Protocol):
    """Which runs are alive, as far as this machine knows."""

    def alive(self, run: str) -> AbstractContextManager[None]:
        """The run is alive as long as the context, or at most as long as this process, lasts."""

    def life(self, run: str) -> Life:
        """What is known of a run."""

    def forget(self, run: str) -> None:
        """A dead run has left nothing any more."""
