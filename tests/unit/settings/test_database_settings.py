"""The keys of the database."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mxpc.adapters.credentials import Credentials, TrustOptions
from mxpc.adapters.database_settings import DatabaseAnswer, database_settings
from mxpc.errors import RequestError
from mxpc.model import DatabaseSettings, TlsMode

EXPLICIT = {
    "database-type": "PostgreSQL",
    "database-host": "pg.example.com:5433",
    "database-name": "app",
    "database-username": "me",
    "database-password": "p@ss/w:rd %20 \"x'",
}
PLACE = "Secret app-database in namespace mendix"


def read(
    values: Mapping[str, str], *, options: TrustOptions | None = None, env: Mapping[str, str] | None = None
) -> DatabaseAnswer:
    return database_settings(Credentials(PLACE, values), options or TrustOptions(), env or {})


def jdbc(query: str = "", address: str = "//jdbc.example.com:6000/other") -> dict[str, str]:
    return {**EXPLICIT, "database-jdbc-url": f"jdbc:postgresql:{address}{query}"}


def test_explicit_keys_alone_are_enough() -> None:
    assert read(EXPLICIT).settings == DatabaseSettings(
        "pg.example.com", 5433, "app", "me", "p@ss/w:rd %20 \"x'", TlsMode.PREFER, None
    )


def test_jdbc_url_alone_is_enough() -> None:
    url = "jdbc:postgresql://h:1/app?user=me&password=p%26w&sslmode=require"
    assert read({"database-jdbc-url": url}).settings == DatabaseSettings("h", 1, "app", "me", "p&w", TlsMode.REQUIRE)


def test_jdbc_url_goes_before_the_other_keys_and_the_difference_is_noted() -> None:
    answer = read(jdbc("?user=you"))
    settings = answer.settings
    assert (settings.host, settings.port, settings.name, settings.user) == ("jdbc.example.com", 6000, "other", "you")
    assert settings.password == EXPLICIT["database-password"]
    assert any("differ in: host, name, user" in note for note in answer.notes)


def test_other_keys_fill_in_what_the_jdbc_url_leaves_out() -> None:
    settings = read(jdbc(address="//jdbc.example.com/")).settings
    assert (settings.host, settings.port, settings.name, settings.user) == ("jdbc.example.com", 5432, "app", "me")


def test_several_hosts_and_another_schema_are_noted() -> None:
    notes = " ".join(read(jdbc("?currentSchema=x", "//a:1,b:2/app")).notes)
    assert "2 hosts: the first, a, is used" in notes
    assert "currentSchema x" in notes


@pytest.mark.parametrize("value", ["PostgreSQL", "POSTGRESQL", " postgresql "])
def test_type_postgresql_in_any_spelling(value: str) -> None:
    assert read({**EXPLICIT, "database-type": value})


@pytest.mark.parametrize("value", ["SQLSERVER", "HSQLDB", "MySQL"])
def test_other_types_are_refused_with_their_name(value: str) -> None:
    with pytest.raises(RequestError, match=value) as refused:
        read({**EXPLICIT, "database-type": value})
    assert "PostgreSQL" in refused.value.hint
    assert PLACE in refused.value.evidence


def test_other_type_is_refused_though_the_jdbc_url_is_for_postgresql() -> None:
    with pytest.raises(RequestError, match="SQLSERVER"):
        read({**jdbc(), "database-type": "SQLSERVER"})


@pytest.mark.parametrize("key", ["database-type", "database-host", "database-name", "database-username"])
@pytest.mark.parametrize(("value", "state"), [(None, "missing"), ("", "empty"), (" \n", "empty")])
def test_missing_or_empty_key_is_named_with_its_place(key: str, value: str | None, state: str) -> None:
    values = {name: text for name, text in EXPLICIT.items() if name != key}
    if value is not None:
        values[key] = value
    with pytest.raises(RequestError, match=f"^{key} is {state} in {PLACE}$") as refused:
        read(values)
    assert EXPLICIT["database-password"] not in refused.value.evidence


@pytest.mark.parametrize("value", ["", None])
def test_absent_password_and_a_host_of_no_cloud_says_which_logins_there_are(value: str | None) -> None:
    values = {**EXPLICIT, "database-password": value or ""}
    with pytest.raises(RequestError, match="database-password") as refused:
        read(values)
    assert "IAM" in refused.value.evidence
    assert "managed identity" in refused.value.evidence
    assert "pg.example.com is neither" in refused.value.evidence
    assert "--credentials-dir" in refused.value.hint


def test_blanks_of_a_password_are_kept() -> None:
    assert read({**EXPLICIT, "database-password": " p "}).settings.password == " p "


def test_blanks_around_other_values_are_not_kept() -> None:
    assert read({**EXPLICIT, "database-name": " app\n"}).settings.name == "app"


@pytest.mark.parametrize("value", ["pg:hush", "u:hush@pg"])
def test_malformed_host_is_refused(value: str) -> None:
    with pytest.raises(RequestError, match="database-host in Secret app-database"):
        read({**EXPLICIT, "database-host": value})


M = TlsMode


@pytest.mark.parametrize(
    ("option", "variable", "url", "mode", "origin"),
    [
        (None, None, None, M.PREFER, "default"),
        (None, None, "require", M.REQUIRE, "database-jdbc-url"),
        (None, None, "disable", M.DISABLE, "database-jdbc-url"),
        (None, "require", None, M.REQUIRE, "PGSSLMODE"),
        (None, "require", "prefer", M.REQUIRE, "PGSSLMODE"),
        (None, "disable", "prefer", M.DISABLE, "PGSSLMODE"),
        (None, "verify-full", "require", M.VERIFY_FULL, "PGSSLMODE"),
        (None, "disable", "require", M.REQUIRE, "does not weaken"),
        (None, "require", "verify-ca", M.VERIFY_CA, "does not weaken"),
        (None, "prefer", "verify-full", M.VERIFY_FULL, "does not weaken"),
        (None, "verify-full", "verify-full", M.VERIFY_FULL, "PGSSLMODE"),
        ("disable", "require", "verify-full", M.DISABLE, "--db-sslmode"),
        ("verify-full", None, "disable", M.VERIFY_FULL, "--db-sslmode"),
        ("Require", "", "", M.REQUIRE, "--db-sslmode"),
    ],
)
def test_who_decides_on_the_sslmode(
    option: str | None, variable: str | None, url: str | None, mode: TlsMode, origin: str
) -> None:
    answer = read(
        jdbc(f"?sslmode={url}" if url else ""),
        options=TrustOptions(db_sslmode=option),
        env={} if variable is None else {"PGSSLMODE": variable},
    )
    assert answer.settings.tls_mode is mode
    assert origin in answer.notes[-1]


@pytest.mark.parametrize(
    ("option", "variable", "url", "expected"),
    [
        (None, None, None, None),
        (None, None, "/url.pem", "/url.pem"),
        (None, "/env.pem", "/url.pem", "/env.pem"),
        ("/option.pem", "/env.pem", "/url.pem", "/option.pem"),
        ("system", None, None, "system"),
    ],
)
def test_who_decides_on_the_root_certificate(
    option: str | None, variable: str | None, url: str | None, expected: str | None
) -> None:
    answer = read(
        jdbc(f"?sslrootcert={url}" if url else ""),
        options=TrustOptions(db_sslrootcert=option),
        env={"PGSSLROOTCERT": variable} if variable else {},
    )
    assert answer.settings.tls_root_cert == expected


def test_unknown_sslmode_names_value_origin_and_choice() -> None:
    with pytest.raises(RequestError, match="strict of PGSSLMODE") as refused:
        read(EXPLICIT, env={"PGSSLMODE": "strict"})
    assert "verify-full" in refused.value.hint
