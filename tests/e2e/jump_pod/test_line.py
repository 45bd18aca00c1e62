"""Ways of the bytes: a line that breaks, a spool, pipes, a tool of many pieces."""

from __future__ import annotations

import subprocess

import pytest

from e2e.environment import COMMAND
from e2e.jump_pod.conftest import Afar, executable
from mxpc.workflows.pod_tool import PIECE


@pytest.mark.parametrize("mode", ["streamed", "spooled"])
def test_round_trip_over_a_line_that_breaks(afar: Afar, mode: str) -> None:
    spool = ("--spool", "10MB") if mode == "spooled" else ()
    backup = afar.live.home / "backup.tar.gz"
    before = afar.live.content()
    afar.break_the_line(faults=12, seed=4, mean_bytes=12_000, kinds=["cut", "damage", "lose", "repeat"])
    afar.run("backup", "-f", backup, *spool).expect(0)
    afar.live.run("verify", "-f", backup).expect(0)
    afar.live.destroy()
    afar.run("restore", "-f", backup, *spool).expect(0)
    assert afar.faults() >= 6
    assert before.changes(afar.live.content()) == []


def test_tool_of_many_pieces_is_whole_in_the_pod_over_a_line_that_breaks(afar: Afar) -> None:
    padding = "# all of this is part of the program\n" * (2 * PIECE // 36)
    tool = executable(afar.live.home / "large", f'#!/bin/sh\nexec "{COMMAND}" "$@"\nexit\n{padding}')
    assert tool.stat().st_size > 2 * PIECE
    afar.break_the_line(faults=4, seed=1, mean_bytes=3_000_000, kinds=["cut", "damage"])
    ended = afar.run("backup", "-f", afar.live.home / "backup.tar.gz", "--tool", tool)
    ended.expect(0, "bringing the tool into the pod")
    assert afar.faults() > 0


def test_standard_output_and_input(afar: Afar) -> None:
    before = afar.live.content()
    made = afar.run("backup", "-f", "-").expect(0, "backup of", "every byte was checked")
    afar.live.destroy()
    running = afar.start("restore", "-f", "-", stdin=subprocess.PIPE)
    running.ended(made.stdout).expect(0)
    assert before.changes(afar.live.content()) == []
    assert afar.left() == []


def test_dry_run_checks_in_the_pod_and_changes_nothing(afar: Afar) -> None:
    backup = afar.live.home / "backup.tar.gz"
    afar.live.run("backup", "-f", backup).expect(0)
    before = afar.live.content()
    assert "ready: nothing was changed" in afar.run("restore", "-f", backup, "--dry-run").expect(0).out
    assert before.changes(afar.live.content()) == []


def test_database_alone_is_a_bare_dump_or_an_archive_by_its_name_here(afar: Afar) -> None:
    bare, archive = afar.live.home / "app.backup", afar.live.home / "app.tar.gz"
    afar.run("backup", "-f", bare, "--only", "database").expect(0)
    afar.run("backup", "-f", archive, "--only", "database").expect(0)
    assert bare.read_bytes()[:5] == b"PGDMP"
    assert archive.read_bytes()[:2] == b"\x1f\x8b"


def test_json_is_that_of_the_tool_and_names_the_pod(afar: Afar) -> None:
    backup = afar.live.home / "backup.tar.gz"
    made = afar.run("backup", "-f", backup, "-o", "json").expect(0).json()
    assert made["status"] == "done"
    assert made["file"] == str(backup)
    assert made["jump_pod"]["connections_lost"] == 0
    afar.live.app["replicas"] = 1
    refused = afar.run("restore", "-f", backup, "-o", "json").expect(5).json()
    assert refused["status"] == "failed"


def test_missing_file_is_strict_here_too(afar: Afar) -> None:
    backup = afar.live.home / "backup.tar.gz"
    afar.run("backup", "-f", backup, "--strict").expect(7, "could not be read")
    afar.live.run("verify", "-f", backup).expect(0)
