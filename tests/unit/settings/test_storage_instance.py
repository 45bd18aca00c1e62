"""Which Secret belongs to a StorageInstance."""

from __future__ import annotations

from typing import Any

import pytest

from mxpc.adapters.storage_instance import Part, is_object_name, secret_name, storage_instance_name


@pytest.mark.parametrize(
    ("instance", "expected", "rule"),
    [
        (None, "app-file", "there is no StorageInstance app-file"),
        ({}, "app-file", "names no Secret"),
        ({"status": None, "spec": "odd"}, "app-file", "names no Secret"),
        ({"status": {"state": "Ready"}, "spec": {"servicePlan": "p"}}, "app-file", "names no Secret"),
        ({"status": {"secretName": "s1"}}, "s1", "status.secretName"),
        ({"status": {"secret": "s1"}}, "s1", "status.secret"),
        ({"status": {"credentialsSecretRef": {"name": "s1"}}}, "s1", "status.credentialsSecretRef"),
        ({"status": {"credentialsSecret": {"name": "s1", "namespace": "n"}}}, "s1", "status.credentialsSecret"),
        ({"spec": {"secretRef": {"name": "s2"}}}, "s2", "spec.secretRef"),
        ({"spec": {"secretName": "s2"}, "status": {"secretRef": "s1"}}, "s1", "status.secretRef"),
        ({"status": {"secretName": "s1", "aSecretRef": "s3", "zSecret": "s2"}}, "s2", "status.zSecret"),
        ({"status": {"secretName": ""}, "spec": {"secretName": "s2"}}, "s2", "spec.secretName"),
        ({"status": {"secretName": "Not A Name", "secretRef": {"key": "x"}}}, "app-file", "names no Secret"),
        ({"status": {"secretName": "../../pods/x"}}, "app-file", "names no Secret"),
        ({"status": {"secretsCount": "s1", "secretNamespace": "s1"}}, "app-file", "names no Secret"),
    ],
)
def test_search_order(instance: dict[str, Any] | None, expected: str, rule: str) -> None:
    found = secret_name("app-file", instance, None)
    assert found.name == expected
    assert rule in found.rule


def test_override_comes_first() -> None:
    found = secret_name("app-file", {"status": {"secretName": "s1"}}, "mine")
    assert (found.name, found.rule) == ("mine", "given by the option")


def test_names_of_the_two_storage_instances() -> None:
    assert [storage_instance_name("app", part) for part in Part] == ["app-database", "app-file"]


@pytest.mark.parametrize("text", ["a", "a-1", "a.b-c", "0", "x" * 253])
def test_names_that_kubernetes_allows(text: str) -> None:
    assert is_object_name(text)


@pytest.mark.parametrize("text", ["", "-a", "a-", "A", "a/b", "..", "a%2fb", "a?b", "a\n", "é", "x" * 254])
def test_names_that_kubernetes_does_not_allow(text: str) -> None:
    assert not is_object_name(text)
