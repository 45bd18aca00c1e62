"""The objects of one namespace, through the Kubernetes API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from lightkube.generic_resource import GenericNamespacedResource, create_api_info

from mxpc.adapters.kubeconfig import ClusterAccess
from mxpc.adapters.kubernetes_client import ApiRefusal, connect
from mxpc.errors import KubernetesError, RequestError, ToolError
from mxpc.ports import Manifest

_RBAC = "rbac.authorization.k8s.io"
_MENDIX = "privatecloud.mendix.com"
_GROUPS = {
    "Pod": ("", "v1", "pods"),
    "ServiceAccount": ("", "v1", "serviceaccounts"),
    "Event": ("", "v1", "events"),
    "Role": (_RBAC, "v1", "roles"),
    "RoleBinding": (_RBAC, "v1", "rolebindings"),
    "StorageInstance": (_MENDIX, "v1alpha1", "storageinstances"),
}


def _resource(kind: str) -> type[GenericNamespacedResource]:
    # Not by lightkube's function: that one registers the kind, which may be done only once in a process.
    group, version, plural = _GROUPS[kind]
    return type(kind, (GenericNamespacedResource,), {"_api_info": create_api_info(group, version, kind, plural)})


_RESOURCES = {kind: _resource(kind) for kind in _GROUPS}


@dataclass(frozen=True)
class _Wish:
    """What was asked for, for messages."""

    verb: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.verb} {_GROUPS[self.kind][2]}{' ' + self.name if self.name else ''}"


class KubernetesCluster:
    """A Cluster. One thread; leaving the context closes its connection."""

    def __init__(self, access: ClusterAccess, namespace: str, env: Mapping[str, str]) -> None:
        self._client = connect(access, env)
        self._namespace = namespace
        self._asked = f"asked {access.cluster.server} ({access.origin})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def create(self, manifest: Manifest) -> Manifest:
        """See Cluster."""
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        try:
            return dict(self._client.create(_RESOURCES[kind].from_dict(manifest), namespace=self._namespace))
        except ApiRefusal as refusal:
            # A request whose answer got lost is sent again; the name is nobody else's.
            if refusal.status == 409 and (there := self.get(kind, name)):
                return there
            raise self._refused(_Wish("create", kind, name), refusal) from refusal

    def get(self, kind: str, name: str) -> Manifest | None:
        """See Cluster."""
        try:
            return dict(self._client.get(_RESOURCES[kind], name, namespace=self._namespace))
        except ApiRefusal as refusal:
            if refusal.status == 404:
                return None
            raise self._refused(_Wish("get", kind, name), refusal) from refusal

    def labelled(self, kind: str, labels: Mapping[str, str]) -> list[Manifest]:
        """See Cluster."""
        return self._listed(kind, labels=dict(labels))

    def events(self, pod: str) -> list[Manifest]:
        """See Cluster."""
        return self._listed("Event", fields={"involvedObject.kind": "Pod", "involvedObject.name": pod})

    def delete(self, kind: str, name: str) -> None:
        """See Cluster."""
        try:
            self._client.delete(_RESOURCES[kind], name, namespace=self._namespace)
        except ApiRefusal as refusal:
            if refusal.status != 404:
                raise self._refused(_Wish("delete", kind, name), refusal) from refusal

    def _listed(self, kind: str, **which: Any) -> list[Manifest]:
        try:
            return [dict(one) for one in self._client.list(_RESOURCES[kind], namespace=self._namespace, **which)]
        except ApiRefusal as refusal:
            raise self._refused(_Wish("list", kind, ""), refusal) from refusal

    def _refused(self, wish: _Wish, refusal: ApiRefusal) -> ToolError:
        evidence = f"{refusal.status} {refusal.message}; {self._asked}"
        what = f"the Kubernetes API refused to {wish} in namespace {self._namespace}"
        if refusal.status == 401:
            return KubernetesError("Kubernetes did not accept the login", evidence=evidence, hint="log in again")
        if refusal.status in (400, 422):
            return RequestError(what, evidence=evidence, hint="check the options that describe the pod")
        return KubernetesError(what, evidence=evidence, hint=_advice(refusal))


_ADVICE = (
    ("violates PodSecurity", "the namespace asks for more than the pod security standard 'restricted'; which is met"),
    ("exceeded quota", "the namespace's quota is used up: wait, ask for more, or ask for less with --resources"),
    ("must specify limits", "the namespace's quota wants limits: name them with --resources"),
    ("maximum", "a LimitRange of the namespace forbids so much: ask for less with --resources"),
    ("attempting to grant RBAC permissions", "a right can only be given on by who has it: the login needs the verb get "
     "on mendixapps, storageinstances and secrets, or use --service-account; see docs/jump-pod.md"),
    ("not found", "is this the right namespace?"),
    ("admission webhook", "a policy of the cluster refuses it: its words say what it wants"),
    ("cannot", "the login lacks a right: docs/jump-pod.md has the role that jump-pod needs"),
)  # fmt: skip


def _advice(refusal: ApiRefusal) -> str:
    return next((advice for words, advice in _ADVICE if words in refusal.message), "")
