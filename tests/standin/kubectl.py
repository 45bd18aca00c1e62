"""A stand-in for kubectl's `apply -f`, and for its `exec`: runs the command in the folder of a stand-in kubelet's pod.

The folder MXPC_KUBELET has the pods, and may have `faults.json` (the fields of Trouble): then the streams are cut,
damaged, lost, repeated and stalled, by a plan that a seed decides, so many times over all calls together.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from fakes.broken_connections import Broken, Trouble

WIDTH = 1 << 16


class _SharedTrouble(Trouble):
    """Counts its faults in a file, for all calls of kubectl."""

    used: Path

    def next(self) -> str | None:
        with self.used.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if len(file.read().split()) >= self.faults:
                return None
            kind = self.choice()
            file.write(f"{kind}\n")
            return kind


class _Pipe:
    """What is written to one stream; closing it ends everything, as when the connection to the API server is gone."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self._descriptor = descriptor
        self._process = process

    def read(self, size: int, /) -> bytes:
        raise NotImplementedError

    def write(self, data: bytes, /) -> bool:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        return True

    def close(self) -> None:
        sys.stderr.write("error: unexpected EOF\n")
        sys.stderr.flush()
        os._exit(1)

    def release(self) -> None:
        """The end of the process does it."""


def main(arguments: Sequence[str]) -> int:
    """The exit code of the command, or 1."""
    if "apply" in arguments:
        return _apply(list(arguments))
    words, command = _split(arguments)
    folder = Path(os.environ["MXPC_KUBELET"])
    namespace, pod = words[words.index("-n") + 1], words[words.index("-n") + 2]
    try:
        place = json.loads((folder / namespace / pod / "container.json").read_text())
    except OSError:
        sys.stderr.write('error: unable to upgrade connection: container not found ("tool")\n')
        return 1
    # A session of its own, as in a container: it outlives us, and sees nothing but the end of its input.
    process = subprocess.Popen(
        command,
        cwd=place["cwd"],
        env=place["env"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin
    assert process.stdout
    trouble = _trouble(folder)
    up = threading.Thread(target=_copy, args=(0, process.stdin.fileno(), process, trouble), daemon=True)
    up.start()
    _copy(process.stdout.fileno(), 1, process, trouble)
    return process.wait()


def _apply(words: list[str]) -> int:
    import yaml

    from mxpc.adapters.cluster import KubernetesCluster
    from mxpc.adapters.kubeconfig import find_access

    access, namespace = find_access(None, None, env=os.environ), words[words.index("-n") + 1]
    with KubernetesCluster(access, namespace, {}) as cluster:
        for manifest in yaml.safe_load_all(Path(words[words.index("-f") + 1]).read_text(encoding="utf-8")):
            cluster.create(manifest)
    return 0


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    words = list(arguments)
    place = words.index("--")
    assert "exec" in words[:place], words
    return words[:place], words[place + 1 :]


def _trouble(folder: Path) -> Trouble:
    plan = folder / "faults.json"
    if not plan.exists():
        return Trouble(0)
    trouble = _SharedTrouble(**json.loads(plan.read_text()))
    trouble.used = folder / "faults.used"
    with (folder / "calls").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        number = len(file.read())
        file.write(".")
    trouble.reseed(f"{trouble.seed} {number}")  # the next connection meets something else
    return trouble


def _copy(source: int, target: int, process: subprocess.Popen[bytes], trouble: Trouble) -> None:
    broken = Broken(_Pipe(target, process), trouble)
    try:
        while data := os.read(source, WIDTH):
            broken.write(data)
    except OSError:
        pass
    if source == 0 and process.stdin:
        process.stdin.close()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # our own input may never end
