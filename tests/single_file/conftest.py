"""The programs that `make dist` left, and bare systems to run them in. Every test here has the marker `dist`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.environment import LiveEnvironment
from mxpc.demo.kubernetes_api import KubernetesApi
from mxpc.demo.postgres import PostgresServer
from mxpc.demo.processes import scratch_folder
from mxpc.demo.s3 import S3Server
from servers import PROJECT, require
from single_file.roots import SOMEBODY, Root, RootUnavailable, debian_11, only_libc, strangers

PLAIN, FULL = "mxpc-backup-restore-cli-linux", "mxpc-backup-restore-cli-linux-full"
BUILT = PROJECT / "dist"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder has the marker; none can forget it."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.dist)


def built(name: str) -> Path:
    """A program that `make dist` left."""
    if not (BUILT / name).exists():
        require(f"`make dist` has left no {name} here")
    return BUILT / name


@pytest.fixture(params=[PLAIN, FULL])
def program(request: pytest.FixtureRequest) -> Path:
    """Each program in turn."""
    return built(request.param)


@pytest.fixture
def plain_program() -> Path:
    """The one without PostgreSQL's clients."""
    return built(PLAIN)


@pytest.fixture
def full_program() -> Path:
    """The one with PostgreSQL's clients."""
    return built(FULL)


@pytest.fixture(scope="session")
def root_folders() -> dict[str, Path]:
    """The folder of each bare system."""
    try:
        debian = debian_11()
    except RootUnavailable as error:
        require(str(error))
    folders = {"debian-11": debian, "only-libc": only_libc(debian)}
    for folder in folders.values():
        assert strangers(folder) == [], "a run in there would prove nothing"
    return folders


@pytest.fixture(params=["debian-11", "only-libc"])
def root(request: pytest.FixtureRequest, root_folders: dict[str, Path]) -> Iterator[Root]:
    """Each bare system in turn, with an empty /tmp that must be without traces of ours at the end."""
    with scratch_folder("mxpc-root-") as temporary:
        os.chown(temporary, SOMEBODY, SOMEBODY)
        yield Root(root_folders[request.param], temporary)
        left = [path.name for path in temporary.iterdir() if path.name.startswith(("_MEI", "mxpc-"))]
        assert left == [], "something was left in /tmp"


@pytest.fixture
def environment(postgres_15: PostgresServer, s3: S3Server, tmp_path: Path) -> Iterator[LiveEnvironment]:
    """An environment with the sample's 8 documents."""
    with KubernetesApi() as kubernetes:
        made = LiveEnvironment(postgres_15, s3, kubernetes, tmp_path)
        made.fill(orphans=0)  # which no backup takes
        yield made
