"""kill -9 at any moment: of the command alone, so that its children outlive it, and of all processes at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.environment import Ended, Running
from faults.moments import COUNTED, Moment, in_phases, meet, spread
from faults.stage import Saved, Stage, kill
from mxpc.archive.scan import scan
from servers import postgres_bin

pytestmark = pytest.mark.faults

KILLED = "kill -9"

IN_RESTORE = (
    *spread("restore", 10, 0.05, 1.0),
    *in_phases("restore", ("parking", 0.02), ("restoring", 0.3), ("restored", 0.02), ("accepting", 0.05)),
)
IN_BACKUP = tuple(spread("backup", 12, 0.2, 1.05))
IN_UNDO = (*spread("undo", 6, 0.3, 1.0), *in_phases("undo", ("undoing", 0.05), ("undoing", 0.1)))
IN_RECOVERY = (*spread("recovery", 6, 0.1, 1.0), *in_phases("recovery", ("undoing", 0.05)))


def start_restore(stage: Stage, way: str) -> Running:
    """From a file with the server's own pg_restore, which works in one transaction; or from a pipe with a newer one,
    whose statements are transactions of their own."""
    if way == "file":
        return stage.start("restore", "-f", stage.archive, env={"MXPC_POSTGRES_BIN": str(postgres_bin(15))})
    env = {"MXPC_POSTGRES_BIN": str(postgres_bin(18))}
    return stage.start("restore", "-f", "-", feed=stage.archive, env=env)


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


@pytest.mark.parametrize("moment", IN_RESTORE, ids=str)
@pytest.mark.parametrize("way", ["file", "pipe"])
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


@pytest.fixture(scope="session")
def halfway(stage_made: Stage) -> Saved:
    """A restore that was killed when all of the new content was there; its blobs are in the bucket."""
    stage_made.reset()
    running, _ = meet(
        stage_made, "set-up", Moment("restored"), 0, lambda: start_restore(stage_made, "file"), stage_made.reset
    )
    kill(running, everything=True)
    stage_made.wait_quiet()
    assert stage_made.phase() == "restored"
    return stage_made.save("halfway")


@pytest.mark.parametrize("moment", IN_UNDO, ids=str)
def test_killed_undo_is_finished_by_the_next_one(stage: Stage, halfway: Saved, tmp_path: Path, moment: Moment) -> None:
    seconds = 0.5
    running, under_way = meet(
        stage,
        f"{KILLED} in undo",
        moment,
        seconds,
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
