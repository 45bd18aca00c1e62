"""Connections to PostgreSQL: how long we try, what we set on each, and psycopg's errors in our words."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from typing import Any

import psycopg

from mxpc.adapters.logins.database import database_password, login_hint
from mxpc.errors import DatabaseError
from mxpc.model import DatabaseSettings

type_of_row = tuple[Any, ...]
Connection = psycopg.Connection[type_of_row]

APPLICATION = "mxpc-backup-restore-cli"
"""How our sessions call themselves on the server."""
RESTORING_APPLICATION = f"{APPLICATION} pg_restore"
"""The sessions of our pg_restore: nobody else's may be ended when a restore is put back."""

CONNECT_SECONDS = 10
TRYING_SECONDS = 20
"""No new attempt after this time: with one last attempt of two addresses it is still within a minute."""

LOCK_TIMEOUT = "60s"
"""Moving a table waits for whoever uses it; longer than a minute means that the app is running."""

PASSING = (
    "connection refused",
    "timeout",
    "timed out",
    "starting up",
    "shutting down",
    "recovery mode",
    "not yet accepting connections",
    "connection reset",
    "closed the connection unexpectedly",
    "too many clients",
    "remaining connection slots",
    "temporary failure in name resolution",
    "no route to host",
    "network is unreachable",
)
"""Words of failures that may go by: a pod that starts, a server that restarts. A wrong password is not among them."""


def place(settings: DatabaseSettings) -> str:
    """The database in messages."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"database {settings.name} at {host}:{settings.port}"


def connect(settings: DatabaseSettings, application: str = APPLICATION) -> Connection:
    """An autocommit connection with everything set; the caller closes it.

    Raises DatabaseError within a minute when that does not work.
    """
    deadline = time.monotonic() + TRYING_SECONDS
    pause = 0.5
    while True:
        try:
            connection = psycopg.connect(**_arguments(settings, application))
        except psycopg.Error as error:
            if not _may_pass(error) or time.monotonic() + pause > deadline:
                raise _unreachable(settings, error) from error
        else:
            return _prepared(settings, connection)
        # Jitter: several runs that lost the same server do not all come back in the same moment.
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
        pause = min(pause * 2, 5)


def _arguments(settings: DatabaseSettings, application: str) -> dict[str, Any]:
    return {
        "host": settings.host,
        "port": settings.port,
        "dbname": settings.name,
        "user": settings.user,
        # Asked for at each try: a token expires, and counts when the session begins.
        "password": database_password(settings),
        "sslmode": settings.tls_mode.value,
        "sslrootcert": settings.tls_root_cert,
        # PGHOSTADDR and PGOPTIONS of the user's environment are meant for other databases.
        "hostaddr": "",
        "options": "",
        "application_name": application,
        "connect_timeout": CONNECT_SECONDS,
        "client_encoding": "UTF8",
        # A quiet connection is kept through firewalls, and a dead one is known within three minutes.
        "keepalives": 1,
        "keepalives_idle": 60,
        "keepalives_interval": 20,
        "keepalives_count": 6,
        "autocommit": True,
        # Poolers do not keep prepared statements.
        "prepare_threshold": None,
    }


def _prepared(settings: DatabaseSettings, connection: Connection) -> Connection:
    try:
        connection.execute("; ".join(_session_settings(connection.info.server_version // 10000)))
    except psycopg.Error as error:
        connection.close()
        raise _failed(settings, "preparing the session", error) from error
    return connection


def _session_settings(major: int) -> Iterator[str]:
    """Roles may have timeouts of their own, meant for the app's queries; a backup takes longer."""
    yield "SET statement_timeout = 0"
    yield "SET idle_in_transaction_session_timeout = 0"
    yield f"SET lock_timeout = '{LOCK_TIMEOUT}'"
    # A role may have switched this off for speed; what the journal says must outlive a crash.
    yield "SET synchronous_commit = on"
    # Names in our statements mean PostgreSQL's own, whatever the database holds.
    yield "SET search_path = pg_catalog"
    # Rather an error than rows that a policy hides from a backup.
    yield "SET row_security = off"
    yield "SET TimeZone = 'UTC'"
    # A cascade tells each object that goes along, thousands of lines.
    yield "SET client_min_messages = warning"
    if major >= 14:
        yield "SET idle_session_timeout = 0"
    if major >= 17:
        yield "SET transaction_timeout = 0"


def client_options(major: int) -> str:
    """PGOPTIONS of pg_dump and pg_restore, which do not set all of these by themselves."""
    names = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
    names += ["idle_session_timeout"] if major >= 14 else []
    names += ["transaction_timeout"] if major >= 17 else []
    return " ".join(f"-c {name}=0" for name in names)


# ---------------------------------------------------------------------------------------------------------- failures


@contextlib.contextmanager
def speaking_of(settings: DatabaseSettings, doing: str) -> Iterator[None]:
    """Turn psycopg's errors into DatabaseError: `doing` is what was tried, like "reading the file documents"."""
    try:
        yield
    except psycopg.Error as error:
        raise _failed(settings, doing, error) from error


def lost(error: BaseException | None) -> bool:
    """Whether the connection went away, rather than the server refusing a statement."""
    return isinstance(error, psycopg.OperationalError) and (
        error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))
    )


def _failed(settings: DatabaseSettings, doing: str, error: psycopg.Error) -> DatabaseError:
    return DatabaseError(f"{doing} failed in {place(settings)}", evidence=words(error), hint=_hint(error))


def words(error: psycopg.Error) -> str:
    """What the server said, with its detail and hint."""
    parts = [error.diag.message_primary, error.diag.message_detail, error.diag.message_hint]
    return " ".join(part for part in parts if part) or " ".join(str(error).split())


def _hint(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return "Somebody else uses the database: scale the environment to 0 replicas and close other sessions."
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return (
            "Give the role of the environment's database plan this right, or use a plan whose role owns the database."
        )
    if isinstance(error, psycopg.errors.DiskFull):
        return "Make room on the database server."
    if lost(error):
        return "The connection was lost: run the command again when the server is back."
    return ""


def _may_pass(error: psycopg.Error) -> bool:
    text = str(error).lower()
    return isinstance(error, psycopg.errors.ConnectionTimeout) or any(one in text for one in PASSING)


def _unreachable(settings: DatabaseSettings, error: psycopg.Error) -> DatabaseError:
    evidence = " ".join(str(error).split())
    return DatabaseError(
        f"cannot connect to {place(settings)} as {settings.user}",
        evidence=evidence,
        hint=_connect_hint(settings, evidence),
    )


def _connect_hint(settings: DatabaseSettings, evidence: str) -> str:
    text = evidence.lower()
    if "does not exist" in text and "database" in text:
        return "Check database-name in the environment's database Secret."
    if any(one in text for one in ("authentication", "password", "no pg_hba.conf entry", "role ")):
        return login_hint(settings.login)
    if any(one in text for one in ("ssl", "certificate")):
        return "Check --db-sslmode and --db-sslrootcert against what the server offers."
    return (
        "Check that the server is up and can be reached from this machine; a server that only the cluster's network "
        "can reach needs the command to run inside: see `jump-pod`."
    )
