"""What the command can do with the documented role, and what it says for each right that is missing."""

from __future__ import annotations

import pytest

from cluster.api import Refused
from cluster.command import Command
from cluster.conftest import KubeconfigFor
from cluster.environments import KEYS, SECRETS, StoredEnvironment
from cluster.mendix import DOCUMENTED_ROLE, VERSION, Rule, without
from cluster.namespaces import Namespace
from cluster.server import Cluster
from e2e.environment import Ended


@pytest.fixture
def stored(namespace: Namespace, command: Command) -> StoredEnvironment:
    """An environment in Kubernetes alone."""
    command.secrets += SECRETS
    return StoredEnvironment(namespace)


@pytest.fixture
def take(command: Command, stored: StoredEnvironment, kubeconfig_for: KubeconfigFor):
    """Runs `credentials`, which reads everything that a backup reads, with a role of these rules."""

    def run(rules: list[Rule], *more: str) -> Ended:
        kubeconfig = kubeconfig_for(stored.namespace.login(rules))
        return command.run("credentials", *stored.names, "--to", command.home / "keys", *more, kubeconfig=kubeconfig)

    return run


def test_documented_role_is_enough(command: Command, take) -> None:
    take(DOCUMENTED_ROLE).expect(0)
    assert {file.name: file.read_text() for file in (command.home / "keys").iterdir()} == KEYS


def test_documented_role_is_what_the_server_enforces(cluster: Cluster, stored: StoredEnvironment) -> None:
    """Else the other tests would prove nothing."""
    where = stored.namespace.name
    api = cluster.api(stored.namespace.login().token())
    assert api.get("v1", "Secret", f"{stored.name}-file", where)["type"] == "Opaque"
    forbidden = [
        lambda: api.list("v1", "Secret", where),
        lambda: api.list(VERSION, "MendixApp", where),
        lambda: api.patch(VERSION, "MendixApp", stored.name, {"spec": {"replicas": 1}}, where),
        lambda: api.delete("v1", "Secret", f"{stored.name}-file", where),
        lambda: api.get("v1", "Namespace", where),
        lambda: api.get("v1", "ServiceAccount", "default", where),
    ]
    for action in forbidden:
        with pytest.raises(Refused, match="403 Forbidden"):
            action()
    api.close()


@pytest.mark.parametrize("resource", ["mendixapps", "storageinstances", "secrets"])
def test_missing_right(stored: StoredEnvironment, take, command: Command, resource: str) -> None:
    ended = take(without(resource))
    ended.expect(3, f"the right to get {resource} in namespace {stored.namespace.name} is missing", stored.name)
    ended.expect(3, "403", "is forbidden: User", f'cannot get resource "{resource}"', stored.namespace.cluster.url)
    ended.expect(3, "kind: Role", f"namespace: {stored.namespace.name}", "verbs: [get]")
    assert not (command.home / "keys").exists()


@pytest.mark.parametrize("verb", ["list", "watch", "patch"])
def test_other_verbs_are_no_get(take, verb: str) -> None:
    take([{**rule, "verbs": [verb]} for rule in DOCUMENTED_ROLE]).expect(3, "the right to get mendixapps")


def test_rights_to_exactly_these_objects_are_enough(stored: StoredEnvironment, take) -> None:
    parts = [f"{stored.name}-database", f"{stored.name}-file"]
    take([{**rule, "resourceNames": [stored.name, *parts]} for rule in DOCUMENTED_ROLE]).expect(0)


def test_rights_to_other_objects_are_not(stored: StoredEnvironment, take) -> None:
    secrets, mendix = DOCUMENTED_ROLE
    names = {"resourceNames": [f"{stored.name}-file"]}
    take([{**secrets, **names}, mendix]).expect(3, "the right to get secrets", f"{stored.name}-database")


def test_rights_in_another_namespace_are_of_no_use(
    stored: StoredEnvironment, command: Command, kubeconfig_for: KubeconfigFor, new_namespace
) -> None:
    kubeconfig = kubeconfig_for(new_namespace().login())
    ended = command.run("credentials", *stored.names, "--to", "keys", kubeconfig=kubeconfig)
    ended.expect(3, f"the right to get mendixapps in namespace {stored.namespace.name} is missing", "403")


@pytest.mark.parametrize("words", [("backup", "-f", "b.tar.gz"), ("restore", "--undo"), ("files",)])
def test_every_command_that_reads_the_environment_says_it(
    stored: StoredEnvironment, command: Command, kubeconfig_for: KubeconfigFor, words: tuple[str, ...]
) -> None:
    kubeconfig = kubeconfig_for(stored.namespace.login(without("secrets")))
    ended = command.run(*words, *stored.names, kubeconfig=kubeconfig)
    ended.expect(3, f"the right to get secrets in namespace {stored.namespace.name} is missing", "kind: Role")
    assert [file.name for file in command.home.glob("*.tar.gz")] == []


# ------------------------------------------------------------------------------------------------- what is not there


def test_missing_environment(stored: StoredEnvironment, command: Command, kubeconfig_for: KubeconfigFor) -> None:
    kubeconfig = kubeconfig_for(stored.namespace.login())
    names = ("-n", stored.namespace.name, "-e", "nobody-knows-me")
    ended = command.run("credentials", *names, "--to", "keys", kubeconfig=kubeconfig)
    ended.expect(2, f"there is no MendixApp nobody-knows-me in namespace {stored.namespace.name}")


def test_missing_namespace_looks_like_a_missing_right(
    stored: StoredEnvironment, command: Command, kubeconfig_for: KubeconfigFor
) -> None:
    """Kubernetes answers 403 for it to whoever has rights in one namespace alone."""
    kubeconfig = kubeconfig_for(stored.namespace.login())
    ended = command.run("credentials", "-n", "not-there", "-e", stored.name, "--to", "keys", kubeconfig=kubeconfig)
    ended.expect(3, "get mendixapps in namespace not-there", "check the namespace's name")


def test_missing_namespace_for_whoever_may_read_all(
    stored: StoredEnvironment, command: Command, admin_kubeconfig
) -> None:
    ended = command.run("credentials", "-n", "not-there", "-e", stored.name, "--to", "k", kubeconfig=admin_kubeconfig)
    ended.expect(2, f"there is no MendixApp {stored.name} in namespace not-there")


def test_storage_instances_that_do_not_exist_are_no_error(stored: StoredEnvironment, take) -> None:
    for ending in ("-database", "-file"):
        stored.delete("StorageInstance", ending)
    take(DOCUMENTED_ROLE).expect(0)


def test_secret_that_a_status_names_is_taken(stored: StoredEnvironment, take) -> None:
    stored.rename_secret("database", "from-the-plan")
    status = {"status": {"credentialsSecretRef": {"name": "from-the-plan"}}}
    where = stored.namespace.name
    stored.namespace.admin.patch(VERSION, "StorageInstance", f"{stored.name}-database", status, where, part="status")
    take(DOCUMENTED_ROLE).expect(0)


def test_secret_that_nothing_leads_to_is_named_by_option(stored: StoredEnvironment, take) -> None:
    stored.rename_secret("file", "my-files")
    take(DOCUMENTED_ROLE).expect(2, f"there is no Secret {stored.name}-file", "--storage-secret")
    take(DOCUMENTED_ROLE, "--storage-secret", "my-files").expect(0)
