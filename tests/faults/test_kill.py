"""kill -9 at any moment: of the command alone, so that its children outlive it, and of all processes at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from e2e.environment import Ended, Running
from faults.counting import COUNTED
from faults.moments import Moment, in_phases, meet, spread
from faults.stage import Saved, Stage, kill
from mxpc.adapters.passing_files import remove_abandoned
from mxpc.archive.scan import scan
from servers import postgres_bin

pytestmark = pytest.mark.faults

KILLED = "kill -9"
UNDO_SECONDS = 0.6
"""More or less: a moment that comes too late is tried again earlier."""

IN_RESTORE = (
    *spread("restore", 8, 0.2, 1.0),
    *in_phases("restore", ("parking", 0.02), ("restoring", 0.3), ("restored", 0.02), ("accepting", 0.05)),
)
IN_BACKUP = tuple(spread("backup", 8, 0.3, 1.05))
WITH_WORKERS = (*spread("workers", 2, 0.5, 1.0), *in_phases("workers", ("restoring", 0.2), ("accepting", 0.05)))
IN_UNDO = (*spread("undo", 5, 0.4, 1.0), *in_phases("undo", ("undoing", 0.05), ("undoing", 0.1)))
IN_RECOVERY = (*spread("recovery", 4, 0.1, 1.0), *in_phases("recovery", ("undoing", 0.05)))


def start_restore(stage: Stage, way: str) -> Running:
    """From a file, which is read for database and files at the same time; from a pipe, one after the other, with a
    pg_restore that is newer than the server and may not stop at an error; or in several
    sessions, each with a part of the dump."""
    if way == "pipe":
        env = {"MXPC_POSTGRES_BIN": str(postgres_bin(18))}
        return stage.start("restore", "-f", "-", feed=stage.archive, env=env)
    env = {"MXPC_POSTGRES_BIN": str(postgres_bin(15))}
    return stage.start("restore", "--jobs", "2" if way == "workers" else "1", "-f", stage.archive, env=env)


# ------------------------------------------------------------------------------------------------------------- backup


@pytest.mark.parametrize("moment", IN_BACKUP, ids=str)
@pytest.mark.parametrize("older", [False, True], ids=["first", "over an older one"])
def test_killed_backup_leaves_a_complete_archive_or_none(
    stage: Stage, tmp_path: Path, moment: Moment, older: bool
) -> None:
    file = tmp_path / "backup.tar.gz"

    def begin() -> None:
        file.unlink(missing_ok=True)
        if older:
            file.write_bytes(b"the older backup")

    running, under_way = meet(
        stage, f"{KILLED} in backup", moment, stage.backup_seconds, lambda: stage.back_up_source(file), begin
    )
    if under_way:
        kill(running, everything=moment.everything)
    if not file.exists() or file.read_bytes() == b"the older backup":
        assert file.exists() == older
        assert running.process.returncode != 0
    else:
        expect_complete(stage, file)
    if left := [path for path in tmp_path.iterdir() if path != file]:
        # Killed between the two system calls that put it in an older one's place.
        assert older
        os.utime(left[0], (0, 0))
        remove_abandoned(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] in ([], [file.name])
    stage.source.check_tidy(Ended((), 0, b"", b""))
    assert stage.phase() is None


def expect_complete(stage: Stage, file: Path) -> None:
    """Every blob that the source has and its database names, byte for byte, and a dump to its end."""
    with file.open("rb") as stream:
        summary = scan(stream)
    assert summary.dump is not None
    with stage.archive.open("rb") as stream:
        wanted = scan(stream)
    assert (summary.blob_count, summary.blob_bytes) == (wanted.blob_count, wanted.blob_bytes)
    assert summary.dump_size == wanted.dump_size


# ------------------------------------------------------------------------------------------------------------ restore


@pytest.mark.parametrize(
    ("way", "moment"),
    [
        *(("file", moment) for moment in IN_RESTORE),
        *(("pipe", moment) for moment in IN_RESTORE),
        *(("workers", moment) for moment in WITH_WORKERS),
    ],
    ids=str,
)
def test_killed_restore_leaves_old_or_new_content_or_says_that_it_is_halfway(
    stage: Stage, tmp_path: Path, way: str, moment: Moment
) -> None:
    seconds = stage.seconds(way, lambda: start_restore(stage, way))
    running, under_way = meet(
        stage, f"{KILLED} in restore from a {way}", moment, seconds, lambda: start_restore(stage, way), stage.reset
    )
    if under_way:
        kill(running, everything=moment.everything)
    bring_to_one_of_the_two(stage, tmp_path, again=hash_of(moment) % 3 == 0, app=hash_of(moment) % 2 == 0)


def hash_of(moment: Moment) -> int:
    """The same number in every run."""
    return sum(str(moment).encode())


def bring_to_one_of_the_two(stage: Stage, tmp_path: Path, *, again: bool, app: bool) -> None:
    """What follows a kill: look, be refused, let the app make it worse, come back."""
    phase = stage.phase()
    if phase is None:
        stage.wait_quiet()
        phase = stage.phase()
    if phase is None:
        stage.settled()
        stage.run("restore", "--undo").expect(0)
        stage.settled()
        return
    COUNTED[f"{KILLED}, then half-way"] += 1
    if app:
        stage.app_starts_by_mistake(phase)
    expect_refusals(stage, tmp_path)
    # A pg_restore that outlived the command may have gone on: what counts is what the journal says now.
    accepted = stage.phase() == "accepting"
    if again:
        stage.run("restore", "-f", stage.archive).expect(0, "put back first")
        stage.expect_new()
    else:
        stage.run("restore", "--undo").expect(0)
        if accepted:
            stage.expect_new(intruder=app)
        else:
            stage.expect_old()
    assert stage.phase() is None


def expect_refusals(stage: Stage, tmp_path: Path) -> None:
    """Nobody takes the half-way database for an environment."""
    file = tmp_path / "of-a-halfway-database.tar.gz"
    backup = stage.start("backup", "-f", file)
    plan = stage.start("restore", "--dry-run", "-f", stage.archive)
    backup.ended().expect(6, "in the middle of a restore", "--undo")
    assert not file.exists()
    ended = plan.ended()
    assert ended.code == 5, str(ended)
    assert "was not finished" in ended.out + ended.err


# --------------------------------------------------------------------------------------------------------------- undo


@pytest.mark.parametrize("moment", IN_UNDO, ids=str)
def test_killed_undo_is_finished_by_the_next_one(stage: Stage, halfway: Saved, tmp_path: Path, moment: Moment) -> None:
    running, under_way = meet(
        stage,
        f"{KILLED} in undo",
        moment,
        UNDO_SECONDS,
        lambda: stage.start("restore", "--undo"),
        lambda: stage.reset(halfway),
    )
    if under_way:
        kill(running, everything=moment.everything)
    bring_to_one_of_the_two(stage, tmp_path, again=hash_of(moment) % 3 == 0, app=hash_of(moment) % 2 == 0)


@pytest.mark.parametrize("moment", IN_RECOVERY, ids=str)
def test_killed_restore_over_a_killed_restore_is_no_worse(
    stage: Stage, halfway: Saved, tmp_path: Path, moment: Moment
) -> None:
    seconds = stage.seconds("file", lambda: start_restore(stage, "file"))
    running, under_way = meet(
        stage,
        f"{KILLED} in recovery",
        moment,
        seconds,
        lambda: start_restore(stage, "file"),
        lambda: stage.reset(halfway),
    )
    if under_way:
        kill(running, everything=moment.everything)
    bring_to_one_of_the_two(stage, tmp_path, again=hash_of(moment) % 3 == 0, app=hash_of(moment) % 2 == 0)
