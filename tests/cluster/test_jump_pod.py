"""Jump pods in the real cluster, in a namespace that enforces "restricted", with exactly the documented rights."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.api import Manifest, Refused, wait_until
from cluster.conftest import KubeconfigFor
from cluster.jump_pods import RBAC, Person, PodLogin
from cluster.mendix import VERSION
from cluster.namespaces import Namespace
from cluster.node import Node
from cluster.server import Cluster
from cluster.test_round_trip import Login
from e2e.environment import LiveEnvironment, Running
from e2e.test_signals import waiting_sessions
from mxpc.demo.kubernetes_objects import GROUP
from mxpc.demo.postgres import PostgresServer, connect
from mxpc.demo.s3 import S3Server
from standin.kubelet import Kubelet

DUMP = "mxpc-backup-restore-cli"


@pytest.fixture
def live(
    namespace: Namespace, kubeconfig_for: KubeconfigFor, postgres_15: PostgresServer, s3: S3Server, tmp_path: Path
) -> LiveEnvironment:
    """A filled environment of the namespace."""
    token = namespace.login().token()
    login: Any = Login(kubeconfig_for({"token": token}), token)
    environment = LiveEnvironment(postgres_15, s3, login, tmp_path, namespace=namespace.name)
    namespace.put(environment.objects)
    environment.fill(orphans=0)
    return environment


@pytest.fixture
def kubelet(node: Node, namespace: Namespace, kubeconfig_for: KubeconfigFor, tmp_path: Path) -> Iterator[Kubelet]:
    """Runs the namespace's pods."""
    with Kubelet(node, node.folder, PodLogin(namespace, kubeconfig_for, tmp_path)) as running:
        yield running


@pytest.fixture
def person(live: LiveEnvironment, namespace: Namespace, kubeconfig_for: KubeconfigFor, tmp_path: Path) -> Person:
    """With the documented rights, and no more."""
    return Person(live, namespace, kubeconfig_for, tmp_path)


def dumping(person: Person, running: Running) -> bool:
    """Whether pg_dump waits for a lock that the test holds."""
    assert running.process.poll() is None, str(running.ended())
    return waiting_sessions(person.live, DUMP, "Lock")


@pytest.mark.usefixtures("kubelet")
def test_everything_comes_back_through_a_pod_and_nothing_is_left(person: Person) -> None:
    live = person.live
    before = live.content()
    path = live.home / "backup.tar.gz"
    person.run("backup", "-f", path).expect(0)
    live.run("verify", "-f", path).expect(0)
    live.destroy()
    person.run("restore", "-f", path, "--spool", "10MB").expect(0)
    assert before.changes(live.content()) == []


@pytest.mark.usefixtures("kubelet")
def test_pods_account_may_get_this_environments_objects_and_nothing_else(person: Person, cluster: Cluster) -> None:
    person.start("backup", "--keep", "-f", person.live.home / "backup.tar.gz").ended().expect(0)
    where, app = person.namespace.name, person.live.name
    secret: Manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "of-another-app"}}
    person.namespace.put([secret])
    (account,) = [name.split()[1] for name in person.left() if name.startswith("ServiceAccount ")]
    api = cluster.api(cluster.token(where, account))
    assert api.get("v1", "Secret", f"{app}-database", where)
    assert api.get("v1", "Secret", f"{app}-file", where)
    assert api.get(VERSION, "MendixApp", app, where)
    assert api.get(VERSION, "StorageInstance", f"{app}-file", where)
    forbidden = [
        lambda: api.get("v1", "Secret", "of-another-app", where),
        lambda: api.list("v1", "Secret", where),
        lambda: api.list(VERSION, "MendixApp", where),
        lambda: api.patch(VERSION, "MendixApp", app, {"spec": {"replicas": 1}}, where),
        lambda: api.delete("v1", "Secret", f"{app}-file", where),
        lambda: api.list("v1", "Pod", where),
        lambda: api.get("v1", "ServiceAccount", account, where),
    ]
    for action in forbidden:
        with pytest.raises(Refused, match="403 Forbidden"):
            action()
    api.close()


@pytest.mark.usefixtures("kubelet")
def test_service_account_owns_the_other_objects(person: Person) -> None:
    person.start("backup", "--keep", "-f", person.live.home / "backup.tar.gz").ended().expect(0)
    admin, where = person.namespace.admin, person.namespace.name
    (account,) = [
        one for one in admin.list("v1", "ServiceAccount", where) if one["metadata"]["name"].startswith("mxpc-")
    ]
    for version, kind in ((RBAC, "Role"), (RBAC, "RoleBinding"), ("v1", "Pod")):
        (found,) = [one for one in admin.list(version, kind, where) if one["metadata"]["name"].startswith("mxpc-")]
        (owner,) = found["metadata"]["ownerReferences"]
        assert owner["uid"] == account["metadata"]["uid"]


@pytest.mark.parametrize(
    ("resource", "verb", "words"),
    [
        ("serviceaccounts", "create", 'cannot create resource "serviceaccounts"'),
        ("roles", "create", 'cannot create resource "roles"'),
        ("rolebindings", "create", 'cannot create resource "rolebindings"'),
        ("pods", "create", 'cannot create resource "pods"'),
        ("pods", "get", 'cannot get resource "pods"'),
        ("secrets", "get", "attempting to grant RBAC permissions not currently held"),
        ("mendixapps", "get", "attempting to grant RBAC permissions not currently held"),
    ],
)
@pytest.mark.usefixtures("kubelet")
def test_each_missing_right_is_named(person: Person, resource: str, verb: str, words: str) -> None:
    person.without(resource, verb)
    ended = person.start("backup", "-f", person.live.home / "backup.tar.gz").ended()
    ended.expect(3, words, "docs/jump-pod.md")
    if (resource, verb) != ("pods", "get"):  # without it nobody can see when the pod has gone
        assert person.left() == set()


@pytest.mark.usefixtures("kubelet")
def test_missing_right_to_run_commands_is_named(person: Person) -> None:
    person.without("pods/exec", "create")
    person.without("pods/exec", "get")
    person.run("backup", "-f", person.live.home / "backup.tar.gz").expect(3, "pods/exec", "docs/jump-pod.md")


@pytest.mark.parametrize(("resource", "verb"), [("events", "list"), ("pods", "list"), ("storageinstances", "get")])
@pytest.mark.usefixtures("kubelet")
def test_rights_that_only_make_messages_better_are_not_needed(person: Person, resource: str, verb: str) -> None:
    if resource == "storageinstances":
        person.namespace.service_account("for-backups")
        rules: list[dict[str, list[str]]] = [
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
            {"apiGroups": [GROUP], "resources": ["mendixapps", "storageinstances"], "verbs": ["get"]},
        ]
        person.namespace.allow({"kind": "ServiceAccount", "name": "for-backups"}, rules)
    person.without(resource, verb)
    account = ("--service-account", "for-backups") if resource == "storageinstances" else ()
    person.run("backup", "-f", person.live.home / "backup.tar.gz", *account).expect(0)


@pytest.mark.usefixtures("kubelet")
def test_existing_service_account_needs_no_rights_on_accounts_roles_and_secrets(person: Person) -> None:
    namespace = person.namespace
    namespace.service_account("for-backups")
    rules = [rule for rule in person.rights if "secrets" in rule["resources"] or "mendixapps" in rule["resources"]]
    namespace.allow({"kind": "ServiceAccount", "name": "for-backups"}, rules)
    person.rights = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "get", "delete"]},
        {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create", "get"]},
    ]
    path = person.live.home / "backup.tar.gz"
    person.run("backup", "-f", path, "--service-account", "for-backups").expect(0)


@pytest.mark.usefixtures("kubelet")
def test_real_quota_is_told_with_what_to_do(person: Person) -> None:
    spec = {"hard": {"limits.memory": "512Mi"}}
    person.namespace.put(
        [{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": spec}],
    )
    # Who counts is a controller, which there is none of: its first count is put in by hand.
    person.namespace.admin.patch(
        *("v1", "ResourceQuota", "small"),
        {"status": {"hard": spec["hard"], "used": {"limits.memory": "0"}}},
        person.namespace.name,
        part="status",
    )
    path = person.live.home / "backup.tar.gz"
    person.run("backup", "-f", path).expect(3, "exceeded quota: small", "--resources")
    person.run("backup", "-f", path, "--resources", "memory=128Mi/512Mi").expect(0)


@pytest.mark.usefixtures("kubelet")
def test_interrupted_run_leaves_nothing(person: Person) -> None:
    with connect(person.live.database) as blocker, blocker.transaction():
        blocker.execute('LOCK TABLE "crm$customer"')
        running = person.start("backup", "-f", person.live.home / "backup.tar.gz")
        wait_until("the dump waits", lambda: dumping(person, running), seconds=60)
        running.end(signal.SIGINT)
        running.ended(timeout=60).expect(130)
    assert person.left() == set()


@pytest.mark.usefixtures("kubelet")
def test_what_a_killed_run_left_is_removed_by_the_next(person: Person) -> None:
    path = person.live.home / "backup.tar.gz"
    with connect(person.live.database) as blocker, blocker.transaction():
        blocker.execute('LOCK TABLE "crm$customer"')
        running = person.start("backup", "-f", path)
        wait_until("the dump waits", lambda: dumping(person, running), seconds=60)
        running.end(signal.SIGKILL)
        running.ended()
    assert len(person.left()) == 4
    person.run("backup", "-f", path).expect(0, "removing what an earlier run that was killed left behind")


@pytest.mark.usefixtures("kubelet")
def test_stopping_the_app_from_the_pod_needs_the_right_to_patch_it(person: Person) -> None:
    live, admin = person.live, person.namespace.admin
    path = live.home / "backup.tar.gz"
    person.run("backup", "-f", path).expect(0)
    admin.patch(VERSION, "MendixApp", live.name, {"spec": {"replicas": 2}}, person.namespace.name)
    person.run("restore", "-f", path, "--stop-app").expect(3, "attempting to grant RBAC permissions", "patch")
    person.rights = [*person.rights, {"apiGroups": [GROUP], "resources": ["mendixapps"], "verbs": ["patch"]}]
    person.run("restore", "-f", path, "--stop-app").expect(0)
    assert admin.get(VERSION, "MendixApp", live.name, person.namespace.name)["spec"]["replicas"] == 2


@pytest.mark.usefixtures("kubelet")
def test_manifest_is_taken_as_it_is_and_its_pod_serves_with_the_right_to_exec_alone(person: Person) -> None:
    printed = person.run("manifest", brings=False).expect(0)
    objects = list(yaml.safe_load_all(printed.out))
    person.namespace.put(objects)
    where, pod = person.namespace.name, objects[-1]["metadata"]["name"]
    phase = lambda: person.namespace.admin.get("v1", "Pod", pod, where).get("status", {}).get("phase")  # noqa: E731
    wait_until("the pod runs", lambda: phase() == "Running")
    person.rights = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create", "get"]},
    ]
    path = person.live.home / "backup.tar.gz"
    person.start("backup", "-f", path, "--pod", pod).ended().expect(0)
    person.live.run("verify", "-f", path).expect(0)
    assert len(person.left()) == 4
    wait_until("the pod has ended", lambda: phase() == "Succeeded")


def test_cronjob_and_the_pods_that_it_leads_to_are_taken_in_a_restricted_namespace(person: Person) -> None:
    words = ("--claim", "backups", "--image", "registry.example.com/mxpc:1", "--only", "database")
    printed = person.run("cronjob", *words, brings=False).expect(0)
    objects = list(yaml.safe_load_all(printed.out))
    made = person.namespace.put(objects)
    cron_job = made[-1]
    assert cron_job["kind"] == "CronJob"
    template = cron_job["spec"]["jobTemplate"]["spec"]["template"]
    # What the controllers would make of it, had the cluster any.
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "night", **template["metadata"]}}
    (made_pod,) = person.namespace.put([{**pod, "spec": template["spec"]}])
    mounted = [one["name"] for one in made_pod["spec"]["containers"][0]["volumeMounts"]]
    assert "backups" in mounted
