"""What is asked of the cluster: no more rights than needed, and a pod within the standard `restricted`."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from mxpc.model import Environment
from mxpc.workflows.pod_nightly import SCRIPT, Nightly, nightly_objects
from mxpc.workflows.pod_objects import JUMP_POD, Amount, PodWishes, Rights, owned, pod_objects

RIGHTS = Rights(Environment("mendix", "app-1"), ("db-secret", "app-1-file"), ("app-1-database", "app-1-file"))
NIGHTLY = Nightly(schedule="30 2 * * *", claim="backups", retain=3, history=2, time_zone="Europe/Amsterdam")


def one(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [item for item in objects if item["kind"] == kind]
    return found


def pod_spec(wishes: PodWishes) -> dict[str, Any]:
    spec: dict[str, Any] = one(pod_objects("run", RIGHTS, wishes, ready_before=1), "Pod")["spec"]
    return spec


def test_role_names_exactly_this_environments_objects() -> None:
    rules = one(pod_objects("run", RIGHTS, PodWishes(), ready_before=1), "Role")["rules"]
    assert [(rule["resources"], rule["resourceNames"], rule["verbs"]) for rule in rules] == [
        (["mendixapps"], ["app-1"], ["get"]),
        (["storageinstances"], ["app-1-database", "app-1-file"], ["get"]),
        (["secrets"], ["db-secret", "app-1-file"], ["get"]),
    ]


def test_stopping_the_app_needs_one_verb_more_on_the_app_alone() -> None:
    rules = one(pod_objects("run", RIGHTS, PodWishes(may_patch=True), ready_before=1), "Role")["rules"]
    assert [rule["verbs"] for rule in rules] == [["get", "patch"], ["get"], ["get"]]


@pytest.mark.parametrize("nightly", [False, True])
def test_pod_is_within_the_standard_restricted(nightly: bool) -> None:
    spec = pod_spec(PodWishes())
    if nightly:
        job = one(nightly_objects(RIGHTS, PodWishes(image="own"), NIGHTLY, ["backup"]), "CronJob")["spec"]
        spec = job["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"requests", "limits"} == set(container["resources"])
    assert {kind for volume in spec["volumes"] for kind in volume} <= {"name", "emptyDir", "persistentVolumeClaim"}


def test_cluster_chooses_the_user_where_it_wants_to() -> None:
    context = pod_spec(PodWishes(user=None))["securityContext"]
    assert context["runAsNonRoot"] is True
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(context)


def test_pod_ends_by_itself_and_its_account_mounts_no_token_elsewhere() -> None:
    objects = pod_objects("run", RIGHTS, PodWishes(deadline=60), ready_before=1)
    assert one(objects, "Pod")["spec"]["activeDeadlineSeconds"] == 60
    assert one(objects, "Pod")["spec"]["restartPolicy"] == "Never"
    assert one(objects, "ServiceAccount")["automountServiceAccountToken"] is False


def test_wishes_reach_the_pod() -> None:
    wishes = PodWishes(
        image="registry.example.com/postgres:17",
        service_account="for-backups",
        labels={"azure.workload.identity/use": "true"},
        node_selector={"disk": "fast"},
        pull_secrets=["login"],
        memory=Amount("1Gi", "4Gi"),
        spool_bytes=5 << 30,
    )
    objects = pod_objects("run", RIGHTS, wishes, ready_before=1)
    assert [item["kind"] for item in objects] == ["Pod"]
    assert objects[0]["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    spec = objects[0]["spec"]
    assert spec["serviceAccountName"] == "for-backups"
    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux", "disk": "fast"}
    assert spec["imagePullSecrets"] == [{"name": "login"}]
    assert spec["containers"][0]["image"] == "registry.example.com/postgres:17"
    assert spec["containers"][0]["resources"]["limits"]["memory"] == "4Gi"
    assert spec["volumes"][-1] == {"name": "spool", "emptyDir": {"sizeLimit": str(5 << 30)}}


def test_owner_is_named_with_its_uid() -> None:
    account, role, *_ = pod_objects("run", RIGHTS, PodWishes(), ready_before=1)
    made = {**account, "metadata": {**account["metadata"], "uid": "123"}}
    (reference,) = owned(role, made)["metadata"]["ownerReferences"]
    assert reference == {"apiVersion": "v1", "kind": "ServiceAccount", "name": "mxpc-jump-pod-run", "uid": "123"}


def test_what_people_apply_is_nobodys_leftover() -> None:
    for objects in (
        pod_objects("run", RIGHTS, PodWishes()),
        nightly_objects(RIGHTS, PodWishes(image="own"), NIGHTLY, []),
    ):
        assert not any(JUMP_POD.items() <= item["metadata"]["labels"].items() for item in objects)


def test_nightly_backup_never_runs_twice_at_once_and_has_its_deadline() -> None:
    spec = one(nightly_objects(RIGHTS, PodWishes(image="own", deadline=99), NIGHTLY, []), "CronJob")["spec"]
    assert spec["schedule"] == "30 2 * * *"
    assert spec["timeZone"] == "Europe/Amsterdam"
    assert spec["concurrencyPolicy"] == "Forbid"
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (2, 2)
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 99


@pytest.mark.parametrize("length", [10, 45, 60])
def test_nightly_name_leaves_room_for_the_names_of_its_jobs(length: int) -> None:
    rights = Rights(Environment("mendix", "a" * length), ("s",), ("s",))
    name = one(nightly_objects(rights, PodWishes(image="own"), NIGHTLY, []), "CronJob")["metadata"]["name"]
    assert len(name) <= 52


class Night:
    """Runs the script of the nightly backup, with a tool that writes a file, or fails."""

    def __init__(self, folder: Path) -> None:
        self.backups = folder / "backups"
        self.backups.mkdir()
        self.tool = folder / "mxpc-backup-restore-cli"

    def run(self, tool: str) -> int:
        self.tool.write_text(f"#!/bin/sh\n{tool}\n")
        self.tool.chmod(0o755)
        job = one(nightly_objects(RIGHTS, PodWishes(image="own"), NIGHTLY, ["backup"]), "CronJob")["spec"]
        container = job["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
        here = [word.replace("/backup/", f"{self.backups}/") for word in container["command"]]
        told = {one["name"]: one["value"] for one in container["env"]}
        env = {**told, "PATH": f"{self.tool.parent}:/usr/bin:/bin"}
        return subprocess.run(here, env=env, check=False, capture_output=True).returncode

    def names(self) -> list[str]:
        return sorted(path.name for path in self.backups.iterdir())


def test_nightly_script_is_that_of_the_chart() -> None:
    chart = Path(__file__).parents[3] / "charts" / "mxpc-backup" / "nightly.sh"
    assert chart.read_text() == SCRIPT


WRITES = 'for last; do :; done; [ "$1" = verify ] || echo backup > "$last"'


@pytest.fixture
def night(tmp_path: Path) -> Night:
    made = Night(tmp_path)
    for day in range(1, 5):
        (made.backups / f"app-1-2026010{day}T023000Z.tar.gz").write_text("old")
    for other in ("app-1-2-20250101T023000Z.tar.gz", "app-20250101T023000Z.tar.gz", "notes.txt"):
        (made.backups / other).write_text("of somebody else")
    return made


def test_night_keeps_the_newest_and_what_is_not_its_own(night: Night) -> None:
    assert night.run(WRITES) == 0
    own = [name for name in night.names() if name.startswith("app-1-202")]
    assert len(own) == 3
    assert own[:2] == ["app-1-20260103T023000Z.tar.gz", "app-1-20260104T023000Z.tar.gz"]
    assert {"app-1-2-20250101T023000Z.tar.gz", "app-20250101T023000Z.tar.gz", "notes.txt"} < set(night.names())


@pytest.mark.parametrize("tool", ["exit 3", f'{WRITES}; [ "$1" = verify ] && exit 4 || exit 0'])
def test_night_removes_nothing_when_the_new_backup_is_not_good(night: Night, tool: str) -> None:
    before = night.names()
    assert night.run(tool) in (3, 4)
    assert set(before) <= set(night.names())
