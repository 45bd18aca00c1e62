"""What the MendixApp says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mxpc.adapters.mendix_app import app_facts, uses_secret_store
from mxpc.model import AppFacts


def _app(configuration: object, **spec: object) -> dict[str, Any]:
    return {"spec": {"runtime": {"customConfiguration": configuration}, **spec}}


def test_facts_of_a_whole_object() -> None:
    configuration = json.dumps({"com.mendix.storage.s3.ResourceNamePrefix": "p-", "ResourceNameSuffix": ".s"})
    app = _app(configuration, replicas=2, sourceVersion="1.0.0.40", mendixRuntimeVersion="10.9.0.31759")
    assert app_facts(app) == (AppFacts(2, "1.0.0.40", "10.9.0.31759", "p-", ".s"), ())


@pytest.mark.parametrize("app", [{}, {"spec": None}, {"spec": {}}, {"spec": {"runtime": None}}, _app(None), _app("")])
def test_nothing_is_required(app: dict[str, Any]) -> None:
    assert app_facts(app) == (AppFacts(), ())


@pytest.mark.parametrize("replicas", [None, "2", True, 1.5])
def test_replicas_that_are_no_number_are_unknown(replicas: object) -> None:
    assert app_facts(_app("{}", replicas=replicas))[0].replicas is None


@pytest.mark.parametrize("configuration", ['{"hush', "[]", "1", 5, "null"])
def test_invalid_configuration_is_a_note_that_does_not_quote_it(configuration: object) -> None:
    facts, notes = app_facts(_app(configuration, replicas=0))
    assert facts == AppFacts(replicas=0)
    assert len(notes) == 1
    assert "hush" not in notes[0]


@pytest.mark.parametrize(
    ("value", "expected"), [("[{...}]", True), ([{"keyId": "a"}], True), ("", False), (None, False), ([], False)]
)
def test_encryption_keys_are_seen(value: object, expected: bool) -> None:
    configuration = json.dumps({"com.mendix.storage.s3.EncryptionKeys": value})
    assert app_facts(_app(configuration))[0].encrypts_blobs is expected


def test_secret_store_is_seen() -> None:
    assert uses_secret_store(_app("{}", allowOverrideSecretsWithSecretStoreCSIDriver=True))
    assert not uses_secret_store(_app("{}"))
