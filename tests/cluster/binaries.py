"""Programs of a real cluster: kube-apiserver, etcd and kubectl, built once with Go, shared by all runs.

They live in `.cache/servers/` (or the folder that MXPC_SERVERS names), one folder for each content of `apiserver/`, and
appear there complete. KUBEBUILDER_ASSETS, where it is set, names a folder of ready ones, which are taken instead.
Run as a program (`python -m cluster.binaries`), it builds them and says how long that took.

etcd comes the same way, at the version that Kubernetes itself is tested with: its wheel and its Debian package are
years older, and Go is needed anyway.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from servers import ServerUnavailable, fetched

MODULE = Path(__file__).parent / "apiserver"
"""A Go module that requires Kubernetes, and starts its programs."""

NAMES = ("kube-apiserver", "etcd", "kubectl")
BUILD_SECONDS = 40 * 60
"""Five times what two busy cores need."""


@dataclass(frozen=True)
class Binaries:
    """A folder with all of NAMES."""

    folder: Path

    @property
    def apiserver(self) -> Path:
        return self.folder / "kube-apiserver"

    @property
    def etcd(self) -> Path:
        return self.folder / "etcd"

    @property
    def kubectl(self) -> Path:
        return self.folder / "kubectl"


def cluster_binaries() -> Binaries:
    """Ready ones, or those of an earlier build, or those of one that is made now. Raises ServerUnavailable."""
    if ready := os.environ.get("KUBEBUILDER_ASSETS"):
        return _ready(Path(ready))
    return Binaries(_built("kubernetes", NAMES))


def exec_kubelet() -> Path:
    """The stand-in for a kubelet, which is always our own. Raises ServerUnavailable."""
    return _built("exec-kubelet", ("exec-kubelet",)) / "exec-kubelet"


def _ready(folder: Path) -> Binaries:
    missing = [name for name in NAMES if not os.access(folder / name, os.X_OK)]
    if missing:
        raise ServerUnavailable(f"KUBEBUILDER_ASSETS is {folder}, which has no {' and no '.join(missing)}")
    return Binaries(folder)


def _version() -> str:
    found = re.search(r"k8s\.io/kubernetes v(\S+)", (MODULE / "go.mod").read_text())
    assert found, "the module requires Kubernetes"
    return found[1]


def _built(what: str, names: Sequence[str]) -> Path:
    """The folder with these programs, named after all that decides what is built, but for Go's own version."""
    digest = hashlib.sha256()
    for path in (MODULE / "go.mod", MODULE / "go.sum", *(MODULE / name / "main.go" for name in names)):
        digest.update(path.read_bytes())
    return fetched(f"{what}-{_version()}-{digest.hexdigest()[:12]}", lambda work: _build(work / "bin", names))


def _build(target: Path, names: Sequence[str]) -> Path:
    """Go needs the surroundings of whoever started us: proxies, certificates, module proxy. Two packages at a time."""
    if not (go := shutil.which("go")):
        raise ServerUnavailable(f"{' and '.join(names)} are built with Go, which is not installed")
    target.mkdir()
    options = ["-p", "2", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"]
    try:
        subprocess.run(
            [go, "build", *options, "-o", f"{target}/", *(f"./{name}" for name in names)],
            cwd=MODULE,
            check=True,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        lines = str(error.stderr or error).strip().splitlines()
        raise ServerUnavailable(f"go could not build {names[0]}: {lines[-1] if lines else ''}") from error
    return target


def main() -> int:
    """Build them where that can be done; where it cannot, the tests say what becomes of it."""
    started = time.monotonic()
    print("kube-apiserver, etcd, kubectl: the first build takes five to ten minutes", flush=True)
    try:
        folder = cluster_binaries().folder
        exec_kubelet()
    except ServerUnavailable as error:
        print(f"not to be had: {error}")
        return 0
    print(f"in {folder} after {time.monotonic() - started:.0f} seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
