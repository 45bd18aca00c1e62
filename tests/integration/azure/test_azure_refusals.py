"""What the user reads when a container of Azure cannot be used, and how its blobs are found."""

from __future__ import annotations

import dataclasses
import traceback
import uuid
from pathlib import Path

import pytest

from azurite import Azurite
from fakes.token_servers import AzureMetadata, Entra
from mxpc.adapters.azure import AzureFileStore
from mxpc.errors import BlobForbidden, FileStoreError, RequestError
from mxpc.model import AzureSettings, KeyLayout, KeyPattern, Login


@pytest.fixture
def settings(azurite: Azurite) -> AzureSettings:
    return azurite.settings_for(azurite.new_container())


def signed(azurite: Azurite, settings: AzureSettings, rights: str, **more: str) -> AzureSettings:
    signature = azurite.signature(settings.container, rights, **more)
    return dataclasses.replace(settings, account_key=None, shared_access_signature=signature)


def refusal_of(settings: AzureSettings) -> FileStoreError:
    with pytest.raises(FileStoreError) as caught:
        AzureFileStore(settings).probe([])
    error = caught.value
    told = "".join(traceback.format_exception(error)) + error.what + error.evidence + error.hint + repr(settings)
    for secret in (settings.account_key, (settings.shared_access_signature or "").rpartition("sig=")[2]):
        assert not secret or secret not in told
    assert settings.container in error.what
    assert settings.endpoint in error.what
    return error


def test_another_account_key(settings: AzureSettings) -> None:
    error = refusal_of(dataclasses.replace(settings, account_key="d3Jvbmcga2V5"))
    assert "login refused" in error.what
    assert "storage-azure-account-key" in error.hint
    assert "RequestId" not in error.evidence


def test_no_such_container(settings: AzureSettings) -> None:
    error = refusal_of(dataclasses.replace(settings, container="nonesuch"))
    assert "no such bucket" in error.what
    assert "storage-azure-container" in error.hint


def test_nobody_listens(settings: AzureSettings) -> None:
    error = refusal_of(dataclasses.replace(settings, endpoint="http://127.0.0.1:1/account1"))
    assert "Connection refused" in error.evidence


def test_a_signature_that_has_expired(azurite: Azurite, settings: AzureSettings) -> None:
    error = refusal_of(signed(azurite, settings, "rwdl", expires="2020-01-01T00:00:00Z"))
    assert "login refused" in error.what
    assert "may have expired" in error.hint


def test_a_signature_that_may_only_read(azurite: Azurite, settings: AzureSettings) -> None:
    blob = str(uuid.uuid4())
    AzureFileStore(settings).put(blob, 2, [b"hi"])
    store = AzureFileStore(signed(azurite, settings, "r"))
    assert store.open(blob, 10).head == b"hi"
    with pytest.raises(BlobForbidden, match=blob) as refused:
        store.put(blob, 1, [b"x"])
    assert "rights r, w and d" in refused.value.hint


def test_variables_of_other_programs_do_not_count(settings: AzureSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AZURE_STORAGE_ACCOUNT_NAME": "nobody",
        "AZURE_STORAGE_ACCOUNT_KEY": "d3Jvbmcga2V5",
        "AZURE_STORAGE_SAS_TOKEN": "sig=x",
        "AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:1",
        "AZURE_STORAGE_USE_EMULATOR": "true",
        "AZURE_SKIP_SIGNATURE": "true",
        "AZURE_CONTAINER_NAME": "other",
        "AZURE_CREDENTIAL_TYPE": "azure_cli",
    }.items():
        monkeypatch.setenv(name, value)
    AzureFileStore(settings).probe([])


def test_a_certificate_that_is_not_trusted(azurite_https: Azurite) -> None:
    settings = azurite_https.settings_for(azurite_https.new_container())
    AzureFileStore(settings).probe([])
    AzureFileStore(dataclasses.replace(settings, ca_file=None, insecure=True)).probe([])
    error = refusal_of(dataclasses.replace(settings, ca_file=None))
    assert "--storage-ca-file" in error.hint


def test_an_identity_that_azure_does_not_know(azurite_https: Azurite, tmp_path: Path) -> None:
    settings = azurite_https.settings_for(azurite_https.new_container(), login=Login.AZURE)
    (tmp_path / "token").write_text("of another cluster")
    with Entra() as entra:
        env = {
            "AZURE_CLIENT_ID": "my-client",
            "AZURE_TENANT_ID": "my-tenant",
            "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
            "AZURE_AUTHORITY_HOST": entra.url,
        }
        with pytest.raises(FileStoreError, match="cannot log in to Azure as my-client") as refused:
            AzureFileStore(settings, env=env).probe([])
    assert "AADSTS70021" in refused.value.evidence


def test_a_token_for_another_service_is_refused(azurite_https: Azurite) -> None:
    settings = azurite_https.settings_for(azurite_https.new_container(), login=Login.AZURE)

    class Confused(AzureMetadata):
        def check(self, expected: object, found: object, what: str) -> bool:
            self.resource = "https://management.azure.com"
            return True

    with Confused() as machine, pytest.raises(FileStoreError, match="login refused") as refused:
        AzureFileStore(settings, env={"AZURE_POD_IDENTITY_AUTHORITY_HOST": machine.url}).probe([])
    assert "another tenant" in refused.value.hint
    assert machine.given[0] not in "".join(traceback.format_exception(refused.value))


def test_no_login_at_all(settings: AzureSettings) -> None:
    with pytest.raises(RequestError, match="no login"):
        AzureFileStore(dataclasses.replace(settings, account_key=None))


@pytest.mark.parametrize(
    "layout",
    [KeyLayout("my-app"), KeyLayout("deep/folder with ü%20"), KeyLayout(pattern=KeyPattern.SHARDED)],
    ids=str,
)
def test_the_probe_finds_the_layout(settings: AzureSettings, layout: KeyLayout) -> None:
    blob = str(uuid.uuid4())
    AzureFileStore(dataclasses.replace(settings, layout=layout)).put(blob, 5, [b"found"])
    store = AzureFileStore(dataclasses.replace(settings, layout=KeyLayout("elsewhere"), other_layouts=(layout,)))
    assert store.probe([blob]).layout == layout
    assert store.open(blob, 10).head == b"found"
    assert [stat.blob for stat in store.list()] == [blob]
    store.delete(blob)
    assert store.stat(blob) is None
