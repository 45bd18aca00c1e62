"""A believable app: the sample database, its file documents and their blobs, and a bucket with orphans in it."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.store import S3Store

from mxpc.demo.contents import content
from mxpc.demo.postgres import connect, load_sql_file
from mxpc.model import DatabaseSettings, KeyLayout

SAMPLE_SQL = Path(__file__).with_name("mini-mendix.sql")

LOST_BLOB = "dead0000-0000-4000-8000-00000000beef"
"""The sample database names this blob, and the bucket never has it."""

_FIRST_ID = 19 << 48
"""Mendix' object ids carry the entity's short id in the upper 16 bits; 19 is System.FileDocument in the sample."""

_KINDS = ("txt", "csv", "pdf", "png", "jpg", "docx", "zip")
_TITLES = ("invoice", "contract", "Überblick", "photo", "отчёт", "請求書", "export", "CV")
_FIXED_SIZES = (0, 1, 511, 512, 513, 6_000_000, 3_000_000)
"""Edges of tar's 512-byte blocks, nothing at all, and some that are fetched in several requests."""


@dataclass(frozen=True)
class Document:
    """One file document to be made."""

    blob: str
    name: str
    kind: str
    size: int


@dataclass(frozen=True)
class Sample:
    """What was put into the environment. Digests are SHA-256 in hex, by blob."""

    blobs: Mapping[str, str]
    """Every blob that the database names and the bucket has."""
    orphans: Mapping[str, str]
    """Blobs in the bucket that the database does not name."""
    missing: tuple[str, ...]
    """Blobs that the database names and the bucket does not have."""
    byte_count: int
    """Bytes of `blobs`."""


def load_sample(
    database: DatabaseSettings,
    store: S3Store,
    *,
    layout: KeyLayout | None = None,
    documents: int = 300,
    orphans: int = 12,
    seed: str = "sample",
) -> Sample:
    """Fill an empty database, as its owner, and a bucket, with the same content for the same arguments.

    About 40 MB with 300 documents more than the sample's own eight. Raises DatabaseError.
    """
    load_sql_file(SAMPLE_SQL, database)
    own = list(_documents_of_the_sample(database))
    more = list(make_documents(documents, seed))
    _insert(database, more)
    strays = list(make_documents(orphans, f"{seed} orphans"))
    keys = layout or KeyLayout()
    blobs = upload(store, keys, [*own, *more], seed)
    return Sample(
        blobs=blobs,
        orphans=upload(store, keys, strays, seed),
        missing=(LOST_BLOB,),
        byte_count=sum(document.size for document in (*own, *more)),
    )


def make_documents(count: int, seed: str) -> Iterator[Document]:
    """So many documents; a few have sizes that are known to be awkward, the others are spread from 200 B to 1 MB."""
    chance = random.Random(f"{seed} {count}")  # noqa: S311 - sample data, not a secret
    for number in range(count):
        size = _FIXED_SIZES[number] if number < len(_FIXED_SIZES) else int(200 * 5000 ** chance.random())
        kind = chance.choice(_KINDS)
        blob = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        yield Document(blob, f"{chance.choice(_TITLES)}-{number}.{kind}", kind, size)


def upload(
    store: S3Store, layout: KeyLayout, documents: Iterable[Document], seed: str, *, threads: int = 8
) -> dict[str, str]:
    """Make each document's blob and store it; digests by blob."""

    def one(document: Document) -> tuple[str, str]:
        data = content(document.kind, document.size, f"{seed} {document.blob}")
        obstore.put(store, layout.key(document.blob), data)
        return document.blob, hashlib.sha256(data).hexdigest()

    with ThreadPoolExecutor(threads) as pool:
        return dict(pool.map(one, documents))


def _documents_of_the_sample(database: DatabaseSettings) -> Iterator[Document]:
    query = """
        SELECT "__uuid__", coalesce("name", ''), "size" FROM "system$filedocument"
        WHERE "__uuid__" IS NOT NULL AND "__uuid__" <> %s ORDER BY "id" """
    with connect(database) as connection:
        for blob, name, size in connection.execute(query, [LOST_BLOB]):
            yield Document(blob, name, name.rpartition(".")[2], size)


def _insert(database: DatabaseSettings, documents: Iterable[Document]) -> None:
    columns = '"id", "fileid", "name", "deleteafterdownload", "hascontents", "size", "__filename__", "__uuid__"'
    statement = f"""
        INSERT INTO "system$filedocument" ({columns}, "createddate", "changeddate", "submetaobjectname")
        VALUES (%s, nextval('"system$filedocument_fileid_mxseq"'), %s, false, true, %s, 0, %s,
          '2024-06-01 08:00', '2024-06-01 08:00', 'System.FileDocument')"""  # noqa: S608 - the columns are ours
    rows = [
        (_FIRST_ID + 128 * (1000 + number), document.name, document.size, document.blob)
        for number, document in enumerate(documents)
    ]
    with connect(database) as connection, connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(statement, rows)
