"""Which login and which place the keys of a Secret lead to, and which combinations are refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mxpc.adapters.azure_settings import container_address
from mxpc.adapters.credentials import AZURE_SIGNATURE_KEY, Credentials, TrustOptions
from mxpc.adapters.database_settings import DatabaseAnswer, database_settings
from mxpc.adapters.storage_settings import StorageAnswer, storage_settings
from mxpc.errors import RequestError
from mxpc.model import AppFacts, AzureSettings, GoogleSettings, KeyLayout, Login, S3Settings, TlsMode

PLACE = "Secret app in namespace mendix"
RDS = "app.abc.eu-west-1.rds.amazonaws.com"
DATABASE = {
    "database-type": "PostgreSQL",
    "database-host": RDS,
    "database-name": "app",
    "database-username": "me",
}
IRSA = {"AWS_ROLE_ARN": "arn:aws:iam::1:role/app", "AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}
S3 = {"storage-service-name": "com.mendix.storage.s3", "storage-bucket-name": "dir"}
AZURE = {
    "storage-service-name": "com.mendix.storage.azure",
    "storage-azure-account-name": "myaccount",
    "storage-azure-account-key": "aHVzaA==",
    "storage-azure-container": "files",
}


def database(
    changes: Mapping[str, str], env: Mapping[str, str] | None = None, mode: str | None = None
) -> DatabaseAnswer:
    return database_settings(Credentials(PLACE, {**DATABASE, **changes}), TrustOptions(db_sslmode=mode), env or {})


def storage(values: Mapping[str, str], env: Mapping[str, str] | None = None) -> StorageAnswer:
    return storage_settings(Credentials(PLACE, values), AppFacts(), TrustOptions(storage_ca_file="/ca.pem"), env)


def azure(changes: Mapping[str, str]) -> AzureSettings:
    settings = storage({**AZURE, **changes}).settings
    assert isinstance(settings, AzureSettings)
    return settings


# ------------------------------------------------------------------------------------------------------------ database


def test_rds_without_a_password_logs_in_with_iam_over_tls_and_says_why() -> None:
    answer = database({}, IRSA)
    settings = answer.settings
    assert (settings.login, settings.region, settings.password) == (Login.AWS, "eu-west-1", None)
    assert settings.tls_mode is TlsMode.REQUIRE
    notes = " ".join(answer.notes)
    assert "host of Amazon RDS in eu-west-1" in notes
    assert "role arn:aws:iam::1:role/app" in notes
    assert "sslmode require is from the login by AWS identity" in notes


def test_a_password_goes_before_every_identity() -> None:
    settings = database({"database-password": "hush"}, IRSA).settings
    assert (settings.login, settings.tls_mode) == (Login.KEYS, TlsMode.PREFER)


@pytest.mark.parametrize("host", ["a.postgres.database.azure.com:5432", "a.postgres.database.usgovcloudapi.net"])
def test_azure_without_a_password_logs_in_as_managed_identity(host: str) -> None:
    assert database({"database-host": host}).settings.login is Login.AZURE


def test_the_host_of_a_jdbc_url_counts() -> None:
    url = f"jdbc:postgresql://{RDS}:5432/app?sslmode=verify-full"
    settings = database({"database-jdbc-url": url, "database-host": "pg"}).settings
    assert (settings.login, settings.tls_mode) == (Login.AWS, TlsMode.VERIFY_FULL)


def test_a_google_service_account_without_a_password() -> None:
    user = "app@project.iam"
    assert database({"database-host": "10.0.0.3", "database-username": user}).settings.login is Login.GOOGLE


@pytest.mark.parametrize(("env", "mode"), [({"PGSSLMODE": "disable"}, None), ({}, "disable")])
def test_a_token_never_goes_over_a_connection_without_tls(env: Mapping[str, str], mode: str | None) -> None:
    with pytest.raises(RequestError, match="does not go together with the login by AWS identity") as refused:
        database({}, env, mode)
    assert refused.value.exit_code == 2


def test_half_a_pair_of_keys_in_the_environment_is_known_before_anything_begins() -> None:
    with pytest.raises(RequestError, match="AWS_SECRET_ACCESS_KEY is not set"):
        database({}, {"AWS_ACCESS_KEY_ID": "AKIA"})


def test_sql_server_is_refused_whatever_its_login() -> None:
    with pytest.raises(RequestError, match="SQLSERVER is not supported"):
        database({"database-type": "SQLSERVER", "database-host": "a.database.windows.net"})


# ------------------------------------------------------------------------------------------------------------------ S3


@pytest.mark.parametrize(
    ("endpoint", "env", "login"),
    [
        ("https://b.s3.eu-west-1.amazonaws.com", {}, Login.AWS),
        ("b.s3.cn-north-1.amazonaws.com.cn", IRSA, Login.AWS),
        ("https://b.bucket.vpce-1a.s3.eu-west-1.vpce.amazonaws.com", {}, Login.AWS),
        ("http://minio:9000", {**IRSA, "AWS_ENDPOINT_URL_STS": "http://minio:9000"}, Login.AWS),
    ],
)
def test_no_access_keys_mean_an_aws_role(endpoint: str, env: Mapping[str, str], login: Login) -> None:
    answer = storage({**S3, "storage-endpoint": endpoint}, env)
    assert isinstance(answer.settings, S3Settings)
    assert (answer.settings.login, answer.settings.access_key_id) == (login, None)
    assert "no access keys: login as" in answer.notes[-1]


@pytest.mark.parametrize("env", [{}, IRSA, {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B"}])
@pytest.mark.parametrize("endpoint", ["http://minio:9000", "https://amazonaws.com.example"])
def test_keys_of_amazon_are_for_amazon(endpoint: str, env: Mapping[str, str]) -> None:
    with pytest.raises(RequestError, match="storage-access-key-id and storage-secret-access-key are missing"):
        storage({**S3, "storage-endpoint": endpoint}, env)


def test_google_with_hmac_keys_is_s3_and_without_is_a_service_account() -> None:
    endpoint = {"storage-endpoint": "https://storage.googleapis.com/my-bucket"}
    keys = {"storage-access-key-id": "GOOG1E", "storage-secret-access-key": "hush"}
    with_keys = storage({**S3, **endpoint, **keys}).settings
    assert isinstance(with_keys, S3Settings)
    assert (with_keys.endpoint, with_keys.bucket) == ("https://storage.googleapis.com", "my-bucket")
    assert with_keys.layout == KeyLayout("dir")
    without = storage({**S3, **endpoint}).settings
    assert isinstance(without, GoogleSettings)
    assert (without.endpoint, without.bucket, without.layout, without.ca_file) == (
        with_keys.endpoint, "my-bucket", KeyLayout("dir"), "/ca.pem",
    )  # fmt: skip


# --------------------------------------------------------------------------------------------------------------- Azure


def test_account_key_and_container_are_enough() -> None:
    settings = azure({})
    assert (settings.endpoint, settings.account, settings.container) == (
        "https://myaccount.blob.core.windows.net", "myaccount", "files",
    )  # fmt: skip
    assert (settings.layout, settings.login, settings.account_key) == (KeyLayout(), Login.KEYS, "aHVzaA==")
    assert "aHVzaA==" not in repr(settings)


def test_https_is_switched_off_by_its_key_and_only_where_no_scheme_is() -> None:
    assert azure({"storage-azure-use-https": "false"}).endpoint.startswith("http://myaccount")
    endpoint = {"storage-azure-blob-endpoint": "https://myaccount.blob.core.windows.net/"}
    assert azure({"storage-azure-use-https": "false", **endpoint}).endpoint.startswith("https://")
    with pytest.raises(RequestError, match="neither true nor false"):
        azure({"storage-azure-use-https": "perhaps"})


def test_managed_identity_needs_no_account_name() -> None:
    values = {
        "storage-service-name": "com.mendix.storage.azure",
        "storage-azure-container": "files",
        "storage-azure-blob-endpoint": "https://example.blob.core.windows.net/",
        "storage-azure-use-default-azure-credential": "true",
    }
    answer = storage(values)
    assert isinstance(answer.settings, AzureSettings)
    assert (answer.settings.account, answer.settings.login) == ("example", Login.AZURE)
    assert "managed identity of this machine" in answer.notes[-1]


def test_a_shared_access_signature_serves_in_place_of_a_key() -> None:
    keys = Credentials(PLACE, {**AZURE, "storage-azure-account-key": "", AZURE_SIGNATURE_KEY: "?sv=1&sig=hu%2Fsh%3D"})
    settings = storage(keys.values).settings
    assert isinstance(settings, AzureSettings)
    assert (settings.account_key, settings.shared_access_signature) == (None, "sv=1&sig=hu%2Fsh%3D")
    assert {"hu/sh=", "hu%2Fsh%3D"} <= set(keys.secrets())
    assert "hu%2Fsh" not in repr(settings)


@pytest.mark.parametrize(
    ("endpoint", "account", "container", "expected"),
    [
        ("https://a1b.blob.core.windows.net", None, "c", ("https://a1b.blob.core.windows.net", "a1b", "c", "")),
        ("https://a1b.blob.core.windows.net/c", None, "d", ("https://a1b.blob.core.windows.net", "a1b", "c", "d")),
        ("https://a1b.blob.core.windows.net/c/", None, "c", ("https://a1b.blob.core.windows.net", "a1b", "c", "")),
        ("https://a1b.blob.core.windows.net/c", None, None, ("https://a1b.blob.core.windows.net", "a1b", "c", "")),
        ("https://a1b.z6.blob.storage.azure.net", None, "c", ("https://a1b.z6.blob.storage.azure.net", "a1b", "c", "")),
        ("https://a1b.blob.core.windows.net", None, "c/d", ("https://a1b.blob.core.windows.net", "a1b", "c", "d")),
        ("http://azurite:10000/acc", None, "c", ("http://azurite:10000/acc", "acc", "c", "")),
        ("http://azurite:10000/acc/c", "acc", "d", ("http://azurite:10000/acc", "acc", "c", "d")),
        ("https://files.example.com", "acc", "c", ("https://files.example.com", "acc", "c", "")),
        ("https://files.example.com/c", "acc", "d", ("https://files.example.com", "acc", "c", "d")),
    ],
)
def test_where_a_container_is(
    endpoint: str, account: str | None, container: str | None, expected: tuple[str, str, str, str]
) -> None:
    address = container_address(endpoint, account, container, PLACE)
    assert (address.endpoint, address.account, address.container, address.folder) == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"storage-azure-account-key": ""}, "storage-azure-account-key is empty"),
        ({"storage-azure-account-key": "no base64"}, "is no key of an account"),
        ({"storage-azure-account-name": ""}, "storage-azure-account-name is empty"),
        ({"storage-azure-container": ""}, "storage-azure-container is missing or empty"),
        ({"storage-azure-blob-endpoint": "https://a:hush@b"}, "is not the address of an account"),
        ({"storage-azure-blob-endpoint": "https://a.blob.core.windows.net/c?sig=hush"}, "is not the address"),
    ],
)
def test_what_is_missing_or_malformed_is_named_with_its_place(changes: Mapping[str, str], words: str) -> None:
    with pytest.raises(RequestError, match=words) as refused:
        azure(changes)
    assert PLACE in refused.value.what
    assert "hush" not in refused.value.what + refused.value.evidence + refused.value.hint
