"""kubectl's streams through the real API server into a container that is a local process."""

from __future__ import annotations

import hashlib
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.api import Manifest, wait_until
from cluster.conftest import KubeconfigFor
from cluster.mendix import Rule
from cluster.namespaces import Namespace
from cluster.node import Node
from cluster.server import Cluster
from standin.kubelet import Kubelet
from surroundings import clean_environment

POD: Manifest = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "worker"},
    "spec": {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "work", "emptyDir": {}}],
        "containers": [
            {
                "name": "tool",
                "image": "registry.example.com/worker",
                "command": ["sleep", "1000"],
                "workingDir": "/work",
                "volumeMounts": [{"name": "work", "mountPath": "/work"}],
                "env": [{"name": "GREETING", "value": "hello"}, {"name": "HOME", "value": "/work"}],
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    },
}

MAY_EXEC: list[Rule] = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]},
]

Exec = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def worker(node: Node, namespace: Namespace, tmp_path: Path) -> Iterator[Kubelet]:
    """A pod that runs."""
    with Kubelet(node, node.folder, lambda _: clean_environment(tmp_path)) as kubelet:
        namespace.put([POD])
        wait_until("the pod runs", lambda: phase(namespace) == "Running")
        yield kubelet


def phase(namespace: Namespace) -> str:
    pod = namespace.admin.get("v1", "Pod", "worker", namespace.name)
    return str(pod["status"]["phase"])


@pytest.fixture
def run_in_pod(cluster: Cluster, namespace: Namespace, kubeconfig_for: KubeconfigFor, tmp_path: Path) -> Exec:
    """The real kubectl, with a login that may do what `rules` say."""

    def run(*words: str, feed: bytes = b"", rules: list[Rule] = MAY_EXEC) -> subprocess.CompletedProcess[bytes]:
        environment = clean_environment(tmp_path, KUBECONFIG=str(kubeconfig_for(namespace.login(rules))))
        start = [cluster.binaries.kubectl, "exec", "-i", "-n", namespace.name, "worker", "-c", "tool", "--"]
        return subprocess.run(
            [*start, *words], input=feed, env=environment, capture_output=True, timeout=60, check=False
        )

    return run


@pytest.mark.usefixtures("worker")
def test_bytes_go_in_and_out_unchanged(run_in_pod: Exec) -> None:
    data = random.Random("exec").randbytes(8_000_001)
    ended = run_in_pod("cat", feed=data)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert hashlib.sha256(ended.stdout).hexdigest() == hashlib.sha256(data).hexdigest()


@pytest.mark.usefixtures("worker")
def test_exit_code_standard_error_folder_and_variables_are_those_of_the_container(run_in_pod: Exec) -> None:
    ended = run_in_pod("sh", "-c", "pwd; echo $GREETING; echo trouble >&2; exit 7")
    assert ended.returncode == 7
    folder, greeting = ended.stdout.decode().split()
    assert folder.endswith("/worker/work")
    assert greeting == "hello"
    assert ended.stderr.startswith(b"trouble\n")


@pytest.mark.usefixtures("worker")
def test_program_that_the_container_does_not_have(run_in_pod: Exec) -> None:
    ended = run_in_pod("no-such-program")
    assert ended.returncode == 1
    assert b"no-such-program" in ended.stderr


@pytest.mark.usefixtures("worker")
def test_exec_needs_a_right_of_its_own(run_in_pod: Exec) -> None:
    ended = run_in_pod("true", rules=MAY_EXEC[:1])
    assert ended.returncode == 1
    assert b'resource "pods/exec" in API group ""' in ended.stderr


def test_pod_that_is_deleted_is_gone_with_its_processes(
    worker: Kubelet, namespace: Namespace, run_in_pod: Exec
) -> None:
    namespace.admin.request("DELETE", f"{namespace.admin.path('v1', 'Pod', namespace.name)}/worker")
    wait_until("the pod is gone", lambda: namespace.admin.list("v1", "Pod", namespace.name) == [])
    assert worker.logs == {"worker": ""}
    assert b'pods "worker" not found' in run_in_pod("true").stderr
