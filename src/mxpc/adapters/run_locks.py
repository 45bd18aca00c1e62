"""Which runs of this machine are alive: each holds a lock that the system takes away when its process ends, however."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mxpc.adapters.locks import try_lock
from mxpc.ports import Life


class RunLocks:
    """A RunRegister: a locked file for each run, in a folder of the user's own."""

    def __init__(self, folder: Path | None = None) -> None:
        user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
        self.folder = folder or Path(tempfile.gettempdir()) / f"mxpc-jump-pod-{user}"

    @contextlib.contextmanager
    def alive(self, run: str) -> Iterator[None]:
        """See RunRegister."""
        path = self.folder / run
        with contextlib.ExitStack() as stack:
            # Without a folder to write to, nobody here can tell: the same as on another machine.
            with contextlib.suppress(OSError):
                self.folder.mkdir(mode=0o700, exist_ok=True)
                file = stack.enter_context(path.open("w"))
                try_lock(file)
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
                    self.folder.rmdir()

    def life(self, run: str) -> Life:
        """See RunRegister."""
        try:
            with (self.folder / run).open("r+") as file:
                # Without locks (Windows) taken for alive: such a pod is removed once it has ended by itself.
                return Life.DEAD if try_lock(file) else Life.ALIVE
        except OSError:
            return Life.UNKNOWN

    def forget(self, run: str) -> None:
        """See RunRegister."""
        with contextlib.suppress(OSError):
            (self.folder / run).unlink(missing_ok=True)
