"""What the Mendix operator brings into a cluster, and the role that Mendix documents for backup and restore."""

from __future__ import annotations

from typing import Any

from mxpc.demo.kubernetes_objects import GROUP

VERSION = f"{GROUP}/v1alpha1"

Rule = dict[str, list[str]]

DOCUMENTED_ROLE: list[Rule] = [
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
    {"apiGroups": [GROUP], "resources": ["mendixapps", "storageinstances"], "verbs": ["get"]},
]
"""Nothing more: no list, no watch."""


def without(resource: str) -> list[Rule]:
    """The documented role but for one resource."""
    kept = [{**rule, "resources": [name for name in rule["resources"] if name != resource]} for rule in DOCUMENTED_ROLE]
    return [rule for rule in kept if rule["resources"]]


def _custom_resource(kind: str, plural: str) -> dict[str, Any]:
    """Its schema is not published: any field is kept. A status of its own is assumed, as operators' kinds have it."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [version],
        },
    }


CUSTOM_RESOURCES = (
    _custom_resource("MendixApp", "mendixapps"),
    _custom_resource("StorageInstance", "storageinstances"),
)
