"""Servers that all tests share: each is started once a session, by the first test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mxpc.demo.postgres import PostgresServer
from mxpc.demo.processes import scratch_folder
from mxpc.demo.s3 import S3Server
from mxpc.errors import RequestError
from servers import require, running_postgres


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Where servers live; pytest's own temporary folders are closed to the user that PostgreSQL runs as under root."""
    with scratch_folder("mxpc-tests-") as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_15(server_folder: Path) -> Iterator[PostgresServer]:
    """PostgreSQL 15, shared by all tests: make a database of your own (`surroundings.new_database`)."""
    with running_postgres(15, server_folder) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_18(server_folder: Path) -> Iterator[PostgresServer]:
    """PostgreSQL 18, shared by all tests: make a database of your own (`surroundings.new_database`)."""
    with running_postgres(18, server_folder) as server:
        yield server


@pytest.fixture(scope="session")
def s3(server_folder: Path) -> Iterator[S3Server]:
    """An S3 server, shared by all tests: make a bucket of your own (`surroundings.new_bucket`)."""
    try:
        server = S3Server(server_folder)
    except RequestError as error:
        require(error.what)
    with server:
        yield server
