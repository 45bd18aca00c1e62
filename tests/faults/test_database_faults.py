"""The database ends sessions, restarts, crashes, or gives its role little time; two restores meet."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.environment import Ended
from faults.counting import COUNTED, SEED
from faults.moments import Moment, in_phases, meet, spread
from faults.stage import Stage
from faults.test_kill import expect_complete, start_restore

pytestmark = pytest.mark.faults

ENDED = (
    *spread("ended sessions", 4, 0.4, 1.0, everything=False),
    *in_phases("ended sessions", ("parking", 0.02), ("restoring", 0.2), ("accepting", 0.05)),
)
IN_BACKUP = tuple(spread("ended sessions of backup", 4, 0.4, 1.0, everything=False))
DOWN = (Moment(0.5), Moment("restoring", 0.1), Moment("restored"), Moment("accepting"))
TIMEOUTS = (
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "lock_timeout",
    "idle_session_timeout",
)


def settle(stage: Stage, ended: Ended) -> None:
    """The exit code says what is there; what is half-way is brought back."""
    stage.target.check_tidy(ended)
    if ended.code == 6:
        COUNTED["exit code 6, then --undo"] += 1
        assert "--undo" in ended.err
        stage.run("restore", "--undo").expect(0)
        stage.settled()
    else:
        assert ended.code in (0, 3), str(ended)
        assert stage.settled() == ("new" if ended.code == 0 else "old"), str(ended)
    assert stage.phase() is None


# ----------------------------------------------------------------------------------------------------- ended sessions


@pytest.mark.parametrize("moment", ENDED, ids=str)
@pytest.mark.parametrize("whose", ["all", "pg_restore", "one"])
def test_restore_survives_the_end_of_its_sessions(stage: Stage, whose: str, moment: Moment) -> None:
    way = "pipe" if whose == "one" else "file"
    seconds = stage.seconds(way, lambda: start_restore(stage, way))
    kind = f"pg_terminate_backend in restore ({whose})"
    running, _ = meet(stage, kind, moment, seconds, lambda: start_restore(stage, way), stage.reset)
    pids = stage.sessions(like="%pg_restore" if whose == "pg_restore" else "%")
    if whose == "one" and pids:
        pids = [random.Random(f"{SEED} {moment}").choice(pids)]
    stage.query("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", pids)
    settle(stage, running.ended())


@pytest.mark.parametrize("moment", IN_BACKUP, ids=str)
@pytest.mark.parametrize("whose", ["all", "last"])
def test_backup_of_ended_sessions_fails_or_is_complete(
    stage: Stage, tmp_path: Path, whose: str, moment: Moment
) -> None:
    file = tmp_path / "backup.tar.gz"
    running, _ = meet(
        stage,
        f"pg_terminate_backend in backup ({whose})",
        moment,
        stage.backup_seconds,
        lambda: stage.back_up_source(file),
        lambda: file.unlink(missing_ok=True),
    )
    pids = stage.sessions(stage.source.database.name)
    chosen = pids if whose == "all" else pids[-1:]
    stage.query("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", chosen)
    expect_backup(stage, file, running.ended())


def expect_backup(stage: Stage, file: Path, ended: Ended) -> None:
    """Exit code 0 and a complete file, or 3 and none."""
    stage.source.check_tidy(ended)
    assert ended.code in (0, 3), str(ended)
    if ended.code == 0:
        expect_complete(stage, file)
    else:
        assert list(file.parent.iterdir()) == []


# ---------------------------------------------------------------------------------------------------- restart and crash


def crash(stage: Stage) -> None:
    """As after a power cut; the server is back as soon as it has recovered."""
    stage.postgres.kill()
    stage.postgres.start()


def restart(stage: Stage) -> None:
    """As for maintenance."""
    stage.postgres.restart()


@pytest.mark.parametrize("moment", DOWN, ids=str)
@pytest.mark.parametrize(("happening", "way"), [(restart, "file"), (crash, "pipe")], ids=["restart", "crash"])
def test_restore_survives_a_server_that_goes_and_comes_back(
    stage: Stage, happening: Callable[[Stage], None], way: str, moment: Moment
) -> None:
    seconds = stage.seconds(way, lambda: start_restore(stage, way))
    running, _ = meet(
        stage,
        f"PostgreSQL: {happening.__name__} in restore",
        moment,
        seconds,
        lambda: start_restore(stage, way),
        stage.reset,
    )
    happening(stage)
    settle(stage, running.ended())


@pytest.mark.parametrize("happening", [restart, crash])
def test_backup_of_a_server_that_goes_fails_or_is_complete(
    stage: Stage, tmp_path: Path, happening: Callable[[Stage], None]
) -> None:
    file = tmp_path / "backup.tar.gz"
    running, _ = meet(
        stage,
        f"PostgreSQL: {happening.__name__} in backup",
        Moment(0.6),
        stage.backup_seconds,
        lambda: stage.back_up_source(file),
        lambda: file.unlink(missing_ok=True),
    )
    happening(stage)
    expect_backup(stage, file, running.ended())


def test_database_that_refuses_the_role_stays_halfway_until_the_next_command(stage: Stage) -> None:
    role = stage.target.database.user
    running, _ = meet(
        stage, "login refused in restore", Moment("restoring"), 1, lambda: start_restore(stage, "file"), stage.reset
    )
    stage.postgres.execute(f'ALTER ROLE "{role}" NOLOGIN')
    try:
        stage.query("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", stage.sessions())
        ended = running.ended()
    finally:
        stage.postgres.execute(f'ALTER ROLE "{role}" LOGIN')
    ended.expect(6, "--undo", "Nothing is lost")
    stage.run("restore", "--undo").expect(0)
    stage.expect_old()


# ------------------------------------------------------------------------------------------------- timeouts of the role


def test_timeouts_of_the_role_do_not_end_the_work(stage: Stage, tmp_path: Path) -> None:
    roles = (stage.target.database.user, stage.source.database.user)
    file = tmp_path / "backup.tar.gz"
    with hasty(stage, roles):
        stage.back_up_source(file).ended().expect(0)
    expect_complete(stage, file)
    for way in ("file", "pipe"):
        stage.reset()
        stage.touch()
        with hasty(stage, roles):
            start_restore(stage, way).ended().expect(0)
        stage.expect_new()


@contextmanager
def hasty(stage: Stage, roles: Sequence[str]) -> Iterator[None]:
    """Everything that takes longer than a moment is ended by the server, unless the session says otherwise."""
    for role in roles:
        for name in TIMEOUTS:
            stage.postgres.execute(f"ALTER ROLE \"{role}\" SET {name} = '30ms'")
    try:
        yield
    finally:
        for role in roles:
            stage.postgres.execute(f'ALTER ROLE "{role}" RESET ALL')


# --------------------------------------------------------------------------------------------------------- two at once


def test_second_restore_is_refused_while_one_runs(stage: Stage) -> None:
    running, _ = meet(stage, "two restores", Moment("restoring"), 1, lambda: start_restore(stage, "file"), stage.reset)
    os.kill(running.process.pid, signal.SIGSTOP)
    try:
        others = [stage.start("restore", "-f", stage.archive), stage.start("restore", "--undo")]
        for other in others:
            other.ended().expect(5, "another restore is running")
    finally:
        os.kill(running.process.pid, signal.SIGCONT)
    running.ended().expect(0)
    stage.expect_new()


def test_restore_that_lost_its_lock_spoils_nothing_of_the_one_that_took_over(stage: Stage) -> None:
    """The first one sleeps (a laptop, a frozen pod), the server ends its session, and somebody else restores."""
    running, _ = meet(stage, "taken over", Moment("restoring"), 1, lambda: start_restore(stage, "file"), stage.reset)
    while stage.query('SELECT count(*) FROM "mxpc$parked"."mxpc$added_blobs"') == [(0,)]:
        time.sleep(0.005)
    os.kill(running.process.pid, signal.SIGSTOP)
    try:
        stage.query("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", stage.sessions())
        stage.start("restore", "-f", stage.archive).ended().expect(0, "put back first")
        stage.expect_new()
    finally:
        os.kill(running.process.pid, signal.SIGCONT)
    running.ended().expect(3)
    stage.expect_new()
