"""What pg_dump and pg_restore are told of the connection: by environment and private file, never by argument."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mxpc.adapters.children import minimal_environment
from mxpc.adapters.logins.database import database_password
from mxpc.adapters.postgres.connection import client_options
from mxpc.errors import RequestError
from mxpc.model import DatabaseSettings

LIBPQ_PASSED_ON = (
    *("PGSSLCERT", "PGSSLKEY", "PGSSLCRL", "PGSSLCRLDIR", "PGSSLSNI", "PGSSLMINPROTOCOLVERSION"),
    *("PGSSLMAXPROTOCOLVERSION", "PGSSLNEGOTIATION", "PGSSLCERTMODE", "PGCHANNELBINDING", "PGREQUIREAUTH"),
    *("PGGSSENCMODE", "PGKRBSRVNAME", "PGGSSLIB", "PGGSSDELEGATION"),
)
"""libpq's variables that psycopg heeds in our own process as well, so that both connect alike."""


@contextlib.contextmanager
def client_environment(
    settings: DatabaseSettings, server_major: int, application: str, *options: str
) -> Iterator[dict[str, str]]:
    """The whole environment of a client program; `options` are further settings of its session (`name=value`).

    The password file lives as long as the context.
    """
    environment = minimal_environment()
    environment |= {name: os.environ[name] for name in LIBPQ_PASSED_ON if name in os.environ}
    environment |= {
        "PGHOST": settings.host,
        "PGPORT": str(settings.port),
        "PGUSER": settings.user,
        "PGDATABASE": settings.name,
        "PGSSLMODE": settings.tls_mode.value,
        "PGAPPNAME": application,
        "PGCONNECT_TIMEOUT": "10",
        "PGOPTIONS": " ".join([client_options(server_major), *(f"-c {option}" for option in options)]),
    }
    if settings.tls_root_cert:
        environment["PGSSLROOTCERT"] = settings.tls_root_cert
    with _password_file(settings) as path:
        if path:
            environment["PGPASSFILE"] = path
        yield environment


@contextlib.contextmanager
def _password_file(settings: DatabaseSettings) -> Iterator[str | None]:
    """A file that only we can read; the user's own where no password is set."""
    password = database_password(settings)
    if password is None:
        password = os.environ.get("PGPASSWORD")
    if password is None:
        yield os.environ.get("PGPASSFILE")
        return
    lines = password_line(settings, password).encode()
    with _in_memory(lines) as path:
        yield path


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """On Linux a file in no folder: even kill -9 leaves nothing of it behind. Children find it through our /proc."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("pgpass", os.MFD_CLOEXEC)
        try:
            # libpq ignores a password file that others may read.
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, content)
            path = f"/proc/{os.getpid()}/fd/{descriptor}"
            if Path(path).is_file():
                yield path
                return
        finally:
            os.close(descriptor)
    with _in_folder(content) as named:
        yield named


@contextlib.contextmanager
def _in_folder(content: bytes) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="mxpc-"))
    try:
        path = folder / "pgpass"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        yield str(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def password_line(settings: DatabaseSettings, password: str) -> str:
    """The lines of libpq's password file for exactly this host, port, database and user."""
    fields = [settings.host, str(settings.port), settings.name, settings.user, password]
    if any("\n" in field or "\r" in field or "\0" in field for field in fields):
        raise RequestError(
            "the database's password has a line break, which PostgreSQL's password file cannot hold",
            hint="Set another database-password.",
        )
    lines = [fields]
    if settings.host.startswith("/"):
        # libpq looks for its own default socket folder under this name.
        lines.append(["localhost", *fields[1:]])
    return "".join(":".join(map(_escaped, line)) + "\n" for line in lines)


def _escaped(field: str) -> str:
    return field.replace("\\", "\\\\").replace(":", "\\:")
