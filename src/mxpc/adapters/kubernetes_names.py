"""Which namespaces and environments a cluster has, as far as the login may list them. Only for completion in a shell:
backup and restore need no right to list."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightkube.generic_resource import create_global_resource

from mxpc.adapters.kubeconfig import SERVICE_ACCOUNT, find_access
from mxpc.adapters.kubernetes import MENDIX_APP
from mxpc.adapters.kubernetes_client import Retries, connect

_NAMESPACE = create_global_resource("", "v1", "Namespace", "namespaces")
QUICK = Retries(attempts=1, budget=0, connect_seconds=1, read_seconds=1.5)
"""Nobody waits longer for a suggestion."""


class KubernetesNames:
    """Raises ApiRefusal and our errors, like a client of `connect`."""

    def __init__(
        self,
        *,
        kubeconfig: str | None,
        context: str | None,
        env: Mapping[str, str],
        service_account: Path = SERVICE_ACCOUNT,
    ) -> None:
        self._access = find_access(kubeconfig, context, env=env, service_account=service_account)
        self._variables = env

    def namespaces(self) -> list[str]:
        """All of the cluster."""
        with connect(self._access, self._variables, QUICK) as client:
            return [_name(one) for one in client.list(_NAMESPACE)]

    def environments(self, namespace: str) -> list[str]:
        """The names of the namespace's MendixApp objects."""
        with connect(self._access, self._variables, QUICK) as client:
            return [_name(one) for one in client.list(MENDIX_APP.resource, namespace=namespace)]


def _name(item: Mapping[str, Any]) -> str:
    return str(item["metadata"]["name"])
