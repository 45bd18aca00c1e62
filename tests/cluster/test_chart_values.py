"""What helm makes of the chart's values, and which values it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.charts import CHART, ENVIRONMENT, REQUIRED, Chart, Refusal, container_of, pod_of
from mxpc import __version__


def test_chart_has_nothing_to_be_complained_of(chart: Chart) -> None:
    assert chart.lint() == ""


def test_name_and_image_are_all_that_has_to_be_said(chart: Chart) -> None:
    objects = chart.render()
    assert set(objects) == {"ServiceAccount", "Role", "RoleBinding", "PersistentVolumeClaim", "CronJob"}
    container = container_of(objects)
    assert container["image"] == f"registry.example.com/mxpc:{__version__}"
    assert container["command"][4:] == ["--namespace=mendix", f"--environment={ENVIRONMENT}"]
    assert pod_of(objects)["spec"]["automountServiceAccountToken"] is True


def test_pod_runs_the_script_of_the_chart_word_for_word(chart: Chart) -> None:
    assert container_of(chart.render())["command"][:4] == ["sh", "-c", (CHART / "nightly.sh").read_text(), "nightly"]


def test_mounted_credentials_make_rights_and_token_needless(chart: Chart) -> None:
    objects = chart.render(REQUIRED | {"credentials": {"existingSecret": "mine"}})
    assert set(objects) == {"ServiceAccount", "PersistentVolumeClaim", "CronJob"}
    pod = pod_of(objects)["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert {"name": "credentials", "secret": {"secretName": "mine", "defaultMode": 0o440}} in pod["volumes"]
    assert container_of(objects)["command"][4:] == ["--credentials-dir=/credentials"]


def test_other_secrets_are_named_to_the_command_and_in_the_role(chart: Chart) -> None:
    objects = chart.render(REQUIRED | {"databaseSecret": "db", "storageSecret": "s3"})
    assert container_of(objects)["command"][6:] == ["--database-secret=db", "--storage-secret=s3"]
    (rule,) = [rule for rule in objects["Role"]["rules"] if rule["resources"] == ["secrets"]]
    assert (rule["resourceNames"], rule["verbs"]) == (["db", "s3"], ["get"])


def test_digest_counts_before_a_tag(chart: Chart) -> None:
    digest = f"sha256:{'0' * 64}"
    objects = chart.render(REQUIRED | {"image": {"repository": "here/mxpc", "tag": "1", "digest": digest}})
    assert container_of(objects)["image"] == f"here/mxpc@{digest}"


def test_identities_of_clouds_are_annotations_and_labels(chart: Chart) -> None:
    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/backup"}
    label = {"azure.workload.identity/use": "true"}
    objects = chart.render(REQUIRED | {"serviceAccount": {"annotations": role}, "podLabels": label})
    assert objects["ServiceAccount"]["metadata"]["annotations"] == role
    assert label.items() <= pod_of(objects)["metadata"]["labels"].items()


def test_claim_that_exists_is_used_and_one_that_is_made_outlives_the_release(chart: Chart) -> None:
    made = chart.render()["PersistentVolumeClaim"]
    assert made["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    objects = chart.render(REQUIRED | {"persistence": {"existingClaim": "backups"}})
    assert "PersistentVolumeClaim" not in objects
    claims = [one["persistentVolumeClaim"] for one in pod_of(objects)["spec"]["volumes"] if one["name"] == "backups"]
    assert claims == [{"claimName": "backups"}]


def test_number_of_the_user_can_be_left_to_the_cluster(chart: Chart) -> None:
    context = pod_of(chart.render(REQUIRED | {"runAsUser": None, "fsGroup": None}))["spec"]["securityContext"]
    assert context == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


BAD: dict[str, dict[str, Any]] = {
    "environment": {"environment": ""},
    "environment's form": {"environment": "No Such Name"},
    "repository": {"image": {"repository": ""}},
    "digest": {"image": {"repository": "a", "digest": "sha256:123"}},
    "schedule": {"schedule": "at night"},
    "retain": {"retain": 0},
    "only": {"only": "tables"},
    "runAsUser": {"runAsUser": 0},
    "size": {"persistence": {"size": "much"}},
    "a slip of the pen": {"retian": 3},
    "one further down": {"persistence": {"existingclaim": "backups"}},
    "arguments as text": {"extraArguments": "--strict"},
    "annotations that are no text": {"serviceAccount": {"annotations": {"a": True}}},
}


@pytest.mark.parametrize("values", BAD.values(), ids=BAD.keys())
def test_bad_values_are_refused_before_anything_is_created(chart: Chart, values: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="values don't meet the specifications of the schema"):
        chart.render(REQUIRED | values)
