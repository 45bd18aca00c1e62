"""The errand in a pod, seen from here: started, heard, its archive carried, and its end awaited."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mxpc.courier.agreement import (
    ARCHIVE_WINDOW,
    COMMANDS,
    EVENTS,
    INWARD,
    MESSAGE_WINDOW,
    OUTWARD,
    Ended,
    Errand,
    messages,
    say_run,
    say_signal,
)
from mxpc.courier.boxes import Inbox
from mxpc.courier.endpoint import Endpoint, Pace
from mxpc.courier.line import Line, Patience
from mxpc.errors import ArchiveError, HalfwayError, Interrupted, KubernetesError, ToolError
from mxpc.model import ArchiveSummary
from mxpc.ports import ArchiveInput, ArchiveSink, ByteReader, Connection
from mxpc.progress import Progress, Silent, Task
from mxpc.workflows.verify import read_archive

COMPLETE = (0, 7)
"""Exit codes of a backup that is complete."""
STOPPING_SECONDS = 600.0
"""A restore that is interrupted puts the old content back; a backup ends at once."""
GOODBYE_SECONDS = 5.0


@dataclass(frozen=True)
class Carried:
    """What came of an errand. Sizes in bytes."""

    ended: Ended
    drops: int
    """Connections that broke and were opened again."""
    sent_again: int
    """Bytes that were asked for again; of a restore alone, for the other end counts its own."""
    summary: ArchiveSummary | None = None
    """Of a backup that arrived."""


@dataclass
class Hearing:
    """Lines and end of an errand, as a thread hears them."""

    inbox: Inbox
    hear: Callable[[str], None]
    on_end: Callable[[], None]
    ended: Ended | None = None
    error: ToolError | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        threading.Thread(target=self._listen, name="messages of the pod", daemon=True).start()

    def _listen(self) -> None:
        try:
            for message in messages(self.inbox):
                if isinstance(message, Ended):
                    self.ended = message
                elif isinstance(message, str):
                    self.hear(message)
        except ToolError as error:
            self.error = error
        finally:
            self.on_end()
            self._over.set()

    def wait(self, seconds: float | None = None) -> Ended:
        """How it ended. Raises what ended the hearing before, or KubernetesError after so many seconds."""
        # With a timeout: waiting without one cannot be interrupted on Windows.
        deadline = time.monotonic() + (seconds if seconds is not None else float("inf"))
        while not self._over.wait(1.0):
            if time.monotonic() > deadline:
                raise KubernetesError("the tool in the pod does not end")
        if self.ended is None:
            raise self.error or KubernetesError("the tool in the pod ended without a word")
        return self.ended


class PodWork:
    """One errand. The pod's worker runs; `connect` opens a connection to it."""

    def __init__(
        self,
        run: str,
        errand: Errand,
        connect: Callable[[], Connection],
        check: Callable[[], None],
        *,
        hear: Callable[[str], None],
        progress: Progress,
        patience: Patience | None = None,
        pace: Pace | None = None,
    ) -> None:
        windows = {COMMANDS: MESSAGE_WINDOW, INWARD: ARCHIVE_WINDOW}
        self._endpoint = Endpoint(run, out=windows, into=(EVENTS, OUTWARD), pace=pace)
        self._errand = errand
        self._progress = progress
        self._line = Line(self._endpoint, connect, check, patience, self._dropped)
        inward = self._endpoint.outboxes[INWARD]
        self._hearing = Hearing(self._endpoint.inboxes[EVENTS], hear, inward.abandon)

    def fetch(self, open_sink: Callable[[], ArchiveSink]) -> Carried:
        """Run a backup; its archive is read whole on its way into the sink, and committed when all agrees."""
        return self._with_line(lambda: self._fetch(open_sink))

    def feed(self, archive: ArchiveInput | None) -> Carried:
        """Run a restore; without an archive, whatever else was asked for."""
        try:
            return self._with_line(lambda: self._feed(archive))
        except Interrupted:
            if self._hearing.ended is None:
                raise
            # Too late: all is done, and an exit code that says something else would be a lie.
            return self._carried(self._hearing.ended)
        except KubernetesError as error:
            begun = self._endpoint.outboxes[COMMANDS].was_used and "--dry-run" not in self._errand.arguments
            if begun and self._hearing.ended is None:
                raise HalfwayError(
                    "the connection into the pod is gone for good while the restore ran, and how it ended is not known",
                    evidence=f"{error.what}: {error.evidence}".rstrip(": "),
                    hint="`jump-pod restore --undo` brings an unfinished restore back to the old content",
                ) from error
            raise

    # -------------------------------------------------------------------------------------------------------- the line

    def _with_line(self, work: Callable[[], Carried]) -> Carried:
        with self._line:
            self._hearing.start()
            say_run(self._endpoint.outboxes[COMMANDS], self._errand)
            try:
                return work()
            except Interrupted as interrupted:
                self._stop(interrupted.signal_number)
                raise
            except ToolError:
                self._stop(15)
                raise
            finally:
                self._say_goodbye()

    def _stop(self, number: int) -> None:
        """The tool in the pod ends before we do: it puts back what it had begun."""
        if self._hearing.ended or self._hearing.error:
            return
        try:
            say_signal(self._endpoint.outboxes[COMMANDS], number)
            self._hearing.wait(STOPPING_SECONDS)
        except ToolError as error:
            self._progress.warned(f"the tool in the pod could not be stopped: {error.what}; deleting the pod stops it")

    def _say_goodbye(self) -> None:
        box = self._endpoint.outboxes[COMMANDS]
        self._line.no_more()
        box.finish()
        deadline = time.monotonic() + GOODBYE_SECONDS
        with self._endpoint.changed:
            # The worker may be gone before it has said that it heard.
            while not (box.is_through() or self._line.is_over() or time.monotonic() > deadline):
                self._endpoint.changed.wait(0.1)

    def _dropped(self) -> None:
        self._progress.noted(f"connection {self._line.drops} into the pod broke; connecting again")

    # ---------------------------------------------------------------------------------------------------- the archive

    def _fetch(self, open_sink: Callable[[], ArchiveSink]) -> Carried:
        inbox = self._endpoint.inboxes[OUTWARD]
        sink = open_sink()
        try:
            self._progress.started(Task.CARRY_ARCHIVE)
            arriving = _Arriving(inbox, sink, self._progress)
            summary, trouble = _read_to_the_end(arriving)
            ended = self._hearing.wait()
            if ended.code in COMPLETE:
                _compare(ended, arriving, inbox, trouble)
                sink.commit()
                self._progress.finished(Task.CARRY_ARCHIVE)
            else:
                sink.abort()
        except BaseException:
            sink.abort()
            raise
        return self._carried(ended, summary if ended.code in COMPLETE else None)

    def _feed(self, archive: ArchiveInput | None) -> Carried:
        outbox = self._endpoint.outboxes[INWARD]
        if archive:
            self._progress.started(Task.CARRY_ARCHIVE, total_bytes=archive.size)
            reader = archive.open()
            while (data := reader.read(1 << 20)) and outbox.write(data):
                self._progress.advanced(Task.CARRY_ARCHIVE, byte_count=len(data))
            if not data:
                self._progress.finished(Task.CARRY_ARCHIVE)
        outbox.finish()
        return self._carried(self._hearing.wait())

    def _carried(self, ended: Ended, summary: ArchiveSummary | None = None) -> Carried:
        return Carried(ended, self._line.drops, self._endpoint.outboxes[INWARD].sent_again, summary)


@dataclass
class _Arriving:
    """An ArchiveInput of what arrives; whoever reads it writes it into the sink."""

    inbox: Inbox
    sink: ArchiveSink
    progress: Progress
    name: str = "the backup that arrives"
    size: int | None = None
    repeatable: bool = False
    received: int = 0

    def open(self) -> ByteReader:
        return self

    def read(self, size: int, /) -> bytes:
        data = self.inbox.read(size)
        if data:
            self.sink.write(data)
            self.received += len(data)
            self.progress.advanced(Task.CARRY_ARCHIVE, byte_count=len(data))
        return data


def _read_to_the_end(arriving: _Arriving) -> tuple[ArchiveSummary | None, ArchiveError | None]:
    """What is in the archive, or what is wrong with it: of a backup that failed that is no news."""
    try:
        summary = read_archive(arriving, Silent())
    except ArchiveError as error:
        while arriving.read(1 << 20):
            pass
        return None, error
    return summary, None


def _compare(ended: Ended, arriving: _Arriving, inbox: Inbox, trouble: ArchiveError | None) -> None:
    if (ended.size, ended.sha256) != (arriving.received, inbox.sha256):
        raise ArchiveError(
            "the backup that arrived is not the one that was written",
            evidence=f"{ended.size} bytes and SHA-256 {ended.sha256} were sent, {arriving.received} bytes and "
            f"{inbox.sha256} arrived",
        )
    if trouble:
        raise trouble
