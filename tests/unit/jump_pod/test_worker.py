"""The pod's main process without anybody at the other end, and with one that comes and goes."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mxpc.adapters.pod_worker import SOCKET, PodWorker
from mxpc.adapters.sockets import SocketConnection
from mxpc.courier.agreement import (
    ARCHIVE_WINDOW,
    COMMANDS,
    EVENTS,
    INWARD,
    MESSAGE_WINDOW,
    OUTWARD,
    Carries,
    Ended,
    Errand,
    messages,
    say_run,
    say_signal,
)
from mxpc.courier.endpoint import Endpoint, Pace
from mxpc.errors import KubernetesError

PACE = Pace(ping=0.05, stall=1)


class Worker:
    """A worker in this folder, its tool a script, and an endpoint that may be connected to it."""

    def __init__(self, folder: Path, script: str, patience: float) -> None:
        self.folder = folder
        tool = folder / "tool"
        tool.write_text(f"#!/bin/sh\nfor last; do :; done\n{script}\n")
        tool.chmod(0o755)
        self.error: Exception | None = None
        self.near = Endpoint(
            "run", out={COMMANDS: MESSAGE_WINDOW, INWARD: ARCHIVE_WINDOW}, into=(EVENTS, OUTWARD), pace=PACE
        )
        self._worker = PodWorker("./tool", "run", patience=patience, pace=PACE)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._worker.work()
        except KubernetesError as error:
            self.error = error

    def connect(self) -> SocketConnection:
        """A connection that is served until it is closed."""
        end = socket.socket(socket.AF_UNIX)
        for _ in range(100):
            try:
                end.connect(SOCKET)
                break
            except OSError:
                time.sleep(0.02)
        connection = SocketConnection(end)
        threading.Thread(target=self.near.serve, args=(connection,), daemon=True).start()
        return connection

    def start(self, carries: Carries) -> None:
        say_run(self.near.outboxes[COMMANDS], Errand(("do",), "archive", carries))

    def ended(self) -> Ended:
        (found,) = [one for one in messages(self.near.inboxes[EVENTS]) if isinstance(one, Ended)]
        return found

    def wait(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that the pod starts in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def until(path: Path) -> None:
    for _ in range(200):
        if path.exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"{path.name} never came")


def test_worker_that_nobody_calls_gives_up(folder: Path) -> None:
    worker = Worker(folder, "exit 0", patience=0.2)
    worker.wait()
    assert worker.error
    assert "nobody was heard" in str(worker.error)


def test_backup_is_ended_when_nobody_comes_back(folder: Path) -> None:
    script = "trap 'touch ../was-told; exit 143' TERM; touch ../began; while :; do sleep 0.05; done"
    worker = Worker(folder, script, patience=0.5)
    connection = worker.connect()
    worker.start(Carries.OUT)
    until(folder / "began")
    connection.close()
    worker.wait()
    assert (folder / "was-told").exists()


def test_restore_that_has_all_of_its_archive_goes_on_to_its_end(folder: Path) -> None:
    worker = Worker(folder, 'cat "$last" > ../got; touch ../began; sleep 1.5; touch ../completed', patience=0.5)
    connection = worker.connect()
    worker.start(Carries.IN)
    worker.near.outboxes[INWARD].write(b"all of it")
    worker.near.outboxes[INWARD].finish()
    until(folder / "began")
    connection.close()
    worker.wait()
    assert (folder / "got").read_bytes() == b"all of it"
    assert (folder / "completed").exists()


def test_restore_that_lacks_a_part_of_its_archive_is_ended(folder: Path) -> None:
    script = (
        "trap 'touch ../was-told; exit 143' TERM; touch ../began; cat \"$last\" > ../got & wait; touch ../completed"
    )
    worker = Worker(folder, script, patience=0.5)
    connection = worker.connect()
    worker.start(Carries.IN)
    worker.near.outboxes[INWARD].write(b"a part")
    until(folder / "began")
    connection.close()
    worker.wait()
    assert (folder / "was-told").exists()
    assert not (folder / "completed").exists()


def test_tool_works_on_while_no_connection_is_there(folder: Path) -> None:
    worker = Worker(folder, 'echo hello >&2; touch ../began; sleep 0.5; echo result; printf bytes > "$last"', 20)
    connection = worker.connect()
    worker.start(Carries.OUT)
    until(folder / "began")
    connection.close()
    time.sleep(0.7)
    worker.connect()
    assert worker.near.inboxes[OUTWARD].read(100) == b"bytes"
    ended = worker.ended()
    assert (ended.code, ended.result, ended.size) == (0, "result\n", 5)
    worker.near.outboxes[COMMANDS].finish()
    worker.wait()
    assert worker.error is None


def test_signal_reaches_the_tool_and_its_exit_code_comes_back(folder: Path) -> None:
    # Not SIGINT: a shell that was started in the background may not hear it.
    worker = Worker(folder, "trap 'exit 143' TERM; touch ../began; while :; do sleep 0.05; done", patience=20)
    worker.connect()
    worker.start(Carries.NOTHING)
    until(folder / "began")
    say_signal(worker.near.outboxes[COMMANDS], signal.SIGTERM)
    assert worker.ended().code == 143
    worker.near.outboxes[COMMANDS].finish()
    worker.wait()


def test_tool_that_cannot_be_started_is_told(folder: Path) -> None:
    worker = Worker(folder, "exit 0", patience=20)
    (folder / "tool").unlink()
    worker.connect()
    worker.start(Carries.NOTHING)
    assert worker.ended().code == 3
    worker.near.outboxes[COMMANDS].finish()
    worker.wait()
