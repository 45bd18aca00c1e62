"""Whom we warn of an unprotected connection."""

from __future__ import annotations

import pytest

from mxpc.adapters.trust import is_local, unprotected_storage
from mxpc.model import KeyLayout, S3Settings


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.9.10", "::1", "[::1]", "/var/run"])
def test_this_machine_is_local(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["", "10.0.0.1", "localhost.example.com", "pg.example.com", "2001:db8::1"])
def test_everything_else_is_not(host: str) -> None:
    assert not is_local(host)


@pytest.mark.parametrize(
    ("endpoint", "insecure", "words"),
    [
        ("http://minio.storage.svc:9000", False, "is not encrypted"),
        ("https://minio.storage.svc:9000", True, "is not checked"),
        ("https://minio.storage.svc:9000", False, None),
        ("http://127.0.0.1:9000", True, None),
    ],
)
def test_a_storage_is_warned_of_when_it_is_far_and_unprotected(
    endpoint: str, insecure: bool, words: str | None
) -> None:
    warning = unprotected_storage(S3Settings(endpoint, "app", "us-east-1", KeyLayout(), insecure=insecure))
    assert (words or "") in (warning or "")
    assert (warning is None) == (words is None)
