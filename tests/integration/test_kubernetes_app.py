"""Scaling an app through the API: number and note in one write, and nobody else's number is overwritten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mxpc.adapters.kubernetes_app import KubernetesApp
from mxpc.adapters.kubernetes_client import Retries
from mxpc.adapters.mendix_app import NOTE
from mxpc.demo.kubernetes_api import Fault, KubernetesApi
from mxpc.demo.kubernetes_objects import GROUP, environment_objects
from mxpc.errors import CheckRefused, KubernetesError, RequestError
from mxpc.model import AppScale, Environment, Replicas

ENVIRONMENT = Environment("mendix", "sample-dev-1b2c3d4e")
APPS = (GROUP, "mendixapps")
TWO, NONE = Replicas(2), Replicas(0)


class Busy(KubernetesApi):
    """An API where somebody else writes between our reading and our writing, as often as is said."""

    def __init__(self) -> None:
        super().__init__(environment_objects("mendix", ENVIRONMENT.name, {}, {}, replicas=2))
        self.patchable.add(APPS)
        self.others: list[Callable[[dict[str, Any]], None]] = []

    @property
    def app(self) -> dict[str, Any]:
        return self.objects[0]

    @property
    def annotations(self) -> dict[str, Any]:
        found: dict[str, Any] = self.app["metadata"].get("annotations", {})
        return found

    def patch(self, target: Any, patch: dict[str, Any], *, dry_run: bool) -> dict[str, Any] | None:
        if self.others:
            self.others.pop(0)(self.app)
        return super().patch(target, patch, dry_run=dry_run)


@pytest.fixture
def api() -> Iterator[Busy]:
    with Busy() as server:
        yield server


def control(api: KubernetesApi) -> KubernetesApp:
    retries = Retries(first_pause=0.001)
    return KubernetesApp(ENVIRONMENT, kubeconfig=str(api.kubeconfig_path), env={}, retries=retries)


def test_stopping_and_starting_is_a_round_trip(api: Busy) -> None:
    before = {**api.app["metadata"]}, {**api.app["spec"]}
    assert control(api).look() == AppScale(TWO)
    assert control(api).stop() == AppScale(NONE, before_stop=TWO)
    assert (api.app["spec"]["replicas"], api.annotations) == (0, {NOTE: "2"})
    assert control(api).start_again() == AppScale(TWO)
    assert api.annotations == {}
    api.app["metadata"].pop("annotations")
    assert (api.app["metadata"], api.app["spec"]) == before


def test_an_app_without_a_number_has_none_afterwards(api: Busy) -> None:
    del api.app["spec"]["replicas"]
    assert control(api).stop() == AppScale(NONE, before_stop=Replicas(None))
    assert control(api).start_again() == AppScale(Replicas(None))
    assert "replicas" not in api.app["spec"]


def test_other_annotations_stay(api: Busy) -> None:
    api.app["metadata"]["annotations"] = {"team": "blue"}
    control(api).stop()
    control(api).start_again()
    assert api.annotations == {"team": "blue"}


@pytest.mark.parametrize("note", ["", "many", "-1", "1000000000"])
def test_a_note_that_is_no_number_counts_as_none(api: Busy, note: str) -> None:
    api.app["metadata"]["annotations"] = {NOTE: note}
    assert control(api).look().before_stop is None


def test_stopping_twice_keeps_the_first_number(api: Busy) -> None:
    control(api).stop()
    assert control(api).stop() == AppScale(NONE, before_stop=TWO)


def test_starting_what_nobody_stopped_does_nothing(api: Busy) -> None:
    assert control(api).start_again() == AppScale(TWO)
    assert {verb for verb, _ in api.requests} == {"get"}


def test_the_number_that_somebody_sets_meanwhile_is_the_one_that_is_noted(api: Busy) -> None:
    api.others.append(lambda app: app["spec"].update(replicas=5))
    assert control(api).stop() == AppScale(NONE, before_stop=Replicas(5))


def test_the_number_that_somebody_sets_meanwhile_is_not_overwritten_at_the_end(api: Busy) -> None:
    control(api).stop()
    api.others.append(lambda app: app["spec"].update(replicas=3))
    assert control(api).start_again() == AppScale(Replicas(3))
    assert api.annotations == {}


def test_an_operator_that_writes_all_the_time_is_met_in_the_end(api: Busy) -> None:
    api.others += [lambda app: app.setdefault("status", {}).update(at=len(api.others))] * 15
    assert control(api).stop().now == NONE


def test_somebody_who_never_stops_writing_is_named(api: Busy) -> None:
    api.others += [lambda app: app.setdefault("status", {}).update(at=len(api.others))] * 100
    with pytest.raises(KubernetesError, match="cannot be scaled") as caught:
        control(api).stop()
    assert "before each of 20 tries" in caught.value.evidence
    assert (api.app["spec"]["replicas"], api.annotations) == (2, {})


@pytest.mark.parametrize("fault", [Fault(drop=True), Fault(status=503)], ids=["lost connection", "503"])
def test_a_patch_that_is_lost_is_sent_again(api: Busy, fault: Fault) -> None:
    api.app["metadata"]["annotations"] = {}
    fault.verb = "patch"
    api.inject(fault)
    assert control(api).stop() == AppScale(NONE, before_stop=TWO)


def test_a_patch_whose_answer_was_lost_counts(api: Busy) -> None:
    """It was done, so the one that is sent again conflicts, and what is read then is what was wanted."""

    def done_already(app: dict[str, Any]) -> None:
        app["metadata"]["annotations"] = {NOTE: "2"}
        app["spec"]["replicas"] = 0

    api.others.append(done_already)
    assert control(api).stop() == AppScale(NONE, before_stop=TWO)
    assert control(api).start_again() == AppScale(TWO)


# ------------------------------------------------------------------------------------------------------------ refusals


def test_without_the_verb_patch_the_rule_is_shown(api: Busy) -> None:
    api.patchable.clear()
    for call in (control(api).stop, control(api).check):
        with pytest.raises(CheckRefused, match="right to patch mendixapps in namespace mendix") as caught:
            call()
        assert '403 mendixapps.privatecloud.mendix.com "sample-dev-1b2c3d4e" is forbidden' in caught.value.evidence
        assert "resourceNames: [sample-dev-1b2c3d4e], verbs: [patch]" in caught.value.hint
    assert api.app["spec"]["replicas"] == 2


def test_the_right_is_checked_for_an_app_that_an_earlier_run_stopped_too(api: Busy) -> None:
    control(api).stop()
    api.patchable.clear()
    with pytest.raises(CheckRefused):
        control(api).check()
    api.patchable.add(APPS)
    control(api).check()
    assert api.annotations == {NOTE: "2"}


def test_checking_the_right_changes_nothing(api: Busy) -> None:
    control(api).check()
    assert (api.app["spec"]["replicas"], api.annotations) == (2, {})


def test_an_admission_that_knows_no_dry_run_does_not_mean_that_the_right_is_missing(api: Busy) -> None:
    api.inject(Fault(status=400, verb="patch"))
    control(api).check()


def test_an_admission_that_refuses_is_told(api: Busy) -> None:
    api.inject(Fault(status=422, verb="patch"))
    with pytest.raises(KubernetesError, match="refused to scale") as caught:
        control(api).stop()
    assert "422 injected fault" in caught.value.evidence


def test_an_unknown_environment_is_named(api: Busy) -> None:
    other = KubernetesApp(Environment("mendix", "other"), kubeconfig=str(api.kubeconfig_path), env={})
    with pytest.raises(RequestError, match="no MendixApp other"):
        other.look()
