"""A stand-in for the kubelet: runs the pods of a cluster as local processes, each with a folder as its root.

What it keeps of real pods: the container's command, folder and variables, volumes as folders that are gone with the
pod, states that the API shows, termination with a grace period. What it does not: images, isolation, limits.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

Manifest = dict[str, Any]


class Pods(Protocol):
    """The pods of a cluster, as a kubelet sees them."""

    def pods(self) -> list[Manifest]:
        """All that there are."""

    def set_status(self, pod: Manifest, status: Manifest) -> None:
        """Replace the pod's status."""

    def gone(self, pod: Manifest) -> None:
        """The pod's processes have ended: its object may go."""


@dataclass
class _Started:
    pod: Manifest
    process: subprocess.Popen[bytes]
    folder: Path
    told: str = "Running"


class Kubelet:
    """Runs while its context lasts; `folder` is where kubectl's stand-in finds the pods."""

    def __init__(
        self,
        pods: Pods,
        folder: Path,
        environment: Callable[[Manifest], Mapping[str, str]],
    ) -> None:
        """`environment` gives the variables of a pod beyond its manifest's: what its image, its service account and its
        node bring."""
        self._pods = pods
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._environment = environment
        self.refusal: Manifest | None = None
        """Pods do not start while this is set: it becomes their status."""
        self._started: dict[str, _Started] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kubelet", daemon=True)
        self.logs: dict[str, str] = {}
        """What the pods printed, by their names; also of pods that are gone."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        for started in list(self._started.values()):
            self._kill(started)

    def lose_pods(self) -> None:
        """As when their node is gone: their processes and their objects are no more."""
        for started in list(self._started.values()):
            self._pods.gone(started.pod)

    def _run(self) -> None:
        while not self._ended.wait(0.05):
            seen = {pod["metadata"]["uid"]: pod for pod in self._pods.pods()}
            for uid, pod in seen.items():
                if uid in self._started:
                    self._look_after(self._started[uid], pod)
                else:
                    self._start(uid, pod)
            for uid in set(self._started) - set(seen):
                self._kill(self._started.pop(uid))

    def _start(self, uid: str, pod: Manifest) -> None:
        if pod["metadata"].get("deletionTimestamp"):
            self._pods.gone(pod)
            return
        if self.refusal:
            if pod.get("status") != self.refusal:
                self._pods.set_status(pod, self.refusal)
            return
        folder = self.folder / pod["metadata"]["namespace"] / pod["metadata"]["name"]
        container = pod["spec"]["containers"][0]
        mounts = {mount["mountPath"]: folder / mount["mountPath"].strip("/") for mount in container["volumeMounts"]}
        for path in mounts.values():
            path.mkdir(parents=True, exist_ok=True)
        environment = dict(self._environment(pod))
        for variable in container.get("env", []):
            environment[variable["name"]] = str(mounts.get(variable["value"], variable["value"]))
        place = {"cwd": str(mounts[container["workingDir"]]), "env": environment}
        (folder / "container.json").write_text(json.dumps(place))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                container["command"],
                cwd=place["cwd"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started[uid] = _Started(pod, process, folder)
        self._pods.set_status(pod, _running())

    def _look_after(self, started: _Started, pod: Manifest) -> None:
        code = started.process.poll()
        if pod["metadata"].get("deletionTimestamp"):
            self._end(started, pod)
        elif code is not None and started.told == "Running":
            started.told = "Succeeded" if code == 0 else "Failed"
            (started.folder / "container.json").unlink()
            self._pods.set_status(pod, _ended(started.told, code))

    def _end(self, started: _Started, pod: Manifest) -> None:
        if started.process.poll() is None:
            started.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.process.wait(20)
        self._kill(self._started.pop(pod["metadata"]["uid"]))
        self._pods.gone(pod)

    def _kill(self, started: _Started) -> None:
        # Everything with the pod's HOME is of this container: so a real one ends, with all its processes.
        for _ in range(100):
            left = [pid for pid in _processes() if _has_home(pid, started.folder)]
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not left:
                break
            time.sleep(0.02)
        started.process.wait()
        self.logs[started.pod["metadata"]["name"]] = (started.folder / "log").read_text(errors="replace")
        shutil.rmtree(started.folder)


def _running() -> Manifest:
    return {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [_container({"running": {}}, ready=True)],
    }


def _ended(phase: str, code: int) -> Manifest:
    state = {"terminated": {"exitCode": code if code >= 0 else 128 - code, "reason": "Error" if code else "Completed"}}
    return {"phase": phase, "containerStatuses": [_container(state, ready=False)]}


def _container(state: Manifest, *, ready: bool) -> Manifest:
    return {"name": "tool", "ready": ready, "restartCount": 0, "image": "none", "imageID": "none", "state": state}


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _has_home(pid: int, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return f"\0HOME={folder}/".encode() in b"\0" + Path(f"/proc/{pid}/environ").read_bytes()
    return False
