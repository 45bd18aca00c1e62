"""What the command can do with the documented role, and what it says for each right that is missing."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cluster.api import Refused
from cluster.command import Command
from cluster.conftest import KubeconfigFor, NewNamespace
from cluster.environments import KEYS, StoredEnvironment
from cluster.mendix import DOCUMENTED_ROLE, VERSION, without
from cluster.server import Cluster
from cluster.taking import Take
from e2e.environment import Ended

TakeWith = Callable[..., Ended]


@pytest.fixture
def take_with(stored: StoredEnvironment, take: Take) -> TakeWith:
    """Takes the credentials with a role of these rules."""
    return lambda rules, *more: take(stored.namespace.login(rules), *more)


def test_documented_role_is_enough(stored: StoredEnvironment, take: Take) -> None:
    assert take.keys(stored.namespace.login(DOCUMENTED_ROLE)) == KEYS


def test_documented_role_is_what_the_server_enforces(cluster: Cluster, stored: StoredEnvironment) -> None:
    """Else the other tests would prove nothing."""
    where = stored.namespace.name
    api = cluster.api(stored.namespace.login().token())
    assert api.get("v1", "Secret", f"{stored.name}-file", where)["type"] == "Opaque"
    forbidden: list[Callable[[], object]] = [
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
def test_missing_right(stored: StoredEnvironment, take: Take, resource: str) -> None:
    ended = take(stored.namespace.login(without(resource)))
    ended.expect(3, f"the right to get {resource} in namespace {stored.namespace.name} is missing", stored.name)
    ended.expect(3, "403", "is forbidden: User", f'cannot get resource "{resource}"', stored.namespace.cluster.url)
    ended.expect(3, "kind: Role", f"namespace: {stored.namespace.name}", "verbs: [get]")
    assert not take.folder.exists()


def test_role_in_the_message_is_one_that_kubernetes_takes_and_that_is_enough(
    stored: StoredEnvironment, take: Take
) -> None:
    account = stored.namespace.login([])
    _, _, shown = take(account).expect(3).err.partition("bind this role to the login:\n")
    role = yaml.safe_load(textwrap.dedent(shown))
    assert role["metadata"]["namespace"] == stored.namespace.name
    stored.namespace.put([role])
    stored.namespace.bind(account.subject, role["metadata"]["name"])
    assert take.keys(account) == KEYS


@pytest.mark.parametrize("verb", ["list", "watch", "patch"])
def test_other_verbs_are_no_get(take_with: TakeWith, verb: str) -> None:
    take_with([{**rule, "verbs": [verb]} for rule in DOCUMENTED_ROLE]).expect(3, "the right to get mendixapps")


def test_rights_to_exactly_these_objects_are_enough(stored: StoredEnvironment, take_with: TakeWith) -> None:
    parts = [f"{stored.name}-database", f"{stored.name}-file"]
    take_with([{**rule, "resourceNames": [stored.name, *parts]} for rule in DOCUMENTED_ROLE]).expect(0)


def test_rights_to_other_objects_are_not(stored: StoredEnvironment, take_with: TakeWith) -> None:
    secrets, mendix = DOCUMENTED_ROLE
    names = {"resourceNames": [f"{stored.name}-file"]}
    take_with([{**secrets, **names}, mendix]).expect(3, "the right to get secrets", f"{stored.name}-database")


def test_rights_in_another_namespace_are_of_no_use(
    stored: StoredEnvironment, command: Command, kubeconfig_for: KubeconfigFor, new_namespace: NewNamespace
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
    stored: StoredEnvironment, command: Command, admin_kubeconfig: Path
) -> None:
    ended = command.run("credentials", "-n", "not-there", "-e", stored.name, "--to", "k", kubeconfig=admin_kubeconfig)
    ended.expect(2, f"there is no MendixApp {stored.name} in namespace not-there")


def test_storage_instances_that_do_not_exist_are_no_error(stored: StoredEnvironment, take_with: TakeWith) -> None:
    for ending in ("-database", "-file"):
        stored.delete("StorageInstance", ending)
    take_with(DOCUMENTED_ROLE).expect(0)


def test_secret_that_a_status_names_is_taken(stored: StoredEnvironment, take_with: TakeWith) -> None:
    stored.rename_secret("database", "from-the-plan")
    status = {"status": {"credentialsSecretRef": {"name": "from-the-plan"}}}
    where = stored.namespace.name
    stored.namespace.admin.patch(VERSION, "StorageInstance", f"{stored.name}-database", status, where, part="status")
    take_with(DOCUMENTED_ROLE).expect(0)


def test_secret_that_nothing_leads_to_is_named_by_option(stored: StoredEnvironment, take_with: TakeWith) -> None:
    stored.rename_secret("file", "my-files")
    take_with(DOCUMENTED_ROLE).expect(2, f"there is no Secret {stored.name}-file", "--storage-secret")
    take_with(DOCUMENTED_ROLE, "--storage-secret", "my-files").expect(0)
