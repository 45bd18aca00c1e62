"""Child processes: fed, read, heard and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from mxpc.adapters.children import Child, minimal_environment
from mxpc.errors import ServiceError

SHELL = Path("/bin/sh")
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def shell(script: str, **options: bool) -> Child:
    return Child(SHELL, ["-c", script], ENVIRONMENT, **options)


def test_output_is_read_to_its_end() -> None:
    with shell("printf content", read=True) as child:
        parts = iter(lambda: child.read(3), b"")
        assert b"".join(parts) == b"content"
        assert child.wait() == 0


def test_megabytes_of_complaints_hang_nothing_and_only_the_last_are_kept() -> None:
    script = "i=0; while [ $i -lt 20000 ]; do echo complaint-$i-$PADDING >&2; i=$((i+1)); done; echo done"
    script = f"PADDING={'x' * 40}; {script}"
    with shell(script, read=True) as child:
        assert child.read(100) == b"done\n"
        assert child.wait() == 0
        assert len(child.complaints) == 200
        assert child.complaints[-1].startswith("complaint-19999")


def test_line_without_end_is_cut() -> None:
    with shell("head -c 1000000 /dev/zero | tr '\\0' x >&2") as child:
        assert child.wait() == 0
        assert sum(map(len, child.complaints)) < 10_000


def test_child_that_stops_reading_is_no_exception() -> None:
    with shell("head -c 10 >/dev/null; exit 3", fed=True) as child:
        chunk = b"x" * (1 << 20)
        while child.write(chunk):
            pass
        assert child.wait() == 3


def test_leaving_ends_a_child_that_waits_for_ever() -> None:
    with shell("sleep 600", fed=True, read=True) as child:
        pid = child.pid
    assert not psutil.pid_exists(pid)


def test_child_that_ignores_the_request_to_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mxpc.adapters.children.GRACE_SECONDS", 0.2)
    with shell("trap '' TERM; echo ready; while :; do sleep 0.05; done", read=True) as child:
        assert child.read(10) == b"ready\n"
    assert child.wait() == -signal.SIGKILL


def test_children_of_the_child_are_ended_too() -> None:
    with shell("sleep 600 & echo $!; wait", read=True) as child:
        grandchild = int(child.read(20))
    for _ in range(100):
        if not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == "zombie":
            return
        time.sleep(0.02)
    pytest.fail("the grandchild lives")


def test_ending_from_another_thread_unblocks_the_reader() -> None:
    with shell("sleep 600", read=True) as child:
        timer = threading.Timer(0.1, child.end)
        timer.start()
        assert child.read(10) == b""
        timer.join()


def test_program_that_cannot_be_started_is_named() -> None:
    with pytest.raises(ServiceError, match="/no/such/program"):
        Child(Path("/no/such/program"), [], ENVIRONMENT)


def test_children_get_nothing_that_was_not_meant_for_them() -> None:
    environment = minimal_environment({"PATH": "/bin", "HOME": "/h", "AWS_SECRET_ACCESS_KEY": "s", "PGPASSWORD": "p"})
    assert environment == {"PATH": "/bin", "HOME": "/h", "LANG": "C", "LC_ALL": "C", "LC_MESSAGES": "C"}


def test_child_of_a_killed_parent_ends_with_its_pipe() -> None:
    program = (
        "import os, signal\nfrom pathlib import Path\nfrom mxpc.adapters.children import Child\n"
        "child = Child(Path('/bin/cat'), ['/dev/zero'], {}, read=True)\n"
        "print(child.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    source = Path(__file__).resolve().parents[3] / "src"
    parent = subprocess.run(
        [sys.executable, "-c", program],
        env={**ENVIRONMENT, "PYTHONPATH": str(source)},
        capture_output=True,
        check=False,
    )
    assert parent.returncode == -signal.SIGKILL, parent.stderr
    pid = int(parent.stdout)
    for _ in range(200):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie":
            return
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the child outlived its parent")
