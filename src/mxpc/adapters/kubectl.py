"""Commands inside of a pod, by kubectl as a child process: it knows every way to log in and every proxy."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from mxpc.adapters.children import Child
from mxpc.errors import RequestError
from mxpc.ports import Connection, ShellResult

CONTAINER = "tool"
WIDTH = 1 << 16


def find_kubectl(env: Mapping[str, str]) -> Path:
    """The program on the PATH. Raises RequestError when there is none."""
    found = shutil.which("kubectl", path=env.get("PATH", ""))
    if found is None:
        raise RequestError(
            "kubectl was not found, and nothing else leads into a pod",
            evidence="no kubectl on the PATH",
            hint="install it (https://kubernetes.io/docs/tasks/tools/), in a version near to the cluster's",
        )
    return Path(found)


class KubectlShell:
    """A PodShell for one pod."""

    def __init__(
        self,
        program: Path,
        namespace: str,
        pod: str,
        *,
        kubeconfig: str | None,
        context: str | None,
        env: Mapping[str, str],
    ) -> None:
        """`env` goes to kubectl as it is: its login plugins are set up there."""
        self._program = program
        self._env = env
        login = [*(("--kubeconfig", kubeconfig) if kubeconfig else ()), *(("--context", context) if context else ())]
        self._start = [*login, "exec", "-i", "-n", namespace, pod, "-c", CONTAINER, "--"]
        self._last: Child | None = None

    def run(self, command: Sequence[str], feed: bytes = b"", *, seconds: float = 60.0) -> ShellResult:
        """See PodShell."""
        try:
            done = subprocess.run(
                [str(self._program), *self._start, *command],
                env=dict(self._env),
                input=feed,
                capture_output=True,
                timeout=seconds,
                check=False,
                start_new_session=True,  # Ctrl-C reaches us alone
            )
        except subprocess.TimeoutExpired:
            return ShellResult(None, b"", f"no end within {seconds:.0f} seconds")
        return ShellResult(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace").strip())

    def open(self, command: Sequence[str]) -> Connection:
        """See PodShell."""
        self._last = Child(self._program, [*self._start, *command], self._env, fed=True, read=True)
        return _KubectlConnection(self._last)

    def complaint(self) -> str:
        """See PodShell."""
        return "\n".join(self._last.complaints[-3:]) if self._last else ""


class _KubectlConnection:
    def __init__(self, child: Child) -> None:
        self._child = child

    def read(self, size: int, /) -> bytes:
        return self._child.read(min(size, WIDTH))

    def write(self, data: bytes, /) -> bool:
        return self._child.write(data)

    def close(self) -> None:
        self._child.end()

    def release(self) -> None:
        self._child.end()
        self._child.finish_feeding()
        self._child.finish_reading()
