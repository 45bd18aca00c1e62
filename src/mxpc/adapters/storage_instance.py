"""Which Secret belongs to a StorageInstance. Its schema is not published: other versions of it are met here alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_ENDINGS = ("secret", "secretname", "secretref")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\Z")


class Part(StrEnum):
    """The two halves of an environment, by the ending of their StorageInstance's name."""

    DATABASE = "database"
    FILE = "file"


@dataclass(frozen=True)
class SecretName:
    """A Secret's name and the rule that gave it."""

    name: str
    rule: str


def storage_instance_name(environment: str, part: Part) -> str:
    """The StorageInstance of an environment's half."""
    return f"{environment}-{part}"


def secret_name(instance_name: str, instance: Mapping[str, Any] | None, override: str | None) -> SecretName:
    """The override; a field of status, then of spec; the StorageInstance's own name, even when it does not exist."""
    if override:
        return SecretName(override, "given by the option")
    if instance is None:
        return SecretName(instance_name, f"there is no StorageInstance {instance_name}: the usual name is used")
    for section in ("status", "spec"):
        for field, name in _named_secrets(instance.get(section)):
            return SecretName(name, f"named by {section}.{field} of StorageInstance {instance_name}")
    return SecretName(instance_name, f"named like StorageInstance {instance_name}, which names no Secret")


def is_object_name(text: str) -> bool:
    """Whether Kubernetes allows an object of this name; nothing else may become part of a request's path."""
    return bool(_NAME.match(text))


def _named_secrets(section: object) -> Iterator[tuple[str, str]]:
    """Fields whose name ends like one of a Secret, in the order of the endings, and the names in them."""
    fields = sorted(section.items()) if isinstance(section, Mapping) else []
    for ending in _ENDINGS:
        for field, value in fields:
            name = value.get("name") if isinstance(value, Mapping) else value
            if str(field).lower().endswith(ending) and isinstance(name, str) and is_object_name(name):
                yield str(field), name
