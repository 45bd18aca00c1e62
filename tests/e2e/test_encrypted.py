"""An app that encrypts its files, as Amazon's encryption client does it: kept, and readable again after a restore."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping

import obstore
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from e2e.conftest import MakeEnvironment
from e2e.environment import LiveEnvironment

ORPHANS = 2
"""Blobs of the sample that no document names: they are not in a backup."""
SETTING = "com.mendix.storage.s3.EncryptionKeys"


class EncryptingApp:
    """What the app's runtime does with its blobs: a key for each, wrapped by the master key, in the metadata."""

    def __init__(self) -> None:
        self._master = secrets.token_bytes(32)
        self.keys = json.dumps([{"id": "1", "algorithm": "AES", "key": base64.b64encode(self._master).decode()}])

    def encrypt(self, environment: LiveEnvironment, blob: str) -> None:
        """Let this blob have been written by the app."""
        content = bytes(obstore.get(environment.store, environment.layout.key(blob)).bytes())
        key, nonce = secrets.token_bytes(32), secrets.token_bytes(12)
        metadata = {
            "x-amz-key-v2": base64.b64encode(aes_key_wrap(self._master, key)).decode(),
            "x-amz-iv": base64.b64encode(nonce).decode(),
            "x-amz-cek-alg": "AES/GCM/NoPadding",
            "x-amz-wrap-alg": "AESWrap",
            "x-amz-tag-len": "128",
            "x-amz-matdesc": "{}",
            "x-amz-unencrypted-content-length": str(len(content)),
        }
        encrypted = AESGCM(key).encrypt(nonce, content, None)
        obstore.put(environment.store, environment.layout.key(blob), encrypted, attributes=metadata)  # type: ignore[arg-type]

    def read(self, environment: LiveEnvironment, blob: str) -> bytes:
        """What the app shows its users."""
        result = obstore.get(environment.store, environment.layout.key(blob))
        metadata: Mapping[str, str] = dict(result.attributes)
        key = aes_key_unwrap(self._master, base64.b64decode(metadata["x-amz-key-v2"]))
        return AESGCM(key).decrypt(base64.b64decode(metadata["x-amz-iv"]), bytes(result.bytes()), None)

    def configure(self, environment: LiveEnvironment) -> None:
        """Put the master key where the runtime reads it."""
        environment.app["runtime"] = {"customConfiguration": json.dumps({SETTING: json.loads(self.keys)})}
        environment.secrets += (json.loads(self.keys)[0]["key"],)


@pytest.fixture
def app() -> EncryptingApp:
    return EncryptingApp()


@pytest.fixture
def source(app: EncryptingApp, environment: LiveEnvironment) -> tuple[LiveEnvironment, Mapping[str, bytes]]:
    """An environment whose every blob is encrypted, and what the blobs were before."""
    bucket, key = environment.store, environment.layout.key
    plain = {blob: bytes(obstore.get(bucket, key(blob)).bytes()) for blob in environment.blobs()}
    for blob in plain:
        app.encrypt(environment, blob)
    app.configure(environment)
    return environment, plain


Source = tuple[LiveEnvironment, Mapping[str, bytes]]


def test_encrypted_files_are_refused_with_the_reason(source: Source) -> None:
    environment, _ = source
    file = environment.home / "backup.tar.gz"
    environment.run("backup", "-f", file).expect(2, "encrypts its files", "--keep-encrypted", "--only database")
    assert not file.exists()


def test_files_are_refused_by_their_metadata_where_the_setting_is_not_known(source: Source) -> None:
    environment, _ = source
    folder = environment.credentials_folder()
    file = environment.home / "backup.tar.gz"
    environment.run("backup", "--credentials-dir", folder, "-f", file).expect(2, "encrypts its files")


def test_setting_in_the_secret_store_is_seen(environment: LiveEnvironment) -> None:
    folder = environment.credentials_folder()
    (folder / f"mx-runtime-{SETTING}").write_text('[{"id":"1","algorithm":"AES","key":"c2VjcmV0"}]')
    file = environment.home / "backup.tar.gz"
    environment.run("backup", "--credentials-dir", folder, "-f", file).expect(2, "encrypts its files")


def test_database_alone_can_be_backed_up(source: Source) -> None:
    environment, _ = source
    environment.run("backup", "--only", "database", "-f", environment.home / "database.backup").expect(0)


def test_kept_files_are_readable_by_an_app_with_the_same_keys(
    app: EncryptingApp, source: Source, make_environment: MakeEnvironment
) -> None:
    environment, plain = source
    file = environment.home / "backup.tar.gz"
    ended = environment.run("backup", "-f", file, "--keep-encrypted").expect(0)
    assert f"{file}.objects.json" in ended.out
    assert "another size" not in ended.err

    verified = environment.run("verify", "-f", file).expect(0)
    assert "encrypted by the app; the keys to" in verified.out
    assert "encrypted by the app" in environment.run("inspect", "-f", file).expect(0).out

    target = make_environment()
    app.configure(target)
    target.run("restore", "-f", file).expect(0)
    restored = {blob: app.read(target, blob) for blob in target.blobs()}
    assert restored == {blob: content for blob, content in plain.items() if blob in restored}
    assert len(restored) == len(plain) - ORPHANS


def test_archive_that_lost_its_keys_is_refused(source: Source, make_environment: MakeEnvironment) -> None:
    environment, _ = source
    file = environment.home / "backup.tar.gz"
    environment.run("backup", "-f", file, "--keep-encrypted").expect(0)
    keys = file.with_name("backup.tar.gz.objects.json").rename(file.with_name("elsewhere.json"))

    environment.run("verify", "-f", file).expect(4, "incomplete", "FILE.objects.json")
    target = make_environment()
    before = target.content()
    target.run("restore", "-f", file, "--dry-run").expect(5, "encrypted-without-keys")
    target.run("restore", "-f", file).expect(5, "the keys to them are not there", "--objects-file")
    target.run("restore", "-f", "-", feed=file.read_bytes()).expect(5, "the keys to them are not there")
    assert before.changes(target.content()) == []
    target.run("restore", "-f", "-", "--objects-file", keys, feed=file.read_bytes()).expect(0, "no EncryptionKeys")


def test_keys_are_not_written_beside_a_pipe(source: Source) -> None:
    environment, _ = source
    ended = environment.run("backup", "-f", "-", "--keep-encrypted")
    assert ended.expect(2, "--keep-encrypted cannot write to a pipe").stdout == b""
