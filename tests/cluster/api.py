"""The Kubernetes API as one user sees it: any kind of object by manifest, nothing between the test and the server."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

Manifest = dict[str, Any]

MERGE = "application/merge-patch+json"


class Refused(Exception):
    """The API server said no: `status` like 403, `reason` like Forbidden, `message` in its own words."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class _Resource:
    """Where objects of a kind are."""

    plural: str
    namespaced: bool
    has_status: bool


class Api:
    """Requests as one user. Objects are named as in manifests: `apiVersion`, `kind`, namespace, name."""

    def __init__(self, url: str, tls: ssl.SSLContext, headers: Mapping[str, str] | None = None) -> None:
        self._client = httpx2.Client(base_url=url, verify=tls, headers=dict(headers or {}), trust_env=False, timeout=30)
        self._known: dict[str, dict[str, _Resource]] = {}

    def close(self) -> None:
        self._client.close()

    def request(self, method: str, path: str, body: object = None, **options: Any) -> Manifest:
        """The object that is answered. Raises Refused."""
        if body is not None:
            options["json"] = body
        answer = self._client.request(method, path, **options)
        if answer.status_code >= 400:
            raise _refused(answer)
        value: Manifest = answer.json()
        return value

    def is_ready(self) -> bool:
        """Whether the server says that it is ready, its own first objects included."""
        with contextlib.suppress(httpx2.TransportError):
            return self._client.get("/readyz").status_code == 200
        return False

    def create(self, manifest: Manifest, namespace: str | None = None) -> Manifest:
        """Create it, in its own namespace unless another is named. A `status` is put in afterwards, as operators do."""
        resource = self._resource(manifest["apiVersion"], manifest["kind"])
        where = namespace or manifest["metadata"].get("namespace")
        path = self._path(manifest["apiVersion"], resource, where)
        created = self.request("POST", path, manifest)
        if "status" in manifest and resource.has_status:
            name = manifest["metadata"]["name"]
            return self.request("PUT", f"{path}/{name}/status", {**created, "status": manifest["status"]})
        return created

    def get(self, version: str, kind: str, name: str, namespace: str | None = None) -> Manifest:
        """Like `get("v1", "Secret", "my-secret", "mendix")`."""
        return self.request("GET", f"{self.path(version, kind, namespace)}/{name}")

    def list(self, version: str, kind: str, namespace: str | None = None, **options: Any) -> list[Manifest]:
        """All of a kind; `labels="app=mxpc"` chooses."""
        params = {"labelSelector": options.pop("labels")} if "labels" in options else {}
        items: list[Manifest] = self.request("GET", self.path(version, kind, namespace), params=params, **options)[
            "items"
        ]
        return items

    def patch(
        self, version: str, kind: str, name: str, change: object, namespace: str | None = None, *, part: str = ""
    ) -> Manifest:
        """A merge patch; `part` is a subresource like `status`, which plays the kubelet's or a controller's role."""
        path = f"{self.path(version, kind, namespace)}/{name}{'/' if part else ''}{part}"
        return self.request("PATCH", path, change, headers={"Content-Type": MERGE})

    def delete(self, version: str, kind: str, name: str, namespace: str | None = None) -> None:
        """Delete it at once: there is no kubelet that would end a pod in its own time."""
        path = f"{self.path(version, kind, namespace)}/{name}"
        self.request("DELETE", path, params={"gracePeriodSeconds": 0})

    def path(self, version: str, kind: str, namespace: str | None = None) -> str:
        """The URL of a kind's collection."""
        return self._path(version, self._resource(version, kind), namespace)

    def _path(self, version: str, resource: _Resource, namespace: str | None) -> str:
        where = f"/namespaces/{namespace}" if resource.namespaced and namespace else ""
        return f"{_root(version)}{where}/{resource.plural}"

    def _resource(self, version: str, kind: str) -> _Resource:
        if kind not in self._known.get(version, {}):
            self._known[version] = self._discover(version)
        return self._known[version][kind]

    def _discover(self, version: str) -> dict[str, _Resource]:
        listed = self.request("GET", _root(version))["resources"]
        names = {item["name"] for item in listed}
        return {
            item["kind"]: _Resource(item["name"], item["namespaced"], f"{item['name']}/status" in names)
            for item in listed
            if "/" not in item["name"]
        }


def wait_until(what: str, ready: Callable[[], bool], *, seconds: float = 30) -> None:
    """Poll; the test fails with `what` when it takes longer."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} seconds")
        time.sleep(0.05)


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _refused(answer: httpx2.Response) -> Refused:
    try:
        status = answer.json()
        return Refused(answer.status_code, status.get("reason", ""), status.get("message", ""))
    except ValueError:
        return Refused(answer.status_code, "", answer.text[:300])
