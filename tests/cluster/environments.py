"""Environments whose objects are in the real API server."""

from __future__ import annotations

import secrets

from cluster.api import Manifest
from cluster.mendix import VERSION
from cluster.namespaces import Namespace
from mxpc.demo.kubernetes_objects import environment_objects

_DATABASE = {
    "database-type": "PostgreSQL",
    "database-jdbc-url": "jdbc:postgresql://127.0.0.1:1/sample?sslmode=prefer",
    "database-host": "127.0.0.1:1",
    "database-name": "sample",
    "database-username": "sample",
    "database-password": "hush p@ss/w:rd %20 \"x'",
}
_STORAGE = {
    "storage-service-name": "com.mendix.storage.s3",
    "storage-endpoint": "http://127.0.0.1:1",
    "storage-access-key-id": "sample",
    "storage-secret-access-key": "hush-secret-key",
    "storage-bucket-name": "sample",
    "storage-perform-delete": "true",
}

KEYS = _DATABASE | _STORAGE
"""Every key of both Secrets; nothing listens where they point."""
SECRETS = (_DATABASE["database-password"], _STORAGE["storage-secret-access-key"])


class StoredEnvironment:
    """The five objects of an environment, without database and file storage behind them."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.name = f"app-{secrets.token_hex(4)}"
        namespace.put(environment_objects(namespace.name, self.name, _DATABASE, _STORAGE))

    @property
    def names(self) -> tuple[str, ...]:
        """The options that name it."""
        return "-n", self.namespace.name, "-e", self.name

    def app(self) -> Manifest:
        """The MendixApp as it is now."""
        return self.namespace.admin.get(VERSION, "MendixApp", self.name, self.namespace.name)

    def rename_secret(self, part: str, new: str) -> None:
        """The Secret of `database` or `file` under another name."""
        admin, where = self.namespace.admin, self.namespace.name
        old = admin.get("v1", "Secret", f"{self.name}-{part}", where)
        admin.delete("v1", "Secret", f"{self.name}-{part}", where)
        kept = {name: old[name] for name in ("apiVersion", "kind", "type", "data")}
        self.namespace.put([{**kept, "metadata": {"name": new}}])

    def delete(self, kind: str, ending: str = "") -> None:
        """One of the Mendix objects."""
        self.namespace.admin.delete(VERSION, kind, f"{self.name}{ending}", self.namespace.name)
