"""The Kubernetes objects of an environment, as the Mendix operator makes them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

GROUP = "privatecloud.mendix.com"


def as_stored(item: Mapping[str, Any]) -> dict[str, Any]:
    """As the API server, which turns a Secret's stringData into data, and gives each content a version."""
    version = str(zlib.crc32(json.dumps(item, sort_keys=True).encode()))
    stored = {**item, "metadata": {**item["metadata"], "resourceVersion": version}}
    texts = stored.pop("stringData", None)
    if texts is not None:
        encoded = {key: base64.b64encode(str(text).encode()).decode() for key, text in texts.items()}
        stored["data"] = {**stored.get("data", {}), **encoded}
    return stored


def merge_patch(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """RFC 7386, in place: null removes, objects are merged, all else replaces."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, Mapping):
            inner = target.get(key)
            merged = dict(inner) if isinstance(inner, Mapping) else {}
            merge_patch(merged, value)
            target[key] = merged
        else:
            target[key] = value


def environment_objects(
    namespace: str,
    name: str,
    database: Mapping[str, str],
    storage: Mapping[str, str],
    *,
    replicas: int | None = 0,
    model_version: str = "1.0.0.40",
    custom_configuration: str = '{"ScheduledEventExecution":"NONE"}',
) -> list[dict[str, Any]]:
    """MendixApp, two StorageInstances and two Secrets; `database` and `storage` are the Secrets' keys and values."""
    app = {
        "database": {"servicePlan": "postgres"},
        "storage": {"servicePlan": "files"},
        "mendixRuntimeVersion": "10.9.0.31759",
        "sourceVersion": model_version,
        "runtime": {"dtapMode": "A", "customConfiguration": custom_configuration},
        **({} if replicas is None else {"replicas": replicas}),
    }
    private = f"{GROUP}/v1alpha1"
    return [
        _object(private, "MendixApp", namespace, name, spec=app),
        *(
            _object(
                private,
                "StorageInstance",
                namespace,
                f"{name}-{part}",
                spec={"servicePlan": plan},
                status={"state": "Ready"},
            )
            for part, plan in (("database", "postgres"), ("file", "files"))
        ),
        *(
            _object("v1", "Secret", namespace, f"{name}-{part}", type="Opaque", stringData=dict(values))
            for part, values in (("database", database), ("file", storage))
        ),
    ]


def _object(version: str, kind: str, namespace: str, name: str, **content: object) -> dict[str, Any]:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        **content,
    }
