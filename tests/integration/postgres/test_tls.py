"""Every sslmode against every kind of server, for our own connection and for pg_dump's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trustme

from integration.postgres.content import load_mini_mendix
from mxpc.adapters.postgres import PostgresSource, PostgresTarget
from mxpc.demo.postgres import IN_A_HURRY, PostgresServer
from mxpc.errors import DatabaseError
from mxpc.model import DatabaseSettings, TlsMode
from mxpc.progress import Silent
from servers import postgres_bin, tls_settings
from surroundings import new_database

OK, REFUSED = True, False
HBA = """
local   all all                    scram-sha-256
hostssl all +shows_certificate all scram-sha-256 clientcert=verify-ca
host    all all                all scram-sha-256
"""
"""The order counts; a role that does not exist yet has no members."""


class Heard(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.notes: list[str] = []

    def warned(self, text: str) -> None:
        self.warnings.append(text)

    def noted(self, text: str) -> None:
        self.notes.append(text)


@dataclass(frozen=True)
class Servers:
    """A server that has TLS for the name localhost, one without TLS, and files with the right and a wrong root."""

    with_tls: DatabaseSettings
    without_tls: DatabaseSettings
    with_certificates: DatabaseSettings
    """The server with TLS again, and a role that has to show a certificate besides its password."""
    right_root: str
    wrong_root: str
    client: Path
    """A folder with the client's certificate and key."""


@pytest.fixture(scope="module")
def servers(server_folder: Path, postgres_15: PostgresServer) -> Iterator[Servers]:
    folder = server_folder / "tls"
    folder.mkdir(mode=0o711)
    authority, stranger = trustme.CA(), trustme.CA()
    for name, one in (("right", authority), ("wrong", stranger)):
        one.cert_pem.write_to_path(folder / f"{name}.pem")
    settings = {
        **IN_A_HURRY,
        **tls_settings(folder, authority),
        "ssl_ca_file": str(folder / "right.pem"),
        "hba_file": str(folder / "hba.conf"),
    }
    (folder / "hba.conf").write_text(HBA)
    client = authority.issue_cert("client.example")
    client.private_key_pem.write_to_path(folder / "client.key")
    client.cert_chain_pems[0].write_to_path(folder / "client.crt")
    (folder / "client.key").chmod(0o600)
    with PostgresServer(folder, bin_dir=postgres_bin(15), settings=settings) as server:
        with_tls, without_tls, strict = new_database(server), new_database(postgres_15), new_database(server)
        for database in (with_tls, without_tls, strict):
            load_mini_mendix(database)
        server.execute(f'CREATE ROLE shows_certificate; GRANT shows_certificate TO "{strict.user}"')
        yield Servers(
            replace(with_tls, host="localhost"),
            replace(without_tls, host="localhost"),
            replace(strict, host="localhost"),
            str(folder / "right.pem"),
            str(folder / "wrong.pem"),
            folder,
        )


def try_out(settings: DatabaseSettings) -> Heard:
    """Connect as a backup does, pg_dump included."""
    heard = Heard()
    with PostgresSource(settings, progress=heard).snapshot() as snapshot, snapshot.dump() as dump:
        while dump.read(1 << 20):
            pass
    return heard


@pytest.mark.parametrize(
    ("mode", "root", "expected"),
    [
        (TlsMode.DISABLE, None, OK),
        (TlsMode.ALLOW, None, OK),
        (TlsMode.PREFER, None, OK),
        (TlsMode.REQUIRE, None, OK),
        (TlsMode.REQUIRE, "right_root", OK),
        # libpq: with a root given, `require` checks the certificate as verify-ca does.
        (TlsMode.REQUIRE, "wrong_root", REFUSED),
        (TlsMode.VERIFY_CA, "right_root", OK),
        (TlsMode.VERIFY_CA, "wrong_root", REFUSED),
        (TlsMode.VERIFY_FULL, "right_root", OK),
        (TlsMode.VERIFY_FULL, "wrong_root", REFUSED),
    ],
)
def test_a_server_with_tls(servers: Servers, mode: TlsMode, root: str | None, expected: bool) -> None:
    settings = replace(
        servers.with_tls, tls_mode=mode, tls_root_cert=getattr(servers, root) if root else "/nonexistent/root.crt"
    )
    if expected is OK:
        try_out(settings)
        return
    with pytest.raises(DatabaseError, match="localhost") as error:
        try_out(settings)
    assert "certificate" in error.value.evidence


@pytest.mark.parametrize(("mode", "expected"), [(TlsMode.VERIFY_CA, OK), (TlsMode.VERIFY_FULL, REFUSED)])
def test_a_certificate_for_another_name(servers: Servers, mode: TlsMode, expected: bool) -> None:
    settings = replace(servers.with_tls, host="127.0.0.1", tls_mode=mode, tls_root_cert=servers.right_root)
    if expected is OK:
        try_out(settings)
        return
    with pytest.raises(DatabaseError) as error:
        try_out(settings)
    assert "does not match" in error.value.evidence


@pytest.mark.parametrize("mode", list(TlsMode))
def test_a_server_without_tls_is_refused_by_the_strict_modes(servers: Servers, mode: TlsMode) -> None:
    settings = replace(servers.without_tls, tls_mode=mode, tls_root_cert=servers.right_root)
    if mode in (TlsMode.DISABLE, TlsMode.ALLOW, TlsMode.PREFER):
        try_out(settings)
        return
    with pytest.raises(DatabaseError) as error:
        try_out(settings)
    assert "does not support SSL" in error.value.evidence


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (TlsMode.VERIFY_FULL, "its certificate was checked for the name localhost"),
        (TlsMode.VERIFY_CA, "its certificate was checked, and not whether it is for this name"),
        (TlsMode.PREFER, "its certificate was not checked"),
    ],
)
def test_protocol_and_peer_are_noted(servers: Servers, mode: TlsMode, words: str) -> None:
    settings = replace(servers.with_tls, tls_mode=mode, tls_root_cert=servers.right_root)
    heard = try_out(settings)
    assert any("TLSv1" in note and note.endswith(words) for note in heard.notes)
    assert heard.warnings == []


def test_client_certificate_of_the_environment_is_shown(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(servers.with_certificates, tls_mode=TlsMode.VERIFY_FULL, tls_root_cert=servers.right_root)
    for name in ("PGSSLCERT", "PGSSLKEY"):
        monkeypatch.setenv(name, "/nonexistent/client")
    with pytest.raises(DatabaseError) as refused:
        try_out(settings)
    assert "client certificate" in refused.value.evidence
    monkeypatch.setenv("PGSSLCERT", str(servers.client / "client.crt"))
    monkeypatch.setenv("PGSSLKEY", str(servers.client / "client.key"))
    try_out(settings)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_connection_that_stays_on_this_machine_is_not_warned_of(servers: Servers, host: str) -> None:
    assert try_out(replace(servers.without_tls, host=host)).warnings == []


@pytest.mark.parametrize(
    ("server", "words"), [("with_tls", "certificate is not checked"), ("without_tls", "is not encrypted")]
)
def test_a_connection_that_leaves_this_machine_unprotected_is_warned_of_once(
    servers: Servers, server: str, words: str
) -> None:
    heard = Heard()
    # An address of this machine that does not look like one.
    settings = replace(getattr(servers, server), host="127.1", tls_root_cert="/nonexistent/root.crt")
    with PostgresTarget(settings, progress=heard).exclusive():
        pass
    (warning,) = heard.warnings
    assert words in warning
    assert "--db-sslmode verify-full" in warning
