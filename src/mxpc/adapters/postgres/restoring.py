"""Running pg_restore on a stream, and telling what it died of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from mxpc.adapters.children import Child
from mxpc.adapters.postgres.client_environment import client_environment
from mxpc.adapters.postgres.connection import RESTORING_APPLICATION, place
from mxpc.adapters.programs import Program
from mxpc.errors import DatabaseError
from mxpc.model import DatabaseSettings
from mxpc.ports import ByteReader, Stopping

CHUNK = 1 << 20

TRANSACTION_TIMEOUT_MAJOR = 17
"""From here on pg_restore begins with `SET transaction_timeout = 0`, and servers know it."""

HINTS = (
    ("violates", "The backup's rows break one of its own constraints: it was made from a damaged database."),
    ("permission denied", "Give the role of the environment's database plan this right."),
    ("must be owner", "Give the role of the environment's database plan this right."),
    ("is not available", "Install the extension on the database server, or restore into a server that has it."),
    ("already exists", "An object of this name is there that the restore may not set aside: drop or rename it."),
    ("unsupported version", "Install a newer pg_restore."),
    ("No space left", "Make room on the database server."),
    ("could not extend file", "Make room on the database server."),
    ("out of shared memory", "Raise max_locks_per_transaction on the database server."),
    ("unexpectedly", "The connection to the server was lost: run the restore again when the server is back."),
    ("terminating connection", "The server ended the connection: run the restore again when it is back."),
    ("unrecognized configuration parameter", "The backup is of a newer PostgreSQL than the server knows."),
)


DETAILS = ("DETAIL", "HINT", "CONTEXT", "Command was")
"""How lines begin that belong to an error and tell more of it."""
SHOWN_STATEMENT = 500

OPTIONS = ("--no-owner", "--no-privileges", "--no-password", "--dbname=")
"""An empty name is libpq's way to say PGDATABASE; a real one could be taken for a connection string."""


class _Judge:
    """Hears each line of pg_restore, and tells the first error that is not known to be harmless."""

    def __init__(self, *, lenient: bool) -> None:
        self._lenient = lenient
        self.skipped = False
        self.failed = False

    def hear(self, line: str) -> None:
        if not line.startswith("pg_restore: error:"):
            return
        if self._lenient and '"transaction_timeout"' in line and not self.skipped:
            self.skipped = True
        else:
            self.failed = True


def run_pg_restore(
    program: Program, server_major: int, settings: DatabaseSettings, dump: ByteReader, stop: Stopping
) -> tuple[str, ...]:
    """Feed the dump to pg_restore, which stops at its first error; returns what was skipped as harmless.

    Not in one transaction: that exhausts the server's lock table from a thousand tables on, and the parked schema
    brings the old content back as well. Nor does each statement wait for the disk, which makes it as fast: the
    journal's next change waits once, and for all of them.
    """
    # Newer than the server, it sends a parameter first that the server does not know. It may not stop at that.
    lenient = program.major >= TRANSACTION_TIMEOUT_MAJOR > server_major
    arguments = [*OPTIONS, *([] if lenient else ["--exit-on-error"])]
    judge = _Judge(lenient=lenient)
    with (
        client_environment(settings, server_major, RESTORING_APPLICATION, "synchronous_commit=off") as environment,
        Child(program.path, arguments, environment, fed=True, on_complaint=judge.hear) as child,
        stop.on_stop(child.end),
    ):
        _feed(child, dump, judge if lenient else None)
        code = child.wait()
        accepted = code == 0 or (code == 1 and lenient and judge.skipped)
        if judge.failed or not accepted:
            raise _restore_failed(child.complaints, code, settings, skipped=judge.skipped)
        _drain(dump)
    return (_SKIPPED.format(program.major, server_major),) if judge.skipped else ()


_SKIPPED = (
    "pg_restore {} sets transaction_timeout, which a server of PostgreSQL {} does not know: skipped, the server has no "
    "such limit"
)


def _feed(child: Child, dump: ByteReader, judge: _Judge | None) -> None:
    """Until the dump ends, or the child has had enough. After an error of the dump the child never sees its end.

    A child that does not stop by itself is ended at the first error that its judge hears.
    """
    while data := dump.read(CHUNK):
        if judge and judge.failed:
            # It would go on with the next thousand statements.
            child.end()
        if not child.write(data):
            return
    child.finish_feeding()


def _drain(dump: ByteReader) -> None:
    """pg_restore stops reading after the last thing it needs; only the stream's end proves that all of it was sound."""
    while dump.read(CHUNK):
        pass


def _restore_failed(
    complaints: Sequence[str], code: int, settings: DatabaseSettings, *, skipped: bool
) -> DatabaseError:
    evidence = evidence_of(complaints, skipped=skipped)
    return DatabaseError(
        f"pg_restore into {place(settings)} failed",
        evidence=evidence or (f"ended by signal {-code}" if code < 0 else f"exit code {code}"),
        hint=next((hint for words, hint in HINTS if words in evidence), ""),
    )


def evidence_of(complaints: Sequence[str], *, skipped: bool = False) -> str:
    """The first real error with the object that it is about, the server's detail and the statement, on a few lines.

    `skipped`: the error before it was about transaction_timeout, and harmless.
    """
    lines = [line for line in complaints if line.strip()]
    errors = [number for number, line in enumerate(lines) if line.startswith("pg_restore: error:")][skipped:]
    if not errors:
        return "\n".join(lines[-2:])
    first = errors[0]
    # Before PostgreSQL 15 pg_restore names the entry; from there on the statement tells it.
    about = [line for line in lines[:first] if line.startswith("pg_restore: from TOC entry")][-1:]
    behind = takewhile(lambda line: not line.startswith("pg_restore:"), lines[first + 1 :])
    details = [line[:SHOWN_STATEMENT] for line in behind if line.split(":")[0] in DETAILS]
    return "\n".join([*about, lines[first], *details])
