"""From a ClusterAccess to what an HTTP client needs: TLS context, headers, proxy."""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import httpx2

from mxpc.adapters.kubeconfig import ClusterAccess, Pem, User
from mxpc.adapters.kubernetes_exec import PluginLogin, run_plugin
from mxpc.adapters.proxies import proxy_of
from mxpc.errors import KubernetesError, RequestError


@dataclass(frozen=True)
class Login:
    """TLS with the client's certificate, and the headers that say who asks."""

    tls: ssl.SSLContext
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    renewable: bool
    """Whether logging in again may give another answer: a token file is rotated, a plugin asks its server."""


def log_in(access: ClusterAccess, env: Mapping[str, str]) -> Login:
    """Read token and certificates, or run the plugin. Raises RequestError or KubernetesError."""
    user = access.user
    authority = _content(access.cluster.ca, "certificate-authority") if access.cluster.ca else None
    plugin_login = None
    if user.exec and not _static_authorization(user):
        encoded = base64.b64encode(authority) if authority else None
        plugin_login = run_plugin(user.exec, access.cluster, encoded, env)
    tls = _trust(authority, insecure=access.cluster.insecure)
    _load_client_certificate(tls, user, plugin_login)
    authorization = _static_authorization(user)
    if plugin_login and plugin_login.token:
        authorization = f"Bearer {plugin_login.token}"
    headers = (("Authorization", authorization),) if authorization else ()
    return Login(tls, headers + user.impersonation, renewable=bool(user.token_file or plugin_login))


def proxy_for(access: ClusterAccess, env: Mapping[str, str]) -> str | None:
    """The kubeconfig's proxy-url, else HTTPS_PROXY unless NO_PROXY excepts the server (names, addresses, networks)."""
    if access.cluster.proxy_url:
        return access.cluster.proxy_url
    found = proxy_of(access.cluster.server, env)
    return found[1] if found else None


def _static_authorization(user: User) -> str | None:
    token = _read_token(user.token_file, user.token) if user.token_file else user.token
    if token:
        return f"Bearer {token}"
    if user.username:
        return "Basic " + base64.b64encode(f"{user.username}:{user.password or ''}".encode()).decode("ascii")
    return None


def _read_token(path: Path, other: str | None) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        if other:
            return other
        raise RequestError(f"cannot read the token file {path}", evidence=getattr(error, "strerror", "")) from None


def _trust(authority: bytes | None, *, insecure: bool) -> ssl.SSLContext:
    if insecure:
        return httpx2.create_ssl_context(verify=False)
    if authority is None:
        return httpx2.create_ssl_context()
    try:
        context = ssl.create_default_context(cadata=authority.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise RequestError(
            "certificate-authority of the kubeconfig is no PEM file with certificates", evidence=str(error)
        ) from error
    # On by default from Python 3.13: it refuses authorities without a key usage, which clusters have and kubectl takes.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _load_client_certificate(tls: ssl.SSLContext, user: User, login: PluginLogin | None) -> None:
    if login and login.certificate and login.key:
        _load_chain(tls, login.certificate.encode(), login.key.encode())
    elif user.certificate and user.key:
        _load_chain(tls, _content(user.certificate, "client-certificate"), _content(user.key, "client-key"))


def _load_chain(tls: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """The ssl module reads only files: this one is private and gone when the function returns."""
    with tempfile.TemporaryDirectory(prefix="mxpc-") as folder:
        path = Path(folder) / "client.pem"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(certificate + b"\n" + key)
        try:
            tls.load_cert_chain(path, password=_refuse_encrypted_key)
        except (ssl.SSLError, ValueError) as error:
            raise KubernetesError(
                "the client certificate for Kubernetes and its key cannot be used", evidence=str(error)
            ) from error


def _refuse_encrypted_key() -> NoReturn:
    """Else OpenSSL asks the terminal."""
    raise ValueError("the key is encrypted")


def _content(pem: Pem, key: str) -> bytes:
    try:
        if pem.data is not None:
            return base64.b64decode(pem.data, validate=False)
        return pem.path.read_bytes() if pem.path else b""
    except binascii.Error:
        raise RequestError(f"{key}-data of the kubeconfig is not base64") from None
    except OSError as error:
        raise RequestError(f"cannot read {key} {pem.path} of the kubeconfig", evidence=error.strerror or "") from error
