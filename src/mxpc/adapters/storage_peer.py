"""Who answers at the file storage's address: a note for those who ask. obstore checks it, and does not tell."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mxpc.adapters.proxies import proxy_hint
from mxpc.model import S3Settings, StoreSettings

SECONDS = 5.0
"""A note is not worth a longer wait."""


def peer_note(settings: StoreSettings, env: Mapping[str, str]) -> str:
    """Protocol, cipher and names of the certificate, from a connection of its own; or why they are not known."""
    url = urlsplit(settings.endpoint)
    if url.scheme == "http":
        return f"the connection to {settings.place} has no TLS"
    host = _host(settings)
    checked = "is not checked" if settings.insecure else f"is checked for the name {host}"
    if proxy := proxy_hint(settings.endpoint, env):
        return f"the certificate of {settings.place} {checked}; {proxy}"
    try:
        with (
            socket.create_connection((host, url.port or 443), timeout=SECONDS) as connection,
            _context(settings).wrap_socket(connection, server_hostname=host) as encrypted,
        ):
            cipher = encrypted.cipher()
            used = f"{encrypted.version()} with {cipher[0] if cipher else 'no cipher'}"
            return f"the connection to {settings.place} uses {used}; its certificate{_names(encrypted)} {checked}"
    except (OSError, ValueError) as error:
        return f"the certificate of {settings.place} {checked}; looking at it failed: {error}"


def _host(settings: StoreSettings) -> str:
    host = urlsplit(settings.endpoint).hostname or ""
    in_host = isinstance(settings, S3Settings) and settings.virtual_host and "." not in settings.bucket
    return f"{settings.bucket}.{host}" if in_host and isinstance(settings, S3Settings) else host


def _context(settings: StoreSettings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.ca_file:
        context.load_verify_locations(settings.ca_file)
    return context


def _names(connection: ssl.SSLSocket) -> str:
    """For whom and by whom; nothing of a certificate that is not checked, which Python does not read."""
    certificate: Mapping[str, Any] = connection.getpeercert() or {}
    names = ", ".join(value for _, value in certificate.get("subjectAltName", ()))
    issuer = dict(pair for part in certificate.get("issuer", ()) for pair in part)
    issued = issuer.get("commonName") or issuer.get("organizationName")
    return (f" for {names}" if names else "") + (f", issued by {issued}," if issued else "")
