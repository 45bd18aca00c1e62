"""The file storage in Google Cloud Storage, as a service account. With HMAC keys `mxpc.adapters.s3` serves it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from obstore.exceptions import BaseError

from mxpc.adapters.logins.google import STORAGE_SCOPE, google_token
from mxpc.adapters.object_store import ObjectFileStore
from mxpc.adapters.object_store_client import Clients, StoreLogin, roots_needed
from mxpc.adapters.object_store_trouble import Kind
from mxpc.errors import RequestError
from mxpc.model import GoogleSettings
from mxpc.streams import Concurrency

if TYPE_CHECKING:
    from obstore.store import ClientConfig, GCSConfig, GCSCredential, GCSStore, RetryConfig

__all__ = ["GoogleFileStore"]


class GoogleFileStore(ObjectFileStore):
    """The FileStore of an environment whose blobs are in a bucket of Google Cloud Storage.

    Logs in with the file that GOOGLE_APPLICATION_CREDENTIALS of `env` names, else as the service account of the pod or
    machine. Connects with the first request. Trusts as S3 does. Raises RequestError when a file cannot be used.
    """

    hints: ClassVar[Mapping[Kind, str]] = {
        Kind.NO_BUCKET: "Check storage-endpoint and storage-bucket-name in the Secret of the file storage.",
        Kind.LOGIN: "The token of the Google service account was refused.",
        Kind.FORBIDDEN: "Give the service account roles/storage.objectUser on the bucket.",
        Kind.CERTIFICATE: "Name the CA with --storage-ca-file or SSL_CERT_FILE.",
        Kind.PROXY: "Put user and password into it: http://USER:PASSWORD@HOST:PORT.",
        Kind.BROKEN: "Check that the endpoint can be reached from here, then try again.",
        Kind.BUSY: "Try again later, or with fewer --transfers.",
    }

    def __init__(
        self,
        settings: GoogleSettings,
        *,
        concurrency: Concurrency | None = None,
        env: Mapping[str, str] = os.environ,
    ) -> None:
        file = env.get("GOOGLE_APPLICATION_CREDENTIALS")
        login: StoreLogin[GCSCredential] | None = None if file else StoreLogin(lambda: _bearer(env))
        super().__init__(
            Clients.of(settings, partial(_store, settings, login, file)),
            place=settings.place,
            layouts=(settings.layout, *settings.other_layouts),
            endpoint=settings.endpoint,
            concurrency=concurrency,
            login=login,
        )


def _bearer(env: Mapping[str, str]) -> GCSCredential:
    token = google_token(env, STORAGE_SCOPE)
    return {"token": token.text, "expires_at": token.expires}


def _store(
    settings: GoogleSettings,
    login: StoreLogin[GCSCredential] | None,
    file: str | None,
    options: ClientConfig,
    retrying: RetryConfig,
) -> GCSStore:
    from obstore.store import GCSStore

    # obstore would take skip_signature from a GOOGLE_* variable of the environment.
    config: GCSConfig = {"skip_signature": False, "base_url": settings.endpoint.rstrip("/")}
    if file:
        config["application_credentials"] = file
    try:
        with roots_needed():
            return GCSStore(
                settings.bucket,
                config=config,
                client_options=options,
                retry_config=retrying,
                credential_provider=login,
            )
    except BaseError as error:
        # Its text quotes the file's content where that is no JSON.
        raise RequestError(
            f"cannot use the credentials in GOOGLE_APPLICATION_CREDENTIALS: {file}",
            evidence=type(error).__name__,
            hint="Expected is the JSON file of a service account key.",
        ) from None
