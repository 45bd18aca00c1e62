"""One environment whose old content is known, a backup whose content is known, and a way back to the old content.

What a test may find after whatever it did is the old content, the new content, or a database that says of itself that
it is half-way; `Stage` tells which, by fingerprints of everything, and fails the test for anything else.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import obstore
import psycopg
from obstore.store import S3Store

from e2e.environment import Content, Ended, LiveEnvironment, Running
from faults.generated import make_tables
from mxpc.demo.digest import differences
from mxpc.demo.kubernetes_api import KubernetesApi
from mxpc.demo.postgres import PostgresServer
from mxpc.demo.s3 import S3Server

WATCHER = "mxpc-backup-restore-cli watcher"
"""Our own look into the database must not count as a session of the app."""

PHASE = 'SELECT phase FROM "mxpc$parked"."mxpc$journal"'
OURS = "datname = %s AND application_name LIKE 'mxpc-backup-restore-cli%%' AND application_name <> %s"

APP = """
    CREATE TABLE "mendixsystem$started_by_mistake" (id bigint PRIMARY KEY, note text);
    INSERT INTO "mendixsystem$started_by_mistake" VALUES (1, 'the app came up on what it took for its database')"""
INTRUDER = "mendixsystem$started_by_mistake"
SPOIL = """
    DO $$ DECLARE one record; BEGIN
      FOR one IN SELECT oid::regclass AS name FROM pg_class
          WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname DESC LIMIT 5 LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN made_by_the_app text', one.name);
        EXECUTE format('DELETE FROM %s WHERE false', one.name);
      END LOOP;
    END $$"""


@dataclass
class Blobs:
    """Every object of a bucket, in memory."""

    objects: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, store: S3Store) -> Blobs:
        keys = [entry["path"] for page in obstore.list(store) for entry in page]
        return cls({key: bytes(obstore.get(store, key).bytes()) for key in keys})

    def put_back(self, store: S3Store) -> None:
        """Make the bucket hold exactly this; equal sizes count as equal content."""
        there = {entry["path"]: entry["size"] for page in obstore.list(store) for entry in page}
        if extra := sorted(there.keys() - self.objects.keys()):
            obstore.delete(store, extra)
        for key, content in self.objects.items():
            if there.get(key) != len(content):
                obstore.put(store, key, content)


@dataclass(frozen=True)
class Saved:
    """A state of the environment that can be had again: a database to copy from, and the bucket's objects."""

    template: str
    blobs: Blobs


class Stage:
    """An environment to be restored into, and an archive of another one of the same app. One thread at a time."""

    def __init__(self, postgres: PostgresServer, s3: S3Server, kubernetes: KubernetesApi, home: Path) -> None:
        self.postgres = postgres
        self.target = LiveEnvironment(postgres, s3, kubernetes, home)
        self.source = LiveEnvironment(postgres, s3, kubernetes, home)
        self.folder = home / "archives"
        self.folder.mkdir(exist_ok=True)
        self.archive = self.folder / f"{self.target.name}.tar.gz"
        self.credentials = self.target.credentials_folder()
        self.source_credentials = self.source.credentials_folder()
        self._clean = False
        self._seconds: dict[tuple[str, ...], float] = {}

    def fill(self, tables: int = 60) -> Stage:
        """Give target and source their contents, take the backup, and remember what is where."""
        self.target.fill(documents=9)
        make_tables(self.target.database, "shop", tables, rows=100)
        self.source.fill(documents=24, orphans=0)
        make_tables(self.source.database, "shop", tables // 2, rows=150)
        make_tables(self.source.database, "crm", tables // 2, rows=150)
        self.backup_seconds = self._measured_backup()
        self.old = self.target.content()
        self.new = Content(self.source.content().database, {**self.old.bucket, **self.source.content().bucket})
        self.saved_old = self.save("old")
        self._clean = True
        return self

    # ------------------------------------------------------------------------------------------------------ the command

    def start(self, *arguments: str | Path, env: Mapping[str, str] | None = None, feed: Path | None = None) -> Running:
        """Start the command on the target; `feed` is a file for its standard input."""
        words = [arguments[0], "--credentials-dir", self.credentials, *arguments[1:]]
        if feed is None:
            return self.target.start(*words, env=env)
        with feed.open("rb") as stdin:
            return self.target.start(*words, env=env, stdin=stdin)

    def run(self, *arguments: str | Path, env: Mapping[str, str] | None = None, feed: Path | None = None) -> Ended:
        """Run the command on the target to its end; nothing may be left of it."""
        ended = self.start(*arguments, env=env, feed=feed).ended()
        self.target.check_tidy(ended)
        return ended

    def back_up_source(self, file: Path, env: Mapping[str, str] | None = None) -> Running:
        """Start a backup of the source."""
        return self.source.start("backup", "--credentials-dir", self.source_credentials, "-f", file, env=env)

    def seconds(self, key: str, start: Callable[[], Running]) -> float:
        """How long a run takes that nobody disturbs; measured once, beginning with the old content."""
        if (key,) not in self._seconds:
            self.reset()
            begun = time.monotonic()
            start().ended().expect(0)
            self._seconds[key,] = time.monotonic() - begun
            self._clean = False
        return self._seconds[key,]

    def _measured_backup(self) -> float:
        begun = time.monotonic()
        self.back_up_source(self.archive).ended().expect(0)
        return time.monotonic() - begun

    # ------------------------------------------------------------------------------------------------- its surroundings

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask in the target's database as superuser."""
        with self.watching() as connection:
            return connection.execute(statement, values).fetchall()  # type: ignore[arg-type]

    @contextmanager
    def watching(self, database: str | None = None) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A superuser's session, in the target's database unless told otherwise."""
        login = self.postgres.superuser
        with psycopg.connect(
            host=login.host,
            port=login.port,
            user=login.user,
            password=login.password,
            dbname=database or self.target.database.name,
            application_name=WATCHER,
            autocommit=True,
        ) as connection:
            yield connection

    def phase(self) -> str | None:
        """What the journal says; None without one."""
        with self.watching() as connection:
            return phase_of(connection)

    def sessions(self, database: str | None = None, like: str = "%") -> list[int]:
        """Server processes that work for the command."""
        rows = self.query(
            f"SELECT pid FROM pg_stat_activity WHERE {OURS} AND application_name LIKE %s ORDER BY backend_start",
            database or self.target.database.name,
            WATCHER,
            like,
        )
        return [row[0] for row in rows]

    def wait_quiet(self) -> None:
        """Until the server has noticed that the command is gone."""
        deadline = time.monotonic() + 30
        while self.sessions():
            assert time.monotonic() < deadline, "a session of a killed run does not end"
            time.sleep(0.02)

    # ----------------------------------------------------------------------------------------------------------- states

    def save(self, name: str) -> Saved:
        """Remember the environment as it is now."""
        template = f"{self.target.database.name}-{name}"
        self.wait_quiet()
        self.postgres.execute(f'CREATE DATABASE "{template}" TEMPLATE "{self.target.database.name}"')
        return Saved(template, Blobs.of(self.target.store))

    def reset(self, saved: Saved | None = None) -> None:
        """Bring a saved state back, the old content unless told otherwise; quick when that is known to be there."""
        if saved is None and self._clean:
            return
        name = self.target.database.name
        self.postgres.drop_database(name)
        self.postgres.execute(
            f'CREATE DATABASE "{name}" OWNER "{name}" TEMPLATE "{(saved or self.saved_old).template}"'
        )
        (saved or self.saved_old).blobs.put_back(self.target.store)
        self._clean = saved is None

    def touch(self) -> None:
        """Something is about to change the environment."""
        self._clean = False

    def expect_old(self) -> None:
        """The old content is there, all of it, and nothing else, in the bucket too."""
        changes = self.old.changes(self.target.content())
        assert not changes, "not the old content: " + "; ".join(changes[:8])
        self._clean = True

    def expect_new(self, *, intruder: bool = False) -> None:
        """The new content is there; old blobs stayed. `intruder`: and what the app made."""
        content = self.target.content()
        database = _without_intruder(content.database) if intruder else content.database
        changes = [*differences(self.new.database, database), *differences(self.new.bucket, content.bucket, "bucket: ")]
        assert not changes, "not the new content: " + "; ".join(changes[:8])
        self._clean = False

    def settled(self) -> str:
        """`old` or `new`; fails for anything else."""
        content = self.target.content()
        if not self.old.changes(content):
            self._clean = True
            return "old"
        self._clean = False
        changes = self.new.changes(content)
        assert not changes, "neither old nor new: " + "; ".join(changes[:8])
        return "new"

    def app_starts_by_mistake(self, phase: str) -> bool:
        """What an app does that comes up half-way. It finds tables of the old content only while they are moved: those
        it leaves alone here."""
        self.target.execute(APP)
        if phase in ("restoring", "restored"):
            self.target.execute(SPOIL)
        return True


def _without_intruder(database: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {
        kind: {name: value for name, value in things.items() if INTRUDER not in name}
        for kind, things in database.items()
    }


def phase_of(connection: psycopg.Connection[tuple[Any, ...]]) -> str | None:
    """The journal's phase; None without one."""
    with suppress(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        row = connection.execute(PHASE).fetchone()
        return row[0] if row else None
    return None


# ------------------------------------------------------------------------------------------------------------- the end


def kill(running: Running, *, everything: bool) -> None:
    """kill -9 of the command alone, or of it and its children in the same moment."""
    process = running.process
    victims = [process.pid]
    if everything:
        # A stopped process starts no further child between the look and the kill.
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGSTOP)
        victims += descendants(process.pid)
    for victim in victims:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    running.ended()


def descendants(pid: int) -> list[int]:
    """Children, and theirs."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, children.read_text().split()):
                found += [child, *descendants(child)]
    return found
