"""The folder that `credentials` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxpc.adapters.credentials_dir import CredentialsDirectory, write_credentials
from mxpc.errors import RequestError
from mxpc.model import Environment

VALUES = {
    "database-type": "PostgreSQL",
    "database-host": "pg.example.com:5432",
    "database-name": "app",
    "database-username": "app",
    "database-password": 'p@ss/w:rd %20 "x\n',
    "../escape": "no",
    "..": "no",
}


def test_what_was_written_is_read_again_and_is_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    write_credentials(folder, VALUES)
    settings = CredentialsDirectory(Environment("", "app"), [str(folder)], env={}).settings(storage=False)
    assert settings.database.password == VALUES["database-password"]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert [one.name for one in tmp_path.iterdir()] == ["credentials"]
    assert len(list(folder.iterdir())) == 5


def test_a_folder_with_content_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "database-host").write_text("mine")
    with pytest.raises(RequestError, match="not empty"):
        write_credentials(tmp_path, VALUES)
    assert (tmp_path / "database-host").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot write"):
        write_credentials(tmp_path / "missing" / "credentials", VALUES)
