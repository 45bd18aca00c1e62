"""The file storage in S3 and what speaks its language."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from mxpc.adapters.logins.aws import AwsKeys, aws_keys
from mxpc.adapters.object_store import ObjectFileStore
from mxpc.adapters.object_store_client import Clients, StoreLogin, is_https
from mxpc.adapters.object_store_trouble import Kind
from mxpc.errors import RequestError
from mxpc.model import Login, S3Settings
from mxpc.streams import Concurrency

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config, S3Credential, S3Store

__all__ = ["S3FileStore"]


class S3FileStore(ObjectFileStore):
    """The FileStore of an environment whose blobs are in an S3 bucket. Connects with the first request, not before.

    Trusts the system's roots (SSL_CERT_FILE and SSL_CERT_DIR are honoured, by obstore itself) and `settings.ca_file`.
    AWS_* variables of `env` count only for the login by AWS identity: else they are for other programs.
    Raises RequestError when the settings cannot be used: no login, an unreadable ca_file.
    """

    hints: ClassVar[Mapping[Kind, str]] = {
        Kind.NO_BUCKET: "Check storage-endpoint and storage-bucket-name in the Secret of the file storage.",
        Kind.LOGIN: "Check storage-access-key-id and storage-secret-access-key in the Secret of the file storage.",
        Kind.FORBIDDEN: "The identity needs s3:GetObject (and for a restore s3:PutObject, s3:DeleteObject).",
        Kind.CLOCK: "Set the clock of this machine: S3 accepts no difference above 15 minutes.",
        Kind.REGION: "The bucket is in another region than the endpoint says.",
        Kind.CERTIFICATE: "Name the CA with --storage-ca-file or SSL_CERT_FILE.",
        Kind.NO_TLS: "The endpoint says https, the server seems to speak http: check storage-endpoint.",
        Kind.PROXY: "Put user and password into it: http://USER:PASSWORD@HOST:PORT.",
        Kind.BROKEN: "Check that the endpoint can be reached from here, then try again.",
        Kind.BUSY: "Try again later, or with fewer --transfers.",
    }

    identity_hint: ClassVar[str] = "The keys of the AWS identity were refused: is it of another account or partition?"

    def __init__(
        self,
        settings: S3Settings,
        *,
        concurrency: Concurrency | None = None,
        env: Mapping[str, str] = os.environ,
    ) -> None:
        login = login_of(settings, env)
        if settings.login is Login.AWS:
            self.hints = {**S3FileStore.hints, Kind.LOGIN: self.identity_hint}  # type: ignore[misc]
        super().__init__(
            Clients.of(settings, partial(_store, settings, login)),
            place=settings.place,
            layouts=(settings.layout, *settings.other_layouts),
            endpoint=settings.endpoint,
            concurrency=concurrency,
            login=login,
        )


def login_of(settings: S3Settings, env: Mapping[str, str]) -> StoreLogin[S3Credential]:
    """Where the keys of a request come from. Raises RequestError when there are none."""
    if settings.login is Login.AWS:
        return StoreLogin(lambda: _credential(aws_keys(env, settings.region, settings.ca_file)))
    if not (settings.access_key_id and settings.secret_access_key):
        raise RequestError(
            f"there is no login for {settings.place}",
            evidence="storage-access-key-id or storage-secret-access-key is missing",
        )
    keys = AwsKeys(settings.access_key_id, settings.secret_access_key)
    return StoreLogin(lambda: _credential(keys))


def _credential(keys: AwsKeys) -> S3Credential:
    return {
        "access_key_id": keys.access_key_id,
        "secret_access_key": keys.secret_access_key,
        "token": keys.session_token,
        "expires_at": keys.expires,
    }


def _store(
    settings: S3Settings, login: StoreLogin[S3Credential], options: ClientConfig, retrying: RetryConfig
) -> S3Store:
    from obstore.store import S3Store

    return S3Store(
        settings.bucket,
        config=_config(settings),
        client_options=options,
        retry_config=retrying,
        credential_provider=login,
    )


def _config(settings: S3Settings) -> S3Config:
    # A certificate for *.host does not cover a bucket whose name has dots.
    in_host = settings.virtual_host and not (is_https(settings.endpoint) and "." in settings.bucket)
    endpoint = _bucket_endpoint(settings) if in_host else settings.endpoint.rstrip("/")
    return {
        "endpoint": endpoint,
        "region": settings.region,
        "virtual_hosted_style_request": in_host,
        # Set only because obstore would take them from AWS_* variables of the environment otherwise.
        "aws_endpoint_url_s3": endpoint,
        "skip_signature": False,
        "unsigned_payload": False,
        "s3_express": False,
        "request_payer": False,
        # One DELETE a blob: not all servers know the request for many.
        "disable_bulk_delete": True,
    }


def _bucket_endpoint(settings: S3Settings) -> str:
    url = urlsplit(settings.endpoint.rstrip("/"))
    return url._replace(netloc=f"{settings.bucket}.{url.netloc}").geturl()
