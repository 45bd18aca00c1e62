"""A large archive through a pod whose line is cut, damaged, loses, repeats and stalls a hundred times."""

from __future__ import annotations

import io
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

import pytest

from e2e.environment import COMMAND
from e2e.jump_pod.conftest import TESTS, executable
from mxpc.adapters.archive_files import open_destination, open_input
from mxpc.adapters.cluster import KubernetesCluster
from mxpc.adapters.kubeconfig import find_access
from mxpc.adapters.kubectl import KubectlShell
from mxpc.adapters.run_locks import RunLocks
from mxpc.archive.layout import Metadata
from mxpc.archive.writer import ArchiveWriter
from mxpc.courier.agreement import Carries, Errand
from mxpc.courier.endpoint import Pace
from mxpc.courier.line import Patience
from mxpc.model import Environment
from mxpc.progress import Silent
from mxpc.workflows.jump_pod import JumpPod, PodRequest
from mxpc.workflows.pod_objects import PodWishes, Rights
from mxpc.workflows.pod_tool import BroughtFile
from standin.cluster_api import ClusterApi
from standin.kubelet import Kubelet
from surroundings import clean_environment

pytestmark = pytest.mark.faults

BLOBS, BLOB_BYTES = 300, 1_000_000
FAULTS = 100
MEAN_BYTES = 2_000_000
"""Of 300 MB, until the next fault: all hundred are used up before the end."""
SECONDS = 600
"""What all of it may take: a hundred connections, twenty stalls of two seconds, and 300 MB."""
STALL = 2.0
RUN = "abcdef01"

TOOL = """#!/bin/sh
for last; do :; done
case "$1" in
backup) exec cat "{archive}" > "$last" ;;
restore) sha256sum < "$last" ;;
*) exec "{command}" "$@" ;;
esac
"""
"""The real tool but for its work: a backup is a file that is there, a restore tells its digest."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound archive of 300 MB that does not compress."""
    path = tmp_path_factory.mktemp("large") / "large.tar.gz"
    source = random.Random(0)
    dump = (TESTS / "assets" / "dumps" / "pg15-Z0.backup").read_bytes()
    sink = open_destination(str(path))
    with ArchiveWriter(sink, moment=0, level=1, threads=2) as writer:
        writer.begin(Metadata())
        writer.add_dump(io.BytesIO(dump), size=None)
        for number in range(BLOBS):
            writer.add_blob(f"{number:08x}-0000-4000-8000-{number:012x}", BLOB_BYTES, [source.randbytes(BLOB_BYTES)])
        writer.finish(Metadata(1, len(dump), "1.0.0", 1, BLOBS * BLOB_BYTES))
    sink.commit()
    assert path.stat().st_size > BLOBS * BLOB_BYTES
    return path


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def faults(kubelet: Kubelet) -> int:
    """How many there were."""
    return len((kubelet.folder / "faults.used").read_text().split())


@contextmanager
def pod(folder: Path, errand: Errand, archive: Path, *, seed: int) -> Iterator[tuple[JumpPod, Kubelet, ClusterApi]]:
    """A jump pod for the errand, at the end of a line with FAULTS faults."""
    tool = TOOL.format(archive=archive, command=COMMAND)
    kubectl = executable(
        folder / "kubectl",
        f'#!/bin/sh\nPYTHONPATH="{TESTS}" exec "{sys.executable}" "{TESTS}/standin/kubectl.py" "$@"\n',
    )
    request = PodRequest(
        run=RUN,
        rights=Rights(Environment("mendix", "app"), ("app-database",), ("app-database",)),
        wishes=PodWishes(patience=300, stall=STALL),
        errand=errand,
        tool=BroughtFile("tool", tool.encode(), executable=True),
        patience=Patience(reconnect=120, first_pause=0.05, longest_pause=0.5),
        pace=Pace(ping=STALL / 6, stall=STALL),
    )
    with ClusterApi() as api, Kubelet(api, folder / "pods", lambda _: clean_environment(folder)) as kubelet:
        plan = f'{{"faults": {FAULTS}, "seed": {seed}, "mean_bytes": {MEAN_BYTES}}}'
        (kubelet.folder / "faults.json").write_text(plan)
        env = {**os.environ, "MXPC_KUBELET": str(kubelet.folder)}
        access = find_access(str(api.kubeconfig_path), None, env=env)
        shell = KubectlShell(kubectl, "mendix", request.pod_name, kubeconfig=None, context=None, env=env)
        with KubernetesCluster(access, "mendix", env) as cluster:
            locks = RunLocks(folder / "locks")
            yield JumpPod(request, cluster, shell, locks, Silent(), lambda _: None), kubelet, api


def test_a_backup_of_300_mb_arrives_whole_over_a_line_with_a_hundred_faults(archive: Path, tmp_path: Path) -> None:
    errand = Errand(("backup",), "backup.tar.gz", Carries.OUT)
    target = tmp_path / "backup.tar.gz"
    began = time.monotonic()
    with pod(tmp_path, errand, archive, seed=1) as (jump_pod, kubelet, api):
        carried = jump_pod.back_up(lambda: open_destination(str(target)))
        assert faults(kubelet) == FAULTS
        assert api.kept == []
    assert carried.ended.code == 0
    assert digest(target) == digest(archive) == carried.ended.sha256
    assert time.monotonic() - began < SECONDS


def test_a_restore_gets_300_mb_whole_over_a_line_with_a_hundred_faults(archive: Path, tmp_path: Path) -> None:
    errand = Errand(("restore",), "backup.tar.gz", Carries.IN)
    began = time.monotonic()
    with pod(tmp_path, errand, archive, seed=2) as (jump_pod, kubelet, api):
        carried = jump_pod.restore(open_input(str(archive)))
        assert faults(kubelet) == FAULTS
        assert api.kept == []
    assert carried.ended.code == 0
    assert carried.ended.result.split()[0] == digest(archive)
    assert time.monotonic() - began < SECONDS
