"""Environments for the installed command, on servers that all share; each has a database and a bucket of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.environment import LiveEnvironment
from e2e.sample import Restorable, Untouchable
from e2e.waiting import STATES, Calls, begun
from mxpc.demo.kubernetes_api import KubernetesApi
from mxpc.demo.postgres import PostgresServer
from mxpc.demo.s3 import S3Server

MakeEnvironment = Callable[..., LiveEnvironment]


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[KubernetesApi]:
    """A Kubernetes API over HTTPS that gives away named objects and refuses all else."""
    with KubernetesApi() as api:
        yield api


@pytest.fixture(scope="session")
def live_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands have their HOME."""
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="session")
def make_environment(
    postgres_15: PostgresServer, s3: S3Server, kubernetes: KubernetesApi, live_folder: Path
) -> MakeEnvironment:
    """Makes an empty environment, on PostgreSQL 15 unless told otherwise."""

    def make(postgres: PostgresServer = postgres_15, **more: Any) -> LiveEnvironment:
        return LiveEnvironment(postgres, s3, kubernetes, live_folder, **more)

    return make


@pytest.fixture
def environment(make_environment: MakeEnvironment) -> LiveEnvironment:
    """An environment of the test's own with the sample's 8 documents."""
    made = make_environment()
    made.fill()
    return made


@pytest.fixture(scope="session")
def untouchable_state(make_environment: MakeEnvironment) -> Untouchable:
    """See `untouchable`."""
    return Untouchable(make_environment())


@pytest.fixture
def untouchable(untouchable_state: Untouchable) -> Iterator[LiveEnvironment]:
    """A filled environment that all tests of refusals share: after each it must be exactly as it was."""
    untouchable_state.reset()
    yield untouchable_state.environment
    untouchable_state.reset()
    assert untouchable_state.changes() == []


@pytest.fixture(scope="session")
def restorable_state(make_environment: MakeEnvironment, untouchable_state: Untouchable) -> Restorable:
    """See `restorable`."""
    return Restorable(make_environment(), untouchable_state)


@pytest.fixture
def restorable(restorable_state: Restorable) -> Restorable:
    """A shared target with other content, to be restored into; what the sample's restore must lead to is known."""
    restorable_state.environment.destroy()
    return restorable_state


@pytest.fixture(scope="session")
def sample_archive(untouchable_state: Untouchable) -> Path:
    """A backup of the untouchable environment."""
    return untouchable_state.archive


@pytest.fixture(scope="session")
def calls_under_way(make_environment: MakeEnvironment, sample_archive: Path) -> Iterator[Calls]:
    """Runs against services that do not answer."""
    environments = [make_environment() for _ in STATES]
    for environment in environments:
        environment.fill()
    with begun(environments, sample_archive) as calls:
        yield calls


@pytest.fixture(scope="session", autouse=True)
def wait_early(request: pytest.FixtureRequest) -> None:
    """What is going to wait for time-outs waits while other tests run; one process of several waits alone."""
    alone = not hasattr(request.config, "workerinput")
    if alone and any(calls_under_way.__name__ in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue(calls_under_way.__name__)
