"""Every way to log in, before the API server that decides whether it is one; the role is the documented one."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.command import Command
from cluster.environments import KEYS, StoredEnvironment
from cluster.namespaces import ServiceAccount
from cluster.plugins import plugin_user
from cluster.pods import as_in_a_pod, can_mount, mount_service_account
from cluster.server import MASTERS, Cluster, certificate_user
from cluster.taking import Take
from cluster.tokens import expired_token
from mxpc.adapters.kubernetes import KubernetesSource
from mxpc.errors import KubernetesError
from mxpc.model import Environment


def test_token_of_a_service_account(command: Command, account: ServiceAccount, take: Take) -> None:
    token = account.token()
    command.secrets.append(token)
    assert take.keys({"token": token}) == KEYS


def test_client_certificate(cluster: Cluster, stored: StoredEnvironment, take: Take) -> None:
    stored.namespace.allow_user("maria@example.com")
    assert take.keys(certificate_user(*cluster.client_certificate("maria@example.com"))) == KEYS


def test_token_in_a_file(tmp_path: Path, account: ServiceAccount, take: Take) -> None:
    (tmp_path / "token").write_text(account.token() + "\n")
    assert take.keys({"tokenFile": str(tmp_path / "token")}) == KEYS


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_exec_plugin_that_gives_a_token(tmp_path: Path, account: ServiceAccount, take: Take, version: str) -> None:
    assert take.keys(plugin_user(tmp_path, version, {"token": account.token()})) == KEYS


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_exec_plugin_that_gives_a_certificate(
    tmp_path: Path, cluster: Cluster, stored: StoredEnvironment, take: Take, version: str
) -> None:
    stored.namespace.allow_user("plugin-user")
    certificate, key = cluster.client_certificate("plugin-user")
    answer = {"clientCertificateData": certificate.decode(), "clientKeyData": key.decode()}
    assert take.keys(plugin_user(tmp_path, version, answer)) == KEYS


def test_exec_plugin_is_asked_again_when_its_token_has_expired(
    tmp_path: Path, account: ServiceAccount, take: Take
) -> None:
    answers = [{"token": expired_token(account)}, {"token": account.token()}]
    assert take.keys(plugin_user(tmp_path, "v1", *answers)) == KEYS


def test_impersonation(cluster: Cluster, stored: StoredEnvironment, take: Take) -> None:
    stored.namespace.allow_user("somebody")
    admin = certificate_user(*cluster.client_certificate("admin", MASTERS))
    assert take.keys({**admin, "as": "somebody"}) == KEYS
    take({**admin, "as": "nobody"}).expect(3, 'User "nobody" cannot get')


def test_certificate_authority_need_not_be_known_to_whoever_says_so(account: ServiceAccount, take: Take) -> None:
    fields = {"certificate-authority-data": None, "insecure-skip-tls-verify": True}
    assert take.keys(account, **fields) == KEYS


@pytest.mark.skipif(not can_mount(), reason="a mount namespace of our own cannot be had")
def test_service_account_of_a_pod(tmp_path: Path, command: Command, account: ServiceAccount, take: Take) -> None:
    variables = mount_service_account(tmp_path / "mounted", account, account.token())
    command.run(*take.words, kubeconfig=None, wrapper=as_in_a_pod(tmp_path / "mounted"), **variables).expect(0)
    assert take.written() == KEYS


def test_token_of_a_pod_that_was_renewed_on_disk_is_read_again(
    tmp_path: Path, stored: StoredEnvironment, account: ServiceAccount
) -> None:
    variables = mount_service_account(tmp_path, account, expired_token(account))
    environment = Environment(stored.namespace.name, stored.name)
    source = KubernetesSource(environment, env={"HOME": "/nonexistent", **variables}, service_account=tmp_path)
    with pytest.raises(KubernetesError):
        source.credentials()
    (tmp_path / "token").write_text(account.token())
    assert source.credentials().values == KEYS
