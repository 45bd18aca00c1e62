"""From credentials to the settings of a container of Azure Blob Storage."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from mxpc.adapters.credentials import AZURE_SIGNATURE_KEY, Credentials, TrustOptions
from mxpc.adapters.endpoint import layouts
from mxpc.adapters.logins.azure import azure_identity
from mxpc.errors import RequestError
from mxpc.model import AppFacts, AzureSettings, Login

_ACCOUNT_HOST = re.compile(r"(?P<account>[a-z0-9]{3,24})(?:\.[a-z0-9]+)?\.blob\..+")
"""`account.blob.core.windows.net`, also of other clouds, with a DNS zone or a private link in between."""


@dataclass(frozen=True)
class ContainerAddress:
    """Where the blobs of an environment are."""

    endpoint: str
    """Of the account, without container."""
    account: str
    container: str
    folder: str
    rule: str
    """The rule that led here, for notes."""


@dataclass(frozen=True)
class _Login:
    login: Login
    account_key: str | None
    signature: str | None
    note: str


def azure_settings(
    keys: Credentials, app: AppFacts, trust: TrustOptions, env: Mapping[str, str]
) -> tuple[AzureSettings, tuple[str, ...]]:
    """The settings, and which rule led to what. Raises RequestError."""
    login = _login(keys, env)
    address = _address(keys)
    named = keys.get("storage-azure-container")
    layout, *others = layouts(address.folder, named, app.resource_name_prefix, app.resource_name_suffix)
    settings = AzureSettings(
        endpoint=address.endpoint,
        account=address.account,
        container=address.container,
        layout=layout,
        other_layouts=tuple(others),
        account_key=login.account_key,
        shared_access_signature=login.signature,
        ca_file=trust.storage_ca_file,
        insecure=trust.storage_insecure,
        login=login.login,
    )
    where = f"container {address.container} is from {address.rule}, blobs are expected at {layout}"
    return settings, (where, login.note)


def _login(keys: Credentials, env: Mapping[str, str]) -> _Login:
    if keys.switch("storage-azure-use-default-azure-credential", default=False):
        note = f"storage-azure-use-default-azure-credential is true: login as {azure_identity(env).name}"
        return _Login(Login.AZURE, None, None, note)
    if key := keys.get_exact("storage-azure-account-key"):
        _check_base64(key, keys.place)
        return _Login(Login.KEYS, key.strip(), None, "login with storage-azure-account-key")
    if signature := keys.get(AZURE_SIGNATURE_KEY):
        return _Login(Login.KEYS, None, signature.lstrip("?"), "login with a shared access signature")
    raise keys.missing(
        "storage-azure-account-key",
        hint=f"needed is that, or {AZURE_SIGNATURE_KEY}, or storage-azure-use-default-azure-credential = true",
    )


def _check_base64(key: str, place: str) -> None:
    try:
        base64.b64decode(key.strip(), validate=True)
    except binascii.Error:
        raise RequestError(
            f"storage-azure-account-key in {place} is no key of an account",
            evidence="it is not base64",
            hint="Take key1 or key2 of the storage account as the portal shows it.",
        ) from None


def _address(keys: Credentials) -> ContainerAddress:
    account = keys.get("storage-azure-account-name")
    scheme = "https" if keys.switch("storage-azure-use-https", default=True) else "http"
    text = keys.get("storage-azure-blob-endpoint")
    if text is None and account is None:
        raise keys.missing("storage-azure-account-name", hint="needed is that, or storage-azure-blob-endpoint")
    text = text or f"{account}.blob.core.windows.net"
    return container_address(
        text if "://" in text else f"{scheme}://{text}", account, keys.get("storage-azure-container"), keys.place
    )


def container_address(endpoint: str, account: str | None, container: str | None, place: str) -> ContainerAddress:
    """Apply the rules of docs/environments.md. Raises RequestError naming `place`."""
    url = urlsplit(endpoint)
    try:
        valid = url.scheme in ("http", "https") and url.hostname and (url.port or 1)
    except ValueError:
        valid = False
    if not valid or url.username or url.password or url.query:
        raise RequestError(
            f"storage-azure-blob-endpoint in {place} is not the address of an account",
            hint="expected is like https://account.blob.core.windows.net, without a signature",
        )
    path = [unquote(part) for part in url.path.split("/") if part]
    base = f"{url.scheme}://{url.netloc}"
    if found := _ACCOUNT_HOST.fullmatch(url.hostname or ""):
        account = account or found["account"]
    elif path and account in (None, path[0]):
        # An emulator or a gateway: the account is the first part of the path.
        account = path.pop(0)
        base = f"{base}/{account}"
    if account is None:
        raise RequestError(
            f"storage-azure-account-name is missing or empty in {place}",
            evidence=f"the host {url.hostname} of storage-azure-blob-endpoint does not name the account",
        )
    return _with_container(base, account, path, container, place)


def _with_container(base: str, account: str, path: list[str], container: str | None, place: str) -> ContainerAddress:
    named = [part for part in (container or "").split("/") if part]
    if path and path == named:
        path = []
    segments = path + named
    if not segments:
        raise RequestError(
            f"storage-azure-container is missing or empty in {place}",
            evidence=f"storage-azure-blob-endpoint names the account {account} and no container",
        )
    rule = "the path of storage-azure-blob-endpoint" if path else "storage-azure-container"
    return ContainerAddress(base, account, segments[0], "/".join(segments[1:]), rule)
