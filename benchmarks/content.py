"""Whether what was restored is what was backed up."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from psycopg import sql

from benchmarks.duel import BrokenRun
from benchmarks.world import Place, World
from mxpc.demo.digest import bucket_digest, database_digest, differences
from mxpc.demo.postgres import connect

SHOWN = 5


class Content:
    """`thorough`: everything, as the tests compare it; else what is quick: hashes of rows, the number of
    indexes, and what the file storage says of its objects. Raises BrokenRun when there is a difference.
    """

    def __init__(self, world: World, *, thorough: bool) -> None:
        self._world = world
        self._thorough = thorough

    def database_size(self, name: str) -> int:
        """Bytes on the server's disk."""
        with connect(self._world.database(name)) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            return int(row[0]) if row else 0

    def same_database(self, before: str, after: str) -> None:
        """Both databases have equal content."""
        digest = (lambda name: database_digest(self._world.database(name))) if self._thorough else self._rows
        _refuse(differences(digest(before), digest(after)), f"database {after}")

    def _rows(self, name: str) -> dict[str, str]:
        with connect(self._world.database(name)) as connection:
            found = connection.execute("SELECT count(*) FROM pg_index").fetchone()
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            digest = {"indexes": str(found)}
            for (table,) in tables.fetchall():
                query = sql.SQL("SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM public.{} AS t")
                digest[table] = str(connection.execute(query.format(sql.Identifier(table))).fetchone())
            return digest

    def same_files(self, bucket: str, target: Place) -> None:
        """Both buckets, and the databases beside them, have equal content."""
        self.same_database(bucket, target.database.name)
        digest = self._digests if self._thorough else self._listed
        _refuse(differences(digest(bucket), digest(target.bucket)), f"bucket {target.bucket}")

    def _digests(self, bucket: str) -> dict[str, str]:
        return bucket_digest(self._world.store(bucket))

    def _listed(self, bucket: str) -> dict[str, str]:
        """Sizes and, of what went up in one part, the server's own MD5s."""
        entries = (entry for batch in self._world.store(bucket).list() for entry in batch)
        return {one["path"]: f"{one['size']} {one['e_tag'] if '-' not in str(one['e_tag']) else ''}" for one in entries}


def _refuse(lines: Iterable[str], where: str) -> None:
    if found := list(islice(lines, SHOWN)):
        raise BrokenRun(f"{where} has other content than its source: " + "; ".join(found))
