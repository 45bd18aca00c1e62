"""The demo's Kubernetes API, with pods and all that belongs to them: made, listed, deleted, and seen by a kubelet."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mxpc.demo.kubernetes_api import KubernetesApi

Manifest = dict[str, Any]

KINDS = {
    "pods": "Pod",
    "serviceaccounts": "ServiceAccount",
    "roles": "Role",
    "rolebindings": "RoleBinding",
    "events": "Event",
}


class ClusterApi(KubernetesApi):
    """Answers for these kinds as the real server does; may be told to refuse. Also the kubelet's `Pods`."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Manifest] = []
        """What was made and is still there."""
        self.refusals: dict[tuple[str, str], tuple[int, str]] = {}
        """(verb, kind): status and message of the answer instead."""
        self.refused: list[tuple[str, str]] = []
        """What was answered so."""
        self.made: list[str] = []
        """`Kind name` of all that was ever made."""
        self.told: list[Manifest] = []
        """The events."""
        self.bodies: list[str] = []
        """All that was ever sent to make something."""
        self._turn = threading.RLock()

    def answer(self, verb: str, path: str, body: Callable[[], bytes]) -> tuple[int, Mapping[str, Any]] | None:
        parts = urlsplit(path)
        segments = parts.path.strip("/").split("/")
        if "namespaces" not in segments:
            return None
        namespace, resource, *rest = segments[segments.index("namespaces") + 1 :]
        kind = KINDS.get(resource)
        if kind is None:
            return None
        content = body()
        with self._turn:
            if (verb, kind) in self.refusals:
                status, message = self.refusals[verb, kind]
                self.refused.append((verb, kind))
                return status, _status(status, message, rest)
            if verb == "create":
                self.bodies.append(content.decode())
                return self._create(kind, namespace, json.loads(content))
            if verb == "list":
                return self._list(kind, namespace, parse_qs(parts.query))
            return self._one(verb, kind, namespace, rest[0])

    def tell_event(self, kind: str, reason: str, message: str) -> None:
        """Something that the cluster says about whatever pod there is."""
        self.told.append({"type": kind, "reason": reason, "message": message})

    # ------------------------------------------------------------------------------------------------ for the kubelet

    def pods(self) -> list[Manifest]:
        with self._turn:
            return [json.loads(json.dumps(one)) for one in self.kept if one["kind"] == "Pod"]

    def set_status(self, pod: Manifest, status: Manifest) -> None:
        with self._turn:
            for one in self.kept:
                if one["metadata"]["uid"] == pod["metadata"]["uid"]:
                    one["status"] = status

    def gone(self, pod: Manifest) -> None:
        with self._turn:
            self.kept = [one for one in self.kept if one["metadata"]["uid"] != pod["metadata"]["uid"]]

    # ------------------------------------------------------------------------------------------------------- requests

    def _create(self, kind: str, namespace: str, manifest: Manifest) -> tuple[int, Manifest]:
        name = manifest["metadata"]["name"]
        if self._find(kind, namespace, name):
            return 409, _status(409, f'{kind} "{name}" already exists', [name])
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        added = {"namespace": namespace, "uid": secrets.token_hex(8), "creationTimestamp": now}
        made = {**manifest, "kind": kind, "metadata": {**manifest["metadata"], **added}}
        if kind == "Pod":
            made["status"] = {"phase": "Pending"}
        self.kept.append(made)
        self.made.append(f"{kind} {name}")
        return 201, made

    def _list(self, kind: str, namespace: str, query: Mapping[str, list[str]]) -> tuple[int, Manifest]:
        wanted = dict(one.split("=") for one in query.get("labelSelector", [""])[0].split(",") if one)
        items = (
            list(self.told)
            if kind == "Event"
            else [
                one
                for one in self.kept
                if one["kind"] == kind
                and one["metadata"]["namespace"] == namespace
                and wanted.items() <= one["metadata"].get("labels", {}).items()
            ]
        )
        return 200, {"kind": f"{kind}List", "apiVersion": "v1", "metadata": {}, "items": items}

    def _one(self, verb: str, kind: str, namespace: str, name: str) -> tuple[int, Manifest]:
        found = self._find(kind, namespace, name)
        if found is None:
            return 404, _status(404, f'{kind} "{name}" not found', [name])
        if verb == "delete":
            if kind == "Pod":
                found["metadata"].setdefault("deletionTimestamp", "now")
            else:
                self.kept.remove(found)
        return 200, found

    def _find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        for one in self.kept:
            if (one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]) == (kind, namespace, name):
                return one
        return None


def _status(code: int, message: str, name: list[str]) -> Manifest:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "message": message,
        "details": {"name": name[0]} if name else {},
    }
