"""The session that changes things: opened again when it was lost, and holding the restore lock while asked to."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import psycopg

from mxpc.adapters.postgres.connection import APPLICATION, Connection, connect, lost, place, speaking_of
from mxpc.errors import CheckRefused, DatabaseError
from mxpc.model import DatabaseSettings

LOCK = (0x6D787063, 1)
"""Key of the advisory lock, `mxpc` in ASCII: an advisory lock belongs to one database."""

LOCK_SECONDS = 5.0
"""A run that was killed frees its lock as soon as the server notices, which takes a moment."""


class Control:
    """One connection, used by one thread at a time (others wait)."""

    def __init__(self, settings: DatabaseSettings, lock_seconds: float = LOCK_SECONDS) -> None:
        self._settings = settings
        self._lock_seconds = lock_seconds
        self._connection: Connection | None = None
        self._turn = threading.RLock()
        self._locking = False

    @contextlib.contextmanager
    def use(self, doing: str) -> Iterator[Connection]:
        """The connection, with psycopg's errors as DatabaseError. After anything unexpected it is not used again."""
        with self._turn:
            connection = self._connected()
            try:
                with speaking_of(self._settings, doing):
                    yield connection
            except BaseException as error:
                expected = isinstance(error, DatabaseError | CheckRefused)
                if not expected or lost(error.__cause__) or connection.closed:
                    self._discard()
                raise
            finally:
                if not self._locking:
                    self.close()

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock. Raises CheckRefused when somebody else does."""
        with self._turn:
            self._locking = True
            try:
                self._connected()
            except BaseException:
                self._locking = False
                self.close()
                raise
        try:
            yield
        finally:
            with self._turn:
                self._locking = False
                self.close()

    def close(self) -> None:
        """Let go of connection and lock."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _discard(self) -> None:
        """The server may still be busy with what we were interrupted in: cancel that, or the lock stays with it."""
        connection = self._connection
        if connection is not None and not connection.closed:
            with contextlib.suppress(psycopg.Error):
                connection.cancel_safe(timeout=5)
        self.close()

    def _connected(self) -> Connection:
        if self._connection is not None:
            # It may have been idle for hours while pg_restore worked.
            with contextlib.suppress(psycopg.Error):
                self._connection.execute("SELECT 1")
                return self._connection
            self.close()
        connection = connect(self._settings, APPLICATION)
        if self._locking:
            try:
                with speaking_of(self._settings, "taking the restore lock"):
                    self._take_lock(connection)
            except BaseException:
                connection.close()
                raise
        self._connection = connection
        return connection

    def _take_lock(self, connection: Connection) -> None:
        deadline = time.monotonic() + self._lock_seconds
        while True:
            row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", LOCK).fetchone()
            if row and row[0]:
                return
            if time.monotonic() > deadline:
                raise CheckRefused(
                    f"another restore is running in {place(self._settings)}",
                    evidence=_holder(connection),
                    hint="Wait for it to end. If its process is gone, the server frees the lock when it notices.",
                )
            time.sleep(0.2)


def _holder(connection: Connection) -> str:
    row = connection.execute(
        'SELECT a.pid, to_char(a.backend_start, \'YYYY-MM-DD"T"HH24:MI:SS"Z"\'), host(a.client_addr) '
        "FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid "
        "WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = %s AND l.granted "
        "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        LOCK,
    ).fetchone()
    if row is None:
        return ""
    return f"session {row[0]} since {row[1]}" + (f" from {row[2]}" if row[2] else "")
