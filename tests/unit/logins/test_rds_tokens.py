"""RDS tokens against a second signer, and the rules that say which login is meant."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import parse_qs

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxpc.adapters.logins.aws import AwsKeys
from mxpc.adapters.logins.azure import azure_database_scope
from mxpc.adapters.logins.choice import database_login
from mxpc.adapters.logins.rds import rds_region, rds_token
from mxpc.model import Login

HOST = "app.abc123.eu-west-1.rds.amazonaws.com"


def second_signer(keys: AwsKeys, host: str, port: int, user: str, region: str) -> str:
    session = botocore.session.Session()
    session.set_credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    token: str = session.create_client("rds", region_name=region).generate_db_auth_token(host, port, user)
    return token


@pytest.mark.parametrize("session_token", [None, "IQoJb3JpZ2luX2Vj/+==&? ~"])
@pytest.mark.parametrize("user", ["app", "us er/ü@x+y&z=~"])
@pytest.mark.parametrize(("region", "port"), [("eu-west-1", 5432), ("cn-north-1", 6000), ("us-gov-west-1", 1)])
def test_tokens_are_those_of_a_second_signer(session_token: str | None, user: str, region: str, port: int) -> None:
    keys = AwsKeys("AKIAEXAMPLE", "se/cr+et=", session_token)
    theirs = second_signer(keys, HOST, port, user, region)
    date = re.search(r"X-Amz-Date=(\w+)", theirs)
    assert date
    moment = datetime.strptime(date[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = rds_token(keys, host=HOST, port=port, user=user, region=region, moment=moment)
    address, _, query = ours.partition("/?")
    assert address == theirs.partition("/?")[0] == f"{HOST}:{port}"
    assert parse_qs(query, strict_parsing=True) == parse_qs(theirs.partition("/?")[2])


@given(secret=st.text(min_size=1), user=st.text(min_size=1))
def test_a_token_has_no_secret_key_and_one_line(secret: str, user: str) -> None:
    keys = AwsKeys("AKIA", f"hush{secret}")
    token = rds_token(keys, host=HOST, port=1, user=user, region="r", moment=datetime(2026, 1, 2, tzinfo=UTC))
    assert token.isascii()
    assert token.isprintable()
    assert f"hush{secret}" not in token
    assert "hush" not in repr(keys)


@pytest.mark.parametrize(
    ("host", "region"),
    [
        (HOST, "eu-west-1"),
        ("my.cluster-abc.us-east-2.rds.amazonaws.com", "us-east-2"),
        ("my.cluster-ro-abc.ap-southeast-1.rds.amazonaws.com", "ap-southeast-1"),
        ("my.proxy-abc.us-gov-west-1.rds.amazonaws.com", "us-gov-west-1"),
        ("my.abc.cn-north-1.rds.amazonaws.com.cn", "cn-north-1"),
        ("MY.ABC.EU-WEST-1.RDS.AMAZONAWS.COM.", "eu-west-1"),
        ("pg.example.com", None),
        ("eu-west-1.rds.amazonaws.com.evil.example", None),
        ("app.eu-west-1.rds.amazonaws.community", None),
    ],
)
def test_the_region_is_in_the_host_name(host: str, region: str | None) -> None:
    assert rds_region(host) == region


@pytest.mark.parametrize(
    ("host", "user", "login"),
    [
        (HOST, "app", Login.AWS),
        ("app.postgres.database.azure.com", "app", Login.AZURE),
        ("app.privatelink.postgres.database.azure.com", "app", Login.AZURE),
        ("10.1.2.3", "app@project.iam", Login.GOOGLE),
        ("pg.example.com", "app", None),
        ("pg.example.com", "app@example.com", None),
    ],
)
def test_which_login_a_host_or_user_stands_for(host: str, user: str, login: Login | None) -> None:
    choice = database_login(host, user, {})
    assert (choice and choice.login) == login
    if choice:
        assert (host in choice.notes[0]) or (user in choice.notes[0])


def test_other_clouds_of_azure_have_other_scopes() -> None:
    assert azure_database_scope("a.postgres.database.azure.com") == (
        "https://ossrdbms-aad.database.windows.net/.default"
    )
    assert azure_database_scope("a.postgres.database.chinacloudapi.cn") == (
        "https://ossrdbms-aad.database.chinacloudapi.cn/.default"
    )
    assert azure_database_scope("postgres.database.azure.com.example") is None
