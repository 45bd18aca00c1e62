"""Dumps in files, and the restore of one into a database with everything that the command checks."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from integration.postgres.conftest import closest_clients, dump_of
from mxpc.adapters.archive_files import PipeInput, open_input
from mxpc.adapters.postgres import PostgresTarget
from mxpc.adapters.programs import Programs
from mxpc.demo.postgres import PostgresServer
from mxpc.model import AppFacts, DatabaseSettings, Environment, Half
from mxpc.workflows.plan import RestoreOptions, RestorePlan
from mxpc.workflows.report import RestoreReport
from mxpc.workflows.restore import Restore


def dump_file(settings: DatabaseSettings, server: PostgresServer, folder: Path) -> Path:
    """A dump by the server's own pg_dump, or the next newer one."""
    return written(dump_of(settings, closest_clients(server)), folder)


def written(dump: bytes, folder: Path) -> Path:
    """A dump in a file of its own."""
    path = folder / f"{len(list(folder.iterdir()))}.backup"
    path.write_bytes(dump)
    return path


class Restoring:
    """The database half of `restore`, into one database."""

    def __init__(
        self, settings: DatabaseSettings, programs: Programs, *, skip: Collection[str] = (), jobs: int = 1
    ) -> None:
        options = RestoreOptions(halves=frozenset({Half.DATABASE}), skip=frozenset(skip), jobs=jobs)
        self._restore = Restore(
            Environment("mendix", "torture"),
            AppFacts(replicas=0, model_version=None),
            settings.user,
            PostgresTarget(settings, programs=programs),
            None,
            options,
        )

    def run(self, dump: Path, *, piped: bool = False) -> RestoreReport:
        """Restore a dump."""
        if not piped:
            return self._restore.run(open_input(str(dump)))
        with dump.open("rb", buffering=0) as stream:
            return self._restore.run(PipeInput(dump.name, stream))

    def plan(self, dump: Path) -> RestorePlan:
        """What `--dry-run` shows."""
        return self._restore.plan(open_input(str(dump)))
