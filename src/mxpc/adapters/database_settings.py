"""From credentials to the settings of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mxpc.adapters.credentials import Credentials, TrustOptions
from mxpc.adapters.jdbc import JdbcUrl, host_and_port, parse_jdbc_url
from mxpc.adapters.logins.choice import DatabaseLogin, database_login
from mxpc.errors import RequestError
from mxpc.model import DatabaseSettings, Login, TlsMode

_STRENGTH = list(TlsMode)
"""From the weakest to the strongest, in libpq's order."""


@dataclass(frozen=True)
class DatabaseAnswer:
    """The settings, and which rule led to what."""

    settings: DatabaseSettings
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Tls:
    mode: TlsMode
    root_cert: str | None
    note: str


def database_settings(keys: Credentials, trust: TrustOptions, env: Mapping[str, str]) -> DatabaseAnswer:
    """Read the database's keys; `env` is the process's environment (PGSSLMODE, PGSSLROOTCERT).

    What `database-jdbc-url` says holds, the other keys fill in what it leaves out. Raises RequestError.
    """
    _check_type(keys)
    url = keys.get("database-jdbc-url")
    jdbc = parse_jdbc_url(url, keys.place) if url else None
    host, port = (jdbc.host, jdbc.port) if jdbc else _explicit_host(keys)
    user = (jdbc and jdbc.user) or keys.need("database-username")
    password = (jdbc and jdbc.password) or keys.get_exact("database-password")
    login = DatabaseLogin(Login.KEYS) if password else _login(keys, host, user, env)
    tls = _tls(jdbc, trust, env, keys.place, login.login)
    settings = DatabaseSettings(
        host=host,
        port=port,
        name=(jdbc and jdbc.database) or keys.need("database-name"),
        user=user,
        password=password,
        tls_mode=tls.mode,
        tls_root_cert=tls.root_cert,
        login=login.login,
        region=login.region,
    )
    notes = (*(_jdbc_notes(jdbc, settings, keys) if jdbc else ()), *login.notes, tls.note)
    return DatabaseAnswer(settings, notes)


def jdbc_password(keys: Credentials) -> str | None:
    """The password inside a JDBC URL, for the list of what must never be printed."""
    url = keys.get("database-jdbc-url")
    return parse_jdbc_url(url, keys.place).password if url else None


def _check_type(keys: Credentials) -> None:
    kind = keys.get("database-type")
    if kind is None and keys.get("database-jdbc-url"):
        return  # a JDBC URL says by itself which database it is for
    if kind is None:
        raise keys.missing("database-type", hint="PostgreSQL is expected")
    if kind.lower() != "postgresql":
        raise RequestError(
            f"database-type {kind} is not supported", evidence=f"found in {keys.place}", hint="PostgreSQL is supported"
        )


def _explicit_host(keys: Credentials) -> tuple[str, int]:
    text = keys.need("database-host")
    try:
        return host_and_port(text.split(",")[0])
    except ValueError as error:
        raise RequestError(f"database-host in {keys.place} is no host: {error}") from None


def _login(keys: Credentials, host: str, user: str, env: Mapping[str, str]) -> DatabaseLogin:
    """The login by identity that host or user stand for. Raises RequestError when they stand for none."""
    if login := database_login(host, user, env):
        return login
    raise RequestError(
        f"database-password is missing or empty in {keys.place}",
        evidence=f"without it the app logs in with AWS IAM or with an Azure managed identity, but {host} is neither a "
        "host of *.rds.amazonaws.com nor of *.postgres.database.azure.com",
        hint="use the server's own host name, or a database user that has a password, with --database-secret or "
        "--credentials-dir",
    )


def _jdbc_notes(jdbc: JdbcUrl, settings: DatabaseSettings, keys: Credentials) -> tuple[str, ...]:
    notes = [f"database host, port and name are those of database-jdbc-url in {keys.place}"]
    if jdbc.other_hosts:
        notes.append(f"database-jdbc-url has {len(jdbc.other_hosts) + 1} hosts: the first, {jdbc.host}, is used")
    if jdbc.schema and jdbc.schema != "public":
        notes.append(f"currentSchema {jdbc.schema} of database-jdbc-url is ignored: Mendix keeps its data in public")
    different = [name for name, value in _explicit_values(keys) if value not in (None, getattr(settings, name))]
    if different:
        notes.append(f"database-jdbc-url and the other keys of {keys.place} differ in: {', '.join(different)}")
    return tuple(notes)


def _explicit_values(keys: Credentials) -> list[tuple[str, str | None]]:
    host = keys.get("database-host")
    try:
        name = host_and_port(host.split(",")[0])[0] if host else None
    except ValueError:
        name = host
    return [("host", name), ("name", keys.get("database-name")), ("user", keys.get("database-username"))]


def _tls(jdbc: JdbcUrl | None, trust: TrustOptions, env: Mapping[str, str], place: str, login: Login) -> _Tls:
    """The option, PGSSLMODE, the JDBC URL, else `prefer`; only the option may weaken what a JDBC URL demands."""
    mode, origin = _mode(jdbc, trust, env, place)
    if login is not Login.KEYS and not _is_strict(mode):
        mode, origin = _for_tokens(mode, origin, login)
    root = trust.db_sslrootcert or env.get("PGSSLROOTCERT") or (jdbc.tls_root_cert if jdbc else None)
    return _Tls(mode, root, f"sslmode {mode} is from {origin}")


def _mode(jdbc: JdbcUrl | None, trust: TrustOptions, env: Mapping[str, str], place: str) -> tuple[TlsMode, str]:
    if trust.db_sslmode:
        return _parse_mode(trust.db_sslmode, "--db-sslmode"), "--db-sslmode"
    here = f"database-jdbc-url in {place}"
    planned = _parse_mode(jdbc.tls_mode, here) if jdbc and jdbc.tls_mode else None
    wished = _parse_mode(env["PGSSLMODE"], "PGSSLMODE") if env.get("PGSSLMODE") else None
    if planned and _is_strict(planned) and wished and _STRENGTH.index(wished) < _STRENGTH.index(planned):
        return planned, f"{here}, which PGSSLMODE={wished} does not weaken (--db-sslmode would)"
    if wished:
        return wished, "PGSSLMODE"
    return (planned, here) if planned else (TlsMode.PREFER, "the default")


def _for_tokens(mode: TlsMode, origin: str, login: Login) -> tuple[TlsMode, str]:
    """A token is a password in plain text, and these servers take it only over TLS."""
    if mode is TlsMode.DISABLE:
        raise RequestError(
            f"sslmode disable of {origin} does not go together with the login by {login}",
            evidence="the token would cross the network unencrypted, and the server takes it over TLS only",
            hint="use require, verify-ca or verify-full",
        )
    return TlsMode.REQUIRE, f"the login by {login}, which needs more than {mode} of {origin}"


def _is_strict(mode: TlsMode) -> bool:
    return mode in (TlsMode.REQUIRE, TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL)


def _parse_mode(text: str, origin: str) -> TlsMode:
    try:
        return TlsMode(text.strip().lower())
    except ValueError:
        raise RequestError(f"sslmode {text} of {origin} is not known", hint=f"known are {', '.join(TlsMode)}") from None
