"""Ctrl-C and `kill` at the worst moments: the right exit code, no child, no file, and the target as it was."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.conftest import MakeEnvironment
from e2e.environment import LiveEnvironment, Running
from fakes.s3_faults import Fault, FaultProxy
from mxpc.demo.postgres import connect

SIGNALS = [pytest.param(signal.SIGINT, 130, id="SIGINT"), pytest.param(signal.SIGTERM, 143, id="SIGTERM")]
OLDER = b"an older backup"


def interrupt(environment: LiveEnvironment, running: Running, number: signal.Signals, code: int) -> None:
    """Send the signal; the command ends soon, as it should."""
    running.end(number)
    ended = running.ended(timeout=30)
    environment.check_tidy(ended)
    ended.expect(code, "interrupted")


@pytest.fixture
def destination(untouchable: LiveEnvironment) -> Iterator[Path]:
    """An older backup alone in its folder, which must be the only one there and untouched afterwards."""
    folder = untouchable.home / "interrupted"
    folder.mkdir(exist_ok=True)
    path = folder / "backup.tar.gz"
    path.write_bytes(OLDER)
    yield path
    assert list(folder.iterdir()) == [path]
    assert path.read_bytes() == OLDER


@pytest.fixture
def slow_storage(untouchable: LiveEnvironment) -> Iterator[FaultProxy]:
    """The file storage behind a proxy that stops in the middle of an answer, for a while, when it is told to."""
    with FaultProxy(("127.0.0.1", untouchable.s3.port), stall_seconds=2) as proxy:
        untouchable.storage_secret["storage-endpoint"] = proxy.endpoint
        yield proxy


def waiting_sessions(environment: LiveEnvironment, application: str, event: str) -> bool:
    """Whether a session of this application waits in the environment's database."""
    query = f"""
        SELECT count(*) FROM pg_stat_activity WHERE datname = '{environment.database.name}'
        AND application_name = '{application}' AND wait_event_type = '{event}' """
    return bool(environment.postgres.execute(query)[0][0])


def assert_no_session_stays(environment: LiveEnvironment) -> None:
    """Clients in the environment's database, the test's own among them, end within seconds: a server notices that one
    is gone a moment later."""
    query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{environment.database.name}'"
    deadline = time.monotonic() + 10
    while environment.postgres.execute(query)[0][0]:
        assert time.monotonic() < deadline, "a session is left"
        time.sleep(0.05)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_backup_interrupted_while_pg_dump_runs(
    untouchable: LiveEnvironment, destination: Path, number: signal.Signals, code: int
) -> None:
    with connect(untouchable.database) as blocker, blocker.transaction():
        blocker.execute('LOCK TABLE "crm$customer"')
        running = untouchable.start("backup", "-f", destination)
        running.until(lambda: waiting_sessions(untouchable, "mxpc-backup-restore-cli", "Lock"))
        interrupt(untouchable, running, number, code)
    assert_no_session_stays(untouchable)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_backup_interrupted_while_files_are_fetched(
    untouchable: LiveEnvironment, slow_storage: FaultProxy, destination: Path, number: signal.Signals, code: int
) -> None:
    # Eight blobs are probed; then come the files, and get stuck in their middle.
    slow_storage.plan = lambda request: Fault.STALL if request.number > 8 else None
    running = untouchable.start("backup", "-f", destination)
    running.until(lambda: slow_storage.spoiled.total() > 2)
    interrupt(untouchable, running, number, code)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_backup_into_a_pipe_interrupted_because_nobody_reads(
    untouchable: LiveEnvironment, number: signal.Signals, code: int
) -> None:
    with connect(untouchable.database) as blocker, blocker.transaction():
        blocker.execute('LOCK TABLE "crm$customer"')
        running = untouchable.start("backup", "-f", "-")
        running.until(lambda: waiting_sessions(untouchable, "mxpc-backup-restore-cli", "Lock"))
        interrupt(untouchable, running, number, code)


@contextlib.contextmanager
def slow_indexes(environment: LiveEnvironment) -> Iterator[None]:
    """CREATE INDEX takes a minute in this database."""
    name = environment.database.name
    environment.postgres.execute(
        """
        CREATE SCHEMA slow; GRANT USAGE ON SCHEMA slow TO public;
        CREATE FUNCTION slow.down() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); END';
        CREATE EVENT TRIGGER slow_down ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION slow.down()
        """,
        name,
    )
    try:
        yield
    finally:
        environment.postgres.execute("DROP EVENT TRIGGER slow_down; DROP SCHEMA slow CASCADE", name)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_restore_interrupted_while_pg_restore_runs(
    untouchable: LiveEnvironment, sample_archive: Path, number: signal.Signals, code: int
) -> None:
    with slow_indexes(untouchable):
        running = untouchable.start("restore", "-f", sample_archive)
        running.until(lambda: waiting_sessions(untouchable, "mxpc-backup-restore-cli pg_restore", "Timeout"))
        interrupt(untouchable, running, number, code)
    assert_no_session_stays(untouchable)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_restore_interrupted_while_files_are_uploaded(
    make_environment: MakeEnvironment, sample_archive: Path, number: signal.Signals, code: int
) -> None:
    target = make_environment()
    target.destroy()
    before = target.content()
    with FaultProxy(("127.0.0.1", target.s3.port)) as proxy:
        target.storage_secret["storage-endpoint"] = proxy.endpoint
        proxy.latency = 0.15
        running = target.start("restore", "-f", sample_archive, "--transfers", "1")
        running.until(lambda: proxy.requests["PUT"] >= 2)
        proxy.latency = 0
        interrupt(target, running, number, code)
    assert before.changes(target.content()) == []


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_restore_interrupted_while_standard_input_says_nothing_more(
    untouchable: LiveEnvironment, sample_archive: Path, number: signal.Signals, code: int
) -> None:
    data = sample_archive.read_bytes()
    # The look below is a session in the database, which would be refused if it came at every wrong moment.
    running = untouchable.start("restore", "-f", "-", "--allow-running", stdin=subprocess.PIPE)
    assert running.process.stdin
    running.process.stdin.write(data[: len(data) - 3000])
    running.process.stdin.flush()
    schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'mxpc%'"
    running.until(lambda: bool(untouchable.postgres.execute(schemas, untouchable.database.name)[0][0]))
    interrupt(untouchable, running, number, code)


def test_second_ctrl_c_does_not_stop_the_cleaning_up(untouchable: LiveEnvironment, sample_archive: Path) -> None:
    with slow_indexes(untouchable):
        running = untouchable.start("restore", "-f", sample_archive)
        running.until(lambda: waiting_sessions(untouchable, "mxpc-backup-restore-cli pg_restore", "Timeout"))
        running.end(signal.SIGINT)
        time.sleep(0.05)
        interrupt(untouchable, running, signal.SIGINT, 130)


def test_killed_restore_is_undone_by_undo(environment: LiveEnvironment, sample_archive: Path) -> None:
    before = environment.content()
    with slow_indexes(environment):
        running = environment.start("restore", "-f", sample_archive)
        running.until(lambda: waiting_sessions(environment, "mxpc-backup-restore-cli pg_restore", "Timeout"))
        running.end(signal.SIGKILL)
        running.ended()
        # pg_restore lives on for now: its parent had no time to end it.
        halfway = environment.start("backup", "-f", environment.home / "halfway.tar.gz").ended()
        halfway.expect(6, environment.name, "--undo")
        environment.start("restore", "-f", sample_archive, "--dry-run").ended().expect(5, "unfinished-restore")
        environment.start("restore", "--undo").ended().expect(0, "unfinished restore", "put back")
    assert environment.children() == []
    assert before.changes(environment.content()) == []
