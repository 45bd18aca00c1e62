"""An environment in a cluster whose pods are local processes, and the installed command far away from it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.environment import COMMAND, NAMESPACE, Ended, LiveEnvironment, Running
from mxpc.adapters.cluster import KubernetesCluster
from mxpc.adapters.kubeconfig import find_access
from mxpc.demo.postgres import PostgresServer
from mxpc.demo.s3 import S3Server
from standin.cluster_api import ClusterApi
from standin.kubelet import Kubelet, Manifest
from surroundings import clean_environment

TESTS = Path(__file__).parents[2]


def executable(path: Path, text: str) -> Path:
    """A program of its own."""
    path.write_text(text)
    path.chmod(0o755)
    return path


class Afar:
    """The command on a machine that reaches only the API: kubectl leads into the pods, in which everything is."""

    def __init__(self, live: LiveEnvironment, api: ClusterApi, kubelet: Kubelet, folder: Path) -> None:
        self.live = live
        self.api = api
        self.kubelet = kubelet
        self.programs = folder / "bin"
        self.programs.mkdir()
        executable(
            self.programs / "kubectl",
            f'#!/bin/sh\nPYTHONPATH="{TESTS}" exec "{sys.executable}" "{TESTS}/standin/kubectl.py" "$@"\n',
        )
        self.tool = executable(folder / "tool", f'#!/bin/sh\nexec "{COMMAND}" "$@"\n')
        # The single-file program brings itself.
        itself = COMMAND.read_bytes()[:4] == b"\x7fELF"
        self._brought: tuple[str | Path, ...] = () if itself else ("--tool", self.tool)
        self._image = folder / "image"

    def start(self, verb: str, *arguments: str | Path, stdin: Any = None, **variables: str) -> Running:
        """`jump-pod VERB` for the environment, with the tool to be brought along."""
        path = f"{self.programs}:{clean_environment(Path())['PATH']}"
        return self.live.start(
            *("jump-pod", verb, "-n", NAMESPACE, "-e", self.live.name, *self._brought, *arguments),
            env={"PATH": path, "MXPC_KUBELET": str(self.kubelet.folder), **variables},
            stdin=stdin,
        )

    def run(self, verb: str, *arguments: str | Path) -> Ended:
        """To its end; afterwards nothing is left."""
        ended = self.start(verb, *arguments).ended()
        self.live.check_tidy(ended)
        assert self.left() == [], str(ended)
        return ended

    def left(self) -> list[str]:
        """What is in the namespace."""
        return [f"{one['kind']} {one['metadata']['name']}" for one in self.api.kept]

    def bring_nothing(self) -> None:
        """The command has no tool to bring along."""
        self._brought = ()

    def into_the_image(self, tool: Path) -> None:
        """The pods' image has the tool."""
        self._image.mkdir(exist_ok=True)
        (self._image / "mxpc-backup-restore-cli").symlink_to(tool)

    def refuse(self, status: Manifest) -> None:
        """Pods do not start from now on, and have this status."""
        self.kubelet.refusal = status

    def apply_manifest(self) -> str:
        """What `kubectl apply` of `jump-pod manifest` would make; the pod's name."""
        words = ("jump-pod", "manifest", "-n", NAMESPACE, "-e", self.live.name)
        manifests = list(yaml.safe_load_all(self.live.run(*words).expect(0).out))
        access = find_access(str(self.api.kubeconfig_path), None, env={})
        with KubernetesCluster(access, NAMESPACE, {}) as cluster:
            for manifest in manifests:
                cluster.create(manifest)
        deadline = time.monotonic() + 10
        while self.api.pods()[0]["status"]["phase"] != "Running" and time.monotonic() < deadline:
            time.sleep(0.05)
        name: str = manifests[-1]["metadata"]["name"]
        return name

    def break_the_line(self, **plan: Any) -> None:
        """The streams of kubectl meet trouble from now on."""
        (self.kubelet.folder / "faults.json").write_text(json.dumps(plan))

    def drop_the_line(self) -> None:
        """Every kubectl that leads into a pod ends now."""
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                variables = (entry / "environ").read_bytes()
                words = (entry / "cmdline").read_bytes()
                if f"MXPC_KUBELET={self.kubelet.folder}\0".encode() in variables and b"standin/kubectl.py" in words:
                    os.kill(int(entry.name), signal.SIGKILL)

    def faults(self) -> int:
        """How many there were."""
        used = self.kubelet.folder / "faults.used"
        return len(used.read_text().split()) if used.exists() else 0


@pytest.fixture
def api() -> Iterator[ClusterApi]:
    """A cluster of the test's own."""
    with ClusterApi() as running:
        yield running


@pytest.fixture
def afar(postgres_15: PostgresServer, s3: S3Server, api: ClusterApi, tmp_path: Path) -> Iterator[Afar]:
    """A filled environment, and the command that reaches it through a pod alone."""
    live = LiveEnvironment(postgres_15, s3, api, tmp_path)
    live.fill(orphans=0)
    in_pods = clean_environment(tmp_path / "none", KUBECONFIG=str(api.kubeconfig_path))
    # The programs of the image, without the command that an installation has put beside our Python.
    in_pods["PATH"] = f"{tmp_path / 'image'}:/usr/local/bin:/usr/bin:/bin"
    pods = tmp_path / "pods"
    with Kubelet(api, pods, lambda _: in_pods) as kubelet:
        yield Afar(live, api, kubelet, tmp_path)
