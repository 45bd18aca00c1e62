"""Logins that the API server does not take, and what the command says then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from cluster.command import Command
from cluster.environments import StoredEnvironment
from cluster.namespaces import ServiceAccount
from cluster.plugins import plugin_user
from cluster.server import Cluster, certificate_user, encoded
from cluster.taking import Take
from cluster.tokens import expired_token, resigned


def token_of_another_cluster(account: ServiceAccount) -> str:
    key = trustme.CA().issue_cert("elsewhere").private_key_pem.bytes()
    return resigned(account.token(), key, {})


def token_for_another_audience(account: ServiceAccount) -> str:
    return account.token(audience="vault")


def token_of_a_deleted_account(account: ServiceAccount) -> str:
    token = account.token()
    account.delete()
    return token


def no_token_at_all(_account: ServiceAccount) -> str:
    return "hush-not-a-token"


@pytest.mark.parametrize(
    "bad",
    [
        expired_token,
        token_of_another_cluster,
        token_for_another_audience,
        token_of_a_deleted_account,
        no_token_at_all,
    ],
)
def test_token_that_is_good_for_nothing(
    command: Command, stored: StoredEnvironment, account: ServiceAccount, take: Take, bad: Callable[..., str]
) -> None:
    token = bad(account)
    command.secrets.append(token)
    ended = take({"token": token})
    ended.expect(3, "did not accept the login", f"get mendixapps {stored.name}", "401 Unauthorized", "log in again")
    ended.expect(3, account.cluster.url, "verbs: [get]")
    assert not take.folder.exists()


def test_exec_plugin_whose_token_has_expired(tmp_path: Path, account: ServiceAccount, take: Take) -> None:
    user = plugin_user(tmp_path, "v1", {"token": expired_token(account)})
    take(user).expect(3, "did not accept the login", "401 Unauthorized")


def test_kubeconfig_without_a_login(take: Take) -> None:
    """Nobody is told to give rights to the anonymous user."""
    ended = take({})
    ended.expect(3, "was asked without a login", "403 mendixapps.privatecloud.mendix.com", "log in")
    assert "kind: Role" not in ended.err


@pytest.mark.parametrize("why", ["of another authority", "expired", "not valid yet"])
def test_certificate_that_is_good_for_nothing(
    cluster: Cluster, stored: StoredEnvironment, take: Take, why: str
) -> None:
    stored.namespace.allow_user("maria@example.com")
    now, day = datetime.now(UTC), timedelta(days=1)
    valid = {"expired": (now - 2 * day, now - day), "not valid yet": (now + day, now + 2 * day)}
    since, until = valid.get(why, (now - day, now + day))
    authority = trustme.CA() if why == "of another authority" else cluster.authority
    issued = authority.issue_cert("client.example", common_name="maria@example.com", not_before=since, not_after=until)
    user = certificate_user(issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes())
    take(user).expect(3, "did not accept the login", "401 Unauthorized")


def test_wrong_certificate_authority(account: ServiceAccount, take: Take) -> None:
    other = {"certificate-authority-data": encoded(trustme.CA().cert_pem.bytes())}
    take(account, **other).expect(3, "is not trusted", account.cluster.url, "certificate-authority")
