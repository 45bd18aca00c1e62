"""A PostgreSQL JDBC URL, read the way PostgreSQL's own JDBC driver reads it. No text of an error quotes the URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from mxpc.errors import RequestError

DEFAULT_PORT = 5432
_PREFIX = "jdbc:postgresql:"


@dataclass(frozen=True)
class JdbcUrl:
    """What a JDBC URL says; None where it says nothing."""

    host: str
    port: int
    database: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls_mode: str | None = None
    tls_root_cert: str | None = None
    schema: str | None = None
    other_hosts: tuple[str, ...] = ()
    """Hosts after the first, which are not used."""


def parse_jdbc_url(url: str, place: str) -> JdbcUrl:
    """Raises RequestError naming `place`, where the URL stands, when it is of another database or malformed."""
    if not url.lower().startswith(_PREFIX):
        raise _other_database(url, place)
    address, _, query = url[len(_PREFIX) :].partition("?")
    hosts, database = _split_address(address)
    try:
        host, port = host_and_port(hosts[0])
    except ValueError as error:
        raise RequestError(f"database-jdbc-url in {place} has no valid host: {error}") from None
    parameters = _parameters(query)
    return JdbcUrl(
        host=host,
        port=port,
        database=unquote_plus(database) or None,
        user=parameters.get("user") or None,
        password=parameters.get("password") or None,
        tls_mode=_tls_mode(parameters),
        tls_root_cert=parameters.get("sslrootcert") or None,
        schema=parameters.get("currentSchema") or None,
        other_hosts=tuple(hosts[1:]),
    )


def host_and_port(text: str, default_port: int = DEFAULT_PORT) -> tuple[str, int]:
    """Split `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address; the host comes without brackets.

    Raises ValueError saying what is wrong.
    """
    text = text.strip()
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError("unbalanced brackets around an IPv6 address")
        port = rest[1:]
    elif text.count(":") > 1:
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    if not host or any(character in host for character in "/@ "):
        raise ValueError("a host name was expected")
    return host, _port(port, default_port)


def _port(text: str, default: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536):
        raise ValueError("the port is not a number between 1 and 65535")
    return int(text)


def _split_address(address: str) -> tuple[list[str], str]:
    """Hosts (at least one) and the still encoded database name."""
    if address.startswith("//"):
        hosts, _, database = address[2:].partition("/")
        # Without a host, as in jdbc:postgresql:///name, the driver means localhost.
        return [host or "localhost" for host in hosts.split(",")], database
    return ["localhost"], address.removeprefix("/")


def _parameters(query: str) -> dict[str, str]:
    pairs = (token.partition("=") for token in query.split("&") if token)
    return {name: unquote_plus(value) for name, _, value in pairs}


def _tls_mode(parameters: dict[str, str]) -> str | None:
    mode = parameters.get("sslmode")
    if mode:
        return mode.lower()
    if "ssl" not in parameters or parameters["ssl"].lower() not in ("", "true"):
        return None
    # The driver's older switch means verify-full, unless its factory is the one that trusts everything.
    return "require" if parameters.get("sslfactory", "").endswith("NonValidatingFactory") else "verify-full"


def _other_database(url: str, place: str) -> RequestError:
    words = url.split(":", 2)
    kind = words[1] if words[0].lower() == "jdbc" and len(words) > 2 and words[1].isalnum() else None
    return RequestError(
        f"database-jdbc-url in {place} is for {kind}" if kind else f"database-jdbc-url in {place} is no JDBC URL",
        hint=f"PostgreSQL is supported: {_PREFIX}//host:port/name",
    )
