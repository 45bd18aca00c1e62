"""--stop-app before the real API server: the one right more that it takes, number and note, and who is quicker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.api import Manifest, Refused
from cluster.conftest import KubeconfigFor
from cluster.environments import StoredEnvironment
from cluster.mendix import DOCUMENTED_ROLE, VERSION, Rule
from cluster.namespaces import Namespace
from cluster.test_round_trip import Login
from e2e.environment import LiveEnvironment
from fakes.mendix_operator import MendixOperator, runtime_sessions, wait
from mxpc.adapters.kubernetes_app import KubernetesApp
from mxpc.adapters.mendix_app import NOTE
from mxpc.demo.kubernetes_objects import GROUP
from mxpc.demo.postgres import PostgresServer
from mxpc.demo.s3 import S3Server
from mxpc.errors import CheckRefused, KubernetesError, RequestError
from mxpc.model import AppScale, Environment, Replicas

TWO, NONE = Replicas(2), Replicas(0)


def may_patch(name: str) -> list[Rule]:
    """The documented role, and the rule that the message for its lack shows."""
    rule = {"apiGroups": [GROUP], "resources": ["mendixapps"], "resourceNames": [name], "verbs": ["patch"]}
    return [*DOCUMENTED_ROLE, rule]


@pytest.fixture
def stored(namespace: Namespace) -> StoredEnvironment:
    """An environment in Kubernetes alone, with 2 replicas."""
    made = StoredEnvironment(namespace)
    change(made, {"spec": {"replicas": 2}})
    return made


def change(stored: StoredEnvironment, patch: Manifest) -> Manifest:
    """As an administrator."""
    return stored.namespace.admin.patch(VERSION, "MendixApp", stored.name, patch, stored.namespace.name)


def state(stored: StoredEnvironment) -> tuple[Any, Any]:
    """Replicas and note."""
    app = stored.app()
    return app["spec"].get("replicas"), app["metadata"].get("annotations", {}).get(NOTE)


@pytest.fixture
def control(stored: StoredEnvironment, kubeconfig_for: KubeconfigFor) -> KubernetesApp:
    """Over a login with the rule."""
    return control_of(stored, kubeconfig_for(stored.namespace.login(may_patch(stored.name))))


def control_of(stored: StoredEnvironment, kubeconfig: Path) -> KubernetesApp:
    return KubernetesApp(Environment(stored.namespace.name, stored.name), kubeconfig=str(kubeconfig), env={})


def test_stopping_and_starting_is_a_round_trip(stored: StoredEnvironment, control: KubernetesApp) -> None:
    before = stored.app()
    control.check()
    assert state(stored) == (2, None)
    assert control.stop() == AppScale(NONE, before_stop=TWO)
    assert state(stored) == (0, "2")
    assert control.stop() == AppScale(NONE, before_stop=TWO)
    assert control.start_again() == AppScale(TWO)
    after = stored.app()
    assert after["spec"] == before["spec"]
    assert after["metadata"].get("annotations", {}) == before["metadata"].get("annotations", {})


def test_an_app_without_a_number_has_none_afterwards(stored: StoredEnvironment, control: KubernetesApp) -> None:
    change(stored, {"spec": {"replicas": None}})
    assert control.stop() == AppScale(NONE, before_stop=Replicas(None))
    assert control.start_again() == AppScale(Replicas(None))
    assert "replicas" not in stored.app()["spec"]


def test_the_documented_role_is_not_enough_and_the_rule_is_shown(
    stored: StoredEnvironment, kubeconfig_for: KubeconfigFor
) -> None:
    control = control_of(stored, kubeconfig_for(stored.namespace.login()))
    for call in (control.check, control.stop):
        with pytest.raises(CheckRefused, match="right to patch mendixapps") as caught:
            call()
        assert 'cannot patch resource "mendixapps"' in caught.value.evidence
        assert f"resourceNames: [{stored.name}], verbs: [patch]" in caught.value.hint
    assert state(stored) == (2, None)


def test_the_rule_for_another_environment_is_not_enough(
    stored: StoredEnvironment, kubeconfig_for: KubeconfigFor
) -> None:
    control = control_of(stored, kubeconfig_for(stored.namespace.login(may_patch("another"))))
    with pytest.raises(CheckRefused):
        control.check()


def test_a_write_over_what_somebody_has_changed_is_a_conflict(stored: StoredEnvironment) -> None:
    """What all of it rests on: a merge patch that names an older version is refused."""
    old = stored.app()["metadata"]["resourceVersion"]
    change(stored, {"spec": {"replicas": 3}})
    with pytest.raises(Refused, match="409 Conflict"):
        change(stored, {"metadata": {"resourceVersion": old}, "spec": {"replicas": 0}})
    assert state(stored) == (3, None)


class Scaler:
    """Somebody who writes the app's status without end, as an operator that is at work, and counts."""

    def __init__(self, stored: StoredEnvironment) -> None:
        self._stored = stored
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.writes = 0

    def __enter__(self) -> Scaler:
        self._thread.start()
        wait(lambda: self.writes > 0)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        where = self._stored.namespace
        # A tenth of a second apart: an operator that reconciles, not one that runs wild.
        while not self._ended.wait(0.1):
            self.writes += 1
            status = {"status": {"writes": self.writes}}
            where.admin.patch(VERSION, "MendixApp", self._stored.name, status, where.name, part="status")


def test_an_operator_that_writes_all_the_time_does_not_keep_the_app_from_being_scaled(
    stored: StoredEnvironment, control: KubernetesApp
) -> None:
    with Scaler(stored) as operator:
        for _ in range(10):
            assert control.stop() == AppScale(NONE, before_stop=TWO)
            assert control.start_again() == AppScale(TWO)
        assert operator.writes > 1
    assert state(stored) == (2, None)


def test_a_number_that_a_person_sets_after_the_stop_is_left(stored: StoredEnvironment, control: KubernetesApp) -> None:
    control.stop()
    change(stored, {"spec": {"replicas": 3}})
    assert control.start_again() == AppScale(Replicas(3))
    assert state(stored) == (3, None)


def test_a_deleted_environment_is_named(stored: StoredEnvironment, control: KubernetesApp) -> None:
    control.stop()
    stored.delete("MendixApp")
    with pytest.raises(RequestError, match=f"no MendixApp {stored.name}"):
        control.start_again()


def test_a_write_that_the_server_finds_invalid_is_told(stored: StoredEnvironment, control: KubernetesApp) -> None:
    """All annotations together may take 256 KiB, and ours is one more."""
    change(stored, {"metadata": {"annotations": {"big": "x" * ((256 << 10) - 30)}}})
    with pytest.raises(KubernetesError, match="refused to scale") as caught:
        control.stop()
    assert caught.value.evidence.startswith("422 ")
    assert state(stored) == (2, None)


# ------------------------------------------------------------------------------------------------------ the whole of it


@pytest.fixture
def live(
    namespace: Namespace, kubeconfig_for: KubeconfigFor, postgres_15: PostgresServer, s3: S3Server, tmp_path: Path
) -> Iterator[LiveEnvironment]:
    """A filled environment; the login has the documented role. Its app runs with 2 replicas."""
    account = namespace.login()
    login: Any = Login(kubeconfig_for({"token": (token := account.token())}), token)
    environment = LiveEnvironment(postgres_15, s3, login, tmp_path, namespace=namespace.name)
    environment.app["replicas"] = 2
    namespace.put(environment.objects)
    environment.fill()

    def replicas() -> int:
        app = namespace.admin.get(VERSION, "MendixApp", environment.name, namespace.name)
        return int(app["spec"]["replicas"])

    with MendixOperator(environment.database, replicas) as operator:
        wait(lambda: runtime_sessions(postgres_15, environment.database.name) == 2)
        yield environment
    assert operator.seen == [2, 0, 2]


def test_a_restore_stops_the_app_and_starts_it_again(live: LiveEnvironment, namespace: Namespace) -> None:
    path = live.home / "backup.tar.gz"
    live.run("backup", "-f", path).expect(0)
    before = live.content()

    live.run("restore", "-f", path, "--stop-app", "--dry-run").expect(5, "may-not-stop-app")
    live.run("restore", "-f", path, "--stop-app").expect(5, "right to patch mendixapps", "verbs: [patch]")
    users = f"system:serviceaccount:{namespace.name}:"
    accounts = [one["metadata"]["name"] for one in namespace.admin.list("v1", "ServiceAccount", namespace.name)]
    for account in accounts:
        namespace.allow_user(f"{users}{account}", may_patch(live.name)[2:])
    live.run("restore", "-f", path, "--stop-app", "--dry-run").expect(0, "would be stopped")
    ended = live.run("restore", "-f", path, "--stop-app").expect(0)

    assert "scaled back to 2 replicas" in ended.out
    assert before.changes(live.content()) == []
    app = namespace.admin.get(VERSION, "MendixApp", live.name, namespace.name)
    assert (app["spec"]["replicas"], app["metadata"].get("annotations", {})) == (2, {})
    wait(lambda: runtime_sessions(live.postgres, live.database.name) == 2)
