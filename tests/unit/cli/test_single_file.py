"""What the single-file program knows of itself; sys.frozen and sys._MEIPASS are PyInstaller's documented interface."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mxpc.adapters.itself import carried_folder, own_program, restore_environment, trust_carried_roots
from mxpc.adapters.programs import usual_folders


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """We are the single-file program; the folder of what it carries."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    return tmp_path


def test_an_installed_package_is_no_single_file() -> None:
    assert own_program() is None
    assert carried_folder() is None


def test_the_single_file_knows_where_it_is(frozen: Path) -> None:
    assert own_program() == Path(sys.executable).resolve()
    assert carried_folder() == frozen


def test_carried_clients_come_after_those_of_the_system(frozen: Path) -> None:
    folders = list(usual_folders({"PATH": "/first"}))
    assert folders[0] == Path("/first")
    assert frozen / "postgresql" / "bin" in folders
    assert list(usual_folders({"MXPC_POSTGRES_BIN": "/only"})) == [Path("/only")]


@pytest.mark.usefixtures("frozen")
def test_children_get_the_environment_that_the_user_set() -> None:
    unpacked = {
        "LD_LIBRARY_PATH": "/tmp/_MEI1:/mine",
        "LD_LIBRARY_PATH_ORIG": "/mine",
        "_PYI_ARCHIVE_FILE": "x",
        "A": "b",
    }
    restore_environment(unpacked)
    assert unpacked == {"LD_LIBRARY_PATH": "/mine", "A": "b"}
    unpacked = {"LD_LIBRARY_PATH": "/tmp/_MEI1"}
    restore_environment(unpacked)
    assert unpacked == {}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have their roots in a place of their own")
def test_carried_roots_are_trusted_only_where_there_are_no_others(frozen: Path, tmp_path: Path) -> None:
    there = tmp_path / "roots.pem"
    there.touch()
    for named, system, expected in (
        ({}, ["/nowhere"], {"SSL_CERT_FILE": str(frozen / "certifi" / "cacert.pem")}),
        ({}, ["/nowhere", str(there)], {}),
        ({"SSL_CERT_DIR": "/mine"}, ["/nowhere"], {"SSL_CERT_DIR": "/mine"}),
    ):
        environment = dict(named)
        trust_carried_roots(environment, system)
        assert environment == expected
