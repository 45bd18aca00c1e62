"""PostgresSource: what a snapshot tells, and its dump."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from integration.postgres.conftest import clients, closest_clients, dump_of
from integration.postgres.content import load_mini_mendix, run
from mxpc.adapters.postgres import PostgresSource
from mxpc.adapters.programs import Programs
from mxpc.demo.postgres import PostgresServer
from mxpc.errors import DatabaseError, RequestError
from mxpc.model import DatabaseSettings, FileDocument, FileTotals
from mxpc.ports import ByteReader
from surroundings import AWKWARD_PASSWORD, closed_port, new_database

BIG = "CREATE TABLE big AS SELECT n, repeat(md5(n::text), 30) AS filling FROM generate_series(1, 60000) n"


def test_facts_of_an_app(app: DatabaseSettings, server: PostgresServer) -> None:
    with PostgresSource(app).snapshot() as snapshot:
        facts = snapshot.facts()
    assert (facts.app_name, facts.model_version, facts.mendix_version) == ("SampleApp", "1.0.0.40", "10.9.0.31759")
    assert facts.server_major == server.major
    assert facts.server_version.startswith(f"{server.major}.")
    assert facts.size > 1_000_000


def test_facts_of_an_app_of_early_mendix_8(app: DatabaseSettings) -> None:
    run(app, 'ALTER TABLE "mendixsystem$version" DROP COLUMN mendixversion')
    with PostgresSource(app).snapshot() as snapshot:
        facts = snapshot.facts()
    assert (facts.app_name, facts.mendix_version) == ("SampleApp", None)


def test_empty_database_has_no_app_and_no_files(database: DatabaseSettings) -> None:
    with PostgresSource(database).snapshot() as snapshot:
        assert snapshot.facts().app_name is None
        assert snapshot.file_totals() == FileTotals(0, 0)
        assert list(snapshot.file_documents()) == []


def test_each_blob_is_named_once_in_order_with_the_size_that_is_known(app: DatabaseSettings) -> None:
    run(
        app,
        """INSERT INTO "system$filedocument" (id, "__uuid__", name, size) VALUES
        (1, '0d3e301f-5a0c-4b1e-9d57-3f1f0f6a4b01', 'again', NULL), (2, '', 'no blob', 3),
        (3, 'FFFFFFFF-0000-4000-8000-000000000000', 'size unknown', -1)""",
    )
    with PostgresSource(app).snapshot() as snapshot:
        documents = list(snapshot.file_documents())
        totals = snapshot.file_totals()
    blobs = [one.blob for one in documents]
    assert blobs == sorted(set(blobs))
    assert FileDocument("0d3e301f-5a0c-4b1e-9d57-3f1f0f6a4b01", "readme.txt", 13) in documents
    assert FileDocument("FFFFFFFF-0000-4000-8000-000000000000", "size unknown", None) in documents
    assert FileDocument("ba716ec9-5236-481e-a485-771f8ab3d91b", None, 956) in documents
    assert totals == FileTotals(len(documents), sum(one.size or 0 for one in documents))


def test_file_table_of_another_shape_is_an_error_and_not_zero_files(app: DatabaseSettings) -> None:
    run(app, 'ALTER TABLE "system$filedocument" DROP COLUMN "__uuid__"')
    with PostgresSource(app).snapshot() as snapshot, pytest.raises(DatabaseError, match="__uuid__"):
        snapshot.file_totals()


def test_snapshot_and_dump_do_not_see_what_comes_later(app: DatabaseSettings, server: PostgresServer) -> None:
    with PostgresSource(app).snapshot() as snapshot:
        before = list(snapshot.file_documents())
        run(app, 'DELETE FROM "system$filedocument"')
        assert list(snapshot.file_documents()) == before
        with snapshot.dump() as reader:
            dump = read_all(reader)
    assert b"contract-1000.pdf" in dump


def test_documents_and_dump_are_read_at_the_same_time(app: DatabaseSettings) -> None:
    with PostgresSource(app).snapshot() as snapshot, snapshot.dump() as reader:
        head = reader.read(5)
        assert len(list(snapshot.file_documents())) == 7
        assert head == b"PGDMP"


def test_dump_may_be_repeated_and_has_the_same_size(app: DatabaseSettings) -> None:
    with PostgresSource(app).snapshot() as snapshot:
        sizes = []
        for _ in range(2):
            with snapshot.dump() as reader:
                sizes.append(len(read_all(reader)))
    assert sizes[0] == sizes[1] > 0


def test_dump_can_be_compressed_inside(app: DatabaseSettings) -> None:
    run(app, BIG)
    with PostgresSource(app).snapshot() as snapshot:
        with snapshot.dump(compression=6) as reader:
            small = len(read_all(reader))
        with snapshot.dump() as reader:
            large = len(read_all(reader))
    assert small * 3 < large


def test_still_named_looks_at_the_present(app: DatabaseSettings) -> None:
    source = PostgresSource(app)
    blob = "a1b2c3d4-1111-4222-8333-444455556666"
    assert source.still_named([blob, "not there"]) == {blob}
    run(app, f"""DELETE FROM "system$filedocument" WHERE "__uuid__" = '{blob}'""")
    assert source.still_named([blob]) == set()


# --------------------------------------------------------------------------------------------------------- bad days


def test_killed_pg_dump_is_an_error_at_the_end_of_the_stream(app: DatabaseSettings) -> None:
    run(app, BIG)
    with PostgresSource(app).snapshot() as snapshot, snapshot.dump() as reader:
        reader.read(10)
        os.kill(children_named("pg_dump")[0].pid, signal.SIGKILL)
        with pytest.raises(DatabaseError, match="pg_dump of database"):
            read_all(reader)


def test_connection_that_is_ended_by_the_server_is_an_error_with_its_words(
    app: DatabaseSettings, server: PostgresServer
) -> None:
    run(app, BIG)
    with PostgresSource(app).snapshot() as snapshot, snapshot.dump() as reader:
        reader.read(10)
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY public.big%'")
        with pytest.raises(DatabaseError) as caught:
            read_all(reader)
    assert "pg_dump: error:" in caught.value.evidence


def test_leaving_the_dump_early_ends_pg_dump(app: DatabaseSettings) -> None:
    run(app, BIG)
    with PostgresSource(app).snapshot() as snapshot:
        with snapshot.dump() as reader:
            reader.read(10)
            assert children_named("pg_dump")
        assert not children_named("pg_dump")


def test_no_secret_is_in_arguments_or_left_on_disk(
    app: DatabaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run(app, BIG)
    with PostgresSource(app).snapshot() as snapshot:
        with snapshot.dump() as reader:
            reader.read(10)
            (child,) = children_named("pg_dump")
            assert AWKWARD_PASSWORD not in " ".join(child.cmdline())
            assert AWKWARD_PASSWORD not in " ".join(child.environ().values())
            for path in tmp_path.rglob("*"):
                assert path.stat().st_mode & 0o077 == 0
        assert list(tmp_path.iterdir()) == []
    assert AWKWARD_PASSWORD not in repr(snapshot) + repr(app)


def test_password_file_where_memory_cannot_hold_it_is_private_and_goes_away(
    app: DatabaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("sys.platform", "another")
    run(app, BIG)
    with PostgresSource(app).snapshot() as snapshot, snapshot.dump() as reader:
        reader.read(10)
        (folder,) = tmp_path.iterdir()
        (file,) = folder.iterdir()
        assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    assert list(tmp_path.iterdir()) == []


def test_wrong_password_is_refused_at_once_and_not_shown(app: DatabaseSettings) -> None:
    wrong = DatabaseSettings(app.host, app.port, app.name, app.user, "wrong-secret")
    begun = time.monotonic()
    with pytest.raises(DatabaseError, match=r"cannot connect to database .* at 127\.0\.0\.1") as caught:
        PostgresSource(wrong).interrupted_restore()
    # Not retried: the first pause alone would be a quarter of a second.
    assert time.monotonic() - begun < 5
    assert "password authentication failed" in caught.value.evidence
    assert "wrong-secret" not in repr(caught.value) + caught.value.evidence + caught.value.hint
    assert "database-password" in caught.value.hint


def test_unknown_database_is_named(app: DatabaseSettings) -> None:
    with pytest.raises(DatabaseError, match="no-such-db") as caught:
        PostgresSource(DatabaseSettings(app.host, app.port, "no-such-db", app.user, app.password)).interrupted_restore()
    assert "database-name" in caught.value.hint


def test_server_that_is_down_is_named_with_what_to_do(app: DatabaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mxpc.adapters.postgres.connection.TRYING_SECONDS", 1)
    with closed_port() as port, pytest.raises(DatabaseError, match=rf"127\.0\.0\.1:{port}") as caught:
        PostgresSource(DatabaseSettings("127.0.0.1", port, "d", "u", "p")).interrupted_restore()
    assert "refused" in caught.value.evidence
    assert "jump-pod" in caught.value.hint


def test_variables_of_libpq_do_not_lead_elsewhere(app: DatabaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGHOSTADDR": "127.0.0.9", "PGOPTIONS": "-c bad=1", "PGUSER": "x", "PGPORT": "1"}.items():
        monkeypatch.setenv(name, value)
    assert dump_of(dataclasses.replace(app, host="localhost")).startswith(b"PGDMP")


def test_statement_timeout_of_the_role_does_not_end_a_backup(app: DatabaseSettings, server: PostgresServer) -> None:
    run(app, BIG)
    for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
        server.execute(f'ALTER ROLE "{app.user}" SET {setting} = 5')
    with PostgresSource(app).snapshot() as snapshot, snapshot.dump() as reader:
        time.sleep(0.1)
        assert len(read_all(reader)) > 50_000_000
        assert len(list(snapshot.file_documents())) == 7


def test_pg_dump_that_is_too_old_is_a_request_error_with_all_versions(app: DatabaseSettings) -> None:
    with pytest.raises(RequestError) as caught, PostgresSource(app, programs=clients(14)).snapshot():
        pass
    assert "14." in caught.value.evidence
    assert "postgresql-client-" in caught.value.hint


def test_no_pg_dump_at_all_is_a_request_error(app: DatabaseSettings) -> None:
    with (
        pytest.raises(RequestError, match="no pg_dump"),
        PostgresSource(app, programs=Programs(lambda: iter(()))).snapshot(),
    ):
        pass


def test_every_server_is_dumped(other_server: PostgresServer) -> None:
    settings = new_database(other_server)
    load_mini_mendix(settings)
    assert dump_of(settings, closest_clients(other_server)).startswith(b"PGDMP")


def read_all(reader: ByteReader) -> bytes:
    return b"".join(iter(lambda: reader.read(1 << 16), b""))


def children_named(name: str) -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if one.name() == name and one.status() != "zombie"]
