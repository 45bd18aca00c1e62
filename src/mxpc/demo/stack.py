"""An environment with everything around it, on loopback: PostgreSQL, an S3 server and a Kubernetes API."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import obstore
from obstore.store import S3Store

from mxpc.demo.kubernetes_api import KubernetesApi, environment_objects
from mxpc.demo.postgres import IN_A_HURRY, PostgresServer
from mxpc.demo.processes import scratch_folder
from mxpc.demo.s3 import S3Identity, S3Server
from mxpc.model import DatabaseSettings, Environment

NAMESPACE = "mendix"


@dataclass(frozen=True)
class DemoEnvironment:
    """One environment of the stack, and how to look into it behind the tool's back."""

    environment: Environment
    database: DatabaseSettings = field(repr=False)
    """As the app's own role: it owns the database, and has no other right."""
    bucket: str
    store: S3Store = field(repr=False)
    """The bucket as the administrator, who may list; the environment's own identity may not."""


class Stack:
    """The three servers in a folder of their own. Leaving the context ends them and removes the folder, whatever
    happened: an exception out of a signal handler too, so whoever starts a stack turns SIGTERM into one.

    `postgres_bin` and `postgres_settings` go to PostgresServer. `log` is told what starts.
    """

    def __init__(
        self,
        *,
        postgres_bin: Path | None = None,
        postgres_settings: Mapping[str, str] = IN_A_HURRY,
        log: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._postgres_bin = postgres_bin
        self._postgres_settings = postgres_settings
        self._log = log
        self._closing = contextlib.ExitStack()
        self.folder = Path()
        """Ours as long as the stack lives; for archives, for example."""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            self.folder = starting.enter_context(scratch_folder())
            self.postgres = self._start_postgres(starting)
            self._log(f"PostgreSQL {self.postgres.major} listens at 127.0.0.1:{self.postgres.port}")
            self.s3 = starting.enter_context(S3Server(self.folder))
            self._log(f"the S3 server listens at {self.s3.endpoint}")
            self.kubernetes = starting.enter_context(KubernetesApi())
            self._log(f"the Kubernetes API listens at {self.kubernetes.url}")
            self._closing = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    @property
    def kubeconfig(self) -> Path:
        """A file for KUBECONFIG; its login may `get` what Mendix' documented role allows, and nothing else."""
        return self.kubernetes.kubeconfig_path

    @property
    def workplace(self) -> Path:
        """A private folder for backup files; gone with the stack."""
        folder = self.folder / "files"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def add_environment(self, name: str, *, password: str | None = None, replicas: int = 0) -> DemoEnvironment:
        """An environment with an empty database and an empty bucket, stopped unless told otherwise."""
        password = password or secrets.token_urlsafe(24)
        self.postgres.create_role(name, password)
        self.postgres.create_database(name, name)
        self.s3.create_bucket(name)
        identity = self.s3.add_identity(S3Identity.of_bucket(name, name))
        database = self.postgres.settings_for(name, name, password)
        self.kubernetes.objects += environment_objects(
            NAMESPACE, name, database_keys(database), storage_keys(self.s3.endpoint, name, identity), replicas=replicas
        )
        return DemoEnvironment(Environment(NAMESPACE, name), database, name, self.s3.store(name))

    def _start_postgres(self, starting: contextlib.ExitStack) -> PostgresServer:
        server = PostgresServer(self.folder, bin_dir=self._postgres_bin, settings=self._postgres_settings)
        return starting.enter_context(server)


def database_keys(database: DatabaseSettings) -> dict[str, str]:
    """The keys of a database Secret, as storage plans write them."""
    address = f"{database.host}:{database.port}"
    return {
        "database-type": "PostgreSQL",
        "database-jdbc-url": f"jdbc:postgresql://{address}/{database.name}?sslmode=prefer",
        "database-host": address,
        "database-name": database.name,
        "database-username": database.user,
        "database-password": database.password or "",
    }


def storage_keys(endpoint: str, bucket: str, identity: S3Identity) -> dict[str, str]:
    """The keys of a file storage Secret, as the storage plan of an S3-like server writes them."""
    return {
        "storage-service-name": "com.mendix.storage.s3",
        "storage-endpoint": endpoint,
        "storage-access-key-id": identity.access_key_id,
        "storage-secret-access-key": identity.secret_access_key,
        "storage-bucket-name": bucket,
        "storage-perform-delete": "true",
    }


def empty_bucket(store: S3Store) -> int:
    """Delete every object; returns how many there were."""
    keys = [entry["path"] for batch in obstore.list(store) for entry in batch]
    for chunk in _chunks(keys, 500):
        obstore.delete(store, chunk)
    return len(keys)


def _chunks(items: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
