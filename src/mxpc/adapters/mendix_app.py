"""What the MendixApp object says of an app."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mxpc.model import AppFacts, AppScale, Replicas

NOTE = "mxpc-backup-restore-cli/replicas-before-restore"
"""The annotation in which a restore that stops an app keeps the number of its replicas."""
NOT_SET = "not-set"
"""What the annotation says where spec.replicas was absent: the operator has a default of its own."""
_S3 = "com.mendix.storage.s3."


def app_facts(mendix_app: Mapping[str, Any]) -> tuple[AppFacts, tuple[str, ...]]:
    """The facts, and notes on what could not be read. The custom configuration may hold secrets: nothing quotes it."""
    spec = _mapping(mendix_app.get("spec"))
    configuration, notes = _custom_configuration(_mapping(spec.get("runtime")).get("customConfiguration"))
    scale = app_scale(mendix_app)
    facts = AppFacts(
        replicas=scale.now.number,
        before_stop=scale.before_stop,
        model_version=_text(spec.get("sourceVersion")) or None,
        runtime_version=_text(spec.get("mendixRuntimeVersion")) or None,
        resource_name_prefix=_setting(configuration, "ResourceNamePrefix"),
        resource_name_suffix=_setting(configuration, "ResourceNameSuffix"),
        encrypts_blobs=bool(configuration.get(f"{_S3}EncryptionKeys")),
    )
    return facts, notes


def app_scale(mendix_app: Mapping[str, Any]) -> AppScale:
    """Replicas now, and before a restore stopped the app. A note that is none of ours counts as absent."""
    replicas = _mapping(mendix_app.get("spec")).get("replicas")
    number = replicas if isinstance(replicas, int) and not isinstance(replicas, bool) else None
    note = _text(_mapping(_mapping(mendix_app.get("metadata")).get("annotations")).get(NOTE))
    if note == NOT_SET:
        return AppScale(Replicas(number), Replicas(None))
    readable = note.isascii() and note.isdigit() and len(note) < 6
    return AppScale(Replicas(number), Replicas(int(note)) if readable else None)


def note_of(replicas: Replicas) -> str:
    """What the annotation says; `app_scale` reads it."""
    return NOT_SET if replicas.number is None else str(replicas.number)


def uses_secret_store(mendix_app: Mapping[str, Any]) -> bool:
    """Whether the app may take its credentials from a secret store instead of Secrets."""
    return bool(_mapping(mendix_app.get("spec")).get("allowOverrideSecretsWithSecretStoreCSIDriver"))


def _custom_configuration(text: object) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    if text in (None, ""):
        return {}, ()
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        value = None
    if isinstance(value, Mapping):
        return value, ()
    note = "spec.runtime.customConfiguration of the MendixApp is not a JSON object: it was ignored"
    return {}, (note,)


def _setting(configuration: Mapping[str, Any], name: str) -> str:
    return _text(configuration.get(f"{_S3}{name}")) or _text(configuration.get(name))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
