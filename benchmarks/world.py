"""The servers, the environments in them, and the commands that are run against them."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from obstore.store import S3Store
from psycopg import sql

from benchmarks.measure import Command
from mxpc.demo.kubernetes_api import environment_objects
from mxpc.demo.postgres import find_bin_dir
from mxpc.demo.s3 import REGION, S3Identity
from mxpc.demo.stack import NAMESPACE, Stack, database_keys, storage_keys
from mxpc.model import DatabaseSettings

LATENCY = 0.020
ROLE = "app"
PASSWORD = "bench-password"
PEERS = Path(__file__).with_name("peers")
SCRIPTS = Path(sysconfig.get_path("scripts"))

POSTGRES_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "shared_buffers": "256MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
}
"""The disk's own waiting and the server's housekeeping would come at random times, for tool and peers alike."""


@dataclass(frozen=True)
class Place:
    """An environment: its database, its bucket, and how it reaches the bucket."""

    name: str
    database: DatabaseSettings = field(repr=False)
    bucket: str
    endpoint: str
    store: S3Store = field(repr=False)


class World:
    """Servers on loopback and a folder for everything; gone when the context is left, however that happens."""

    def __init__(self, postgres_bin: Path | None, log: Callable[[str], None]) -> None:
        self.postgres_bin = postgres_bin or find_bin_dir()
        self._stack = Stack(postgres_bin=self.postgres_bin, postgres_settings=POSTGRES_SETTINGS, log=log)
        self._closing = contextlib.ExitStack()
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            self._stack = starting.enter_context(self._stack)
            self.slow_endpoint = starting.enter_context(_latency_proxy(self._stack.s3.port))
            self._stack.postgres.create_role(ROLE, PASSWORD)
            buckets = ("Read", "Write", "List")
            self._identity = self._stack.s3.add_identity(S3Identity("bench", buckets))
            self.temporary = self._folder("tmp")
            self._archives = self._folder("archives")
            self.home = self._folder("home")
            self._closing = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def _folder(self, name: str) -> Path:
        folder = self._stack.folder / name
        folder.mkdir(mode=0o700)
        return folder

    # ---------------------------------------------------------------------------------------------------- environments

    def add(self, database: str, bucket: str, *, slow: bool = False) -> Place:
        """An environment over a database and a bucket; `slow`: with LATENCY on each request to the bucket."""
        name = f"environment-{next(self._numbers)}"
        settings = self.database(database)
        endpoint = self.slow_endpoint if slow else self._stack.s3.endpoint
        self._stack.kubernetes.objects += environment_objects(
            NAMESPACE, name, database_keys(settings), storage_keys(endpoint, bucket, self._identity)
        )
        return Place(name, settings, bucket, endpoint, self._stack.s3.store(bucket))

    def database(self, name: str) -> DatabaseSettings:
        """How to reach a database as its owner."""
        return self._stack.postgres.settings_for(name, ROLE, PASSWORD)

    def create_database(self, name: str, template: str | None = None) -> DatabaseSettings:
        """A new database, empty or as a copy of its template."""
        self._stack.postgres.drop_database(name)
        statement = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(ROLE))
        if template:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
            if self._stack.postgres.major >= 15:
                statement += sql.SQL(" STRATEGY file_copy")
        self._stack.postgres.execute(statement)
        return self.database(name)

    def drop_database(self, name: str) -> None:
        self._stack.postgres.drop_database(name)

    def create_bucket(self, name: str) -> S3Store:
        """An empty bucket, and a client that may do everything."""
        self._stack.s3.create_bucket(name)
        return self._stack.s3.store(name)

    def store(self, bucket: str) -> S3Store:
        """A client that may do everything."""
        return self._stack.s3.store(bucket)

    def server_version(self) -> str:
        return str(self._stack.postgres.execute("SHOW server_version")[0][0])

    # --------------------------------------------------------------------------------------------------------- commands

    def archive(self, name: str) -> Path:
        """Where an archive of this name is or will be: alone in a folder, so that what is put beside it shows."""
        folder = self._archives / name
        folder.mkdir(exist_ok=True)
        return folder / "backup.tar.gz"

    def tool(self, *words: str | Path) -> Command:
        """The installed command, with the environment of a container and nothing else."""
        program = SCRIPTS / "mxpc-backup-restore-cli"
        return self._command([program, *words], {"KUBECONFIG": str(self._stack.kubeconfig)})

    def backup(self, place: Place, file: Path, *more: str) -> Command:
        command = self.tool("backup", "-q", "-n", NAMESPACE, "-e", place.name, "-f", file, *more)
        return replace(command, destination=file.parent)

    def restore(self, place: Place, file: Path, *more: str) -> Command:
        return self.tool("restore", "-q", "-n", NAMESPACE, "-e", place.name, "-f", file, *more)

    def obvious(self, action: str, place: Place, file: Path, *, database: bool, files: bool) -> Command:
        return self._script([sys.executable, PEERS / "obvious.py"], action, place, file, database=database, files=files)

    def good(self, action: str, place: Place, file: Path, *, database: bool, files: bool) -> Command:
        return self._script(["/bin/sh", PEERS / "good.sh"], action, place, file, database=database, files=files)

    def _script(
        self, words: list[str | Path], action: str, place: Place, file: Path, *, database: bool, files: bool
    ) -> Command:
        chosen = {"BENCH_DATABASE": "yes" if database else "no", "BENCH_FILES": "yes" if files else "no"}
        command = self._command([*words, action, file], {**self._services(place), **chosen})
        return replace(command, destination=file.parent if action == "backup" else None)

    def limit(self, place: Place, *words: str | Path) -> Command:
        """A bare parallel `download`, or `upload FOLDER`."""
        return self._command([sys.executable, PEERS / "limits.py", *words], self._services(place))

    def shell(self, place: Place, script: str) -> Command:
        """A line of shell with libpq's variables set."""
        return self._command(["/bin/sh", "-c", script], self._services(place))

    def _services(self, place: Place) -> dict[str, str]:
        one, key, secret = place.database, self._identity.access_key_id, self._identity.secret_access_key
        return {
            "PGHOST": one.host,
            "PGPORT": str(one.port),
            "PGDATABASE": one.name,
            "PGUSER": one.user,
            "PGPASSWORD": one.password or "",
            "BENCH_BUCKET": place.bucket,
            "BENCH_ENDPOINT": place.endpoint,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": REGION,
            "RCLONE_CONFIG_S3_TYPE": "s3",
            "RCLONE_CONFIG_S3_PROVIDER": "SeaweedFS",
            "RCLONE_CONFIG_S3_ENDPOINT": place.endpoint,
            "RCLONE_CONFIG_S3_REGION": REGION,
            "RCLONE_CONFIG_S3_ACCESS_KEY_ID": key,
            "RCLONE_CONFIG_S3_SECRET_ACCESS_KEY": secret,
        }

    def _command(self, words: list[str | Path], environment: Mapping[str, str]) -> Command:
        basic = {
            "PATH": f"{self.postgres_bin}:{SCRIPTS}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "LANG": "C.UTF-8",
        }
        log = self._stack.folder / f"log-{next(self._numbers)}"
        return Command(words, {**basic, **environment}, temporary=self.temporary, log=log)

    def clean(self) -> None:
        """Take away what a run left in its folders for temporary files."""
        for entry in self.temporary.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


@contextlib.contextmanager
def _latency_proxy(port: int) -> Iterator[str]:
    program = Path(__file__).with_name("latency.py")
    process = subprocess.Popen(
        [sys.executable, program, str(port), str(LATENCY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate()
