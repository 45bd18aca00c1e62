"""--stop-app with an app that has real sessions in the database, and ends them when Kubernetes says 0 replicas."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.environment import Content, LiveEnvironment
from e2e.test_signals import slow_indexes, waiting_sessions
from fakes.mendix_operator import RUNTIME, MendixOperator, runtime_sessions, wait
from mxpc.adapters.mendix_app import NOTE
from mxpc.demo.kubernetes_api import KubernetesApi
from mxpc.demo.kubernetes_objects import GROUP
from mxpc.demo.postgres import connect


@pytest.fixture
def operator(environment: LiveEnvironment) -> Iterator[MendixOperator]:
    """Runs the app with 2 replicas."""
    environment.app["replicas"] = 2
    with MendixOperator(environment.database, lambda: int(environment.app["replicas"])) as operator:
        yield operator


@pytest.fixture
def running(environment: LiveEnvironment, operator: MendixOperator) -> Iterator[LiveEnvironment]:
    """A filled environment whose app runs, and a login that may stop it."""
    with may_patch(environment.kubernetes):
        wait(lambda: sessions(environment) == 2)
        yield environment


def sessions(environment: LiveEnvironment) -> int:
    return runtime_sessions(environment.postgres, environment.database.name)


@contextlib.contextmanager
def may_patch(kubernetes: KubernetesApi) -> Iterator[None]:
    kubernetes.patchable.add((GROUP, "mendixapps"))
    try:
        yield
    finally:
        kubernetes.patchable.clear()


def note(environment: LiveEnvironment) -> str | None:
    value: str | None = environment.objects[0]["metadata"].get("annotations", {}).get(NOTE)
    return value


def assert_runs_again(environment: LiveEnvironment, replicas: int = 2) -> None:
    assert (environment.app["replicas"], note(environment)) == (replicas, None)
    wait(lambda: sessions(environment) == replicas)


def test_a_running_app_is_stopped_restored_and_started_again(
    running: LiveEnvironment, operator: MendixOperator, sample_archive: Path
) -> None:
    before = running.content()
    running.execute('DELETE FROM "crm$customer"')
    ended = running.run("restore", "-f", sample_archive, "--stop-app").expect(0, "waiting until the app has stopped")
    assert "scaled back to 2 replicas" in ended.out
    assert_runs_again(running)
    assert operator.seen == [2, 0, 2]
    assert before.changes(running.content()) == []


def test_json_says_what_it_was_scaled_back_to(running: LiveEnvironment, sample_archive: Path) -> None:
    result = running.run("restore", "-f", sample_archive, "--stop-app", "-o", "json").expect(0).json()
    assert result["scaled_back_to"] == {"number": 2}
    assert result["findings"] == []


def test_without_the_right_the_rule_is_shown_and_nothing_is_changed(
    running: LiveEnvironment, operator: MendixOperator, sample_archive: Path
) -> None:
    running.kubernetes.patchable.clear()
    before = running.content()
    rule = (
        f"- {{apiGroups: [privatecloud.mendix.com], resources: [mendixapps], "
        f"resourceNames: [{running.name}], verbs: [patch]}}"
    )
    running.run("restore", "-f", sample_archive, "--stop-app").expect(5, "right to patch mendixapps", rule)
    ended = running.run("restore", "-f", sample_archive, "--stop-app", "--dry-run").expect(5, "may-not-stop-app", rule)
    assert "refused: nothing was changed" in ended.out
    assert before.changes(running.content()) == []
    assert operator.seen == [2]


def test_dry_run_says_what_would_be_stopped_and_stops_nothing(
    running: LiveEnvironment, operator: MendixOperator, sample_archive: Path
) -> None:
    ended = running.run("restore", "-f", sample_archive, "--stop-app", "--dry-run")
    ended.expect(0, "2 replica(s): it would be stopped", "would have 300 s to end")
    assert "2 replicas: stopped, and scaled back at the end" in ended.out
    plan = running.run("restore", "-f", sample_archive, "--stop-app", "--dry-run", "-o", "json").expect(0).json()
    assert plan["app"] == {"now": {"number": 2}, "before_stop": None, "scales_back_to": {"number": 2}}
    assert operator.seen == [2]
    assert note(running) is None


def test_a_session_that_is_none_of_the_apps_refuses_and_the_app_runs_again(
    running: LiveEnvironment, sample_archive: Path
) -> None:
    before = running.content()
    with connect(running.database) as psql:
        psql.execute("SET application_name = 'psql'")
        ended = running.run("restore", "-f", sample_archive, "--stop-app", "--stop-timeout", "2")
    ended.expect(5, "database-in-use", "psql", "--stop-timeout")
    assert RUNTIME not in ended.err
    assert_runs_again(running)
    assert before.changes(running.content()) == []


def test_a_damaged_archive_does_not_stop_the_app(
    running: LiveEnvironment, operator: MendixOperator, sample_archive: Path
) -> None:
    damaged = running.home / "damaged.tar.gz"
    content = bytearray(sample_archive.read_bytes())
    content[len(content) // 2] ^= 0x40
    damaged.write_bytes(content)
    running.run("restore", "-f", damaged, "--stop-app").expect(4)
    assert operator.seen == [2]


def test_a_failed_restore_starts_the_app_with_the_old_content(
    running: LiveEnvironment, operator: MendixOperator, sample_archive: Path
) -> None:
    before = running.content()
    content = sample_archive.read_bytes()
    ended = running.run("restore", "-f", "-", "--stop-app", feed=content[: len(content) - 2000])
    ended.expect(4, "scaling the app back: done")
    assert before.changes(running.content()) == []
    assert_runs_again(running)
    assert operator.seen == [2, 0, 2]


def in_the_middle(environment: LiveEnvironment, archive: Path, number: signal.Signals) -> int:
    """Send a signal to a restore whose pg_restore is at work; returns the exit code."""
    started = environment.start("restore", "-f", archive, "--stop-app")
    started.until(lambda: waiting_sessions(environment, "mxpc-backup-restore-cli pg_restore", "Timeout"))
    assert (environment.app["replicas"], note(environment)) == (0, "2")
    started.end(number)
    return started.ended().code


def test_ctrl_c_starts_the_app_with_the_old_content(running: LiveEnvironment, sample_archive: Path) -> None:
    before = running.content()
    with slow_indexes(running):
        assert in_the_middle(running, sample_archive, signal.SIGINT) == 130
    assert before.changes(running.content()) == []
    assert_runs_again(running)


def killed(environment: LiveEnvironment, archive: Path) -> Content:
    """A restore killed in its middle; the content from before."""
    before = environment.content()
    with slow_indexes(environment):
        assert in_the_middle(environment, archive, signal.SIGKILL) == -signal.SIGKILL
        assert (environment.app["replicas"], note(environment)) == (0, "2")
        environment.start("backup", "-f", environment.home / "halfway.tar.gz").ended().expect(6, "--undo")
    return before


def test_kill_9_while_the_app_ends_its_sessions_is_not_forgotten(
    running: LiveEnvironment, operator: MendixOperator, sample_archive: Path
) -> None:
    with connect(running.database) as psql:
        psql.execute("SET application_name = 'psql'")
        started = running.start("restore", "-f", sample_archive, "--stop-app")
        wait(lambda: running.app["replicas"] == 0)
        started.end(signal.SIGKILL)
        started.ended()
    assert note(running) == "2"
    wait(lambda: sessions(running) == 0)
    ended = running.run("restore", "-f", sample_archive, "--stop-app").expect(0)
    assert "scaled back to 2 replicas" in ended.out
    assert_runs_again(running)
    assert operator.seen == [2, 0, 2]


def test_after_kill_9_undo_starts_the_app_again(running: LiveEnvironment, sample_archive: Path) -> None:
    before = killed(running, sample_archive)
    ended = running.run("restore", "--undo").expect(0, "an earlier restore stopped")
    assert "is whole again; it is scaled back to 2 replicas" in ended.out
    assert before.changes(running.content()) == []
    assert_runs_again(running)


def test_after_kill_9_the_next_restore_starts_the_app_again(running: LiveEnvironment, sample_archive: Path) -> None:
    killed(running, sample_archive)
    ended = running.run("restore", "-f", sample_archive).expect(0, "an unfinished restore")
    assert "scaled back to 2 replicas" in ended.out
    assert_runs_again(running)


def test_a_number_that_a_person_set_after_kill_9_is_left(running: LiveEnvironment, sample_archive: Path) -> None:
    killed(running, sample_archive)
    running.app["replicas"] = 1
    wait(lambda: sessions(running) == 1)
    running.app["replicas"] = 0
    wait(lambda: sessions(running) == 0)
    running.app["replicas"] = 3
    running.run("restore", "--undo", "--stop-app").expect(0)
    assert_runs_again(running, 3)


def test_a_database_that_goes_away_leaves_the_app_stopped_until_undo(
    running: LiveEnvironment, sample_archive: Path
) -> None:
    before = running.content()
    name = running.database.name
    with slow_indexes(running):
        started = running.start("restore", "-f", sample_archive, "--stop-app")
        started.until(lambda: waiting_sessions(running, "mxpc-backup-restore-cli pg_restore", "Timeout"))
        running.postgres.execute(f'ALTER ROLE "{name}" NOLOGIN')
        running.postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        ended = started.ended(timeout=120)
    ended.expect(6, "stays at 0 replicas", "--undo")
    assert (running.app["replicas"], note(running)) == (0, "2")
    running.postgres.execute(f'ALTER ROLE "{name}" LOGIN')
    running.run("restore", "--undo").expect(0)
    assert before.changes(running.content()) == []
    assert_runs_again(running)


def test_credentials_from_a_folder_and_the_app_from_kubernetes(running: LiveEnvironment, sample_archive: Path) -> None:
    folder = running.credentials_folder()
    asked = len(running.kubernetes.requests)
    stop = ("restore", "--credentials-dir", folder, "-f", sample_archive, "--stop-app")
    running.run(*stop).expect(2, "-n NAMESPACE", "-e ENVIRONMENT")
    assert len(running.kubernetes.requests) == asked
    ended = running.run(*stop, "-n", running.objects[0]["metadata"]["namespace"], "-e", running.name).expect(0)
    assert "scaled back to 2 replicas" in ended.out
    assert {path.rsplit("/", 2)[-2] for _, path in running.kubernetes.requests[asked:]} == {"mendixapps"}
    assert_runs_again(running)
