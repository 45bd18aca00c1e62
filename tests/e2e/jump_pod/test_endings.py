"""However a run ends, nothing is left in the namespace, and what a living run uses is left alone."""

from __future__ import annotations

import json
import signal

import pytest

from e2e.jump_pod.conftest import Afar
from e2e.test_signals import slow_indexes, waiting_sessions
from mxpc.demo.postgres import connect
from standin.kubelet import Manifest

DUMP, RESTORE = "mxpc-backup-restore-cli", "mxpc-backup-restore-cli pg_restore"
OLDER = b"an older backup"


def test_failure_in_the_pod_is_ours_and_leaves_nothing(afar: Afar) -> None:
    backup = afar.live.home / "backup.tar.gz"
    backup.write_bytes(OLDER)
    afar.live.database_secret["database-password"] = "wrong"
    afar.run("backup", "-f", backup).expect(3, "password authentication failed")
    assert backup.read_bytes() == OLDER


def test_refusal_of_a_restore_in_the_pod_is_ours(afar: Afar) -> None:
    backup = afar.live.home / "backup.tar.gz"
    afar.live.run("backup", "-f", backup).expect(0)
    afar.live.app["replicas"] = 2
    before = afar.live.content()
    afar.run("restore", "-f", backup).expect(5, "replicas")
    assert before.changes(afar.live.content()) == []


def test_damaged_archive_is_refused_before_anything_is_made(afar: Afar) -> None:
    backup = afar.live.home / "backup.tar.gz"
    afar.live.run("backup", "-f", backup).expect(0)
    backup.write_bytes(backup.read_bytes()[:-1000])
    afar.run("restore", "-f", backup).expect(4)
    assert afar.api.made == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_backup_leaves_nothing(afar: Afar, number: signal.Signals, code: int) -> None:
    backup = afar.live.home / "backup.tar.gz"
    backup.write_bytes(OLDER)
    with connect(afar.live.database) as blocker, blocker.transaction():
        blocker.execute('LOCK TABLE "crm$customer"')
        running = afar.start("backup", "-f", backup)
        running.until(lambda: waiting_sessions(afar.live, DUMP, "Lock"))
        running.end(number)
        ended = running.ended(timeout=60).expect(code, "interrupted")
    afar.live.check_tidy(ended)
    assert afar.left() == []
    assert backup.read_bytes() == OLDER


def test_interrupted_while_the_pod_is_awaited(afar: Afar) -> None:
    afar.refuse({"phase": "Pending"})
    running = afar.start("backup", "-f", afar.live.home / "backup.tar.gz")
    running.until(lambda: bool(afar.api.pods()))
    running.end(signal.SIGINT)
    running.ended(timeout=60).expect(130)
    assert afar.left() == []


def test_interrupted_restore_puts_the_old_content_back_first(afar: Afar) -> None:
    backup = afar.live.home / "backup.tar.gz"
    afar.live.run("backup", "-f", backup).expect(0)
    before = afar.live.content()
    with slow_indexes(afar.live):
        running = afar.start("restore", "-f", backup)
        running.until(lambda: waiting_sessions(afar.live, RESTORE, "Timeout"))
        running.end(signal.SIGINT)
        running.ended(timeout=60).expect(130)
    assert afar.left() == []
    assert before.changes(afar.live.content()) == []


def test_what_a_killed_run_left_is_removed_by_the_next(afar: Afar) -> None:
    backup = afar.live.home / "backup.tar.gz"
    with connect(afar.live.database) as blocker, blocker.transaction():
        blocker.execute('LOCK TABLE "crm$customer"')
        running = afar.start("backup", "-f", backup)
        running.until(lambda: waiting_sessions(afar.live, DUMP, "Lock"))
        running.end(signal.SIGKILL)
        running.ended()
        assert len(afar.left()) == 4
    ended = afar.start("backup", "-f", backup).ended().expect(0, "removing what an earlier run that was killed left")
    assert afar.left() == [], str(ended)
    assert list(afar.live.temporary.iterdir()) == []


def test_what_a_living_run_uses_is_left_alone(afar: Afar) -> None:
    backup, other = afar.live.home / "backup.tar.gz", afar.live.home / "other.tar.gz"
    with connect(afar.live.database) as blocker, blocker.transaction():
        blocker.execute('LOCK TABLE "crm$customer"')
        running = afar.start("backup", "-f", backup)
        running.until(lambda: waiting_sessions(afar.live, DUMP, "Lock"))
        used = set(afar.left())
        only_files = afar.start("backup", "--only", "files", "-f", other).ended()
        assert "removing" not in only_files.err
        assert set(afar.left()) == used
    running.ended().expect(0)
    assert afar.left() == []


def test_keep_leaves_everything_and_says_how_to_remove_it(afar: Afar) -> None:
    backup = afar.live.home / "backup.tar.gz"
    ended = afar.start("backup", "--keep", "-f", backup).ended().expect(0, "kubectl delete -n mendix-apps pod/")
    kept = afar.left()
    assert len(kept) == 4
    assert all(name.split()[1] in ended.err for name in kept)
    afar.start("backup", "-f", backup).ended().expect(0)
    assert afar.left() == kept


def test_lost_pod_in_a_restore_is_told_and_undone(afar: Afar) -> None:
    backup = afar.live.home / "backup.tar.gz"
    afar.live.run("backup", "-f", backup).expect(0)
    before = afar.live.content()
    with slow_indexes(afar.live):
        running = afar.start("restore", "-f", backup)
        running.until(lambda: waiting_sessions(afar.live, RESTORE, "Timeout"))
        afar.kubelet.lose_pods()
        running.ended().expect(6, "how it ended is not known", "--undo")
    assert afar.left() == []
    afar.run("restore", "--undo").expect(0)
    assert before.changes(afar.live.content()) == []


def test_api_server_that_is_away_for_a_while_ends_nothing(afar: Afar) -> None:
    backup = afar.live.home / "backup.tar.gz"
    with connect(afar.live.database) as blocker, blocker.transaction():
        blocker.execute('LOCK TABLE "crm$customer"')
        running = afar.start("backup", "-v", "-f", backup)
        running.until(lambda: waiting_sessions(afar.live, DUMP, "Lock"))
        afar.api.refusals["get", "Pod"] = 403, "the API server is not itself"
        afar.drop_the_line()
        running.until(lambda: bool(afar.api.refused))
        afar.api.refusals.clear()
    running.ended().expect(0, "refused to get pods", "trying again", "connecting again")
    assert afar.left() == []


def test_leftovers_name_nothing_secret(afar: Afar) -> None:
    afar.run("backup", "-f", afar.live.home / "backup.tar.gz").expect(0)
    told: list[Manifest] = [json.loads(text) for text in afar.api.bodies]
    assert told
    text = json.dumps(told) + json.dumps(afar.kubelet.logs)
    assert not [form for form in afar.live.secret_forms() if form in text]
