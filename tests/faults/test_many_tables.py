"""An app of 2,000 tables with PostgreSQL's default settings, whose lock table one transaction would exhaust."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from faults.counting import COUNTED
from faults.generated import make_tables
from faults.moments import Moment
from faults.stage import Stage, kill
from mxpc.demo.digest import database_digest, differences
from mxpc.demo.postgres import PostgresServer

pytestmark = pytest.mark.faults

TABLES = 2_000


def test_app_of_2000_tables_is_restored_over_another_one_and_undone_halfway(
    make_stage: Callable[..., Stage], postgres_15: PostgresServer
) -> None:
    """Both kills are of everything, as when a pod is evicted. The server does not sync: that would take minutes."""
    stage = make_stage(postgres_15)
    make_tables(stage.target.database, "shop", TABLES, rows=1)
    make_tables(stage.source.database, "shop", TABLES // 2, rows=2)
    make_tables(stage.source.database, "crm", TABLES // 2, rows=2)
    stage.back_up_source(stage.archive).ended().expect(0)
    old, new = database_digest(stage.target.database), database_digest(stage.source.database)

    running = stage.start("restore", "-f", stage.archive)
    assert Moment("restored").wait(stage, running, 1)
    kill(running, everything=True)
    undo = stage.start("restore", "--undo")
    assert Moment("undoing", 0.5).wait(stage, undo, 1)
    kill(undo, everything=True)
    COUNTED["kill -9 with 2,000 tables"] += 2
    assert stage.phase() == "undoing"
    stage.start("restore", "--undo").ended().expect(0)
    assert not list(differences(old, database_digest(stage.target.database)))[:5]

    stage.start("restore", "-f", stage.archive).ended().expect(0)
    assert not list(differences(new, database_digest(stage.target.database)))[:5]
