"""Token services of clouds are asked through the proxy, those of the machine never."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from fakes.http_proxy import HttpProxy
from fakes.tls_front import TlsFront
from fakes.token_servers import Entra, GoogleMetadata, PodIdentity, Sts, TokenServer
from mxpc.adapters.logins.aws import aws_keys
from mxpc.adapters.logins.azure import STORAGE_SCOPE, azure_token
from mxpc.adapters.logins.google import STORAGE_SCOPE as GOOGLE_SCOPE
from mxpc.adapters.logins.google import google_token
from mxpc.errors import ServiceError

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("web-identity-token")
    return path


def port_of(server: TokenServer) -> int:
    return int(server.url.rpartition(":")[2])


def irsa(token_file: Path, endpoint: str) -> dict[str, str]:
    return {
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/my-app",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token_file),
        "AWS_ENDPOINT_URL_STS": endpoint,
    }


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_aws_through_a_tunnel(token_file: Path, tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        Sts() as sts,
        TlsFront(port_of(sts), tmp_path, "sts.example.test") as front,
        HttpProxy({"sts.example.test:443": front.port}) as proxy,
    ):
        monkeypatch.setenv(variable, proxy.url)
        keys = aws_keys(irsa(token_file, "https://sts.example.test"), ca_file=str(front.ca_file))
        assert proxy.asked == [("CONNECT", "sts.example.test:443")]
        assert sts.complaints == []
    assert keys.session_token in sts.given


def test_azure_through_a_tunnel(token_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token_file.write_text("federated-token")
    with (
        Entra() as entra,
        TlsFront(port_of(entra), tmp_path, "login.example.test") as front,
        HttpProxy({"login.example.test:443": front.port}) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        env = {
            "AZURE_CLIENT_ID": "my-client",
            "AZURE_TENANT_ID": "my-tenant",
            "AZURE_FEDERATED_TOKEN_FILE": str(token_file),
            "AZURE_AUTHORITY_HOST": "https://login.example.test",
        }
        token = azure_token(env, STORAGE_SCOPE, str(front.ca_file))
        assert ("CONNECT", "login.example.test:443") in proxy.asked
        assert entra.complaints == []
    assert token.text in entra.given


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_excepted_services_are_not_asked_of_the_proxy(
    token_file: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpProxy({}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv(variable, ".example.test")
        with pytest.raises(ServiceError):
            aws_keys(irsa(token_file, "https://excepted.example.test"))
        assert proxy.asked == []


def test_proxy_that_refuses_keeps_its_password(token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpProxy({}, login="me:pr0xy-secret") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("pr0xy-secret", "wr0ng-secret"))
        with pytest.raises(ServiceError) as failed:
            aws_keys(irsa(token_file, "https://refused.example.test"))
    error = failed.value
    assert "wr0ng-secret" not in "".join(traceback.format_exception(error)) + error.what + error.evidence + error.hint
    assert "proxy" in error.hint


def test_services_of_this_machine_are_never_asked_through_a_proxy(
    token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token_file.write_text("pod-token")
    with HttpProxy({}) as proxy, PodIdentity() as agent, GoogleMetadata() as metadata:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        aws_keys(
            {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.uri,
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token_file),
            }
        )
        google_token({"GCE_METADATA_HOST": metadata.host}, GOOGLE_SCOPE)
        assert proxy.asked == []
