"""Bringing a dump into the database: in one session, or in several where that is quicker. No temporary disk in either.

In several sessions, data are copied while the indexes of the tables that are complete are built. Half of the sessions
copy. They share the rows of a big table, so that the archive is decompressed once for all of them; where rows cannot be
told apart (a dump that is compressed inside) each of them reads the archive by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from mxpc.archive.dump import DumpStream
from mxpc.errors import ToolError
from mxpc.model import DumpFacts, Section
from mxpc.ports import ByteReader, TargetDatabase
from mxpc.progress import Progress, Task
from mxpc.streams import Stop, Stopped, Team
from mxpc.workflows.dump_parts import DataGroup, DumpIds, DumpParts, cut, one_part, sessions

READABLE_BY_ALL = (1, 14, 0)
"""The archive version that pg_restore of PostgreSQL 12 and every later one reads; newer dumps are rewritten to it."""

Again = Callable[[], AbstractContextManager[DumpStream]]


class DumpRestore:
    """One dump on its way into the target. One thread calls one of its methods, once."""

    def __init__(
        self, target: TargetDatabase, leave_out: Collection[int], jobs: int | None, stop: Stop, progress: Progress
    ) -> None:
        self._target = target
        self._leave_out = frozenset(leave_out)
        self._jobs = jobs
        self._stop = stop
        self._progress = progress
        self._warnings: dict[str, None] = {}
        self._lock = threading.Lock()
        self._lanes = 0
        self._shares = 1
        self._sessions = 1
        self._building = False

    def from_file(self, stream: DumpStream, dump: DumpFacts, again: Again) -> list[str]:
        """Restore a dump that was checked; `dump` is what the check found, `again` opens one more reading of it."""
        self._sessions = sessions(dump, self._jobs)
        if self._sessions == 1:
            self._in_one_session(stream, checked=False, size=dump.size)
        else:
            self._in_parts(stream, cut(dump, self._leave_out), again)
        return list(self._warnings)

    def from_pipe(self, stream: DumpStream) -> list[str]:
        """Restore a dump that is read for the first time: its data come in their order, in one session."""
        if self._jobs == 1:
            self._in_one_session(stream, checked=True)
            return list(self._warnings)
        post_data = {one.dump_id for one in stream.facts.entries if one.section is Section.POST_DATA}
        self._in_one_session(stream, checked=True, later=post_data)
        self._sessions = sessions(stream.facts, self._jobs)
        parts = cut(stream.facts, self._leave_out)
        if self._sessions == 1:
            parts = one_part(parts)
        self._together(stream, parts, parts.indexes)
        self._finish(stream, parts, parts.last & post_data)
        return list(self._warnings)

    # ---------------------------------------------------------------------------------------------------- one session

    def _in_one_session(
        self, stream: DumpStream, *, checked: bool, later: Collection[int] = (), size: int | None = None
    ) -> None:
        self._progress.started(Task.RESTORE_DATABASE, total_bytes=size)
        leave_out = self._leave_out.union(later)
        dump = stream.rewritten(version=_version(stream), leave_out=leave_out, checked=checked)
        self._restore(_Told(dump, self._copied))
        self._progress.finished(Task.RESTORE_DATABASE)

    # ------------------------------------------------------------------------------------------------ several sessions

    def _team(self) -> Team:
        return Team(self._sessions, self._stop)

    def _in_parts(self, stream: DumpStream, parts: DumpParts, again: Again) -> None:
        total = sum(block.size for group in parts.data for block in group.blocks)
        self._progress.started(Task.RESTORE_DATABASE, total_bytes=total)
        self._restore(stream.excerpt(parts.settings | parts.first, version=_version(stream)))
        copying = max(1, self._sessions // 2)
        self._shares, lanes = (copying, 1) if any(one.can_be_dealt for one in parts.data) else (1, copying)
        self._lanes = min(lanes, len(parts.data))
        with self._team() as team:
            lane = partial(self._copy, parts, _Groups(parts.data), team)
            team.begin(partial(lane, _first_then(stream, again), begin_with_biggest=False))
            for _ in range(1, self._lanes):
                team.begin(partial(lane, again, begin_with_biggest=True))
        self._finish(stream, parts, parts.last)

    def _copy(self, parts: DumpParts, groups: _Groups, team: Team, opened: Again, *, begin_with_biggest: bool) -> None:
        """Copy groups as long as any are left, each reading of the dump from its start to its end.

        What takes longest begins first: the indexes of the biggest table come behind its data.
        """
        biggest = begin_with_biggest
        while groups.left:
            with opened() as stream:
                group = groups.take_biggest() if biggest else groups.take_behind(0)
                while group:
                    self._copy_group(parts, group, team, stream)
                    group = groups.take_behind(group.end)
            biggest = False
        with self._lock:
            self._lanes -= 1
            if not self._lanes:
                self._progress.finished(Task.RESTORE_DATABASE)

    def _copy_group(self, parts: DumpParts, group: DataGroup, team: Team, stream: DumpStream) -> None:
        build = partial(self._begin_indexes, parts, group, team, stream)
        ids, version = parts.settings | group.ids, _version(stream)
        if self._shares == 1 or not group.can_be_dealt:
            self._restore(_Told(stream.excerpt(ids, group.blocks, version=version), self._copied))
            build()
            return
        deal = stream.deal(group.blocks[0])
        last = _Last(self._shares, build)

        def copy_share() -> None:
            if deal.left:
                self._restore(_Told(stream.share(deal, ids, version=version), self._copied))
            last.done()

        for _ in range(1, self._shares):
            team.begin(copy_share)
        copy_share()

    def _begin_indexes(self, parts: DumpParts, group: DataGroup, team: Team, stream: DumpStream) -> None:
        for ids in group.indexes:
            team.begin(partial(self._statements, stream, parts, ids))

    def _finish(self, stream: DumpStream, parts: DumpParts, last: DumpIds) -> None:
        """What needs all rows."""
        self._statements(stream, parts, last)
        for together in parts.foreign_keys:
            self._together(stream, parts, together)
        self._progress.finished(Task.BUILD_INDEXES)

    def _together(self, stream: DumpStream, parts: DumpParts, several: Collection[DumpIds]) -> None:
        with self._team() as team:
            for ids in several:
                team.begin(partial(self._statements, stream, parts, ids))

    def _statements(self, stream: DumpStream, parts: DumpParts, ids: DumpIds) -> None:
        if ids:
            self._begin_building(parts)
            self._restore(stream.excerpt(parts.settings | ids, version=_version(stream)))
            self._progress.advanced(Task.BUILD_INDEXES, item_count=len(ids))

    # ---------------------------------------------------------------------------------------------------------- inside

    def _begin_building(self, parts: DumpParts) -> None:
        with self._lock:
            if not self._building:
                self._building = True
                self._progress.started(Task.BUILD_INDEXES, total_items=parts.statement_count)

    def _restore(self, dump: ByteReader) -> None:
        try:
            warnings = self._target.restore(dump, self._stop)
        except ToolError as error:
            if self._stop.is_set():
                raise Stopped from error  # pg_restore was ended
            raise
        with self._lock:
            self._warnings |= dict.fromkeys(warnings)

    def _copied(self, byte_count: int) -> None:
        self._stop.check()
        self._progress.advanced(Task.RESTORE_DATABASE, byte_count=byte_count)


class _Groups:
    """What is still to be copied. From any thread."""

    def __init__(self, groups: Iterable[DataGroup]) -> None:
        self._left = list(groups)
        self._lock = threading.Lock()

    @property
    def left(self) -> bool:
        return bool(self._left)

    def take_biggest(self) -> DataGroup | None:
        return self._take(sorted(self._left, key=lambda one: one.start - one.end))

    def take_behind(self, position: int) -> DataGroup | None:
        """The next one of the dump from this byte on."""
        return self._take([one for one in self._left if one.start >= position])

    def _take(self, wanted: list[DataGroup]) -> DataGroup | None:
        with self._lock:
            found = next((one for one in wanted if one in self._left), None)
            if found:
                self._left.remove(found)
            return found


class _Last:
    """Lets the last one of several do something. From any thread."""

    def __init__(self, count: int, action: Callable[[], None]) -> None:
        self._left = count
        self._action = action
        self._lock = threading.Lock()

    def done(self) -> None:
        """One of them is done."""
        with self._lock:
            self._left -= 1
            last = not self._left
        if last:
            self._action()


def _first_then(stream: DumpStream, again: Again) -> Again:
    """The reading that is open already, and others after it."""
    readings = iter([nullcontext(stream)])
    return lambda: next(readings, None) or again()


def _version(stream: DumpStream) -> tuple[int, ...] | None:
    newer = stream.facts.archive_version[:2] > READABLE_BY_ALL[:2]
    return READABLE_BY_ALL if newer and stream.facts.compression in ("none", "gzip") else None


class _Told:
    """A reader that tells how much went through it."""

    def __init__(self, reader: ByteReader, tell: Callable[[int], None]) -> None:
        self._reader = reader
        self._tell = tell

    def read(self, size: int, /) -> bytes:
        data = self._reader.read(size)
        self._tell(len(data))
        return data
