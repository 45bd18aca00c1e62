"""The sample app, and the digests that prove equality."""

from __future__ import annotations

import pytest

from mxpc.demo.data import LOST_BLOB, load_sample
from mxpc.demo.digest import bucket_digest, database_digest, differences
from mxpc.demo.postgres import PostgresServer, connect
from mxpc.demo.s3 import S3Server
from mxpc.model import KeyLayout
from surroundings import new_bucket, new_database

CHANGES = {
    "rows: public.t": "UPDATE t SET b = 'other' WHERE a = 1",
    "rows: public.t ": "INSERT INTO t SELECT * FROM t WHERE a = 1",
    "sequences: public.t_a_seq": "SELECT nextval('t_a_seq')",
    "indexes: public.i": "DROP INDEX i",
    "constraints: public.public.t.c": "ALTER TABLE t DROP CONSTRAINT c",
    "views: public.v": "CREATE OR REPLACE VIEW v AS SELECT a, a AS more FROM t",
    "columns: public.t.b": "ALTER TABLE t ALTER b SET DEFAULT 'x'",
    "functions: public.f()": "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'",
    "schemas: s": "CREATE SCHEMA s",
    "comments: table public.t": "COMMENT ON TABLE t IS 'new'",
    "large objects: ": "SELECT lo_from_bytea(0, 'x')",
    "types: public.e": "ALTER TYPE e ADD VALUE 'y'",
    "triggers: public.t.g": "DROP TRIGGER g ON t",
}
SCHEMA = """
    CREATE TYPE e AS ENUM ('x');
    CREATE TABLE t (a serial, b text, CONSTRAINT c CHECK (a > 0));
    CREATE INDEX i ON t (b);
    CREATE VIEW v AS SELECT a FROM t;
    CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
    INSERT INTO t (b) VALUES ('one'), ('two'), (NULL);
"""


@pytest.mark.parametrize(("what", "change"), CHANGES.items())
def test_a_database_digest_sees_each_kind_of_change(postgres_15: PostgresServer, what: str, change: str) -> None:
    database = new_database(postgres_15)
    with connect(database) as connection:
        connection.execute(SCHEMA)
        before = database_digest(database)
        assert database_digest(database) == before
        connection.execute(change)
    assert any(line.startswith(what.strip()) for line in differences(before, database_digest(database)))


def test_two_loads_of_the_sample_are_equal(
    postgres_15: PostgresServer, postgres_18: PostgresServer, s3: S3Server
) -> None:
    digests = []
    for server in (postgres_15, postgres_18):
        database = new_database(server)
        bucket, _ = new_bucket(s3)
        sample = load_sample(database, s3.store(bucket), documents=20, orphans=2, layout=KeyLayout(folder="some/app"))
        digests.append((sample, bucket_digest(s3.store(bucket)), database_digest(database)["rows"]))
    assert digests[0] == digests[1]


def test_the_bucket_has_what_the_sample_says(postgres_15: PostgresServer, s3: S3Server) -> None:
    bucket, _ = new_bucket(s3)
    sample = load_sample(new_database(postgres_15), s3.store(bucket), documents=20, orphans=2)
    assert bucket_digest(s3.store(bucket)) == {**sample.blobs, **sample.orphans}
    assert sample.missing == (LOST_BLOB,)
    assert LOST_BLOB not in sample.blobs
    assert len(sample.blobs) == 26
