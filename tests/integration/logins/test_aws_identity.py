"""Keys of AWS identities from local servers that check what they are asked."""

from __future__ import annotations

import ssl
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from fakes.token_servers import InstanceMetadata, PodIdentity, Sts, sts_error
from mxpc.adapters.logins.aws import aws_identity, aws_keys
from mxpc.errors import RequestError, ServiceError, ToolError

HOUR = timedelta(hours=1)
SECRET = "hush"


def told(error: ToolError) -> str:
    return "".join(traceback.format_exception(error)) + error.what + error.evidence + error.hint


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("web-identity-token\n")
    return path


def irsa(sts: Sts, token_file: Path, **more: str) -> dict[str, str]:
    return {
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/my-app",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token_file),
        "AWS_ENDPOINT_URL_STS": sts.url,
        **more,
    }


# -------------------------------------------------------------------------------------------------------- web identity


def test_web_identity_gives_keys(token_file: Path) -> None:
    with Sts(session="my-session") as sts:
        env = irsa(sts, token_file, AWS_ROLE_SESSION_NAME="my-session")
        keys = aws_keys(env)
        assert sts.complaints == []
    assert (keys.access_key_id, keys.secret_access_key, keys.session_token) == ("ASIAKEY", *sts.given)
    assert keys.expires
    assert timedelta(minutes=55) < keys.expires - datetime.now(UTC) <= HOUR
    assert "role arn:aws:iam::123456789012:role/my-app" in aws_identity(env).name
    assert not [secret for secret in sts.given if secret in repr(keys)]


def test_keys_are_kept_until_shortly_before_they_expire(token_file: Path) -> None:
    with Sts() as sts:
        first = aws_keys(irsa(sts, token_file))
        assert aws_keys(irsa(sts, token_file)) is first
        assert len(sts.asked) == 1


def test_keys_are_renewed_before_they_expire_with_the_token_that_the_file_has_then(token_file: Path) -> None:
    with Sts(lifetime=timedelta(0)) as sts:
        first = aws_keys(irsa(sts, token_file))
        sts.token = "rotated"
        token_file.write_text("rotated")
        assert aws_keys(irsa(sts, token_file)) != first
        assert len(sts.asked) == 2


def test_a_private_endpoint_with_a_certificate_of_its_own(token_file: Path, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with Sts(tls=context) as sts:
        with pytest.raises(ServiceError, match="cannot be reached") as refused:
            aws_keys(irsa(sts, token_file))
        assert "CERTIFICATE_VERIFY_FAILED" in refused.value.evidence
        assert "web-identity-token" not in told(refused.value)
        assert aws_keys(irsa(sts, token_file), None, str(tmp_path / "ca.pem")).access_key_id == "ASIAKEY"


@pytest.mark.parametrize(
    ("variables", "region", "host"),
    [
        ({"AWS_REGION": "eu-west-1"}, "eu-central-1", "sts.eu-west-1.amazonaws.com"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, None, "sts.eu-west-1.amazonaws.com"),
        ({}, "eu-central-1", "sts.eu-central-1.amazonaws.com"),
        ({}, "cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
        ({}, None, "sts.amazonaws.com"),
    ],
)
def test_the_regional_token_service_is_asked(
    token_file: Path, variables: Mapping[str, str], region: str | None, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a proxy that refuses, which shows where it would have gone."""
    with Sts(faults=[(403, "no")]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        env = {"AWS_ROLE_ARN": "arn:x", "AWS_WEB_IDENTITY_TOKEN_FILE": str(token_file), **variables}
        with pytest.raises(ServiceError, match=f"at https://{host}/ cannot be reached"):
            aws_keys(env, region)


def test_an_expired_web_identity_token_says_so(token_file: Path) -> None:
    refusal = sts_error("ExpiredTokenException", "Token expired: current date/time must be before the expiration")
    with Sts(faults=[refusal]) as sts, pytest.raises(ServiceError, match="cannot take the AWS role arn:aws") as refused:
        aws_keys(irsa(sts, token_file))
    assert refused.value.exit_code == 3
    assert "ExpiredTokenException: Token expired" in refused.value.evidence
    assert "kubelet keeps the mounted file fresh" in refused.value.hint
    assert "web-identity-token" not in told(refused.value)


def test_a_role_that_does_not_trust_the_service_account(token_file: Path) -> None:
    with Sts(role="another") as sts, pytest.raises(ServiceError, match="refused") as refused:
        aws_keys(irsa(sts, token_file))
    assert "HTTP 403: AccessDenied" in refused.value.evidence
    assert "trust policy" in refused.value.hint


def test_a_busy_token_service_is_asked_again(token_file: Path) -> None:
    with Sts(faults=[(503, "busy"), (500, "broken")]) as sts:
        assert aws_keys(irsa(sts, token_file)).access_key_id == "ASIAKEY"
        assert len(sts.asked) == 3


@pytest.mark.parametrize("answer", ["<html>Log in to the network</html>", "<AccessKeyId>A</AccessKeyId>", ""])
def test_an_answer_of_somebody_else_is_not_understood(token_file: Path, answer: str) -> None:
    with Sts(faults=[(200, answer)]) as sts, pytest.raises(ServiceError, match="not understood"):
        aws_keys(irsa(sts, token_file))


@pytest.mark.parametrize("content", [None, "", " \n", "two\nlines"])
def test_a_token_file_without_a_token(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with Sts() as sts, pytest.raises(RequestError, match="token file") as refused:
        aws_keys(irsa(sts, path))
    assert str(path) in refused.value.what
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" in refused.value.hint
    assert sts.asked == []


# ------------------------------------------------------------------------------------------ pods, machines, environment


def test_pod_identity_gives_keys(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("pod-token")
    with PodIdentity() as agent:
        env = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.uri,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
        }
        keys = aws_keys(env)
        assert agent.complaints == []
        assert (keys.secret_access_key, keys.session_token) == tuple(agent.given)
        assert agent.uri in aws_identity(env).name
        (tmp_path / "token").write_text("stale")
        agent.lifetime = timedelta(0)
        with pytest.raises(ServiceError, match="the pod's AWS role") as refused:
            aws_keys({**env, "AWS_REGION": "x"})
    assert "HTTP 400" in refused.value.evidence
    assert "stale" not in told(refused.value)


def test_the_pods_token_goes_to_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("pod-token")
    env = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23.example.com/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
    }
    with pytest.raises(RequestError, match="neither https nor an address of this machine"):
        aws_keys(env)


def test_instance_metadata_gives_keys_and_never_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with InstanceMetadata() as machine:
        env = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": machine.url}
        keys = aws_keys(env)
        assert machine.complaints == []
        assert [asked.method for asked in machine.asked] == ["PUT", "GET", "GET"]
    assert (keys.access_key_id, keys.secret_access_key, keys.session_token) == ("ASIANODE", *machine.given)
    assert "this machine" in aws_identity(env).name


def test_a_machine_without_a_role() -> None:
    with InstanceMetadata(role=None) as machine, pytest.raises(RequestError, match="no AWS identity here") as refused:
        aws_keys({"AWS_EC2_METADATA_SERVICE_ENDPOINT": machine.url})
    assert "HTTP 404" in refused.value.evidence
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    "env", [{"AWS_EC2_METADATA_DISABLED": "true"}, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}]
)
def test_no_identity_at_all_says_where_to_get_one(env: Mapping[str, str]) -> None:
    with pytest.raises(RequestError, match="no AWS identity here") as refused:
        aws_keys(env)
    assert "jump-pod" in refused.value.hint
    assert "AWS_SESSION_TOKEN" in refused.value.hint


def test_keys_of_the_environment_come_first_with_their_session_token(token_file: Path) -> None:
    with Sts() as sts:
        own = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_SESSION_TOKEN": "hush2"}
        keys = aws_keys(irsa(sts, token_file, **own))
        assert sts.asked == []
    assert (keys.access_key_id, keys.secret_access_key, keys.session_token) == ("AKIA", "hush", "hush2")
    assert keys.expires is None


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_a_pair_of_keys_in_the_environment(name: str) -> None:
    with pytest.raises(RequestError, match="is not set, its other half is") as refused:
        aws_keys({name: SECRET})
    assert SECRET not in told(refused.value)
