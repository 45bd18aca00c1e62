"""The servers of demo and tests: PostgreSQL and S3 on loopback."""

from __future__ import annotations

import stat
from pathlib import Path

import obstore
import psycopg
import pytest
from obstore.exceptions import BaseError

from mxpc.demo.postgres import PostgresServer, connect, load_sql_file
from mxpc.demo.s3 import S3Server
from mxpc.errors import DatabaseError
from servers import MAJORS, running_postgres
from surroundings import new_bucket, new_database

SAMPLE = Path(__file__).resolve().parents[2] / "src/mxpc/demo/mini-mendix.sql"


@pytest.mark.parametrize("major", MAJORS)
def test_every_major_starts_and_takes_the_sample(major: int, server_folder: Path) -> None:
    with running_postgres(major, server_folder) as server:
        database = new_database(server)
        load_sql_file(SAMPLE, database)
        assert server.major == major
        assert server.execute('SELECT count(*) FROM "system$filedocument"', database.name) == [(8,)]


def test_postgres_keeps_what_was_committed_when_it_is_killed(server_folder: Path) -> None:
    with running_postgres(15, server_folder) as server:
        database = new_database(server)
        server.execute("CREATE TABLE t AS SELECT 1 AS a", database.name)
        port = server.port
        server.kill()
        assert not server.running
        server.start()
        assert server.port == port
        assert server.execute("SELECT a FROM t", database.name) == [(1,)]


def test_postgres_refuses_a_wrong_password(postgres_15: PostgresServer) -> None:
    database = new_database(postgres_15)
    wrong = postgres_15.settings_for(database.name, database.user, "wrong")
    with pytest.raises(DatabaseError) as caught, connect(wrong):
        pass
    assert "password authentication failed" in caught.value.evidence


def test_postgres_listens_on_loopback_only(postgres_15: PostgresServer) -> None:
    assert postgres_15.execute("SHOW listen_addresses") == [("127.0.0.1",)]
    assert postgres_15.execute("SHOW unix_socket_directories") == [("",)]


def test_an_app_role_is_no_superuser(postgres_15: PostgresServer) -> None:
    database = new_database(postgres_15)
    with pytest.raises(DatabaseError) as caught, connect(database) as connection:
        connection.execute("CREATE ROLE other")
    assert isinstance(caught.value.__cause__, psycopg.errors.InsufficientPrivilege)


def test_a_bucket_identity_reads_and_writes_and_may_not_list(s3: S3Server) -> None:
    bucket, identity = new_bucket(s3)
    store = s3.store(bucket, identity)
    obstore.put(store, "blob", b"content")
    assert obstore.get(store, "blob").bytes() == b"content"
    with pytest.raises(BaseError, match="AccessDenied"):
        obstore.list(store).collect()


def test_a_bucket_identity_may_list_when_told_so(s3: S3Server) -> None:
    bucket, identity = new_bucket(s3, may_list=True)
    store = s3.store(bucket, identity)
    obstore.put(store, "blob", b"content")
    assert [entry["path"] for entry in obstore.list(store).collect()] == ["blob"]


def test_a_bucket_identity_is_kept_out_of_other_buckets(s3: S3Server) -> None:
    _, identity = new_bucket(s3)
    other, _ = new_bucket(s3)
    with pytest.raises(BaseError, match="AccessDenied"):
        obstore.get(s3.store(other, identity), "blob")


def test_s3_keeps_objects_and_identities_when_it_is_killed(server_folder: Path) -> None:
    home = server_folder / "killed-s3"
    home.mkdir()
    with S3Server(home) as server:
        bucket, identity = new_bucket(server)
        obstore.put(server.store(bucket, identity), "blob", b"content")
        server.kill()
        server.start()
        assert obstore.get(server.store(bucket, identity), "blob").bytes() == b"content"


def test_s3_keys_are_for_nobody_else_to_read(server_folder: Path) -> None:
    home = server_folder / "private-s3"
    home.mkdir()
    with S3Server(home):
        assert stat.S_IMODE((home / "s3").stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "s3" / "identities.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((home / "s3.log").stat().st_mode) == 0o600
