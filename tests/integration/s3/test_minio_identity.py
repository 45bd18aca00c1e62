"""A server with a token service of its own: the pod's token for keys, and files with them. Both are the real MinIO."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.openid import OpenIdProvider
from minio import Minio
from mxpc.adapters.s3 import S3FileStore
from mxpc.errors import FileStoreError
from servers import ServerUnavailable, require


@dataclass
class World:
    provider: OpenIdProvider
    minio: Minio

    def store(self, folder: Path, token: str) -> S3FileStore:
        (folder / "token").write_text(token)
        env = {
            "AWS_ROLE_ARN": self.minio.role,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"),
            "AWS_ENDPOINT_URL_STS": self.minio.endpoint,
        }
        return S3FileStore(self.minio.keyless_settings_for(self.minio.new_bucket()), env=env)


@pytest.fixture(scope="module")
def world(server_folder: Path) -> Iterator[World]:
    with OpenIdProvider() as provider:
        try:
            minio = Minio(server_folder, trusts=provider)
        except ServerUnavailable as error:
            require(str(error))
        with minio:
            yield World(provider, minio)


def test_token_of_the_pod_opens_the_bucket(world: World, tmp_path: Path) -> None:
    store, blob = world.store(tmp_path, world.provider.token()), str(uuid.uuid4())
    store.put(blob, 5, [b"hello"])
    assert store.open(blob, 10).head == b"hello"
    assert [one.blob for one in store.list()] == [blob]


def test_token_that_has_expired_is_refused_with_the_services_words(world: World, tmp_path: Path) -> None:
    with pytest.raises(FileStoreError, match="cannot take the AWS role") as refused:
        world.store(tmp_path, world.provider.token(seconds=-3600)).probe([])
    assert "expired" in refused.value.evidence.lower()


def test_token_that_somebody_else_signed_is_refused(world: World, tmp_path: Path) -> None:
    with OpenIdProvider() as other:
        forged = world.provider.token(signer=other)
    with pytest.raises(FileStoreError, match="cannot take the AWS role") as refused:
        world.store(tmp_path, forged).probe([])
    assert forged not in str(refused.value) + refused.value.evidence + refused.value.hint
