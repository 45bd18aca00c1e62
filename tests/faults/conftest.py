"""A server that syncs to its disk, an environment on it, and the moments at which things go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.moments import Moment, meet
from faults.stage import Saved, Stage, kill
from mxpc.demo.kubernetes_api import KubernetesApi
from mxpc.demo.postgres import PostgresServer
from mxpc.demo.s3 import S3Server
from servers import ServerUnavailable, postgres_bin, require


@pytest.fixture(scope="session")
def durable_postgres(server_folder: Path) -> Iterator[PostgresServer]:
    """PostgreSQL 15 with its own defaults: fsync is on, and so are the usual limits."""
    try:
        bin_dir = postgres_bin(15)
    except ServerUnavailable as error:
        require(str(error))
    home = server_folder / "durable"
    home.mkdir()
    home.chmod(0o711)
    with PostgresServer(home, bin_dir=bin_dir) as server:
        yield server


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[KubernetesApi]:
    """Only there because an environment has it: these tests give the credentials in a folder."""
    with KubernetesApi() as api:
        yield api


@pytest.fixture(scope="session")
def make_stage(
    durable_postgres: PostgresServer, s3: S3Server, kubernetes: KubernetesApi, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Stage]:
    """Makes a stage with nothing in it, on the durable server unless told otherwise."""
    return lambda server=durable_postgres: Stage(server, s3, kubernetes, tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="session")
def stage_made(make_stage: Callable[..., Stage]) -> Stage:
    """See `stage`."""
    return make_stage().fill()


@pytest.fixture(scope="session")
def halfway(stage_made: Stage) -> Saved:
    """A restore that was killed when all of the new content was there; its blobs are in the bucket."""
    stage_made.reset()
    running, _ = meet(
        stage_made,
        "set-up",
        Moment("restored"),
        0,
        lambda: stage_made.start("restore", "-f", stage_made.archive),
        stage_made.reset,
    )
    kill(running, everything=True)
    stage_made.wait_quiet()
    assert stage_made.phase() == "restored"
    return stage_made.save("halfway")


@pytest.fixture
def stage(stage_made: Stage) -> Stage:
    """The environment with its old content."""
    stage_made.reset()
    return stage_made
