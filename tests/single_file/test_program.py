"""The file itself: what it weighs, what is in its archive, and what it does to what it starts."""

from __future__ import annotations

import os
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import psutil
import pytest

from surroundings import clean_environment

MEGABYTE = 10**6


def test_archive_has_the_program_alone_under_the_vendors_name(program: Path) -> None:
    archive = program.with_name(f"{program.name}.tar.bz2")
    with tarfile.open(archive) as packed:
        (member,) = packed.getmembers()
        content = packed.extractfile(member)
        assert content
        assert content.read() == program.read_bytes()
    assert (member.name, member.mode, member.uid) == (program.name, 0o755, 0)
    assert archive.stat().st_size < 40 * MEGABYTE


def test_version_and_help_need_nothing(program: Path, tmp_path: Path) -> None:
    for words, expected in ((["--version"], "mxpc-backup-restore-cli "), (["backup", "--help"], "--namespace")):
        told = subprocess.run(
            [program, *words], env={"TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=True
        )
        assert expected in told.stdout
        assert told.stderr == ""
    assert list(tmp_path.iterdir()) == [], "what was unpacked was not removed"


def test_under_the_name_of_a_kubectl_plugin_it_is_one(program: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "kubectl-mxpc"
    plugin.symlink_to(program)
    environment = clean_environment(tmp_path)
    told = subprocess.run([plugin, "--help"], env=environment, capture_output=True, text=True, check=True)
    assert "kubectl mxpc" in told.stdout


def test_demo_says_where_it_is_to_be_had(program: Path, tmp_path: Path) -> None:
    told = subprocess.run(
        [program, "demo"], env=clean_environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert told.returncode == 2
    assert "mxpc-backup-restore-cli[demo]" in told.stderr


def test_children_get_the_users_search_path_and_nothing_of_the_unpacking(program: Path, tmp_path: Path) -> None:
    """pg_dump of the system must not load our libssl; seen by a login plugin, which gets the whole environment."""
    seen = tmp_path / "seen"
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\nenv > {seen}\nexit 1\n")
    plugin.chmod(0o755)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        f"""
current-context: one
contexts: [{{name: one, context: {{cluster: one, user: one}}}}]
clusters: [{{name: one, cluster: {{server: "https://127.0.0.1:1"}}}}]
users: [{{name: one, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: {plugin},
  interactiveMode: Never}}}}}}]
"""
    )
    for variables in ({}, {"LD_LIBRARY_PATH": "/somewhere"}):
        environment = clean_environment(tmp_path, KUBECONFIG=str(kubeconfig), **variables)
        words = [program, "backup", "-n", "one", "-e", "one", "-f", tmp_path / "backup"]
        assert subprocess.run(words, env=environment, capture_output=True, check=False).returncode == 3
        told = dict(line.split("=", 1) for line in seen.read_text().splitlines())
        assert told.get("LD_LIBRARY_PATH") == variables.get("LD_LIBRARY_PATH")
        assert [name for name in told if "PYI" in name or "MEI" in name or name.endswith("_ORIG")] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_signal_to_the_process_that_the_user_sees_ends_both(program: Path, tmp_path: Path, number: int) -> None:
    reading, writing = os.pipe()
    environment = clean_environment(tmp_path, TMPDIR=str(tmp_path))
    with subprocess.Popen(
        [program, "verify", "-f", "-"], env=environment, stdin=reading, stderr=subprocess.PIPE
    ) as first:
        second = _worker(first.pid)
        first.send_signal(number)
        assert first.wait(20) == (-number if number == signal.SIGKILL else 128 + number)
        assert _is_gone(second)
    os.close(reading)
    os.close(writing)
    if number != signal.SIGKILL:
        assert list(tmp_path.iterdir()) == []


def _worker(pid: int) -> psutil.Process:
    """The second process, once it waits for its input."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in psutil.Process(pid).children():
            if any("pipe" in one for one in _waits(child.pid)):
                return child
        time.sleep(0.05)
    raise AssertionError("the second process never read its input")


def _waits(pid: int) -> list[str]:
    return [(path / "wchan").read_text() for path in Path(f"/proc/{pid}/task").iterdir()]


def _is_gone(process: psutil.Process) -> bool:
    try:
        process.wait(10)
    except psutil.TimeoutExpired:
        return False
    return True
