"""What is wrong with the request, with Kubernetes or with a Secret: said by name, and nothing is written or changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from e2e.conftest import MakeEnvironment
from e2e.environment import NAMESPACE, LiveEnvironment
from mxpc.demo.kubernetes_api import Fault, KubernetesApi
from mxpc.demo.postgres import PostgresServer
from mxpc.demo.s3 import S3Identity
from servers import ServerUnavailable, postgres_bin, require

Command = tuple[str | Path, ...]


@pytest.fixture
def backup(untouchable: LiveEnvironment) -> Iterator[Command]:
    """A backup into an empty folder, which must be empty afterwards. Enough where both commands read the settings."""
    folder = untouchable.home / "nothing-may-be-left-here"
    folder.mkdir()
    yield ("backup", "-f", folder / "backup.tar.gz")
    left = list(folder.iterdir())
    shutil.rmtree(folder)
    assert left == []


@pytest.fixture(params=["backup", "restore"])
def either(request: pytest.FixtureRequest, backup: Command, sample_archive: Path) -> Command:
    """That backup, or a restore of a good archive."""
    return backup if request.param == "backup" else ("restore", "-f", sample_archive)


# ----------------------------------------------------------------------------------------------------------- Kubernetes


def test_no_such_environment(untouchable: LiveEnvironment, either: Command) -> None:
    ended = untouchable.run(*either, "-n", NAMESPACE, "-e", "nobody-knows-me")
    ended.expect(2, "nobody-knows-me", NAMESPACE, untouchable.kubernetes.url, "kubectl get mendixapps")


def test_no_such_namespace(untouchable: LiveEnvironment, backup: Command) -> None:
    ended = untouchable.run(*backup, "-n", "no-such-namespace", "-e", untouchable.name)
    ended.expect(2, "no-such-namespace", untouchable.name, untouchable.kubernetes.url, "hint:")


@pytest.mark.parametrize(("index", "option"), [(3, "--database-secret"), (4, "--storage-secret")])
def test_no_such_secret(untouchable: LiveEnvironment, either: Command, index: int, option: str) -> None:
    name = untouchable.objects[index]["metadata"]["name"]
    untouchable.objects[index]["metadata"]["name"] = "taken-away"
    untouchable.run(*either).expect(2, f"Secret {name}", NAMESPACE, untouchable.kubernetes.url, option)
    untouchable.run(*either, option, "not-there").expect(2, "Secret not-there", NAMESPACE)


def test_secrets_of_the_users_choice_are_taken(untouchable: LiveEnvironment) -> None:
    for index, name in ((3, "my-database"), (4, "my-files")):
        untouchable.objects[index]["metadata"]["name"] = name
    chosen = ("--database-secret", "my-database", "--storage-secret", "my-files")
    untouchable.run("backup", "-f", untouchable.home / "chosen.tar.gz", *chosen).expect(0)


def test_login_that_kubernetes_does_not_know(untouchable: LiveEnvironment, either: Command) -> None:
    untouchable.kubernetes.inject(Fault(status=401, resource="mendixapps"))
    untouchable.run(*either).expect(3, "get mendixapps", NAMESPACE, "kind: Role", "verbs", untouchable.kubernetes.url)


@pytest.mark.parametrize("resource", ["mendixapps", "storageinstances"])
def test_right_that_is_missing_in_kubernetes(untouchable: LiveEnvironment, resource: str, sample_archive: Path) -> None:
    untouchable.kubernetes.inject(Fault(status=403, resource=resource))
    ended = untouchable.run("restore", "-f", sample_archive)
    ended.expect(3, f"get {resource}", NAMESPACE, "403", "kind: Role", "verbs")


def test_right_that_is_really_missing_in_kubernetes(untouchable: LiveEnvironment, tmp_path: Path) -> None:
    with KubernetesApi(untouchable.objects) as api:
        api.readable.discard(("", "secrets"))
        config = {"KUBECONFIG": str(api.kubeconfig_path)}
        ended = untouchable.run("backup", "-f", tmp_path / "backup.tar.gz", env=config)
    ended.expect(3, "get secrets", 'User "demo" cannot get resource "secrets"', "kind: Role")
    assert list(tmp_path.iterdir()) == []


def test_kubernetes_that_is_not_there(untouchable: LiveEnvironment, backup: Command) -> None:
    with KubernetesApi() as gone:
        url, text = gone.url, gone.kubeconfig_path.read_text()
    config = untouchable.home / "gone.kubeconfig"
    config.write_text(text)
    untouchable.run(*backup, "--kubeconfig", config, timeout=60).expect(3, url, "hint:")


def test_no_kubeconfig_at_all(untouchable: LiveEnvironment, backup: Command) -> None:
    untouchable.run(*backup, env={"KUBECONFIG": ""}).expect(2, "kubeconfig", "hint:")


def test_kubeconfig_that_is_not_there(untouchable: LiveEnvironment, backup: Command) -> None:
    untouchable.run(*backup, "--kubeconfig", "/nonexistent/config").expect(2, "/nonexistent/config")


def test_context_that_is_not_there(untouchable: LiveEnvironment, backup: Command) -> None:
    untouchable.run(*backup, "--context", "production").expect(2, "production", "demo")


# ---------------------------------------------------------------------------------------------------------- the Secrets

DATABASE_KEYS = ("database-name", "database-username", "database-password", "database-type", "database-host")
STORAGE_KEYS = (
    "storage-service-name",
    "storage-endpoint",
    "storage-access-key-id",
    "storage-secret-access-key",
    "storage-bucket-name",
)


@pytest.mark.parametrize(
    ("key", "state"), list(zip([*DATABASE_KEYS, *STORAGE_KEYS], cycle(["missing", "empty"]), strict=False))
)
def test_key_that_a_secret_lacks(untouchable: LiveEnvironment, tmp_path: Path, key: str, state: str) -> None:
    # With a JDBC URL the other keys of the database are not needed.
    untouchable.database_secret.pop("database-jdbc-url")
    keys = untouchable.database_secret if key in untouchable.database_secret else untouchable.storage_secret
    keys[key] = ""
    if state == "missing":
        del keys[key]
    secret = untouchable.objects[3 if key.startswith("database") else 4]["metadata"]["name"]
    ended = untouchable.run("backup", "-f", tmp_path / "backup.tar.gz")
    ended.expect(2, key, f"{state}", f"Secret {secret} in namespace {NAMESPACE}")
    assert list(tmp_path.iterdir()) == []


def test_key_that_a_folder_of_credentials_lacks(untouchable: LiveEnvironment, tmp_path: Path) -> None:
    folder = untouchable.credentials_folder(storage_bucket_name="")
    ended = untouchable.run("backup", "--credentials-dir", folder, "-f", tmp_path / "backup.tar.gz")
    ended.expect(2, "storage-bucket-name is missing or empty", str(folder))


@pytest.mark.parametrize("kind", ["SQLSERVER", "HSQLDB"])
def test_database_of_another_kind(untouchable: LiveEnvironment, backup: Command, kind: str) -> None:
    untouchable.database_secret["database-type"] = kind
    untouchable.run(*backup).expect(2, kind, "PostgreSQL is supported", "Secret")


def test_jdbc_url_of_another_database(untouchable: LiveEnvironment, backup: Command) -> None:
    untouchable.database_secret["database-jdbc-url"] = "jdbc:sqlserver://sql.example.com:1433;databaseName=app"
    untouchable.run(*backup).expect(2, "sqlserver", "PostgreSQL", "Secret")


@pytest.mark.parametrize("service", ["com.mendix.storage.localfilesystem", "com.mendix.storage.carrierpigeon"])
def test_file_storage_of_another_kind(untouchable: LiveEnvironment, backup: Command, service: str) -> None:
    untouchable.storage_secret["storage-service-name"] = service
    untouchable.run(*backup).expect(2, service, "--only database")


# ------------------------------------------------------------------------------------------------- PostgreSQL's clients


def _programs(folder: Path, *versions: str) -> dict[str, str]:
    """Programs that only tell these versions, and the variable that makes the tool look nowhere else."""
    folders = []
    for version in versions:
        place = folder / version
        place.mkdir()
        for name in ("pg_dump", "pg_restore"):
            (place / name).write_text(f'#!/bin/sh\necho "{name} (PostgreSQL) {version}"\n')
            (place / name).chmod(0o755)
        folders.append(str(place))
    return {"MXPC_POSTGRES_BIN": ":".join(folders) or str(folder)}


def test_no_client_programs(untouchable: LiveEnvironment, either: Command, tmp_path: Path) -> None:
    name = "pg_dump" if either[0] == "backup" else "pg_restore"
    ended = untouchable.run(*either, env=_programs(tmp_path))
    ended.expect(2, "PostgreSQL 15", name, "found: none", "apt install postgresql-client-15", "MXPC_POSTGRES_BIN")


def test_client_programs_that_are_too_old(untouchable: LiveEnvironment, either: Command, tmp_path: Path) -> None:
    ended = untouchable.run(*either, env=_programs(tmp_path, "9.6.24", "11.22"))
    ended.expect(2, "(9.6.24)", "(11.22)", "or newer", "apt install postgresql-client-15")


def test_real_pg_dump_that_is_older_than_the_server(
    make_environment: MakeEnvironment, postgres_18: PostgresServer, tmp_path: Path
) -> None:
    try:
        old = postgres_bin(15)
    except ServerUnavailable as reason:
        require(str(reason))
    newer = make_environment(postgres_18)
    ended = newer.run("backup", "-f", tmp_path / "backup.tar.gz", env={"MXPC_POSTGRES_BIN": str(old)})
    ended.expect(2, "the server is PostgreSQL 18", "18 or newer", f"{old / 'pg_dump'} (15.", "postgresql-client-18")
    assert list(tmp_path.iterdir()) == []


# --------------------------------------------------------------------------------------------------------- wrong logins


def test_wrong_password(untouchable: LiveEnvironment, either: Command) -> None:
    untouchable.database_secret["database-password"] = "not the password"
    database = untouchable.database
    ended = untouchable.run(*either, timeout=60)
    ended.expect(3, f"127.0.0.1:{database.port}", database.name, "database-password", "authentication failed")
    assert "not the password" not in ended.err + ended.out


def test_wrong_database(untouchable: LiveEnvironment, backup: Command) -> None:
    del untouchable.database_secret["database-jdbc-url"]
    untouchable.database_secret["database-name"] = "no-such-database"
    untouchable.run(*backup, timeout=60).expect(3, "no-such-database", "127.0.0.1", "database-name", "does not exist")


def test_wrong_key_id(untouchable: LiveEnvironment, backup: Command) -> None:
    untouchable.storage_secret["storage-access-key-id"] = "AKIAUNKNOWN"
    ended = untouchable.run(*backup, timeout=60)
    ended.expect(3, untouchable.bucket, untouchable.s3.endpoint, "InvalidAccessKeyId", "storage-access-key-id")


def test_wrong_secret_key(untouchable: LiveEnvironment, either: Command) -> None:
    untouchable.storage_secret["storage-secret-access-key"] = "not/the+key"
    ended = untouchable.run(*either, timeout=60)
    ended.expect(3, untouchable.bucket, untouchable.s3.endpoint, "storage-secret-access-key")
    assert "not/the+key" not in ended.err + ended.out


def test_no_such_bucket(untouchable: LiveEnvironment, either: Command) -> None:
    login = untouchable.s3.add_identity(S3Identity("everywhere", ("Read", "Write")))
    untouchable.storage_secret["storage-access-key-id"] = login.access_key_id
    untouchable.storage_secret["storage-secret-access-key"] = login.secret_access_key
    untouchable.storage_secret["storage-bucket-name"] = "no-such-bucket"
    ended = untouchable.run(*either, timeout=60)
    ended.expect(3, "no-such-bucket", untouchable.s3.endpoint, "storage-bucket-name")


def test_bucket_of_somebody_else(
    untouchable: LiveEnvironment, backup: Command, make_environment: MakeEnvironment
) -> None:
    other = make_environment()
    untouchable.storage_secret["storage-bucket-name"] = other.bucket
    ended = untouchable.run(*backup, timeout=60)
    ended.expect(3, other.bucket, untouchable.s3.endpoint, "storage")


def test_bucket_without_the_environments_files(
    untouchable: LiveEnvironment, make_environment: MakeEnvironment, tmp_path: Path
) -> None:
    other = make_environment()
    for key in ("storage-bucket-name", "storage-access-key-id", "storage-secret-access-key"):
        untouchable.storage_secret[key] = other.storage_secret[key]
    ended = untouchable.run("backup", "-f", tmp_path / "backup.tar.gz", timeout=60)
    ended.expect(3, "every one of the 7 files", "bucket", "--only database")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------------------------- the request


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("backup",), ("-f",)),
        (("backup", "-e", "app", "-f", "x.tar.gz"), ("-n",)),
        (("backup", "-n", "space", "-f", "x.tar.gz"), ("-e",)),
        (("backup", "-n", "space", "-e", "app", "-f", "x.tar.gz", "--only", "half"), ("half", "database", "files")),
        (("restore", "-n", "space", "-e", "app"), ("-f FILE is missing",)),
        (("restore", "-n", "space", "-e", "app", "--undo", "-f", "x"), ("--undo",)),
        (("restore", "-n", "space", "-e", "app", "--dry-run", "-f", "-"), ("--dry-run", "standard input")),
        (("restore", "-n", "space", "-e", "app", "-f", "/nonexistent/x.tar.gz"), ("/nonexistent/x.tar.gz",)),
        (("verify", "-f", "/nonexistent/x.tar.gz"), ("/nonexistent/x.tar.gz",)),
        (("inspect", "-f", "/"), ("/", "folder")),
        (("backup", "-n", "Not A Name", "-e", "app", "-f", "x.tar.gz"), ("Not A Name",)),
        (("backup", "--credentials-dir", "/nonexistent", "-f", "x.tar.gz"), ("/nonexistent",)),
        (("what",), ("what",)),
    ],
)
def test_request_that_makes_no_sense(
    untouchable: LiveEnvironment, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    untouchable.run(*arguments).expect(2, *words)
    assert not (untouchable.home / "x.tar.gz").exists()
