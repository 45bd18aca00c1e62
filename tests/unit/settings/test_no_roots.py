"""A bare system without CA certificates is not a bug of the tool."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxpc.adapters.s3 import S3FileStore
from mxpc.errors import RequestError
from mxpc.model import KeyLayout, S3Settings


def test_missing_roots_are_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "empty.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "nowhere"))
    settings = S3Settings(
        endpoint="http://127.0.0.1:1",
        bucket="b",
        region="us-east-1",
        layout=KeyLayout(),
        access_key_id="key",
        secret_access_key="secret",
    )
    with pytest.raises(RequestError, match="no CA certificates") as caught:
        S3FileStore(settings)
    assert "SSL_CERT_FILE" in caught.value.hint
