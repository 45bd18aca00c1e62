"""Servers that all tests share: each is started once a session, by the first test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from azurite import Azurite
from minio import Minio
from mxpc.demo.postgres import PostgresServer
from mxpc.demo.processes import scratch_folder
from mxpc.demo.s3 import S3Server
from mxpc.errors import RequestError
from servers import ServerUnavailable, require, running_postgres

pytest_plugins = ("parallel", "faults.counting")


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


@pytest.fixture(scope="session")
def minio(server_folder: Path) -> Iterator[Minio]:
    """Another S3 server, shared by all tests: make a bucket of your own (`new_bucket`)."""
    try:
        server = Minio(server_folder)
    except ServerUnavailable as error:
        require(str(error))
    with server:
        yield server


@pytest.fixture(scope="session")
def azurite(server_folder: Path) -> Iterator[Azurite]:
    """Azure's blob service over plain http, shared by all tests: make a container of your own (`new_container`)."""
    yield from _azurite(server_folder, https=False)


@pytest.fixture(scope="session")
def azurite_https(server_folder: Path) -> Iterator[Azurite]:
    """Azure's blob service over https, which takes tokens, shared by all tests."""
    yield from _azurite(server_folder, https=True)


def _azurite(folder: Path, *, https: bool) -> Iterator[Azurite]:
    try:
        server = Azurite(folder, https=https)
    except ServerUnavailable as error:
        require(str(error))
    with server:
        yield server
