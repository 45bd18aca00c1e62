"""A JDBC URL is read as PostgreSQL's own JDBC driver reads it."""

from __future__ import annotations

import pytest

from mxpc.adapters.jdbc import JdbcUrl, host_and_port, parse_jdbc_url
from mxpc.errors import RequestError

P = "jdbc:postgresql:"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"{P}//pg.example.com:5433/app", JdbcUrl("pg.example.com", 5433, "app")),
        (f"{P}//pg.example.com/app", JdbcUrl("pg.example.com", 5432, "app")),
        (f"{P}//pg.example.com/", JdbcUrl("pg.example.com", 5432)),
        (f"{P}//pg.example.com", JdbcUrl("pg.example.com", 5432)),
        (f"{P}app", JdbcUrl("localhost", 5432, "app")),
        (f"{P}/", JdbcUrl("localhost", 5432)),
        (f"{P}///app", JdbcUrl("localhost", 5432, "app")),
        (f"{P}//[2001:db8::1]:5433/app", JdbcUrl("2001:db8::1", 5433, "app")),
        (f"{P}//[::1]/app", JdbcUrl("::1", 5432, "app")),
        (f"{P}//a:1,b:2,c/app", JdbcUrl("a", 1, "app", other_hosts=("b:2", "c"))),
        (f"{P}//h/my%2Dapp%20%C3%A9", JdbcUrl("h", 5432, "my-app é")),
        ("JDBC:PostgreSQL://h/app", JdbcUrl("h", 5432, "app")),
        (f"{P}//h/a?user=u&password=p%26w%3D%2F", JdbcUrl("h", 5432, "a", user="u", password="p&w=/")),
        (f"{P}//h/a?password=p+w", JdbcUrl("h", 5432, "a", password="p w")),
        (f"{P}//h/a?password=a=b?c", JdbcUrl("h", 5432, "a", password="a=b?c")),
        (f"{P}//h/a?currentSchema=other", JdbcUrl("h", 5432, "a", schema="other")),
        (
            f"{P}//h/a?sslmode=verify-full&sslrootcert=/ca.pem",
            JdbcUrl("h", 5432, "a", None, None, "verify-full", "/ca.pem"),
        ),
        (f"{P}//h/a?sslmode=Require", JdbcUrl("h", 5432, "a", tls_mode="require")),
        (f"{P}//h/a?ssl=true", JdbcUrl("h", 5432, "a", tls_mode="verify-full")),
        (f"{P}//h/a?ssl", JdbcUrl("h", 5432, "a", tls_mode="verify-full")),
        (f"{P}//h/a?ssl=false", JdbcUrl("h", 5432, "a")),
        (f"{P}//h/a?ssl=true&sslmode=prefer", JdbcUrl("h", 5432, "a", tls_mode="prefer")),
        (
            f"{P}//h/a?ssl=true&sslfactory=org.postgresql.ssl.NonValidatingFactory",
            JdbcUrl("h", 5432, "a", tls_mode="require"),
        ),
        (f"{P}//h/a?&loginTimeout=10&tcpKeepAlive=true&user=&ApplicationName=x", JdbcUrl("h", 5432, "a")),
    ],
)
def test_url_is_read_as_the_driver_reads_it(url: str, expected: JdbcUrl) -> None:
    assert parse_jdbc_url(url, "Secret s") == expected


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("jdbc:sqlserver://h:1433;databaseName=a;password=hush", "sqlserver"),
        ("jdbc:mysql://h/a?password=hush", "mysql"),
        ("postgres://u:hush@h/a", "no JDBC URL"),
        ("hush", "no JDBC URL"),
        ("jdbc:", "no JDBC URL"),
        (f"{P}//h:port/a?password=hush", "port"),
        (f"{P}//h:99999/a?password=hush", "port"),
        (f"{P}//h:0/a?password=hush", "port"),
        (f"{P}//[::1/a?password=hush", "brackets"),
        (f"{P}//u:hush@h/a", "host"),
        (f"{P}//u@h/a?password=hush", "host"),
    ],
)
def test_other_or_malformed_url_is_refused_without_being_quoted(url: str, word: str) -> None:
    with pytest.raises(RequestError, match="Secret s") as refused:
        parse_jdbc_url(url, "Secret s")
    shown = f"{refused.value} {refused.value.evidence} {refused.value.hint}"
    assert word in shown
    assert "hush" not in shown
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pg", ("pg", 5432)),
        ("pg:1", ("pg", 1)),
        (" pg:65535 ", ("pg", 65535)),
        ("pg:", ("pg", 5432)),
        ("10.0.0.1:6432", ("10.0.0.1", 6432)),
        ("::1", ("::1", 5432)),
        ("fe80::1%eth0", ("fe80::1%eth0", 5432)),
        ("[::1]", ("::1", 5432)),
        ("[::1]:7", ("::1", 7)),
    ],
)
def test_host_may_come_with_or_without_port(text: str, expected: tuple[str, int]) -> None:
    assert host_and_port(text) == expected


@pytest.mark.parametrize(
    "text", ["", ":5432", "pg:x", "pg:-1", "pg:٣", "pg:70000", "[::1", "[::1]x", "a b", "h/p", "http://h:1"]
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"host|port|brackets"):
        host_and_port(text)
