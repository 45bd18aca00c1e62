"""Namespaces of a test's own, and who may do what in them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cluster.api import Api, Manifest
from cluster.mendix import DOCUMENTED_ROLE, Rule
from cluster.server import Cluster

_RBAC = "rbac.authorization.k8s.io"
_VERSION = f"{_RBAC}/v1"


@dataclass(frozen=True)
class ServiceAccount:
    """A service account of a namespace."""

    cluster: Cluster
    namespace: str
    name: str

    @property
    def user(self) -> str:
        """The user that the API server sees."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    @property
    def subject(self) -> Manifest:
        """As role bindings name it."""
        return {"kind": "ServiceAccount", "name": self.name, "namespace": self.namespace}

    def token(self, *, seconds: int = 3600, audience: str | None = None) -> str:
        """A new token."""
        return self.cluster.token(self.namespace, self.name, seconds=seconds, audience=audience)

    def delete(self) -> None:
        """From now on its tokens are good for nothing."""
        self.cluster.admin.delete("v1", "ServiceAccount", self.name, self.namespace)


class Namespace:
    """A namespace with the `default` service account that a controller would make; pods without a name for theirs
    get it. `pod_security` is the standard that it enforces."""

    def __init__(self, cluster: Cluster, pod_security: str = "restricted") -> None:
        self.cluster = cluster
        self.name = f"mendix-{secrets.token_hex(4)}"
        labels = {"pod-security.kubernetes.io/enforce": pod_security}
        self.admin.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name, "labels": labels}},
        )
        self.service_account("default")

    @property
    def admin(self) -> Api:
        return self.cluster.admin

    def put(self, manifests: Iterable[Manifest]) -> list[Manifest]:
        """Create these here, whatever namespace they name; returns them as they are now."""
        moved = [{**item, "metadata": {**item["metadata"], "namespace": self.name}} for item in manifests]
        return [self.admin.create(item) for item in moved]

    def service_account(self, name: str) -> ServiceAccount:
        """A new one that may do nothing."""
        self.put([{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}])
        return ServiceAccount(self.cluster, self.name, name)

    def login(self, rules: Sequence[Rule] = DOCUMENTED_ROLE, name: str | None = None) -> ServiceAccount:
        """A new service account that may do this and nothing else."""
        account = self.service_account(name or f"login-{secrets.token_hex(3)}")
        self.allow(account.subject, rules)
        return account

    def allow_user(self, user: str, rules: Sequence[Rule] = DOCUMENTED_ROLE) -> None:
        """Let a user, who logs in with a client certificate perhaps, do this here."""
        self.allow({"kind": "User", "name": user, "apiGroup": _RBAC}, rules)

    def allow(self, subject: Manifest, rules: Sequence[Rule]) -> None:
        """A role with these rules, and its binding; `rules` may be empty."""
        name = f"role-{secrets.token_hex(3)}"
        self.put([{"apiVersion": _VERSION, "kind": "Role", "metadata": {"name": name}, "rules": list(rules)}])
        self.bind(subject, name)

    def bind(self, subject: Manifest, role: str) -> None:
        """Let a subject do what a role says that is there already."""
        binding = {
            "apiVersion": _VERSION,
            "kind": "RoleBinding",
            "metadata": {"name": f"binding-{secrets.token_hex(3)}"},
            "subjects": [subject],
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": role},
        }
        self.put([binding])
