"""The file storage in S3 and what speaks its language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

import mxpc
from mxpc.adapters.object_store import ObjectFileStore
from mxpc.adapters.object_store_patience import (
    CONNECT_TIMEOUT,
    REQUEST_TIMEOUT,
    STALL_TIMEOUT,
    TRANSFER_PATIENCE,
    UPLOAD_STALL_TIMEOUT,
)
from mxpc.adapters.object_store_trouble import Kind
from mxpc.errors import RequestError
from mxpc.model import S3Settings
from mxpc.streams import Concurrency

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config, S3Credential, S3CredentialProvider, S3Store

__all__ = ["S3FileStore"]


class S3FileStore(ObjectFileStore):
    """The FileStore of an environment whose blobs are in an S3 bucket. Connects with the first request, not before.

    Trusts the system's roots (SSL_CERT_FILE and SSL_CERT_DIR are honoured, by obstore itself) and `settings.ca_file`.
    Nothing else of this process's environment counts: AWS_* variables are for other programs.
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
        Kind.BROKEN: "Check that the endpoint can be reached from here, then try again.",
        Kind.BUSY: "Try again later, or with fewer --transfers.",
    }

    def __init__(self, settings: S3Settings, *, concurrency: Concurrency | None = None) -> None:
        login = login_of(settings)
        super().__init__(
            reading=_store(settings, login, retries=0, stall=STALL_TIMEOUT),
            writing=_store(settings, login, retries=0, stall=UPLOAD_STALL_TIMEOUT),
            patient=_store(settings, login, retries=TRANSFER_PATIENCE.tries, stall=UPLOAD_STALL_TIMEOUT),
            place=settings.place,
            layouts=(settings.layout, *settings.other_layouts),
            concurrency=concurrency,
        )


def login_of(settings: S3Settings) -> S3CredentialProvider:
    """Where the keys of a request come from: the one place to add roles and web identities.

    A provider is asked again when what it gave has expired (`expires_at`).
    """
    if not (settings.access_key_id and settings.secret_access_key):
        raise RequestError(
            f"there is no login for {settings.place}",
            evidence="storage-access-key-id or storage-secret-access-key is missing",
            hint="Only static keys are supported so far.",
        )
    credential: S3Credential = {
        "access_key_id": settings.access_key_id,
        "secret_access_key": settings.secret_access_key,
        "token": None,
        "expires_at": None,
    }
    return lambda: credential


def _store(settings: S3Settings, login: S3CredentialProvider, *, retries: int, stall: timedelta) -> S3Store:
    from obstore.store import S3Store

    return S3Store(
        settings.bucket,
        config=_config(settings),
        client_options=_client_options(settings, stall),
        retry_config=_retries(retries),
        credential_provider=login,
    )


def _config(settings: S3Settings) -> S3Config:
    # A certificate for *.host does not cover a bucket whose name has dots.
    in_host = settings.virtual_host and not (_is_https(settings) and "." in settings.bucket)
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


def _is_https(settings: S3Settings) -> bool:
    return not settings.endpoint.lower().startswith("http://")


def _client_options(settings: S3Settings, stall: timedelta) -> ClientConfig:
    options: ClientConfig = {
        "allow_http": not _is_https(settings),
        "allow_invalid_certificates": settings.insecure,
        "connect_timeout": CONNECT_TIMEOUT,
        "read_timeout": stall,
        "timeout": REQUEST_TIMEOUT,
        "user_agent": f"mxpc-backup-restore-cli/{mxpc.__version__}",
    }
    if settings.ca_file:
        options["root_certificate"] = _roots(settings.ca_file)
    return options


def _roots(path: str) -> bytes:
    hint = "--storage-ca-file takes certificates in PEM form."
    try:
        pem = Path(path).read_bytes()
    except OSError as error:
        raise RequestError(f"cannot read the CA file {path}", evidence=str(error.strerror), hint=hint) from error
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise RequestError(f"there is no certificate in the CA file {path}", hint=hint)
    return pem


def _retries(most: int) -> RetryConfig:
    return {
        "max_retries": most,
        "retry_timeout": timedelta(seconds=TRANSFER_PATIENCE.seconds),
        "backoff": {
            "init_backoff": timedelta(seconds=TRANSFER_PATIENCE.first_wait),
            "max_backoff": timedelta(seconds=TRANSFER_PATIENCE.longest_wait),
            "base": 2,
        },
    }
