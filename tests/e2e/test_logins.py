"""The installed command with other storage and other logins than static keys of S3."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import obstore
import pytest

from azurite import Azurite
from e2e.conftest import MakeEnvironment
from e2e.environment import LiveEnvironment
from fakes.guarded_s3 import GuardedS3, signed_by
from fakes.token_servers import Entra, Sts, sts_error
from mxpc.adapters.azure import AzureFileStore
from mxpc.demo.digest import database_digest, differences
from mxpc.model import AzureSettings

NO_S3 = dict.fromkeys(
    ("storage_endpoint", "storage_access_key_id", "storage_secret_access_key", "storage_bucket_name"), ""
)


def azure_keys(azurite: Azurite, settings: AzureSettings, *, identity: bool) -> dict[str, str]:
    """As a secret store has them."""
    login = {"storage_azure_use_default_azure_credential": "true"} if identity else {}
    key = {} if identity else {"storage_azure_account_name": azurite.account, "storage_azure_account_key": azurite.key}
    return {
        **NO_S3,
        "storage_service_name": "com.mendix.storage.azure",
        "storage_azure_blob_endpoint": settings.endpoint,
        "storage_azure_container": settings.container,
        **login,
        **key,
    }


def contents(settings: AzureSettings) -> dict[str, str]:
    """SHA-256 of every blob of a container."""
    store = AzureFileStore(settings)
    return {one.blob: hashlib.sha256(store.open(one.blob, 1 << 30).head).hexdigest() for one in store.list()}


def fill_container(environment: LiveEnvironment, settings: AzureSettings) -> None:
    """The blobs that the environment's bucket has."""
    store = AzureFileStore(settings)
    for blob in environment.blobs():
        content = bytes(obstore.get(environment.store, environment.layout.key(blob)).bytes())
        store.put(blob, len(content), [content])


@pytest.mark.parametrize("identity", [False, True], ids=["key", "identity"])
def test_an_environment_in_azure_comes_back(
    make_environment: MakeEnvironment, request: pytest.FixtureRequest, tmp_path: Path, identity: bool
) -> None:
    azurite: Azurite = request.getfixturevalue("azurite_https" if identity else "azurite")
    environment = make_environment()
    sample = environment.fill(documents=60)
    old, new = (azurite.settings_for(azurite.new_container()) for _ in range(2))
    fill_container(environment, old)
    database = database_digest(environment.database)
    environment.secrets += (azurite.key,)
    (tmp_path / "token").write_text("federated-token")
    archive = environment.home / "azure.tar.gz"
    with Entra() as entra:
        variables = {
            "AZURE_CLIENT_ID": "my-client",
            "AZURE_TENANT_ID": "my-tenant",
            "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
            "AZURE_AUTHORITY_HOST": entra.url,
        }

        def run(command: str, settings: AzureSettings, *more: str) -> None:
            folder = environment.credentials_folder(**azure_keys(azurite, settings, identity=identity))
            trust = ("--storage-ca-file", str(settings.ca_file)) if settings.ca_file else ()
            arguments = (command, "--credentials-dir", str(folder), "-f", str(archive), *trust, *more)
            ended = environment.run(*arguments, env=variables if identity else {})
            ended.expect(0)
            assert not [token for token in entra.given if token in ended.out + ended.err]

        run("backup", old)
        environment.destroy()
        run("restore", new, "--allow-other-app", "--allow-running")
        assert entra.complaints == []
    assert list(differences(database, database_digest(environment.database))) == []
    assert contents(new) == dict(sample.blobs)


@pytest.fixture
def irsa(tmp_path: Path) -> Mapping[str, str]:
    (tmp_path / "token").write_text("web-identity-token")
    return {
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/my-app",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
    }


def test_a_backup_with_an_aws_role(environment: LiveEnvironment, irsa: Mapping[str, str]) -> None:
    made: dict[str, tuple[str, str]] = {}

    def keys() -> tuple[str, str, str]:
        key, secret, token = f"ASIA{len(made)}", secrets.token_urlsafe(24), secrets.token_urlsafe(90)
        made[key] = (secret, token)
        return key, secret, token

    with (
        Sts(keys=keys, lifetime=timedelta(minutes=15)) as sts,
        GuardedS3(environment.s3.port, environment.identity, signed_by(made.get)) as gate,
    ):
        folder = environment.credentials_folder(
            storage_endpoint=gate.endpoint, storage_access_key_id="", storage_secret_access_key=""
        )
        archive = environment.home / "role.tar.gz"
        ended = environment.run(
            "backup", "--credentials-dir", folder, "-f", archive, "-v", env={**irsa, "AWS_ENDPOINT_URL_STS": sts.url}
        )
        ended.expect(0, "no access keys: login as role arn:aws:iam::123456789012:role/my-app")
        assert sts.complaints == []
    assert not [one for pair in made.values() for one in pair if one in ended.out + ended.err]
    environment.run("verify", "-f", archive).expect(0)


def test_a_token_that_has_expired_ends_a_backup_with_3_and_leaves_nothing(
    environment: LiveEnvironment, irsa: Mapping[str, str]
) -> None:
    refusals = [sts_error("ExpiredTokenException", "Token expired: current date/time must be before") for _ in range(9)]
    with Sts(faults=refusals) as sts:
        folder = environment.credentials_folder(storage_access_key_id="", storage_secret_access_key="")
        archive = environment.home / "none.tar.gz"
        ended = environment.run(
            "backup", "--credentials-dir", folder, "-f", archive, "-v", env={**irsa, "AWS_ENDPOINT_URL_STS": sts.url}
        )
    ended.expect(3, "cannot take the AWS role", "ExpiredTokenException", "kubelet keeps the mounted file fresh")
    assert not archive.exists()
    assert "web-identity-token" not in ended.err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"storage_access_key_id": ""}, "storage-access-key-id is empty"),
        ({"storage_access_key_id": "", "storage_secret_access_key": ""}, "is no host of Amazon or Google"),
        ({"storage_service_name": "com.mendix.storage.azure"}, "storage-azure-account-key is missing"),
        ({"database_password": ""}, "is neither a host of *.rds.amazonaws.com"),
    ],
    ids=["half a pair", "no pair", "azure without a key", "no password"],
)
def test_settings_that_cannot_be_used_end_with_2(
    untouchable: LiveEnvironment, changes: Mapping[str, str], words: str
) -> None:
    folder = untouchable.credentials_folder(**changes)
    archive = untouchable.home / "none.tar.gz"
    untouchable.run("backup", "--credentials-dir", folder, "-f", archive).expect(2, words, str(folder))
    assert not archive.exists()
