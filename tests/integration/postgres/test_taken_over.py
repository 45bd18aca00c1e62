"""Two runs, of which the first lost its lock; and a restore with several workers."""

from __future__ import annotations

import io

import pytest

from integration.postgres.bringing import bring_in
from integration.postgres.conftest import closest_clients, dump_of
from integration.postgres.content import load_mini_mendix, run
from mxpc.adapters.postgres import PostgresTarget
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
    bring_in(first, io.BytesIO(dump))
    second.put_back()
    second.park("second.tar.gz")
    bring_in(second, io.BytesIO(dump))

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
