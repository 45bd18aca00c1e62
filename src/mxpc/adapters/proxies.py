"""Which HTTP proxy leads to a server: the rules of Go's clients, kubectl's among them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit


def proxy_of(url: str, env: Mapping[str, str]) -> tuple[str, str] | None:
    """Variable and address of the proxy for this URL: HTTPS_PROXY or HTTP_PROXY, unless NO_PROXY excepts the server.

    Loopback never goes through a proxy. Names in lower case count as well.
    """
    server = urlsplit(url)
    name = f"{server.scheme}_proxy".upper()
    found = next((variable for variable in (name, name.lower()) if env.get(variable)), None)
    excepted = env.get("NO_PROXY") or env.get("no_proxy") or ""
    if found is None or is_excepted(server.hostname or "", excepted):
        return None
    proxy = env[found]
    return found, proxy if "://" in proxy else f"http://{proxy}"


def proxy_hint(url: str, env: Mapping[str, str]) -> str:
    """For errors on the way to this URL: which proxy it leads through, without its password; "" without one."""
    found = proxy_of(url, env)
    if found is None:
        return ""
    address = urlsplit(found[1])
    return f"{found[0]} leads through the proxy {address.netloc.rpartition('@')[2]}."


def is_excepted(host: str, excepted: str) -> bool:
    """Whether NO_PROXY excepts a host, by name, address or network; a domain excepts its subdomains too."""
    address = _address(host)
    if host == "localhost" or (address and address.is_loopback):
        return True
    rules = [rule.strip().lower() for rule in excepted.split(",") if rule.strip()]
    return any(rule == "*" or _matches(host, address, rule) for rule in rules)


def _matches(host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, rule: str) -> bool:
    if address:
        try:
            return address in ipaddress.ip_network(rule.strip("[]"), strict=False)
        except ValueError:
            return False
    domain = rule.partition(":")[0].lstrip("*").lstrip(".")
    return host == domain or host.endswith(f".{domain}")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
