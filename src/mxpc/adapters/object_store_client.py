"""What the clients of all object stores are told: timeouts, trust, retries, and where their logins come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import urlsplit

import mxpc
from mxpc.adapters.object_store_patience import (
    CONNECT_TIMEOUT,
    REQUEST_TIMEOUT,
    STALL_TIMEOUT,
    TRANSFER_PATIENCE,
    UPLOAD_STALL_TIMEOUT,
)
from mxpc.adapters.trust import is_local
from mxpc.errors import FileStoreError, RequestError, ServiceError, ToolError
from mxpc.model import StoreSettings

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

C = TypeVar("C")


class StoreLogin(Generic[C]):
    """What obstore asks for credentials, again when those that it has expire. Any thread.

    obstore would tell a failure as a text of its own: `check` raises it as it was.
    """

    def __init__(self, fetch: Callable[[], C]) -> None:
        self._fetch = fetch
        self._error: ToolError | None = None

    def __call__(self) -> C:
        try:
            credential = self._fetch()
        except ToolError as error:
            self._error = error
            raise
        self._error = None
        return credential

    def check(self) -> None:
        """Raise RequestError or FileStoreError when the last login failed."""
        error = self._error
        if isinstance(error, ServiceError):
            raise FileStoreError(error.what, evidence=error.evidence, hint=error.hint) from error
        if error:
            raise error


@dataclass(frozen=True)
class Clients:
    """Three obstore stores of one bucket: `reading` and `writing` do not retry, `patient` does."""

    reading: ObjectStore
    writing: ObjectStore
    patient: ObjectStore

    @classmethod
    def of(cls, settings: StoreSettings, make: Callable[[ClientConfig, RetryConfig], ObjectStore]) -> Clients:
        """Made with what all services have in common. Raises RequestError for a ca_file that cannot be used."""

        def one(stall: timedelta, tries: int) -> ObjectStore:
            return make(client_options(settings, stall), retries(tries))

        with roots_needed():
            return cls(
                reading=one(STALL_TIMEOUT, 0),
                writing=one(UPLOAD_STALL_TIMEOUT, 0),
                patient=one(UPLOAD_STALL_TIMEOUT, TRANSFER_PATIENCE.tries),
            )


def client_options(settings: StoreSettings, stall: timedelta) -> ClientConfig:
    """`stall` is how long no byte may come. Raises RequestError for a ca_file that cannot be used."""
    options: ClientConfig = {
        "allow_http": not is_https(settings.endpoint),
        "allow_invalid_certificates": settings.insecure,
        "connect_timeout": CONNECT_TIMEOUT,
        "read_timeout": stall,
        "timeout": REQUEST_TIMEOUT,
        "user_agent": f"mxpc-backup-restore-cli/{mxpc.__version__}",
    }
    if settings.ca_file:
        options["root_certificate"] = _roots(settings.ca_file)
    host = urlsplit(settings.endpoint).hostname or ""
    if is_local(host):
        # obstore asks the proxy of the environment for this machine too. It has no option against that, but leaves the
        # environment alone when it is given a proxy, which is never asked here.
        options |= {"proxy_url": "http://proxy.invalid", "proxy_excludes": host.strip("[]")}
    return options


@contextmanager
def roots_needed() -> Iterator[None]:
    """Around the making of a store: obstore wants roots even for http. Raises RequestError where there are none."""
    from obstore.exceptions import BaseError

    try:
        yield
    except BaseError as error:
        if "No CA certificates were loaded" not in str(error):
            raise
        raise RequestError(
            "there are no CA certificates here that the file storage's could be checked with",
            evidence="neither the system nor SSL_CERT_FILE or SSL_CERT_DIR have any",
            hint="Install the package ca-certificates, or name a file of CA certificates with SSL_CERT_FILE.",
        ) from error


def is_https(endpoint: str) -> bool:
    """Whether the connection is encrypted."""
    return not endpoint.lower().startswith("http://")


def _roots(path: str) -> bytes:
    hint = "--storage-ca-file takes certificates in PEM form."
    try:
        pem = Path(path).read_bytes()
    except OSError as error:
        raise RequestError(f"cannot read the CA file {path}", evidence=str(error.strerror), hint=hint) from error
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise RequestError(f"there is no certificate in the CA file {path}", hint=hint)
    return pem


def retries(most: int) -> RetryConfig:
    """obstore's own retries, with the bounds of ours."""
    return {
        "max_retries": most,
        "retry_timeout": timedelta(seconds=TRANSFER_PATIENCE.seconds),
        "backoff": {
            "init_backoff": timedelta(seconds=TRANSFER_PATIENCE.first_wait),
            "max_backoff": timedelta(seconds=TRANSFER_PATIENCE.longest_wait),
            "base": 2,
        },
    }
