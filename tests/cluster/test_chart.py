"""The chart's objects before a real API server, in a namespace that enforces the standard "restricted"."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cluster.api import Manifest, Refused
from cluster.charts import REQUIRED, Chart, installable_copy, pod_of
from cluster.environments import KEYS, StoredEnvironment
from cluster.mendix import VERSION
from cluster.namespaces import Namespace, ServiceAccount
from cluster.taking import Take

EVERYTHING: dict[str, Any] = {
    "timeZone": "Europe/Amsterdam",
    "credentials": {"existingSecret": "mine"},
    "imagePullSecrets": [{"name": "pull"}],
    "extraArguments": ["--strict"],
    "podAnnotations": {"a": "b"},
    "podLabels": {"azure.workload.identity/use": "true"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "backup", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca", "readOnly": True}],
    "persistence": {"storageClass": "slow", "annotations": {"a": "b"}},
    "runAsUser": 1000770000,
}


def put_chart(helm: Path, namespace: Namespace, values: dict[str, Any]) -> dict[str, Manifest]:
    objects = Chart(helm, namespace.name).render(REQUIRED | values)
    return dict(zip(objects, namespace.put(objects.values()), strict=True))


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["as it is", "everything set"])
def test_server_takes_every_object_and_the_pod_is_within_the_restricted_standard(
    helm: Path, namespace: Namespace, values: dict[str, Any]
) -> None:
    objects = put_chart(helm, namespace, values)
    job = objects["CronJob"]["spec"]["jobTemplate"]
    namespace.put([{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "now"}, "spec": job["spec"]}])
    template = pod_of(objects)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "now"}, "spec": template["spec"]}
    (created,) = namespace.put([pod])
    mounts = [one["mountPath"] for one in created["spec"]["containers"][0]["volumeMounts"]]
    token = "/var/run/secrets/kubernetes.io/serviceaccount"
    assert (token in mounts) is not bool(values)


def test_objects_keep_every_field_that_the_chart_gives_them(helm: Path, namespace: Namespace) -> None:
    """A field that the server does not know is dropped in silence."""
    sent = Chart(helm, namespace.name).render(REQUIRED | EVERYTHING)
    for kind, created in put_chart(helm, namespace, EVERYTHING).items():
        assert lost(sent[kind], created) == [], kind


def lost(sent: object, kept: object, path: str = "") -> list[str]:
    if isinstance(sent, dict) and isinstance(kept, dict):
        return [one for key, value in sent.items() for one in lost(value, kept.get(key), f"{path}.{key}")]
    if isinstance(sent, list) and isinstance(kept, list):
        pairs = enumerate(zip(sent, kept, strict=False))
        return [one for index, pair in pairs for one in lost(*pair, f"{path}[{index}]")]
    return [] if sent in ({}, [], kept) else [f"{path}: {sent!r} became {kept!r}"]


def test_role_is_enough_for_its_environment_and_shows_no_other(
    helm: Path, stored: StoredEnvironment, take: Take
) -> None:
    namespace = stored.namespace
    objects = put_chart(helm, namespace, {"environment": stored.name})
    account = ServiceAccount(namespace.cluster, namespace.name, objects["ServiceAccount"]["metadata"]["name"])
    assert take.keys(account) == KEYS
    other = StoredEnvironment(namespace)
    api = namespace.cluster.api(account.token())
    for version, kind, name in [("v1", "Secret", f"{other.name}-database"), (VERSION, "MendixApp", other.name)]:
        with pytest.raises(Refused, match="403 Forbidden"):
            api.get(version, kind, name, namespace.name)
    api.close()


def test_helm_installs_it_says_what_to_do_next_and_leaves_the_backups_when_it_goes(
    helm: Path, namespace: Namespace, admin_kubeconfig: Path, tmp_path: Path
) -> None:
    where = ["--namespace", namespace.name, "--kubeconfig", str(admin_kubeconfig)]
    surroundings = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}

    def run(*words: str, feed: str = "") -> str:
        command = [helm, *words, *where]
        ended = subprocess.run(command, env=surroundings, input=feed, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    copy = installable_copy(tmp_path / "chart")
    said = run("install", "nightly", str(copy), "--values", "-", feed=json.dumps(REQUIRED))
    assert f"kubectl -n {namespace.name} create job --from=cronjob/nightly-mxpc-backup backup-now" in said
    assert f"{REQUIRED['environment']}-database, {REQUIRED['environment']}-file" in said
    assert namespace.admin.get("batch/v1", "CronJob", "nightly-mxpc-backup", namespace.name)["spec"]["suspend"] is False

    run("uninstall", "nightly")
    assert namespace.admin.list("batch/v1", "CronJob", namespace.name) == []
    claims = namespace.admin.list("v1", "PersistentVolumeClaim", namespace.name)
    assert [claim["metadata"]["name"] for claim in claims] == ["nightly-mxpc-backup"]
