"""Running child processes: nothing hangs, nothing lingers, and what they complained about is kept."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from mxpc.errors import ServiceError

GRACE_SECONDS = 5
"""Between asking a child to end and killing it: pg_dump and pg_restore cancel their query on the server first."""

PIPE_BYTES = 1 << 20
"""Linux's largest pipe for everybody: fewer switches between the child and us than with the 64 KiB it starts with."""

KEPT_LINES = 200
LINE_BYTES = 4096

PASSED_ON = (
    *("PATH", "HOME", "USER", "LOGNAME", "TZ", "TMPDIR", "TEMP", "TMP"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "APPDATA", "KRB5CCNAME", "KRB5_CONFIG"),
)
"""What a child gets of our environment; everything else may be a secret of somebody."""


def minimal_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What every child gets. Messages are in English, so that they can be told apart."""
    passed = {name: environment[name] for name in PASSED_ON if name in environment}
    return {**passed, "LANG": "C", "LC_ALL": "C", "LC_MESSAGES": "C"}


class Child:
    """A running program. Leaving the context ends it, whatever happened.

    stderr is read in a thread: its last lines are in `complaints`, and each goes to `on_complaint` as it comes (in that
    thread). One thread at a time uses the rest; `end` may be called from any.
    """

    def __init__(
        self,
        program: Path,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        fed: bool = False,
        read: bool = False,
        on_complaint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._complaints: deque[str] = deque(maxlen=KEPT_LINES)
        self._on_complaint = on_complaint
        try:
            self._process = subprocess.Popen(
                [str(program), *arguments],
                env=dict(environment),
                stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
                stdout=subprocess.PIPE if read else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                bufsize=0,
                # Ctrl-C in a terminal goes to us alone: we decide what the child does then. Windows has a flag.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except OSError as error:
            raise ServiceError(f"cannot start {program}", evidence=str(error)) from error
        for pipe in (self._process.stdin, self._process.stdout):
            _widen(pipe)
        self._listener = threading.Thread(target=self._listen, name=f"stderr of {program.name}", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def complaints(self) -> list[str]:
        """The last lines of stderr, complete once `wait` has returned."""
        return list(self._complaints)

    def read(self, size: int) -> bytes:
        """Between 1 and `size` bytes of the child's output; b"" at its end."""
        assert self._process.stdout
        return self._process.stdout.read(size) or b""

    def write(self, data: bytes | memoryview) -> bool:
        """Feed all of `data`; False when the child does not read any more."""
        assert self._process.stdin
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._process.stdin.write(rest) or 0 :]
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def finish_feeding(self) -> None:
        """The child sees the end of its input."""
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def finish_reading(self) -> None:
        """Nobody wants the rest of its output. Not while another thread is in `read`."""
        if self._process.stdout:
            self._process.stdout.close()

    def wait(self) -> int:
        """The exit code, negative for a signal; `complaints` are complete then."""
        code = self._process.wait()
        self._listener.join(GRACE_SECONDS)
        return code

    def end(self) -> None:
        """Terminate, then kill, the child and its own children. May be repeated."""
        if self._process.poll() is None:
            self._ask_to_end(kill=False)
            try:
                self._process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._ask_to_end(kill=True)
                self._process.wait()
        self._listener.join(GRACE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.end()
        finally:
            self.finish_feeding()
            self.finish_reading()

    def _ask_to_end(self, *, kill: bool) -> None:
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "win32":
                # There is no asking; the workers of a parallel pg_restore are its threads there.
                self._process.terminate()
            else:
                # The child leads its own session, so this reaches the workers of a parallel pg_restore as well.
                os.killpg(self._process.pid, signal.SIGKILL if kill else signal.SIGTERM)

    def _listen(self) -> None:
        assert self._process.stderr
        with self._process.stderr as stream:
            rest = b""
            while data := stream.read(LINE_BYTES):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._heard(line)
                # A statement of megabytes on one line is of no use to anybody.
                rest = rest[:LINE_BYTES]
            if rest:
                self._heard(rest)

    def _heard(self, line: bytes) -> None:
        text = line[:LINE_BYTES].decode("utf-8", "replace").rstrip()
        self._complaints.append(text)
        self._on_complaint(text)


def _widen(pipe: IO[bytes] | None) -> None:
    if pipe is not None and sys.platform == "linux":
        import fcntl

        # Refused when the user has too many such pipes; the usual size serves as well.
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
