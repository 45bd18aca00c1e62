"""Wires the adapters of a jump pod to its workflow."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mxpc.adapters.cluster import KubernetesCluster
from mxpc.adapters.itself import own_program
from mxpc.adapters.kubeconfig import find_access
from mxpc.adapters.kubectl import KubectlShell, find_kubectl
from mxpc.adapters.run_locks import RunLocks
from mxpc.adapters.storage_instance import Part, secret_name, storage_instance_name
from mxpc.cli.jump_pod.pass_on import certificates, object_keys
from mxpc.courier.agreement import Carries, Errand
from mxpc.courier.line import Patience
from mxpc.errors import KubernetesError, RequestError
from mxpc.model import Environment
from mxpc.ports import Cluster
from mxpc.workflows.jump_pod import JumpPod, PodRequest
from mxpc.workflows.pod_objects import RUN, PodWishes, Rights
from mxpc.workflows.pod_tool import BroughtFile

if TYPE_CHECKING:
    from mxpc.cli.jump_pod.running import Given
    from mxpc.cli.options import Common
    from mxpc.cli.progress import ShownProgress
    from mxpc.progress import Progress

FAREWELL = 300
"""Seconds that the pod waits longer for a connection than this side tries: this side must be the first to give up."""
ROOM = 64 << 20
"""Bytes of a spool volume beyond the archive itself."""
_PROCESSORS = {b"\x3e\x00": "amd64", b"\xb7\x00": "arm64"}
"""e_machine in the head of an ELF program, and what Kubernetes calls such nodes."""


@contextmanager
def wired(
    given: Given, carries: Carries, spool: int | None, progress: ShownProgress
) -> Iterator[tuple[PodRequest, JumpPod]]:
    """The request, and the workflow that is ready to do it."""
    kubectl = find_kubectl(os.environ)
    common = given.common
    access = find_access(common.kubeconfig, common.context, env=os.environ)
    with KubernetesCluster(access, given.environment.namespace, os.environ) as cluster:
        request = _request(given, carries, spool, cluster, progress)
        shell = KubectlShell(
            kubectl,
            given.environment.namespace,
            request.pod_name,
            kubeconfig=common.kubeconfig,
            context=common.context,
            env=os.environ,
        )
        yield request, JumpPod(request, cluster, shell, RunLocks(), progress, progress.passed_on)


def find_rights(cluster: Cluster | None, environment: Environment, common: Common, progress: Progress) -> Rights:
    """The names of what the tool will read: of the StorageInstances where they may be read, else the usual ones."""
    instances, names = [], []
    for part, override in ((Part.DATABASE, common.database_secret), (Part.FILE, common.storage_secret)):
        instance = storage_instance_name(environment.name, part)
        found = None
        if cluster and not override:
            try:
                found = cluster.get("StorageInstance", instance)
            except KubernetesError as error:
                progress.noted(f"{error.what}: the usual name of the Secret is used")
        instances.append(instance)
        names.append(secret_name(instance, found, override).name)
    return Rights(environment, tuple(dict.fromkeys(names)), tuple(instances))


def _request(
    given: Given, carries: Carries, spool: int | None, cluster: Cluster, progress: ShownProgress
) -> PodRequest:
    life = given.life
    tool = _tool(life["tool"])
    words, files = certificates(given.common)
    if carries is Carries.IN:
        more_words, more_files = object_keys(given.file, given.inner.get("objects_file"))
        words, files = (*words, *more_words), (*files, *more_files)
    request = PodRequest(
        run=secrets.token_hex(4),
        rights=find_rights(cluster, given.environment, given.common, progress),
        wishes=_wishes(given, spool, tool),
        errand=Errand((*given.words, *words), given.name, carries, spooled=spool is not None),
        tool=tool,
        files=files,
        keep=life["keep"],
        pod=life["pod"],
        ready_seconds=life["ready_within"],
        patience=Patience(reconnect=life["reconnect_for"]),
    )
    return replace(request, run=_run_of(cluster, request.pod)) if request.pod else request


def _run_of(cluster: Cluster, pod: str) -> str:
    manifest = cluster.get("Pod", pod)
    run = manifest and manifest["metadata"].get("labels", {}).get(RUN)
    if not run:
        raise RequestError(f"there is no jump pod {pod}", hint="`jump-pod manifest` prints one; apply that first.")
    return str(run)


def _wishes(given: Given, spool: int | None, tool: BroughtFile | None) -> PodWishes:
    processor = _PROCESSORS.get(tool.content[18:20]) if tool and tool.content[:4] == b"\x7fELF" else None
    return given.pod.wishes(
        patience=given.life["reconnect_for"] + FAREWELL,
        spool_bytes=None if spool is None else spool + ROOM,
        may_patch=bool(given.inner.get("stop_app")),
        node_selector={"kubernetes.io/arch": processor} if processor else {},
    )


def _tool(given: str | None) -> BroughtFile | None:
    """What is brought into the pod: --tool, else this program when it is a single file for Linux, else nothing."""
    path = Path(given) if given else own_program() if sys.platform == "linux" else None
    if path is None:
        return None
    try:
        return BroughtFile("tool", path.read_bytes(), executable=True)
    except OSError as cause:
        raise RequestError(f"the tool {path} cannot be read", evidence=cause.strerror or "") from cause
