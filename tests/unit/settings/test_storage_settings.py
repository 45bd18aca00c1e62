"""The keys of the file storage."""

from __future__ import annotations

import pytest

from mxpc.adapters.credentials import Credentials, TrustOptions
from mxpc.adapters.storage_settings import StorageAnswer, storage_settings
from mxpc.errors import RequestError
from mxpc.model import AppFacts, KeyLayout, S3Settings

MINIO = {
    "storage-service-name": "com.mendix.storage.s3",
    "storage-endpoint": "http://minio:9000",
    "storage-access-key-id": "id",
    "storage-secret-access-key": "hush",
    "storage-bucket-name": "bkt",
}
PLACE = "Secret app-file in namespace mendix"


def read(changes: dict[str, str], app: AppFacts | None = None, trust: TrustOptions | None = None) -> StorageAnswer:
    return storage_settings(Credentials(PLACE, {**MINIO, **changes}), app or AppFacts(), trust or TrustOptions())


def test_bare_server() -> None:
    settings = read({}).settings
    assert settings == S3Settings(
        "http://minio:9000", "bkt", "us-east-1", KeyLayout(), settings.other_layouts,
        access_key_id="id", secret_access_key="hush",
    )  # fmt: skip
    assert KeyLayout() not in settings.other_layouts


def test_amazon_bucket_in_the_host_name_without_a_scheme() -> None:
    endpoint = "my-bucket.s3.eu-west-1.amazonaws.com"
    answer = read({"storage-endpoint": endpoint, "storage-bucket-name": "dir"})
    settings = answer.settings
    assert (settings.endpoint, settings.bucket) == ("https://s3.eu-west-1.amazonaws.com", "my-bucket")
    assert (settings.region, settings.layout, settings.virtual_host) == ("eu-west-1", KeyLayout("dir"), True)
    assert answer.notes == (
        "bucket my-bucket is from the endpoint's host name, blobs are expected at dir/<uuid>",
        "region eu-west-1 is from the endpoint",
    )


def test_prefix_suffix_and_trust_arrive() -> None:
    app = AppFacts(resource_name_prefix="p-", resource_name_suffix=".s")
    settings = read({}, app, TrustOptions(storage_ca_file="/ca.pem", storage_insecure=True)).settings
    assert str(settings.layout) == "p-<uuid>.s"
    assert (settings.ca_file, settings.insecure) == ("/ca.pem", True)


@pytest.mark.parametrize("service", ["com.mendix.storage.swift", "nonsense"])
def test_other_services_are_refused_with_their_name(service: str) -> None:
    with pytest.raises(RequestError, match=f"{service} is not supported") as refused:
        read({"storage-service-name": service})
    assert "com.mendix.storage.s3" in refused.value.hint
    assert PLACE in refused.value.evidence


def test_local_file_system_is_called_ephemeral() -> None:
    with pytest.raises(RequestError, match="localfilesystem is ephemeral and cannot be backed up"):
        read({"storage-service-name": "com.mendix.storage.localfilesystem"})


@pytest.mark.parametrize("key", ["storage-service-name", "storage-endpoint", "storage-bucket-name"])
def test_empty_key_is_named_with_its_place(key: str) -> None:
    with pytest.raises(RequestError, match=f"{key} is (missing or )?empty in {PLACE}"):
        read({key: ""})


def test_absent_access_keys_of_a_server_that_has_no_identities_say_so() -> None:
    with pytest.raises(RequestError, match="storage-access-key-id and storage-secret-access-key") as refused:
        read({"storage-access-key-id": "", "storage-secret-access-key": ""})
    assert "minio is no host of Amazon or Google" in refused.value.evidence
    assert "AWS_ENDPOINT_URL_STS" in refused.value.hint


@pytest.mark.parametrize(
    ("absent", "present"),
    [
        ("storage-access-key-id", "storage-secret-access-key"),
        ("storage-secret-access-key", "storage-access-key-id"),
    ],
)
def test_half_a_pair_of_access_keys_is_its_own_error(absent: str, present: str) -> None:
    with pytest.raises(RequestError, match=f"^{absent} is empty in {PLACE}$") as refused:
        read({absent: ""})
    assert f"{present} is there" in refused.value.hint
