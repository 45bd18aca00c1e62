"""Paths and programs of other systems than this one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxpc.adapters.paths import extended
from mxpc.adapters.programs import executable

LONG = "\\".join(["folder"] * 40)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (r"C:\backups\backup.tar.gz", r"C:\backups\backup.tar.gz"),
        (f"C:\\{LONG}", f"\\\\?\\C:\\{LONG}"),
        (f"\\\\server\\share\\{LONG}", f"\\\\?\\UNC\\server\\share\\{LONG}"),
        (f"\\\\?\\C:\\{LONG}", f"\\\\?\\C:\\{LONG}"),
    ],
)
def test_long_paths_of_windows_get_the_prefix_that_lifts_the_limit(path: str, expected: str) -> None:
    assert extended(path) == expected


def test_programs_of_windows_are_found_by_their_suffix_in_the_very_folder(tmp_path: Path) -> None:
    for name in ("pg_dump", "pg_restore.exe"):
        (tmp_path / name).touch(mode=0o755)
    assert executable(tmp_path, "pg_restore", ".exe") == tmp_path / "pg_restore.exe"
    assert executable(tmp_path, "pg_dump", ".exe") is None
    assert executable(tmp_path, "pg_dump", "") == tmp_path / "pg_dump"
    assert executable(tmp_path / "nowhere", "pg_dump", "") is None


def test_what_may_not_be_run_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "pg_dump").touch(mode=0o644)
    assert executable(tmp_path, "pg_dump", "") is None
