"""Services that are not there, or that take the call and say nothing.

Each run waits for a time-out, so all are started together, early, and looked at late.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from e2e.environment import Content, Ended, LiveEnvironment
from surroundings import closed_port

LONGEST = 60.0
SERVICES = ("database", "storage")
STATES = ("closed", "silent", "unknown host")
COMMANDS = ("backup", "restore")


@dataclass(frozen=True)
class Call:
    """A run that was started against a service that does not answer."""

    environment: LiveEnvironment
    before: Content
    address: str
    folder: Path
    """Where a backup goes."""
    ended: Future[Ended]


Calls = dict[tuple[str, str, str], Call]
"""All of them, by service, state and command."""


@contextlib.contextmanager
def begun(environments: Sequence[LiveEnvironment], archive: Path) -> Iterator[Calls]:
    """Start all of them, each state in an environment of its own; each is killed after a minute."""
    with (
        closed_port() as closed,
        socket.create_server(("127.0.0.1", 0)) as silent,
        ThreadPoolExecutor(16) as pool,
    ):
        addresses = {
            "closed": f"127.0.0.1:{closed}",
            "silent": f"127.0.0.1:{silent.getsockname()[1]}",
            "unknown host": "no-such-host.invalid:5432",
        }
        calls = {}
        for environment, state in zip(environments, STATES, strict=True):
            before = environment.content()
            for service in SERVICES:
                for command in COMMANDS:
                    folder = environment.home / f"{service} {command}"
                    folder.mkdir()
                    file = archive if command == "restore" else folder / "backup.tar.gz"
                    credentials = _credentials(environment, service, addresses[state])
                    running = environment.start(command, "--credentials-dir", credentials, "-f", file)
                    ended = pool.submit(running.ended, timeout=LONGEST)
                    calls[service, state, command] = Call(environment, before, addresses[state], folder, ended)
        yield calls


def _credentials(environment: LiveEnvironment, service: str, address: str) -> Path:
    if service == "storage":
        return environment.credentials_folder(storage_endpoint=f"http://{address}")
    return environment.credentials_folder(database_host=address, database_jdbc_url="")
