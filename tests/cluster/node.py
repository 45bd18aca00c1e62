"""A node whose containers are local processes, which `kubectl exec` reaches through the real API server.

The streams are those of a real kubelet (`apiserver/exec-kubelet` serves them); the containers are whatever keeps files
`NAMESPACE/POD/container.json` in the node's folder, like `standin.kubelet.Kubelet`, which takes a Node as its `Pods`.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

from cluster.api import Manifest, Refused
from cluster.namespaces import Namespace
from mxpc.demo.processes import ServerProcess, free_ports


class Node:
    """Takes the pods of one namespace, all of them: it is the scheduler too."""

    def __init__(self, namespace: Namespace, program: Path, work: Path) -> None:
        self.folder = work / "pods"
        self.folder.mkdir()
        self._namespace = namespace
        self._admin = namespace.admin
        self._work = work
        self._program = program
        self._process = ServerProcess("exec-kubelet", work / "exec-kubelet.log")
        (self._port,) = free_ports(1)
        self.name = f"node-of-{namespace.name}"

    def __enter__(self) -> Self:
        authority = self._namespace.cluster.authority
        certificate, ca = self._work / "node.pem", self._work / "ca.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
        authority.cert_pem.write_to_path(str(ca))
        options = [f"--listen=127.0.0.1:{self._port}", f"--certificate={certificate}", f"--authority={ca}"]
        self._process.start(
            [self._program, *options, f"--pods={self.folder}"], folder=self._work, environment={"PATH": "/usr/bin:/bin"}
        )
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.name}}
        self._admin.create({**node, "status": self._status()})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._admin.delete("v1", "Node", self.name)

    def _status(self) -> Manifest:
        return {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._port}},
        }

    # ----------------------------------------------------------------------------------------- for a stand-in kubelet

    def pods(self) -> list[Manifest]:
        """The pods of the namespace, as they are; new ones are put on this node."""
        found = self._admin.list("v1", "Pod", self._namespace.name)
        for pod in found:
            if not pod["spec"].get("nodeName"):
                self._bind(pod["metadata"]["name"])
        return [pod for pod in found if pod["spec"].get("nodeName")]

    def set_status(self, pod: Manifest, status: Manifest) -> None:
        """What the kubelet says of a pod; nothing when the pod is gone."""
        with contextlib.suppress(Refused):
            self._admin.patch(
                "v1", "Pod", pod["metadata"]["name"], {"status": status}, self._namespace.name, part="status"
            )

    def gone(self, pod: Manifest) -> None:
        """A pod's processes have ended."""
        with contextlib.suppress(Refused):
            self._admin.delete("v1", "Pod", pod["metadata"]["name"], self._namespace.name)

    def _bind(self, name: str) -> None:
        path = f"{self._admin.path('v1', 'Pod', self._namespace.name)}/{name}/binding"
        target = {"apiVersion": "v1", "kind": "Node", "name": self.name}
        with contextlib.suppress(Refused):  # it may be gone already
            self._admin.request(
                "POST", path, {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
            )
