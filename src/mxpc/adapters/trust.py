"""Which connections anybody on the way could listen to or answer."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from mxpc.model import StoreSettings


def is_local(host: str) -> bool:
    """Whether a host is this machine, by its name alone: a socket's folder, localhost, a loopback address."""
    if host.startswith("/") or host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def unprotected_storage(settings: StoreSettings) -> str | None:
    """A warning for a file storage whose connection is not encrypted or not checked; None where it is, or is local."""
    address = urlsplit(settings.endpoint)
    if is_local(address.hostname or ""):
        return None
    if address.scheme == "http":
        return f"the connection to {settings.place} is not encrypted; an endpoint with https:// would be"
    if settings.insecure:
        return f"the certificate of {settings.place} is not checked; --storage-ca-file FILE does it with your own CA"
    return None
