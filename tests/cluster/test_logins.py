"""Every way to log in, before the API server that decides whether it is one; the role is the documented one."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from cluster.command import Command, as_in_a_pod, can_mount
from cluster.conftest import KubeconfigFor
from cluster.environments import KEYS, SECRETS, StoredEnvironment
from cluster.namespaces import Namespace, ServiceAccount
from cluster.server import MASTERS, Cluster, certificate_user, encoded
from cluster.tokens import expired, resigned
from e2e.environment import Ended
from mxpc.adapters.kubernetes import KubernetesSource
from mxpc.errors import KubernetesError
from mxpc.model import Environment

PLUGIN = """\
#!{python}
import json, os
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
with open({answers!r}, "r+") as file:
    answer, *others = json.load(file)
    file.seek(0)
    file.truncate()
    json.dump(others or [answer], file)
print(json.dumps({{"kind": "ExecCredential", "apiVersion": info["apiVersion"], "status": answer}}))
"""


@pytest.fixture
def stored(namespace: Namespace, command: Command) -> StoredEnvironment:
    """An environment in Kubernetes alone."""
    command.secrets += SECRETS
    return StoredEnvironment(namespace)


@pytest.fixture
def account(stored: StoredEnvironment) -> ServiceAccount:
    """With exactly the documented role."""
    return stored.namespace.login()


def take(command: Command, stored: StoredEnvironment, kubeconfig: Path) -> Ended:
    """Run `credentials`: it reads everything that a backup reads."""
    return command.run("credentials", *stored.names, "--to", command.home / "keys", kubeconfig=kubeconfig)


def taken(command: Command, stored: StoredEnvironment, kubeconfig: Path) -> dict[str, str]:
    """The keys and values that `credentials` writes."""
    take(command, stored, kubeconfig).expect(0)
    return {file.name: file.read_text() for file in (command.home / "keys").iterdir()}


# --------------------------------------------------------------------------------------------------------- good logins


def test_token_of_a_service_account(
    command: Command, stored: StoredEnvironment, account: ServiceAccount, kubeconfig_for: KubeconfigFor
) -> None:
    token = account.token()
    command.secrets.append(token)
    assert taken(command, stored, kubeconfig_for({"token": token})) == KEYS


def test_client_certificate(
    command: Command, stored: StoredEnvironment, cluster: Cluster, kubeconfig_for: KubeconfigFor
) -> None:
    stored.namespace.allow_user("maria@example.com")
    user = certificate_user(*cluster.client_certificate("maria@example.com"))
    assert taken(command, stored, kubeconfig_for(user)) == KEYS


def test_token_in_a_file(
    command: Command, stored: StoredEnvironment, account: ServiceAccount, kubeconfig_for: KubeconfigFor
) -> None:
    path = command.home / "token"
    path.write_text(account.token() + "\n")
    assert taken(command, stored, kubeconfig_for({"tokenFile": str(path)})) == KEYS


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_exec_plugin_that_gives_a_token(
    command: Command, stored: StoredEnvironment, account: ServiceAccount, kubeconfig_for: KubeconfigFor, version: str
) -> None:
    user = plugin_user(command.home, version, {"token": account.token()})
    assert taken(command, stored, kubeconfig_for(user)) == KEYS


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_exec_plugin_that_gives_a_certificate(
    command: Command, stored: StoredEnvironment, cluster: Cluster, kubeconfig_for: KubeconfigFor, version: str
) -> None:
    stored.namespace.allow_user("plugin-user")
    certificate, key = cluster.client_certificate("plugin-user")
    status = {"clientCertificateData": certificate.decode(), "clientKeyData": key.decode()}
    user = plugin_user(command.home, version, status)
    assert taken(command, stored, kubeconfig_for(user)) == KEYS


def plugin_user(folder: Path, version: str, *answers: dict[str, str]) -> dict[str, object]:
    """The user of a kubeconfig with a login program that answers these one after the other, and the last ever after."""
    (folder / "answers").write_text(json.dumps(answers))
    program = folder / "login"
    program.write_text(PLUGIN.format(python=sys.executable, answers=str(folder / "answers")))
    program.chmod(0o700)
    group = f"client.authentication.k8s.io/{version}"
    return {"exec": {"apiVersion": group, "command": str(program), "interactiveMode": "Never"}}


def test_exec_plugin_is_asked_again_when_its_token_has_expired(
    command: Command, stored: StoredEnvironment, account: ServiceAccount, kubeconfig_for: KubeconfigFor
) -> None:
    user = plugin_user(command.home, "v1", {"token": expired_token(account)}, {"token": account.token()})
    assert taken(command, stored, kubeconfig_for(user)) == KEYS


def test_impersonation(
    command: Command, stored: StoredEnvironment, cluster: Cluster, kubeconfig_for: KubeconfigFor
) -> None:
    stored.namespace.allow_user("somebody")
    admin = certificate_user(*cluster.client_certificate("admin", MASTERS))
    assert taken(command, stored, kubeconfig_for({**admin, "as": "somebody"})) == KEYS
    take(command, stored, kubeconfig_for({**admin, "as": "nobody"})).expect(3, 'User "nobody" cannot get')


@pytest.mark.skipif(not can_mount(), reason="a mount namespace of our own cannot be had")
def test_service_account_of_a_pod(command: Command, stored: StoredEnvironment, account: ServiceAccount) -> None:
    variables = mounted(command.home / "mounted", stored, account.token())
    in_pod = as_in_a_pod(command.home / "mounted")
    words = ("credentials", *stored.names, "--to", command.home / "keys")
    command.run(*words, kubeconfig=None, wrapper=in_pod, **variables).expect(0)
    assert {file.name: file.read_text() for file in (command.home / "keys").iterdir()} == KEYS


def test_token_of_a_pod_that_was_renewed_on_disk_is_read_again(
    tmp_path: Path, stored: StoredEnvironment, account: ServiceAccount, cluster: Cluster
) -> None:
    variables = mounted(tmp_path, stored, expired(account.token(), cluster.signing_key_pem))
    environment = Environment(stored.namespace.name, stored.name)
    source = KubernetesSource(environment, env={"HOME": "/nonexistent", **variables}, service_account=tmp_path)
    with pytest.raises(KubernetesError):
        source.credentials()
    (tmp_path / "token").write_text(account.token())
    assert source.credentials().values == KEYS


def mounted(folder: Path, stored: StoredEnvironment, token: str) -> dict[str, str]:
    """The files that the kubelet mounts into a pod; returns the variables that it sets."""
    cluster = stored.namespace.cluster
    folder.mkdir(exist_ok=True)
    (folder / "token").write_text(token)
    (folder / "ca.crt").write_bytes(cluster.authority_pem)
    (folder / "namespace").write_text(stored.namespace.name)
    return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(cluster.port)}


# ---------------------------------------------------------------------------------------------------------- bad logins


def expired_token(account: ServiceAccount) -> str:
    return expired(account.token(), account.cluster.signing_key_pem)


def token_of_a_stranger(account: ServiceAccount) -> str:
    """Signed by another cluster."""
    key = trustme.CA().issue_cert("elsewhere").private_key_pem.bytes()
    return resigned(account.token(), key, {})


def token_for_another_audience(account: ServiceAccount) -> str:
    return account.token(audience="vault")


def token_of_a_deleted_account(account: ServiceAccount) -> str:
    token = account.token()
    account.delete()
    return token


def no_token_at_all(account: ServiceAccount) -> str:
    return "hush-not-a-token"


@pytest.mark.parametrize(
    "bad",
    [expired_token, token_of_a_stranger, token_for_another_audience, token_of_a_deleted_account, no_token_at_all],
)
def test_token_that_is_good_for_nothing(
    command: Command, stored: StoredEnvironment, account: ServiceAccount, kubeconfig_for: KubeconfigFor, bad
) -> None:
    token = bad(account)
    command.secrets.append(token)
    ended = take(command, stored, kubeconfig_for({"token": token}))
    ended.expect(3, "did not accept the login", f"get mendixapps {stored.name}", "401 Unauthorized", "log in again")
    ended.expect(3, cluster_url(account), "verbs: [get]")


def test_kubeconfig_without_a_login(command: Command, stored: StoredEnvironment, kubeconfig_for: KubeconfigFor) -> None:
    """Nobody is told to give rights to the anonymous user."""
    ended = take(command, stored, kubeconfig_for({}))
    ended.expect(3, "was asked without a login", "403 mendixapps.privatecloud.mendix.com", "log in")
    assert "kind: Role" not in ended.err


@pytest.mark.parametrize("why", ["of another authority", "expired", "not valid yet"])
def test_certificate_that_is_good_for_nothing(
    command: Command, stored: StoredEnvironment, cluster: Cluster, kubeconfig_for: KubeconfigFor, why: str
) -> None:
    stored.namespace.allow_user("maria@example.com")
    now = datetime.now(UTC)
    day = timedelta(days=1)
    authority = trustme.CA() if why == "of another authority" else cluster.authority
    valid = {"expired": (now - 2 * day, now - day), "not valid yet": (now + day, now + 2 * day)}
    since, until = valid.get(why, (now - day, now + day))
    issued = authority.issue_cert("client.example", common_name="maria@example.com", not_before=since, not_after=until)
    user = certificate_user(issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes())
    take(command, stored, kubeconfig_for(user)).expect(3, "did not accept the login", "401 Unauthorized")


def test_exec_plugin_whose_token_has_expired(
    command: Command, stored: StoredEnvironment, account: ServiceAccount, kubeconfig_for: KubeconfigFor
) -> None:
    user = plugin_user(command.home, "v1", {"token": expired_token(account)})
    take(command, stored, kubeconfig_for(user)).expect(3, "did not accept the login", "401 Unauthorized")


def test_wrong_certificate_authority(
    command: Command, stored: StoredEnvironment, account: ServiceAccount, kubeconfig_for: KubeconfigFor
) -> None:
    other = {"certificate-authority-data": encoded(trustme.CA().cert_pem.bytes())}
    ended = take(command, stored, kubeconfig_for(account, **other))
    ended.expect(3, "is not trusted", cluster_url(account), "certificate-authority")


def test_insecure_needs_no_certificate_authority(
    command: Command, stored: StoredEnvironment, account: ServiceAccount, kubeconfig_for: KubeconfigFor
) -> None:
    fields = {"certificate-authority-data": None, "insecure-skip-tls-verify": True}
    assert taken(command, stored, kubeconfig_for(account, **fields)) == KEYS


def cluster_url(account: ServiceAccount) -> str:
    return account.cluster.url
