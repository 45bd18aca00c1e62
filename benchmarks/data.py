"""Generated content: the same for the same sizes, made quickly."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.store import S3Store

from mxpc.demo.data import SAMPLE_SQL
from mxpc.demo.postgres import connect, load_sql_file
from mxpc.model import DatabaseSettings

ORDERS = 1_400_000
CONTACTS = 1_000_000
TABLES_A_TRANSACTION = 50
"""PostgreSQL has 6,400 lock slots as delivered, and a table with its indexes takes seven."""
POOL = 8 << 20
SMALL_SHARE = 0.3
"""Of blobs are text; the others are kinds that are compressed already, as in real apps."""

WORDS = """address agreement amount annual approved archive article assembly balance batch blue bracket budget cable
carrier catalogue certificate check claim client complaint contract copper credit customer damaged dashboard deadline
delivery department deposit design discount document draft drawing economy engine entrance estimate evening exchange
factory filter final freight garden grey handle heater index insurance inventory invoice jacket kitchen label ladder
ledger light machine market mirror motor""".split()[:64]  # noqa: SIM905 - 64 words read better as text


@dataclass(frozen=True)
class Blob:
    """One blob to be made."""

    name: str
    size: int
    text: bool


def make_blobs(count: int, byte_count: int, seed: str) -> list[Blob]:
    """So many blobs of about so many bytes together, most of them small and a few a hundred times as big."""
    chance = random.Random(f"{seed} {count} {byte_count}")
    weights = [100 ** chance.random() for _ in range(count)]
    factor = byte_count / sum(weights)
    return [
        Blob(
            str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            max(1, int(weight * factor)),
            chance.random() < SMALL_SHARE,
        )
        for weight in weights
    ]


class Contents:
    """Bytes of blobs, cut out of two pools at places of their own."""

    def __init__(self, seed: str) -> None:
        chance = random.Random(seed)
        self._noise = chance.randbytes(POOL)
        lines = (" ".join(chance.choices(WORDS, k=10)) for _ in range(POOL // 80))
        text = "\n".join(lines).encode()
        self._text = (text * (POOL // len(text) + 1))[:POOL]

    def pieces(self, blob: Blob) -> Iterator[bytes]:
        """The content in pieces of at most POOL bytes."""
        pool = self._text if blob.text else self._noise
        start = uuid.UUID(blob.name).int % (POOL // 2)
        left = blob.size
        while left:
            piece = pool[start : start + left]
            # The name and the place make pieces differ, so that nothing can be stored once for many.
            piece = (blob.name.encode() + left.to_bytes(8, "big") + piece)[: len(piece)]
            yield piece
            left -= len(piece)


def upload(store: S3Store, blobs: list[Blob], seed: str, *, threads: int = 32) -> None:
    """Put them all; big ones in parts."""
    contents = Contents(seed)

    def one(blob: Blob) -> None:
        if blob.size > POOL // 2:
            obstore.put(store, blob.name, contents.pieces(blob), chunk_size=POOL, max_concurrency=4)
        else:
            obstore.put(store, blob.name, b"".join(contents.pieces(blob)), use_multipart=False)

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(one, blobs):
            pass


def load_app(database: DatabaseSettings, blobs: list[Blob]) -> None:
    """The sample app, with these blobs as its file documents instead of its own."""
    load_sql_file(SAMPLE_SQL, database)
    columns = '"id", "fileid", "name", "deleteafterdownload", "hascontents", "size", "__filename__", "__uuid__"'
    with connect(database) as connection, connection.transaction(), connection.cursor() as cursor:
        cursor.execute('DELETE FROM "system$filedocument"')
        with cursor.copy(f'COPY "system$filedocument" ({columns}) FROM STDIN') as copy:
            for number, blob in enumerate(blobs, 1):
                kind = "txt" if blob.text else "pdf"
                name = f"{WORDS[number % 64]}-{number}.{kind}"
                copy.write_row(((19 << 48) + 128 * number, number, name, False, True, blob.size, 0, blob.name))


def load_big_tables(database: DatabaseSettings, scale: float) -> None:
    """2.4 GB of tables and indexes at scale 1, and 1.6 GB as COPY text; two sessions make them."""
    words = "ARRAY['" + "','".join(WORDS) + "']"
    with connect(database) as connection:
        connection.execute(f"CREATE TABLE words AS SELECT {words} AS w".encode())
    text = Path(__file__).with_name("big_tables.sql").read_text(encoding="utf-8")
    text = text.format(orders=int(ORDERS * scale), contacts=int(CONTACTS * scale))

    def run(part: str) -> None:
        with connect(database) as connection:
            connection.execute("SET maintenance_work_mem = '256MB'")
            connection.execute(part.encode())

    parts = text.split("-- part\n")[1:]
    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(run, parts))
    with connect(database) as connection:
        connection.execute("DROP TABLE words")
        connection.execute("VACUUM ANALYZE")


def load_small_tables(database: DatabaseSettings, count: int) -> None:
    """Tables with 20 rows, a primary key and three more indexes each."""
    statement = """
        DO $$ BEGIN FOR n IN {first}..{last} LOOP
          EXECUTE format('CREATE TABLE "module%s$entity%s" ("id" bigint NOT NULL PRIMARY KEY, "name" varchar(200),
            "state" varchar(20), "amount" numeric(28,8), "createddate" timestamp, "system$owner" bigint)', n % 40, n);
          EXECUTE format('INSERT INTO "module%s$entity%s" SELECT g, ''name '' || g, ''Open'', g / 3.0,
            ''2024-05-01''::timestamp + g * interval ''1 hour'', g %% 7 FROM generate_series(1, 20) AS g', n % 40, n);
          EXECUTE format('CREATE INDEX "idx_%s_name" ON "module%s$entity%s" ("name", "id")', n, n % 40, n);
          EXECUTE format('CREATE INDEX "idx_%s_state" ON "module%s$entity%s" ("state", "id")', n, n % 40, n);
          EXECUTE format('CREATE INDEX "idx_%s_owner" ON "module%s$entity%s" ("system$owner", "id")', n, n % 40, n);
        END LOOP; END $$"""
    with connect(database) as connection:
        for first in range(1, count + 1, TABLES_A_TRANSACTION):
            last = min(first + TABLES_A_TRANSACTION - 1, count)
            connection.execute(statement.replace("{first}", str(first)).replace("{last}", str(last)).encode())
