"""The file storage in Azure Blob Storage."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from mxpc.adapters.logins.azure import STORAGE_SCOPE, azure_token
from mxpc.adapters.object_store import ObjectFileStore
from mxpc.adapters.object_store_client import Clients, StoreLogin, is_https
from mxpc.adapters.object_store_trouble import Kind
from mxpc.errors import RequestError
from mxpc.model import AzureSettings, Login
from mxpc.streams import Concurrency

if TYPE_CHECKING:
    from obstore.store import AzureConfig, AzureCredential, AzureStore, ClientConfig, RetryConfig

__all__ = ["AzureFileStore"]


class AzureFileStore(ObjectFileStore):
    """The FileStore of an environment whose blobs are in a container of Azure Blob Storage.

    Connects with the first request, not before. Trust is as for S3. AZURE_* variables of `env` count only for the login
    by Azure identity. Azure's ETags are no digests: over https the encryption proves what arrives, over plain http
    each upload is read back.
    Raises RequestError when the settings cannot be used: no login, an unreadable ca_file.
    """

    keeps_metadata: ClassVar[bool] = False  # its names allow no `-`; and the runtime encrypts for S3 alone
    hints: ClassVar[Mapping[Kind, str]] = {
        Kind.NO_BUCKET: "Check storage-azure-container in the Secret of the file storage.",
        Kind.LOGIN: "Check storage-azure-account-name and storage-azure-account-key, or the shared access signature: "
        "it may have expired.",
        Kind.FORBIDDEN: "A signature needs the rights r, w and d; the account may shut out this network.",
        Kind.CERTIFICATE: "Name the CA with --storage-ca-file or SSL_CERT_FILE.",
        Kind.NO_TLS: "The endpoint says https, the server seems to speak http: check storage-azure-use-https.",
        Kind.PROXY: "Put user and password into it: http://USER:PASSWORD@HOST:PORT.",
        Kind.BROKEN: "Check that the endpoint can be reached from here, then try again.",
        Kind.BUSY: "Try again later, or with fewer --transfers.",
    }

    identity_hints: ClassVar[Mapping[Kind, str]] = {
        Kind.LOGIN: "The token of the Azure identity was refused: is the storage account of another tenant?",
        Kind.FORBIDDEN: "Assign the role Storage Blob Data Contributor on the container to the Azure identity.",
    }

    def __init__(
        self,
        settings: AzureSettings,
        *,
        concurrency: Concurrency | None = None,
        env: Mapping[str, str] = os.environ,
    ) -> None:
        login = login_of(settings, env)
        if settings.login is Login.AZURE:
            self.hints = {**AzureFileStore.hints, **self.identity_hints}  # type: ignore[misc]
        super().__init__(
            Clients.of(settings, partial(_store, settings, login)),
            place=settings.place,
            layouts=(settings.layout, *settings.other_layouts),
            endpoint=settings.endpoint,
            concurrency=concurrency,
            login=login,
            etags_are_md5=False,
            reads_back=not is_https(settings.endpoint),
        )


def login_of(settings: AzureSettings, env: Mapping[str, str]) -> StoreLogin[AzureCredential]:
    """Where the proof of a request comes from. Raises RequestError when there is none."""
    if settings.login is Login.AZURE:
        return StoreLogin(lambda: _bearer(settings, env))
    key, signature = settings.account_key, settings.shared_access_signature
    if key:
        return StoreLogin(lambda: {"access_key": key, "expires_at": None})
    if signature:
        return StoreLogin(lambda: {"sas_token": signature, "expires_at": None})
    raise RequestError(f"there is no login for {settings.place}", evidence="storage-azure-account-key is missing")


def _bearer(settings: AzureSettings, env: Mapping[str, str]) -> AzureCredential:
    token = azure_token(env, STORAGE_SCOPE, settings.ca_file)
    return {"token": token.text, "expires_at": token.expires}


def _store(
    settings: AzureSettings, login: StoreLogin[AzureCredential], options: ClientConfig, retrying: RetryConfig
) -> AzureStore:
    from obstore.store import AzureStore

    return AzureStore(
        settings.container,
        config=_config(settings),
        client_options=options,
        retry_config=retrying,
        credential_provider=login,
    )


def _config(settings: AzureSettings) -> AzureConfig:
    return {
        "account_name": settings.account,
        "endpoint": settings.endpoint.rstrip("/"),
        # Set only because obstore would take them from AZURE_* variables of the environment otherwise.
        "use_emulator": False,
        "use_fabric_endpoint": False,
        "skip_signature": False,
        "disable_tagging": True,
    }
