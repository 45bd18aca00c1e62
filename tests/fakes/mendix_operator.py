"""In the place of the Mendix operator and the runtimes that it starts: sessions in the database."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Self

from mxpc.demo.postgres import PostgresServer, connect
from mxpc.model import DatabaseSettings

RUNTIME = "Mendix Runtime"
"""The application that these sessions name."""


class MendixOperator:
    """Keeps a session for each replica that the MendixApp asks for.

    `replicas` is asked every moment. As a context it works; afterwards its sessions are ended.
    """

    def __init__(self, database: DatabaseSettings, replicas: Callable[[], int]) -> None:
        self.seen: list[int] = []
        """Every number of replicas, in the order in which they came."""
        self._database = database
        self._replicas = replicas
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        sessions: list[contextlib.ExitStack] = []
        while not self._ended.wait(0.05):
            wanted = self._replicas()
            if self.seen[-1:] != [wanted]:
                self.seen.append(wanted)
            while len(sessions) < wanted:
                sessions.append(contextlib.ExitStack())
                session = sessions[-1].enter_context(connect(self._database))
                session.execute(f"SET application_name = '{RUNTIME}'".encode())
            while len(sessions) > wanted:
                # A runtime takes a moment to shut down.
                self._ended.wait(0.3)
                sessions.pop().close()
        for session in sessions:
            session.close()


def runtime_sessions(postgres: PostgresServer, database: str) -> int:
    """Sessions of runtimes in this database."""
    query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND application_name = '{RUNTIME}'"
    return int(postgres.execute(query)[0][0])


def wait(ready: Callable[[], bool], *, what: str = "what was waited for") -> None:
    """Poll for ten seconds."""
    moment = threading.Event()
    for _ in range(200):
        if ready():
            return
        moment.wait(0.05)
    raise AssertionError(f"{what} never came")
