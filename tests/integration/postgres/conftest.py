"""PostgreSQL of several majors; `server` is 15 and 18, `any_server` is all that can be had."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.postgres.bringing import bring_in
from integration.postgres.content import load_mini_mendix
from mxpc.adapters.postgres import PostgresSource, PostgresTarget
from mxpc.adapters.programs import Programs
from mxpc.demo.postgres import PostgresServer
from mxpc.model import DatabaseSettings
from servers import MAJORS, WITH_CLIENTS, postgres_bin, running_postgres
from surroundings import new_database

MAIN = (15, 18)


@pytest.fixture(params=MAIN)
def server(request: pytest.FixtureRequest) -> PostgresServer:
    """The two majors that every behaviour is shown on."""
    found: PostgresServer = request.getfixturevalue(f"postgres_{request.param}")
    return found


@pytest.fixture(scope="session", params=[major for major in MAJORS if major not in MAIN])
def other_server(request: pytest.FixtureRequest, server_folder: Path) -> Iterator[PostgresServer]:
    """The other majors, for what depends on the server's version."""
    with running_postgres(request.param, server_folder) as found:
        yield found


@pytest.fixture
def database(server: PostgresServer) -> DatabaseSettings:
    """An empty database of a role without further rights."""
    return new_database(server)


@pytest.fixture
def app(database: DatabaseSettings) -> DatabaseSettings:
    """A database with the sample app in it."""
    load_mini_mendix(database)
    return database


def clients(*majors: int) -> Programs:
    """Only the client programs of these majors."""
    return Programs(lambda: iter([postgres_bin(major) for major in majors]))


def closest_clients(server: PostgresServer) -> Programs:
    """The server's own clients, else (12 and 13 come without) the next newer ones."""
    return clients(server.major if server.major in WITH_CLIENTS else min(WITH_CLIENTS))


def dump_of(settings: DatabaseSettings, programs: Programs | None = None) -> bytes:
    """A complete dump, in memory."""
    parts = []
    with PostgresSource(settings, programs=programs).snapshot() as snapshot, snapshot.dump() as reader:
        while data := reader.read(1 << 16):
            parts.append(data)
    return b"".join(parts)


def restore(target: PostgresTarget, dump: bytes) -> tuple[str, ...]:
    """The whole sequence of a restore that works."""
    with target.exclusive():
        target.park("backup.tar.gz")
        warnings = bring_in(target, io.BytesIO(dump))
        target.accept()
    return warnings
