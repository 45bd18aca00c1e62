"""Apps of 2,000 tables with PostgreSQL's default settings, whose lock table one transaction would exhaust."""

from __future__ import annotations

import io

import pytest

from integration.postgres.bringing import bring_in
from integration.postgres.conftest import closest_clients, dump_of
from integration.postgres.content import run
from mxpc.adapters.postgres import PostgresTarget
from mxpc.demo.postgres import PostgresServer
from mxpc.model import DatabaseSettings
from surroundings import new_database

TABLES = 2_000
CREATE = """DO $$ BEGIN
    FOR n IN {first}..{last} LOOP
        EXECUTE format('CREATE TABLE module$%1$s (id bigint PRIMARY KEY, a int, b text,
            c int GENERATED ALWAYS AS IDENTITY, other bigint {reference})', n, n - 1);
        EXECUTE format('CREATE INDEX ON module$%1$s (a)', n);
        EXECUTE format('CREATE INDEX ON module$%1$s (b)', n);
        EXECUTE format('CREATE INDEX ON module$%1$s (other)', n);
        EXECUTE format('INSERT INTO module$%1$s (id, a) VALUES (%1$s, 1)', n);
    END LOOP;
END $$"""


def generate(settings: DatabaseSettings, first: int) -> None:
    """2,000 tables with four indexes, a sequence and a foreign key to the one before, made a hundred at a time."""
    for number in range(first, first + TABLES, 100):
        reference = "" if number == first else "REFERENCES module$%2$s"
        run(settings, CREATE.format(first=number, last=number + 99, reference=reference))


def numbers(settings: DatabaseSettings) -> list[tuple[object, ...]]:
    """Counts, and the sum over a table's rows at each end."""
    return run(
        settings,
        """SELECT (SELECT count(*) FROM pg_tables WHERE schemaname = 'public'), (SELECT count(*) FROM pg_indexes WHERE
        schemaname = 'public'), (SELECT count(*) FROM pg_constraint WHERE contype = 'f'),
        (SELECT min(tablename COLLATE "C") FROM pg_tables WHERE schemaname = 'public'),
        (SELECT count(*) FROM pg_sequences), (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'mxpc%')""",
    )


@pytest.mark.faults
def test_app_of_2000_tables_is_restored_over_another_and_undone(server: PostgresServer) -> None:
    source, settings = new_database(server), new_database(server)
    generate(source, 10_000)
    generate(settings, 20_000)
    before = numbers(settings)
    dump = dump_of(source, closest_clients(server))
    target = PostgresTarget(settings, programs=closest_clients(server))
    with target.exclusive():
        target.park("a.tar.gz")
        bring_in(target, io.BytesIO(dump))
        assert numbers(settings)[0][:3] == (TABLES, 4 * TABLES, 2 * (TABLES - 100))
        target.put_back()
        assert numbers(settings) == before
        target.park("a.tar.gz")
        bring_in(target, io.BytesIO(dump))
        target.accept()
    assert numbers(settings) == numbers(source)
