"""The chart's script in the image: what a night leaves behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.environment import LiveEnvironment
from image.conftest import RUN, Run
from mxpc.demo.kubernetes_api import KubernetesApi
from mxpc.demo.postgres import PostgresServer
from mxpc.demo.s3 import S3Server

SCRIPT = (Path(__file__).parents[2] / "charts/mxpc-backup/nightly.sh").read_text()
SETTINGS = {"ENVIRONMENT": "app", "RETAIN": "2", "ENDING": ".tar.gz"}
WORDS = ("-c", SCRIPT, "nightly", "--credentials-dir=/backup/credentials")
OLDER = ("app-20200101T020000Z.tar.gz", "app-20200102T020000Z.tar.gz", "app-20200103T020000Z.tar.gz")
NEIGHBOUR = "app-2-20200101T020000Z.tar.gz"


@pytest.fixture
def environment(postgres_15: PostgresServer, s3: S3Server, tmp_path: Path) -> Iterator[LiveEnvironment]:
    with KubernetesApi() as kubernetes:
        made = LiveEnvironment(postgres_15, s3, kubernetes, tmp_path)
        made.fill()
        yield made


@pytest.fixture
def volume(run: Run, environment: LiveEnvironment, tmp_path: Path) -> Path:
    """With credentials, three older backups, and one of an environment whose name begins alike."""
    folder = tmp_path / "volume"
    shutil.copytree(environment.credentials_folder(), folder / "credentials")
    for name in (*OLDER, NEIGHBOUR):
        (folder / name).write_text("older")
    return folder


def backups(volume: Path) -> list[str]:
    return sorted(
        path.name for path in volume.iterdir() if path.name.startswith("app-2") or "mxpc-partial" in path.name
    )


def test_new_backup_is_read_back_and_only_the_oldest_of_its_environment_go(run: Run, volume: Path) -> None:
    ended = run(*WORDS, entrypoint="/bin/sh", variables=SETTINGS)
    assert ended.returncode == 0, ended.stderr
    assert "sound" in ended.stdout
    kept = backups(volume)
    (new,) = set(kept) - {OLDER[-1], NEIGHBOUR}
    assert len(kept) == 3
    assert run("verify", "-f", f"/backup/{new}").returncode == 0


def test_backup_that_fails_takes_nothing_away_and_tells_its_exit_code(run: Run, volume: Path) -> None:
    for key in ("database-jdbc-url", "database-name"):
        (volume / "credentials" / key).write_text("")
    ended = run(*WORDS, entrypoint="/bin/sh", variables=SETTINGS)
    assert ended.returncode == 2, ended.stderr
    assert backups(volume) == sorted([*OLDER, NEIGHBOUR])


def test_pod_that_is_deleted_ends_the_command_and_leaves_nothing_half_done(volume: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        (volume / "credentials" / "database-jdbc-url").write_text(f"jdbc:postgresql://{host}/app")
        surroundings = {"PATH": "/usr/bin:/bin", "MXPC_IMAGE_BACKUP": str(volume), "MXPC_IMAGE_PID": "yes"}
        running = subprocess.Popen(
            [RUN, *WORDS],
            env={**surroundings, **SETTINGS, "MXPC_IMAGE_ENTRYPOINT": "/bin/sh"},
            stderr=subprocess.PIPE,
            text=True,
        )
        silent.settimeout(30)
        connection, _ = silent.accept()
        with connection:
            os.kill(shell_below(running.pid), signal.SIGTERM)
            said = running.communicate(timeout=20)[1]
    assert running.returncode == 143, said
    assert "interrupted" in said.lower()
    assert backups(volume) == sorted([*OLDER, NEIGHBOUR])


def shell_below(pid: int) -> int:
    """Process 1 of the pod: the only child of the program that made its namespace."""
    time.sleep(0.2)
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)
