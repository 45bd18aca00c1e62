"""A torture database on each major that can be had, and its dump; each is made once a session."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from integration.postgres.conftest import closest_clients
from integration.torture.database import load_torture
from integration.torture.equality import Witnessed, witnessed
from integration.torture.restoring import Restoring, dump_file
from mxpc.archive.dump import DumpStream
from mxpc.archive.dumpdeal import Deal
from mxpc.demo.postgres import PostgresServer
from mxpc.model import DatabaseSettings
from mxpc.ports import ByteReader
from servers import MAJORS, running_postgres
from surroundings import new_database

IN_EVERY_RUN = (14, 18)
"""Schema public belongs to the superuser in 14, and to the owner of the database from 15 on."""

every_major = pytest.mark.parametrize(
    "major", [major if major in IN_EVERY_RUN else pytest.param(major, marks=pytest.mark.faults) for major in MAJORS]
)


@dataclass(frozen=True)
class Torture:
    """A server with a torture database that nobody changes."""

    server: PostgresServer
    folder: Path

    @property
    def major(self) -> int:
        """Of the server."""
        return self.server.major

    @cached_property
    def source(self) -> DatabaseSettings:
        """The torture database."""
        return self.filled()

    @cached_property
    def content(self) -> Witnessed:
        """What a restore must bring back."""
        return self.witnessed(self.source)

    @cached_property
    def dump(self) -> Path:
        """By the server's own pg_dump, or the next newer."""
        return self.dump_of(self.source)

    def dump_of(self, settings: DatabaseSettings) -> Path:
        """A dump of another database of this server."""
        return dump_file(settings, self.server, self.folder)

    def filled(self) -> DatabaseSettings:
        """Another torture database, of a role of its own."""
        settings = new_database(self.server)
        load_torture(settings)
        return settings

    def empty(self) -> DatabaseSettings:
        """An empty database."""
        return new_database(self.server)

    def witnessed(self, settings: DatabaseSettings) -> Witnessed:
        """The content of a database of this server."""
        return witnessed(settings, self.folder)

    def restoring(self, settings: DatabaseSettings, *, skip: tuple[str, ...] = (), jobs: int = 1) -> Restoring:
        """A restore into a database of this server, by its own pg_restore or the next newer."""
        return Restoring(settings, closest_clients(self.server), skip=skip, jobs=jobs)


def _torture_of(major: int) -> object:
    @pytest.fixture(scope="session", name=f"torture_{major}")
    def torture(
        request: pytest.FixtureRequest, server_folder: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Torture]:
        folder = tmp_path_factory.mktemp(f"torture-{major}")
        if major in (15, 18):
            yield Torture(request.getfixturevalue(f"postgres_{major}"), folder)
        else:
            with running_postgres(major, server_folder) as server:
                yield Torture(server, folder)

    return torture


torture_12, torture_13, torture_14, torture_15, torture_16, torture_17, torture_18 = map(_torture_of, range(12, 19))


@pytest.fixture
def torture(request: pytest.FixtureRequest, major: int) -> Torture:
    """The one of the test's parameter `major`."""
    found: Torture = request.getfixturevalue(f"torture_{major}")
    return found


@pytest.fixture
def dealt(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From now on every table that has rows is dealt out, row by row as far as its dump can be cut; its name for
    each session that copies of it."""
    for name, value in (("dumpcursor._READ", 100), ("dumpblocks.CUT_SPACING", 1)):
        monkeypatch.setattr(f"mxpc.archive.{name}", value)
    for name in ("PARTS", "MOST_GROUPS"):
        monkeypatch.setattr(f"mxpc.workflows.dump_parts.{name}", 1_000_000)
    names: list[str] = []
    share = DumpStream.share

    def spied(stream: DumpStream, deal: Deal, keep: Collection[int], *, version: tuple[int, ...] | None) -> ByteReader:
        names.extend(one.name for one in stream.facts.entries if one.dump_id in keep and one.has_data)
        return share(stream, deal, keep, version=version)

    monkeypatch.setattr(DumpStream, "share", spied)
    return names
