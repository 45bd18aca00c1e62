"""Connections whose password is a token: a new one each time, over TLS only, for pg_dump as well."""

from __future__ import annotations

import os
import ssl
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import trustme

from fakes.postgres_gate import PostgresGate
from fakes.token_servers import Entra, GoogleMetadata, InstanceMetadata
from integration.postgres.content import load_mini_mendix
from mxpc.adapters.logins.database import database_password
from mxpc.adapters.postgres import PostgresSource
from mxpc.adapters.postgres.client_environment import client_environment
from mxpc.adapters.postgres.connection import connect
from mxpc.demo.postgres import IN_A_HURRY, PostgresServer
from mxpc.demo.processes import unprivileged_user
from mxpc.errors import DatabaseError, RequestError
from mxpc.model import DatabaseSettings, Login, TlsMode
from servers import ServerUnavailable, postgres_bin, require
from surroundings import new_database

DATABASE_SCOPE = "https://ossrdbms-aad.database.windows.net/.default"


def told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(getattr(error, "hint", ""))


# ----------------------------------------------------------------------------------------------------------------- AWS


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[InstanceMetadata]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with InstanceMetadata() as server:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
        yield server


@pytest.fixture
def gate() -> Iterator[PostgresGate]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with PostgresGate(context) as server:
        yield server


def rds(port: int) -> DatabaseSettings:
    return DatabaseSettings(
        "localhost", port, "app", "app user", tls_mode=TlsMode.REQUIRE, login=Login.AWS, region="eu-west-1"
    )


def test_each_connection_has_a_new_rds_token(machine: InstanceMetadata, gate: PostgresGate) -> None:
    for _ in range(2):
        with pytest.raises(DatabaseError, match="cannot connect") as refused:
            connect(rds(gate.port))
        time.sleep(1)  # a token has the second in which it was made
    first, second = [attempt.password for attempt in gate.attempts]
    assert first != second
    assert {attempt.user for attempt in gate.attempts} == {"app user"}
    for token in (first, second):
        address, _, query = token.partition("/?")
        fields = parse_qs(query)
        assert address == f"localhost:{gate.port}"
        assert fields["DBUser"] == ["app user"]
        assert fields["X-Amz-Security-Token"] == [machine.given[1]]
        made = datetime.strptime(fields["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        assert abs(datetime.now(UTC) - made) < timedelta(minutes=1)
    assert "rds-db:connect" in refused.value.hint
    assert "PAM authentication failed" in refused.value.evidence
    assert not [secret for secret in (*machine.given, first, second) if secret in told(refused.value)]


def test_pg_dump_has_a_token_in_its_password_file(machine: InstanceMetadata) -> None:
    settings = rds(5432)
    with client_environment(settings, 15, "test") as environment:
        line = Path(environment["PGPASSFILE"]).read_text()
        assert environment["PGSSLMODE"] == "require"
    token = line.removeprefix("localhost:5432:app:app user:").replace("\\:", ":").strip()
    assert token.startswith("localhost:5432/?Action=connect&DBUser=app%20user")
    assert machine.given
    assert not [value for value in environment.values() if "X-Amz" in value or machine.given[0] in value]


def test_no_token_goes_to_a_server_without_tls(machine: InstanceMetadata) -> None:
    with PostgresGate(None) as gate, pytest.raises(DatabaseError, match="cannot connect"):
        connect(rds(gate.port))
    assert gate.attempts == []


def test_no_identity_is_an_error_of_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(RequestError, match="no AWS identity here"):
        connect(rds(1))


# --------------------------------------------------------------------------------------------------------------- Azure


@pytest.fixture(scope="module")
def azure_server(server_folder: Path) -> Iterator[PostgresServer]:
    """PostgreSQL with TLS; a role whose password is the present token stands for one that Entra knows."""
    folder = server_folder / "tokens"
    folder.mkdir(mode=0o711)
    certificate = trustme.CA().issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    certificate.cert_chain_pems[0].write_to_path(folder / "server.crt")
    (folder / "server.key").chmod(0o600)
    if user := unprivileged_user():
        os.chown(folder / "server.key", *user)
    files = {"ssl_cert_file": str(folder / "server.crt"), "ssl_key_file": str(folder / "server.key")}
    try:
        bin_dir = postgres_bin(15)
    except ServerUnavailable as error:
        require(str(error))
    with PostgresServer(folder, bin_dir=bin_dir, settings={**IN_A_HURRY, "ssl": "on", **files}) as server:
        yield server


def test_an_entra_token_is_a_password_that_our_connections_and_pg_dump_take(
    azure_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_password = new_database(azure_server)
    load_mini_mendix(with_password)
    with Entra(scope=DATABASE_SCOPE) as entra:
        (tmp_path / "token").write_text("federated-token")
        monkeypatch.setenv("AZURE_CLIENT_ID", "my-client")
        monkeypatch.setenv("AZURE_TENANT_ID", "my-tenant")
        monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", entra.url)
        monkeypatch.delenv("AZURE_CLIENT_SECRET", raising=False)
        settings = replace(with_password, password=None, login=Login.AZURE, tls_mode=TlsMode.REQUIRE)
        # The host tells Azure's clouds apart; the connection goes to our own server.
        token = database_password(replace(settings, host="app.postgres.database.azure.com"))
        assert token == entra.given[0]
        azure_server.execute(f"ALTER ROLE \"{settings.user}\" PASSWORD '{token}'")
        source = PostgresSource(replace(settings, password=token, login=Login.KEYS))
        with source.snapshot() as snapshot, snapshot.dump() as dump:
            assert dump.read(5) == b"PGDMP"
        assert entra.complaints == []


def test_google_users_get_a_token_of_the_metadata_service() -> None:
    scope = "https://www.googleapis.com/auth/sqlservice.login"
    settings = DatabaseSettings("10.0.0.1", 5432, "app", "app@project.iam", login=Login.GOOGLE)
    with GoogleMetadata(scope=scope) as machine:
        assert database_password(settings, {"GCE_METADATA_HOST": machine.host}) == machine.given[0]
        assert machine.complaints == []
