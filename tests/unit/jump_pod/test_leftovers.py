"""Whose objects these are: dead runs' are removed, living ones' and kept ones are not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mxpc.adapters.run_locks import RunLocks
from mxpc.ports import Life
from mxpc.workflows.pod_leftovers import is_dead
from mxpc.workflows.pod_objects import KEPT, READY_BEFORE

NOW = 1_000_000.0


def objects(phase: str | None, *, ready_before: float = NOW + 60, keep: bool = False) -> list[dict[str, Any]]:
    """A role, and a pod in this phase if there is one."""
    metadata: dict[str, Any] = {
        "name": "mxpc-jump-pod-1",
        "labels": {KEPT: "true"} if keep else {},
        "annotations": {READY_BEFORE: str(ready_before)},
    }
    pod = {"kind": "Pod", "metadata": metadata, "status": {"phase": phase}}
    return [{"kind": "Role", "metadata": metadata}, *([pod] if phase else [])]


@pytest.mark.parametrize(
    ("life", "phase", "late", "dead"),
    [
        (Life.ALIVE, "Failed", True, False),
        (Life.DEAD, "Running", False, True),
        (Life.DEAD, None, False, True),
        (Life.UNKNOWN, "Running", True, False),
        (Life.UNKNOWN, "Succeeded", False, True),
        (Life.UNKNOWN, "Failed", False, True),
        (Life.UNKNOWN, "Pending", False, False),
        (Life.UNKNOWN, "Pending", True, True),
        (Life.UNKNOWN, None, False, False),
        (Life.UNKNOWN, None, True, True),
    ],
)
def test_who_is_dead(life: Life, phase: str | None, late: bool, dead: bool) -> None:
    found = objects(phase, ready_before=NOW - 1 if late else NOW + 60)
    assert is_dead(found, life, now=NOW) is dead


@pytest.mark.parametrize("life", list(Life))
def test_what_was_kept_stays(life: Life) -> None:
    assert not is_dead(objects("Failed", ready_before=0, keep=True), life, now=NOW)


def test_object_without_a_readable_moment_is_not_taken_for_dead() -> None:
    (role,) = objects(None)
    role["metadata"]["annotations"] = {READY_BEFORE: "some day"}
    assert not is_dead([role], Life.UNKNOWN, now=NOW)


HOLD = """
import sys, time
from pathlib import Path
from mxpc.adapters.run_locks import RunLocks
with RunLocks(Path(sys.argv[1])).alive("one"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="locks tell nothing there")
def test_run_is_alive_as_long_as_its_process(tmp_path: Path) -> None:
    locks = RunLocks(tmp_path / "locks")
    assert locks.life("one") is Life.UNKNOWN
    with subprocess.Popen([sys.executable, "-c", HOLD, locks.folder], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        assert locks.life("one") is Life.ALIVE
        process.kill()
        process.wait()
    assert locks.life("one") is Life.DEAD
    locks.forget("one")
    assert locks.life("one") is Life.UNKNOWN


def test_run_that_has_ended_leaves_no_file(tmp_path: Path) -> None:
    locks = RunLocks(tmp_path / "locks")
    with locks.alive("one"):
        assert locks.life("one") is not Life.DEAD
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_known_and_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    locks = RunLocks(tmp_path / "file" / "locks")
    with locks.alive("one"):
        assert locks.life("one") is Life.UNKNOWN
