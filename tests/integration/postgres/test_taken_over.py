"""Two runs, of which the first lost its lock; and a restore with several workers."""

from __future__ import annotations

import io

import pytest

from integration.postgres.conftest import closest_clients, dump_of
from integration.postgres.content import load_mini_mendix, run
from mxpc.adapters.postgres import PostgresTarget
from mxpc.demo.digest import database_digest, differences
from mxpc.demo.postgres import PostgresServer
from mxpc.errors import DatabaseError
from mxpc.model import DatabaseSettings
from surroundings import new_database


@pytest.fixture
def dump(server: PostgresServer) -> bytes:
    source = new_database(server)
    load_mini_mendix(source)
    return dump_of(source, closest_clients(server))


def test_a_run_whose_restore_another_one_took_over_neither_accepts_nor_undoes_it(
    server: PostgresServer, database: DatabaseSettings, dump: bytes
) -> None:
    run(database, "CREATE TABLE old (id int)", "INSERT INTO old VALUES (1)")
    first, second = (PostgresTarget(database, programs=closest_clients(server)) for _ in range(2))
    # Without `exclusive`, as if the connection that had the lock was lost.
    first.park("first.tar.gz")
    first.restore(io.BytesIO(dump))
    second.put_back()
    second.park("second.tar.gz")
    second.restore(io.BytesIO(dump))

    with pytest.raises(DatabaseError, match="taken over"):
        first.accept()
    with pytest.raises(DatabaseError, match="taken over"):
        first.note_added(["0d3e301f-5551-46f8-ad44-8de2be084c95"])
    first.put_back()

    interrupted = second.facts().interrupted
    assert interrupted is not None
    assert interrupted.archive == "second.tar.gz"
    second.accept()
    assert second.facts().database.app_name == "SampleApp"


@pytest.mark.parametrize("jobs", [2, 4])
def test_several_workers_restore_the_same(
    server: PostgresServer, database: DatabaseSettings, dump: bytes, jobs: int
) -> None:
    alone = new_database(server)
    for settings, workers in ((alone, 1), (database, jobs)):
        target = PostgresTarget(settings, programs=closest_clients(server))
        with target.exclusive():
            target.park("backup.tar.gz")
            target.restore(io.BytesIO(dump), jobs=workers)
            target.accept()
    assert not list(differences(database_digest(alone), database_digest(database)))


def test_a_dump_that_cannot_be_unpacked_is_an_error_that_names_the_folder(
    server: PostgresServer, database: DatabaseSettings, dump: bytes
) -> None:
    target = PostgresTarget(database, programs=closest_clients(server), temp_dir="/nowhere")
    with target.exclusive():
        target.park("backup.tar.gz")
        with pytest.raises(Exception, match="/nowhere"):
            target.restore(io.BytesIO(dump), jobs=2)
        target.put_back()
