"""What tests give to the children that they start, and places of their own on the shared servers."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mxpc.demo.postgres import PostgresServer
from mxpc.demo.s3 import S3Identity, S3Server
from mxpc.model import DatabaseSettings

COMMAND = Path(os.environ.get("MXPC_COMMAND") or Path(sys.executable).parent / "mxpc-backup-restore-cli").absolute()
"""The console script that an installation puts beside its Python, or whatever else is to be tested in its place."""

AWKWARD_PASSWORD = "p@ss/w:rd %20 \"x'$`\\;|&{}#?é"
"""Every character that a shell, a URL, a password file or a connection string might trip over."""


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """The whole environment of a child: nothing of ours gets through but what a login on a bare system has.

    Our Python's folder is on the PATH, so that the installed commands are found.
    """
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "TZ": "UTC", **more}


def new_database(server: PostgresServer, password: str = AWKWARD_PASSWORD) -> DatabaseSettings:
    """A fresh, empty database that a fresh role of the same name owns, which has no other right."""
    name = f"app-{secrets.token_hex(6)}"
    server.create_role(name, password)
    server.create_database(name, name)
    return server.settings_for(name, name, password)


def new_bucket(server: S3Server, *, may_list: bool = False) -> tuple[str, S3Identity]:
    """A fresh, empty bucket, and an identity that reads and writes it."""
    name = f"app-{secrets.token_hex(6)}"
    server.create_bucket(name)
    return name, server.add_identity(S3Identity.of_bucket(name, name, may_list=may_list))


@contextmanager
def closed_port() -> Iterator[int]:
    """A port of 127.0.0.1 that refuses every connection; it is taken, so that no other test's server comes up there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
