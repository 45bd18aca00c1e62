"""An environment of its own on the shared servers, and the installed command that is let loose on it."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import obstore
from obstore.store import S3Store

from mxpc.demo.data import Sample, load_sample
from mxpc.demo.digest import Digest, bucket_digest, database_digest, differences
from mxpc.demo.kubernetes_api import KubernetesApi
from mxpc.demo.kubernetes_objects import environment_objects
from mxpc.demo.postgres import PostgresServer, connect
from mxpc.demo.s3 import S3Identity, S3Server
from mxpc.demo.stack import database_keys, storage_keys
from mxpc.model import KeyLayout
from surroundings import AWKWARD_PASSWORD, COMMAND, clean_environment, new_bucket, new_database

NAMESPACE = "mendix-apps"
TIMEOUT = 120.0

_EMPTY_PUBLIC = """
    DO $$ DECLARE one record; BEGIN
      FOR one IN SELECT oid::regclass AS name, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relkind IN ('r', 'v', 'm', 'S') ORDER BY relkind = 'S' LOOP
        IF to_regclass(one.name::text) IS NOT NULL THEN
          EXECUTE format('DROP %s IF EXISTS %s CASCADE', CASE one.relkind WHEN 'v' THEN 'VIEW'
            WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, one.name);
        END IF;
      END LOOP;
    END $$"""


@dataclass(frozen=True)
class Ended:
    """A run of the command that has ended."""

    arguments: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        """Standard output as text."""
        return self.stdout.decode(errors="replace")

    @property
    def err(self) -> str:
        """Standard error as text."""
        return self.stderr.decode(errors="replace")

    def json(self) -> dict[str, Any]:
        """The result of `-o json`."""
        value = json.loads(self.stdout)
        assert isinstance(value, dict)
        return value

    def expect(self, code: int, *words: str) -> Ended:
        """Self, once the exit code and every one of these words on standard error are as expected."""
        assert self.code == code, str(self)
        for word in words:
            assert word in self.err, f"{word!r} is not in:\n{self}"
        return self

    def __str__(self) -> str:
        out = self.out if len(self.stdout) < 5000 and b"\0" not in self.stdout else f"{len(self.stdout)} bytes"
        return f"{' '.join(self.arguments)}: exit code {self.code}\n--- stdout\n{out}\n--- stderr\n{self.err}"


@dataclass(frozen=True)
class Content:
    """Everything that an environment holds, as fingerprints."""

    database: Digest
    bucket: Mapping[str, str]

    def changes(self, after: Content) -> list[str]:
        """One line for each difference; none when both are equal."""
        return [*differences(self.database, after.database), *differences(self.bucket, after.bucket, "bucket: ")]


class Running:
    """The command on its way."""

    def __init__(self, arguments: Sequence[str], process: subprocess.Popen[bytes]) -> None:
        self._arguments = tuple(arguments)
        self.process = process

    def end(self, number: signal.Signals) -> None:
        """Send a signal to it, and not to its children."""
        self.process.send_signal(number)

    def until(self, ready: Callable[[], bool]) -> None:
        """Poll; the command must not end before, and the moment must come within a minute."""
        deadline = time.monotonic() + 60
        while not ready():
            assert self.process.poll() is None, str(self.ended())
            assert time.monotonic() < deadline, "the moment never came"
            time.sleep(0.02)

    def ended(self, feed: bytes | None = None, *, timeout: float = TIMEOUT) -> Ended:
        """Wait for its end; killed, and the test failed, when that takes longer than `timeout` seconds."""
        try:
            out, err = self.process.communicate(feed, timeout=timeout)
        except subprocess.TimeoutExpired as late:
            self.process.kill()
            out, err = self.process.communicate()
            text = str(Ended(self._arguments, -9, out, err))
            raise AssertionError(f"not done after {timeout:.0f} seconds: {text}") from late
        return Ended(self._arguments, self.process.returncode, out or b"", err or b"")


class LiveEnvironment:
    """Database with a role of its own, bucket with an identity that may not list, and the objects in Kubernetes.

    `database_secret`, `storage_secret` and `app` may be changed at any time.
    After each run it is checked that nothing secret was printed, that no child is left, and no temporary file.
    """

    def __init__(
        self,
        postgres: PostgresServer,
        s3: S3Server,
        kubernetes: KubernetesApi,
        home: Path,
        *,
        namespace: str = NAMESPACE,
        name: str = "",
        folder: str = "",
        bucket_of: LiveEnvironment | None = None,
    ) -> None:
        """`folder` is the prefix inside the bucket, which the endpoint names then; `bucket_of` shares its bucket."""
        self.postgres = postgres
        self.s3 = s3
        self.kubernetes = kubernetes
        self.namespace = namespace
        self.name = name or f"app-{secrets.token_hex(4)}"
        self.home = home / self.name
        self.temporary = self.home / "tmp"
        self.temporary.mkdir(parents=True)
        self.database = new_database(postgres)
        bucket, identity = (bucket_of.bucket, bucket_of.identity) if bucket_of else new_bucket(s3)
        self.bucket: str = bucket
        self.identity: S3Identity = identity
        self.layout = KeyLayout(folder=folder)
        endpoint = f"{s3.endpoint}/{self.bucket}" if folder else s3.endpoint
        self.objects = environment_objects(
            namespace,
            self.name,
            database_keys(self.database),
            storage_keys(endpoint, folder or self.bucket, self.identity),
        )
        """MendixApp, two StorageInstances, two Secrets, in this order."""
        kubernetes.objects += self.objects
        self.secrets: tuple[str, ...] = (AWKWARD_PASSWORD, self.identity.secret_access_key, kubernetes.token)

    @property
    def app(self) -> dict[str, Any]:
        """The MendixApp's spec."""
        spec: dict[str, Any] = self.objects[0]["spec"]
        return spec

    @property
    def database_secret(self) -> dict[str, str]:
        """Keys and values of the database's Secret."""
        keys: dict[str, str] = self.objects[3]["stringData"]
        return keys

    @property
    def storage_secret(self) -> dict[str, str]:
        """Keys and values of the file storage's Secret."""
        keys: dict[str, str] = self.objects[4]["stringData"]
        return keys

    # ------------------------------------------------------------------------------------------------------ the command

    def environment(self, **more: str) -> dict[str, str]:
        """The whole environment of the command, and nothing of the test's own."""
        return clean_environment(
            self.home, KUBECONFIG=str(self.kubernetes.kubeconfig_path), TMPDIR=str(self.temporary), **more
        )

    def start(
        self,
        *arguments: str | Path,
        wrapper: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        stdin: Any = None,
    ) -> Running:
        """Start the command. `backup` and `restore` get -n and -e, unless they have one or --credentials-dir."""
        words = [str(argument) for argument in arguments]
        if words[0] in ("backup", "restore") and not {"-n", "-e", "--credentials-dir"} & set(words):
            words[1:1] = ["-n", self.namespace, "-e", self.name]
        process = subprocess.Popen(
            [*wrapper, str(COMMAND), *words],
            env=self.environment() | dict(env or {}),
            cwd=self.home,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        return Running(words, process)

    def run(
        self,
        *arguments: str | Path,
        feed: bytes | None = None,
        timeout: float = TIMEOUT,
        wrapper: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run the command to its end; `feed` is its standard input, else there is none."""
        running = self.start(*arguments, wrapper=wrapper, env=env, stdin=None if feed is None else subprocess.PIPE)
        ended = running.ended(feed, timeout=timeout)
        self.check_tidy(ended)
        return ended

    def run_all(self, runs: Sequence[tuple[str | Path, ...]]) -> list[Ended]:
        """Several runs that do not mind each other, three at a time; their ends in the order of `runs`."""
        with ThreadPoolExecutor(3) as pool:
            ends = list(pool.map(lambda arguments: self.start(*arguments).ended(), runs))
        for ended in ends:
            self.check_tidy(ended)
        return ends

    def check_tidy(self, ended: Ended) -> None:
        """What holds after every run, however it ended."""
        for text in (ended.out, ended.err):
            assert not [form for form in self.secret_forms() if form in text], "a secret was printed"
        assert "Traceback" not in ended.err or "-v" in ended.arguments, str(ended)
        assert self.children() == []
        assert list(self.temporary.iterdir()) == []

    def secret_forms(self) -> Iterator[str]:
        """Every secret, as it is and as URLs and JSON would have it."""
        for secret in self.secrets:
            yield from {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}

    def children(self) -> list[int]:
        """Processes that were started with our HOME and are still there; they may take a moment to vanish."""
        for _ in range(40):
            found = [pid for pid in _processes() if self._is_ours(pid)]
            if not found:
                return []
            time.sleep(0.05)
        return found

    def _is_ours(self, pid: int) -> bool:
        with contextlib.suppress(OSError):
            return f"HOME={self.home}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes() + b"\0"
        return False

    # ---------------------------------------------------------------------------------------------------- what is in it

    @property
    def store(self) -> S3Store:
        """The whole bucket, as the administrator."""
        return self.s3.store(self.bucket)

    def fill(self, *, documents: int = 0, orphans: int = 2, seed: str = "sample") -> Sample:
        """The sample app: 8 documents, one of them lost, and so many more."""
        return load_sample(
            self.database, self.store, layout=self.layout, documents=documents, orphans=orphans, seed=seed
        )

    def content(self) -> Content:
        """Everything that it holds now; of the bucket, what is in its folder."""
        objects = bucket_digest(self.store)
        return Content(
            database_digest(self.database),
            {key: digest for key, digest in objects.items() if key.startswith(self.layout.list_prefix)},
        )

    def blobs(self) -> dict[str, str]:
        """SHA-256 of its blobs, by their names."""
        return {key.rpartition("/")[2]: digest for key, digest in self.content().bucket.items()}

    def execute(self, statement: str) -> None:
        """Run SQL as the app's own role."""
        with connect(self.database) as connection:
            connection.execute(statement.encode())

    def empty(self) -> None:
        """Nothing is left in the database and in its folder of the bucket."""
        self.execute(_EMPTY_PUBLIC)
        for key in self.content().bucket:
            obstore.delete(self.store, key)

    def destroy(self) -> None:
        """As `empty`, and then there is something else: a table, a sequence and a view of other names."""
        self.empty()
        self.execute('CREATE TABLE "other$thing" (id bigserial PRIMARY KEY); INSERT INTO "other$thing" DEFAULT VALUES')
        self.execute('CREATE VIEW "other$view" AS SELECT * FROM "other$thing"; CREATE SEQUENCE "other$sequence"')

    def credentials_folder(self, **changes: str) -> Path:
        """A folder of files named after the Secret keys, as a secret-store volume has it."""
        folder = self.home / f"credentials-{secrets.token_hex(2)}"
        folder.mkdir(mode=0o700)
        values = {**self.database_secret, **self.storage_secret}
        for key, value in (values | {key.replace("_", "-"): value for key, value in changes.items()}).items():
            (folder / key).write_text(value, encoding="utf-8")
        return folder


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
