"""Files with temporary keys: of a role that expires while the work goes on, and of a role that cannot be taken."""

from __future__ import annotations

import dataclasses
import secrets
import time
import traceback
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.guarded_s3 import GuardedS3, signed_by
from fakes.token_servers import Sts, sts_error
from mxpc.adapters.s3 import S3FileStore
from mxpc.demo.s3 import S3Server
from mxpc.errors import FileStoreError, RequestError
from mxpc.model import Login, S3Settings
from surroundings import new_bucket


@dataclass
class Role:
    """Keys that are in force for `seconds` each, and the servers that give and check them."""

    seconds: float = 3600
    made: dict[str, tuple[str, str, float]] = field(default_factory=dict)

    def keys(self) -> tuple[str, str, str]:
        key, secret, token = f"ASIA{len(self.made)}", secrets.token_urlsafe(24), f"{secrets.token_urlsafe(90)}/+=="
        self.made[key] = (secret, token, time.monotonic() + self.seconds)
        return key, secret, token

    def in_force(self, key: str) -> tuple[str, str] | None:
        secret, token, end = self.made.get(key, ("", "", 0.0))
        return (secret, token) if time.monotonic() < end else None


@dataclass
class World:
    role: Role
    sts: Sts
    gate: GuardedS3
    settings: S3Settings
    env: dict[str, str]

    @property
    def store(self) -> S3FileStore:
        return S3FileStore(self.settings, env=self.env)


@pytest.fixture
def world(s3: S3Server, tmp_path: Path) -> Iterator[World]:
    bucket, identity = new_bucket(s3, may_list=True)
    role = Role()
    (tmp_path / "token").write_text("web-identity-token")
    with Sts(keys=role.keys) as sts, GuardedS3(s3.port, identity, signed_by(role.in_force)) as gate:
        settings = dataclasses.replace(
            s3.settings_for(bucket, identity),
            endpoint=gate.endpoint,
            access_key_id=None,
            secret_access_key=None,
            login=Login.AWS,
        )
        env = {
            "AWS_ROLE_ARN": sts.role,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ENDPOINT_URL_STS": sts.url,
        }
        yield World(role, sts, gate, settings, env)


def test_a_role_reads_writes_and_lists(world: World) -> None:
    blob = str(uuid.uuid4())
    world.store.probe([])
    world.store.put(blob, 5, [b"hello"])
    assert world.store.open(blob, 10).head == b"hello"
    assert [stat.blob for stat in world.store.list()] == [blob]
    assert world.sts.complaints == []
    assert len(world.sts.asked) == 1


def test_keys_are_renewed_while_the_work_goes_on(world: World) -> None:
    world.role.seconds, world.sts.lifetime = 3, timedelta(seconds=3)
    store = world.store
    blobs = [str(uuid.uuid4()) for _ in range(20)]
    for blob in blobs:
        store.put(blob, 1, [b"x"])
        time.sleep(0.3)
    assert len(world.role.made) >= 3
    assert {stat.blob for stat in store.list()} == set(blobs)


def test_an_upload_in_parts_with_temporary_keys(world: World) -> None:
    blob, content = str(uuid.uuid4()), bytes(20 << 20)
    world.store.put(blob, len(content), [content])
    stat = world.store.stat(blob)
    assert stat
    assert stat.size == len(content)


@pytest.mark.parametrize("way", ["probe", "list", "put", "parts"])
def test_a_role_that_cannot_be_taken_is_told_in_the_words_of_the_token_service(world: World, way: str) -> None:
    world.sts.faults = [sts_error("ExpiredTokenException", "Token expired") for _ in range(50)]
    blob = str(uuid.uuid4())
    size = 20 << 20 if way == "parts" else 1
    ways = {
        "probe": lambda: world.store.probe([]),
        "list": lambda: list(world.store.list()),
        "put": lambda: world.store.put(blob, size, [bytes(size)]),
        "parts": lambda: world.store.put(blob, size, [bytes(size)]),
    }
    with pytest.raises(FileStoreError, match="cannot take the AWS role") as refused:
        ways[way]()
    assert "ExpiredTokenException: Token expired" in refused.value.evidence
    assert refused.value.exit_code == 3
    assert "web-identity-token" not in "".join(traceback.format_exception(refused.value))
    assert world.gate.passed == 0


def test_no_identity_at_all(world: World) -> None:
    with pytest.raises(RequestError, match="no AWS identity here"):
        S3FileStore(world.settings, env={"AWS_EC2_METADATA_DISABLED": "true"}).probe([])


def test_keys_that_the_storage_does_not_know_are_not_blamed_on_the_secret(world: World) -> None:
    world.role.seconds = 0
    with pytest.raises(FileStoreError, match="login refused") as refused:
        world.store.probe([])
    assert "keys of the AWS identity" in refused.value.hint
    assert "storage-access-key-id" not in refused.value.hint
    told = "".join(traceback.format_exception(refused.value))
    assert not [secret for one in world.role.made.values() for secret in one[:2] if secret in told]


def test_session_tokens_of_the_environment(world: World) -> None:
    key, secret, token = world.role.keys()
    env = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}
    S3FileStore(world.settings, env=env).probe([])
    assert world.sts.asked == []
