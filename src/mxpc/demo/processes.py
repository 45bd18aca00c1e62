"""Servers as child processes on loopback: where they live, under which user they run, how they come and go."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from mxpc.errors import RequestError, ServiceError

_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
LOG_TAIL = 4000
"""Characters of a server's log that go into an error."""


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now; another program may still take one before its use."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]


def unprivileged_user() -> tuple[int, int] | None:
    """User and group id of `nobody` when we are root: PostgreSQL refuses to run as root. None for everybody else."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd

    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def reachable_by_others(path: Path) -> bool:
    """Whether every user may walk down to this folder or file and read it."""
    path = path.resolve()
    walkable = all(folder.stat().st_mode & 0o001 for folder in path.parents)
    return walkable and bool(path.stat().st_mode & 0o004)


@contextlib.contextmanager
def scratch_folder(prefix: str = "mxpc-demo-") -> Iterator[Path]:
    """A folder of our own for servers: others may walk through it, not list it. Removed with all that is in it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=_temporary_root()))
    try:
        folder.chmod(0o711)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _temporary_root() -> Path:
    """The system's folder for temporary files, or one that `nobody` can walk to when root's own is private."""
    usual = Path(tempfile.gettempdir())
    if unprivileged_user() is None:
        return usual
    for folder in (usual, Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - only mkdtemp writes there
        if folder.is_dir() and all(place.stat().st_mode & 0o001 for place in (folder, *folder.resolve().parents)):
            return folder
    raise RequestError(f"no folder for temporary files that the user nobody can reach: {usual} is private to root")


def private_file(path: Path, content: str, owner: tuple[int, int] | None = None) -> Path:
    """Write a file that only its owner may read; it must not exist."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        if owner is not None and sys.platform != "win32":
            os.fchown(descriptor, *owner)
        stream.write(content)
    return path


class ServerProcess:
    """One server as a child: its output goes into `log`, its environment is exactly what is given.

    Not thread-safe. Errors name the server by `name` and carry the end of its log.
    """

    def __init__(self, name: str, log: Path, *, user: tuple[int, int] | None = None) -> None:
        self.name = name
        self.log = log
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the child was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The child's process id. Raises ServiceError when it does not run."""
        if self._process is None or not self.running:
            raise ServiceError(f"{self.name} is not running", evidence=self._log_end())
        return self._process.pid

    def start(self, argv: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str]) -> None:
        """Start the child in a session of its own, so that a Ctrl-C in the terminal reaches us and not it."""
        user, group = self._user or (None, None)
        self.log.touch(mode=0o600)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=dict(environment),
                user=user,
                group=group,
                extra_groups=[] if user is not None else None,
                start_new_session=True,
            )

    def wait_until(self, ready: Callable[[], bool], *, seconds: float = 60) -> None:
        """Poll `ready` until it is true. Raises ServiceError when the child ends or the time is over."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running:
                raise ServiceError(f"{self.name} ended while it was starting", evidence=self._log_end())
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name} is not ready after {seconds:.0f} seconds", evidence=self._log_end())
            time.sleep(0.03)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the child has ended."""
        if self._process is not None and self.running:
            self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, *, seconds: float = 20) -> None:
        """Ask the child to end with this signal, kill it when it does not in time. May be repeated."""
        if self._process is None:
            return
        self.send(number)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the child and the children that it has now without any warning, as a power cut does."""
        if self._process is None:
            return
        children = _children(self._process.pid) if self.running else []
        self._process.kill()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, _KILL)
        self._process.wait()
        for child in children:
            _wait_gone(child)

    def _log_end(self) -> str:
        with contextlib.suppress(OSError):
            return self.log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:].strip()
        return ""


def _children(pid: int) -> list[int]:
    """Ids of the direct children, where the kernel tells (Linux)."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _wait_gone(pid: int, seconds: float = 10) -> None:
    """Wait for a grandchild: it may keep shared memory that the next server would stumble over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.01)
                continue
        return
