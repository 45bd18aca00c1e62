"""No repr and no error text has a secret; the settings list every secret value for the redaction of output."""

from __future__ import annotations

import traceback
from urllib.parse import quote

import pytest

from mxpc.adapters.credentials import Credentials, TrustOptions, all_forms
from mxpc.adapters.settings import environment_settings
from mxpc.errors import ToolError
from mxpc.model import AppFacts, Environment, EnvironmentSettings

PASSWORD = "hush p@ss/w:rd %20 \"x'é"
IN_URL = "hush+in url"
KEY = "hushKEY/+="
DATABASE = {
    "database-type": "PostgreSQL",
    "database-jdbc-url": f"jdbc:postgresql://pg:5433/app?user=me&password={quote(IN_URL, safe='')}",
    "database-host": "pg",
    "database-name": "app",
    "database-username": "me",
    "database-password": PASSWORD,
}
STORAGE = {
    "storage-service-name": "com.mendix.storage.s3",
    "storage-endpoint": "http://minio:9000",
    "storage-access-key-id": "id",
    "storage-secret-access-key": KEY,
    "storage-bucket-name": "bkt",
}


def read(changes: dict[str, str]) -> EnvironmentSettings:
    return environment_settings(
        Environment("n", "e"),
        app=AppFacts(),
        database=Credentials("Secret d", DATABASE | changes),
        storage=Credentials("Secret f", STORAGE | changes),
        trust=TrustOptions(),
        env={},
    )


def test_settings_list_every_secret_in_the_forms_that_output_may_have() -> None:
    secrets = set(read({}).secrets)
    assert {PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD), IN_URL, quote(IN_URL, safe=""), KEY} <= secrets
    assert PASSWORD.replace('"', '\\"') in secrets
    assert "id" not in secrets, "an access key's id is no secret, and often the environment's name"


def test_longer_forms_come_first() -> None:
    forms = all_forms("a b", None, "")
    assert [len(form) for form in forms] == sorted((len(form) for form in forms), reverse=True)
    assert "" not in forms


def test_reprs_have_no_secret() -> None:
    settings = read({})
    shown = repr(settings) + str(settings.notes) + repr(Credentials("p", DATABASE))
    assert "hush" not in shown


@pytest.mark.parametrize(
    "changes",
    [
        {"database-type": "SQLSERVER"},
        {"database-jdbc-url": "jdbc:sqlserver://h;password=hush"},
        {"database-jdbc-url": "jdbc:postgresql://me:hush@h/app"},
        {"database-jdbc-url": "jdbc:postgresql://h:x/app?password=hush"},
        {"database-jdbc-url": "jdbc:postgresql://h/app?password=hush&sslmode=odd"},
        {"database-jdbc-url": "hush"},
        {"database-jdbc-url": "", "database-host": "me:hush@pg"},
        {"database-jdbc-url": "", "database-password": ""},
        {"database-jdbc-url": "", "database-username": ""},
        {"storage-service-name": "com.mendix.storage.azure", "storage-azure-account-key": "hush"},
        {"storage-service-name": ""},
        {"storage-endpoint": "https://id:hush@minio"},
        {"storage-bucket-name": ""},
        {"storage-access-key-id": ""},
    ],
)
def test_errors_have_no_secret(changes: dict[str, str]) -> None:
    with pytest.raises(ToolError) as refused:
        read(changes)
    error = refused.value
    shown = "".join(traceback.format_exception(error)) + repr(error) + error.evidence + error.hint
    assert "hush" not in shown
