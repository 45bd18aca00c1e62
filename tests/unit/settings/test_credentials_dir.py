"""Settings from a folder of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxpc.adapters.credentials import TrustOptions
from mxpc.adapters.credentials_dir import CredentialsDirectory
from mxpc.errors import RequestError
from mxpc.model import AppFacts, Environment, EnvironmentSettings, TlsMode

DATABASE = {
    "database-type": "PostgreSQL",
    "database-jdbc-url": "jdbc:postgresql://pg:5433/app",
    "database-username": "me",
    "database-password": "hush word",
}
STORAGE = {
    "storage-service-name": "com.mendix.storage.s3",
    "storage-endpoint": "http://minio:9000",
    "storage-access-key-id": "id",
    "storage-secret-access-key": "hush2",
    "storage-bucket-name": "bkt",
}


def write(folder: Path, values: dict[str, str]) -> str:
    folder.mkdir(exist_ok=True)
    for name, value in values.items():
        (folder / name).write_bytes(value.encode())
    return str(folder)


def read(*folders: str, storage: bool = True) -> EnvironmentSettings:
    source = CredentialsDirectory(Environment("n", "e"), folders, trust=TrustOptions(db_sslmode="require"), env={})
    return source.settings(storage=storage)


def test_one_folder_is_enough(tmp_path: Path) -> None:
    settings = read(write(tmp_path, DATABASE | STORAGE))
    assert (settings.database.host, settings.database.password) == ("pg", "hush word")
    assert settings.database.tls_mode is TlsMode.REQUIRE
    assert settings.storage
    assert settings.storage.bucket == "bkt"
    assert settings.app == AppFacts()
    assert str(tmp_path) in settings.notes[0]


def test_several_folders_are_read_as_one_and_the_first_counts(tmp_path: Path) -> None:
    first = write(tmp_path / "a", DATABASE)
    settings = read(first, write(tmp_path / "b", STORAGE | {"database-username": "other"}))
    assert settings.database.user == "me"
    assert settings.storage


def test_storage_is_not_needed_when_it_is_not_asked_for(tmp_path: Path) -> None:
    assert read(write(tmp_path, DATABASE), storage=False).storage is None


@pytest.mark.parametrize(
    ("content", "password"), [("p\n", "p"), ("p\r\n", "p"), ("p\n\n", "p\n"), (" p", " p"), ("p\r", "p\r"), ("p", "p")]
)
def test_one_newline_at_the_end_is_not_part_of_a_value(tmp_path: Path, content: str, password: str) -> None:
    folder = write(tmp_path, DATABASE | {"database-password": content})
    assert read(folder, storage=False).database.password == password


def test_links_are_followed_and_other_files_are_not_read(tmp_path: Path) -> None:
    data = tmp_path / "..data"
    write(data, DATABASE)
    for name in DATABASE:
        (tmp_path / name).symlink_to(data / name)
    (tmp_path / "unrelated").write_bytes(b"\xff")
    assert read(str(tmp_path), storage=False).database.host == "pg"


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"credentials folder .*/nowhere") as refused:
        read(str(tmp_path / "nowhere"))
    assert "No such file" in refused.value.evidence


def test_file_instead_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(RequestError, match="cannot read the credentials folder"):
        read(str(tmp_path / "f"))


def test_folder_without_any_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no file named after a Secret key"):
        read(str(tmp_path))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (1 << 20) + b"x"])
def test_file_that_is_no_short_text_is_refused(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, DATABASE)
    (tmp_path / "database-password").write_bytes(content)
    with pytest.raises(RequestError, match="database-password is not a text") as refused:
        read(str(tmp_path))
    assert refused.value.__cause__ is None


def test_missing_key_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=f"^storage-service-name is missing in folder {tmp_path}$"):
        read(write(tmp_path, DATABASE))
