"""Google Cloud Storage as a service account, through a gate that checks what proves it. There is no emulator of it."""

from __future__ import annotations

import base64
import json
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from fakes.guarded_s3 import GuardedS3, Request
from fakes.token_servers import GoogleMetadata
from mxpc.adapters.google import GoogleFileStore
from mxpc.demo.s3 import S3Server
from mxpc.errors import FileStoreError, RequestError
from mxpc.model import GoogleSettings, KeyLayout
from surroundings import new_bucket

ACCOUNT = "app@project.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def is_signed(request: Request, key: rsa.RSAPrivateKey) -> str | None:
    """A bearer token that the account itself signed."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    signed, _, signature = token.rpartition(".")
    try:
        decoded = [base64.urlsafe_b64decode(f"{part}==") for part in (*signed.split("."), signature)]
        key.public_key().verify(decoded[2], signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError, IndexError):
        return "AuthenticationRequired"
    return None if kind == "Bearer" and json.loads(decoded[1])["iss"] == ACCOUNT else "AccessDenied"


@pytest.fixture
def gate(s3: S3Server, key: rsa.RSAPrivateKey) -> Iterator[tuple[GuardedS3, GoogleSettings]]:
    bucket, identity = new_bucket(s3, may_list=True)
    with GuardedS3(s3.port, identity, lambda request: is_signed(request, key)) as server:
        yield server, GoogleSettings(server.endpoint, bucket, KeyLayout("my-app"))


def test_the_file_of_a_service_account(
    gate: tuple[GuardedS3, GoogleSettings], key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {"type": "service_account", "client_email": ACCOUNT, "private_key": pem, "private_key_id": "1"}
    (tmp_path / "account.json").write_text(json.dumps(account))
    store = GoogleFileStore(gate[1], env={"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "account.json")})
    blob, content = str(uuid.uuid4()), bytes(20 << 20)
    store.probe([])
    store.put(blob, len(content), [content])
    assert [(stat.blob, stat.size) for stat in store.list()] == [(blob, len(content))]
    assert store.open(blob, 10).head == bytes(10)


def test_a_token_that_the_storage_does_not_take(gate: tuple[GuardedS3, GoogleSettings]) -> None:
    with GoogleMetadata() as machine, pytest.raises(FileStoreError, match="login refused") as refused:
        GoogleFileStore(gate[1], env={"GCE_METADATA_HOST": machine.host}).probe([])
    assert "service account" in refused.value.hint
    assert machine.given[0] not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    "content",
    [None, "hush", '{"type": "service_account", "private_key": "hush"}'],
    ids=["missing", "no JSON", "no key"],
)
def test_a_file_that_is_none(gate: tuple[GuardedS3, GoogleSettings], tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "account.json"
    if content:
        path.write_text(content)
    with pytest.raises(RequestError, match="GOOGLE_APPLICATION_CREDENTIALS") as refused:
        GoogleFileStore(gate[1], env={"GOOGLE_APPLICATION_CREDENTIALS": str(path)})
    assert str(path) in refused.value.what
    told = refused.value.what + refused.value.evidence + refused.value.hint + repr(refused.value.__cause__)
    assert "hush" not in told
