"""Tokens of Azure and Google identities from local servers that check what they are asked."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fakes.token_servers import AzureMetadata, Entra, GoogleMetadata
from mxpc.adapters.logins.azure import STORAGE_SCOPE, azure_identity, azure_token
from mxpc.adapters.logins.google import STORAGE_SCOPE as GOOGLE_SCOPE
from mxpc.adapters.logins.google import google_token
from mxpc.errors import RequestError, ServiceError, ToolError

SECRET = "hush"


def told(error: ToolError) -> str:
    return "".join(traceback.format_exception(error)) + error.what + error.evidence + error.hint


def workload(entra: Entra, folder: Path, token: str = "federated-token") -> dict[str, str]:
    (folder / "token").write_text(token)
    return {
        "AZURE_CLIENT_ID": "my-client",
        "AZURE_TENANT_ID": "my-tenant",
        "AZURE_FEDERATED_TOKEN_FILE": str(folder / "token"),
        "AZURE_AUTHORITY_HOST": f"{entra.url}/",
    }


def test_workload_identity_gives_a_token(tmp_path: Path) -> None:
    with Entra() as entra:
        env = workload(entra, tmp_path)
        token = azure_token(env, STORAGE_SCOPE)
        assert entra.complaints == []
        assert azure_token(env, STORAGE_SCOPE) is token
        assert len(entra.asked) == 1
    assert token.text == entra.given[0]
    assert timedelta(minutes=55) < token.expires - datetime.now(UTC) <= timedelta(hours=1)
    assert token.text not in repr(token)
    assert "workload identity my-client of tenant my-tenant" in azure_identity(env).name


def test_a_token_is_renewed_before_it_expires(tmp_path: Path) -> None:
    with Entra(lifetime=timedelta(0)) as entra:
        env = workload(entra, tmp_path)
        assert azure_token(env, STORAGE_SCOPE) != azure_token(env, STORAGE_SCOPE)


def test_each_scope_has_its_own_token(tmp_path: Path) -> None:
    with Entra() as entra:
        env = workload(entra, tmp_path)
        azure_token(env, STORAGE_SCOPE)
        entra.scope = "https://ossrdbms-aad.database.windows.net/.default"
        azure_token(env, entra.scope)
        assert entra.complaints == []


def test_a_service_principal_needs_no_file() -> None:
    with Entra(assertion=None, secret="hush") as entra:
        env = {"AZURE_CLIENT_ID": "my-client", "AZURE_TENANT_ID": "my-tenant", "AZURE_CLIENT_SECRET": "hush"}
        assert azure_token({**env, "AZURE_AUTHORITY_HOST": entra.url}, STORAGE_SCOPE).text == entra.given[0]
        assert entra.complaints == []


def test_a_cluster_that_is_not_trusted(tmp_path: Path) -> None:
    with Entra() as entra, pytest.raises(ServiceError, match="Azure as my-client: Microsoft Entra refused") as refused:
        azure_token(workload(entra, tmp_path, SECRET), STORAGE_SCOPE)
    assert "HTTP 401: invalid_client: AADSTS70021: No matching federated identity" in refused.value.evidence
    assert "Trace ID" not in refused.value.evidence
    assert "federated credential" in refused.value.hint
    assert SECRET not in told(refused.value)


def test_azure_metadata_gives_a_token() -> None:
    with AzureMetadata() as machine:
        token = azure_token({"AZURE_POD_IDENTITY_AUTHORITY_HOST": machine.url}, STORAGE_SCOPE)
        assert machine.complaints == []
    assert token.text == machine.given[0]


def test_azure_metadata_is_told_which_of_several_identities() -> None:
    with AzureMetadata(client="mine") as machine:
        env = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": machine.url, "AZURE_CLIENT_ID": "mine"}
        assert azure_token(env, STORAGE_SCOPE).text == machine.given[0]
        with pytest.raises(ServiceError, match="managed identity other") as refused:
            azure_token({**env, "AZURE_CLIENT_ID": "other"}, STORAGE_SCOPE)
    assert "Identity not found" in refused.value.evidence


def test_google_metadata_gives_a_token() -> None:
    with GoogleMetadata() as machine:
        token = google_token({"GCE_METADATA_HOST": machine.host}, GOOGLE_SCOPE)
        assert machine.complaints == []
    assert token.text == machine.given[0]


def test_no_identity_of_azure_or_google() -> None:
    with pytest.raises(RequestError, match="no Azure identity here"):
        azure_token({"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:1"}, STORAGE_SCOPE)
    with pytest.raises(RequestError, match="no Google identity here"):
        google_token({"GCE_METADATA_HOST": "127.0.0.1:1"}, GOOGLE_SCOPE)
