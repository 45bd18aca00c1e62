"""What the harness promises to the other tests: the server really is as strict as one of a customer."""

from __future__ import annotations

import copy
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cluster.api import Manifest, Refused
from cluster.conftest import NewNamespace
from cluster.environments import StoredEnvironment
from cluster.mendix import VERSION
from cluster.namespaces import Namespace
from cluster.server import Cluster

POD: Manifest = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "worker"},
    "spec": {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "worker",
                "image": "registry.example.com/worker",
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    },
}


def test_restricted_namespace_admits_a_pod_that_keeps_its_rules(namespace: Namespace) -> None:
    (pod,) = namespace.put([POD])
    assert pod["spec"]["serviceAccountName"] == "default"
    assert pod["status"]["phase"] == "Pending"


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("spec.hostNetwork", True, "host namespaces"),
        ("spec.securityContext.runAsNonRoot", False, "runAsNonRoot != true"),
        ("spec.securityContext.seccompProfile", None, "seccompProfile"),
    ],
)
def test_restricted_namespace_refuses_a_pod_that_does_not(
    namespace: Namespace, new_namespace: NewNamespace, place: str, value: object, words: str
) -> None:
    pod = changed(POD, place, value)
    with pytest.raises(Refused, match=f'403 Forbidden: .*violates PodSecurity "restricted:latest": .*{words}'):
        namespace.put([pod])
    new_namespace("privileged").put([pod])


def changed(manifest: Manifest, place: str, value: object) -> Manifest:
    """A copy with another value (None: without it) at a place like `spec.hostNetwork`."""
    whole = copy.deepcopy(manifest)
    inner: Any = whole
    *folders, last = place.split(".")
    for name in folders:
        inner = inner[name]
    inner[last] = value
    return whole


def test_a_test_can_play_the_kubelet(namespace: Namespace) -> None:
    namespace.put([POD])
    ready = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    namespace.admin.patch("v1", "Pod", "worker", ready, namespace.name, part="status")
    assert namespace.admin.get("v1", "Pod", "worker", namespace.name)["status"]["phase"] == "Running"
    namespace.admin.delete("v1", "Pod", "worker", namespace.name)
    assert namespace.admin.list("v1", "Pod", namespace.name) == []


def test_number_of_replicas_and_annotations_can_be_changed(namespace: Namespace) -> None:
    stored = StoredEnvironment(namespace)
    change = {"metadata": {"annotations": {"example.com/before": "2"}}, "spec": {"replicas": 2}}
    namespace.admin.patch(VERSION, "MendixApp", stored.name, change, namespace.name)
    app = stored.app()
    assert (app["spec"]["replicas"], app["metadata"]["annotations"]) == (2, {"example.com/before": "2"})
    assert app["spec"]["sourceVersion"] == "1.0.0.40"


def test_kubectl_talks_to_it(cluster: Cluster, namespace: Namespace, admin_kubeconfig: Path, tmp_path: Path) -> None:
    stored = StoredEnvironment(namespace)
    words = ["get", "mendixapps", "-n", namespace.name, "-o", "name"]
    environment = {"KUBECONFIG": str(admin_kubeconfig), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    shown = subprocess.run(
        [cluster.binaries.kubectl, *words], env=environment, capture_output=True, text=True, check=False
    )
    assert shown.stdout.split() == [f"mendixapp.privatecloud.mendix.com/{stored.name}"], shown.stderr
