"""`demo`, as the installed command: it proves its point, and leaves nothing behind however it ends."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from surroundings import COMMAND, clean_environment


@pytest.fixture
def temporary(server_folder: Path) -> Path:
    """The child's folder for temporary files; the server's user can walk to it."""
    folder = server_folder / f"tmp-{secrets.token_hex(4)}"
    folder.mkdir()
    folder.chmod(0o711)
    return folder


@contextmanager
def demo(temporary: Path, *options: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    environment = clean_environment(temporary, TMPDIR=str(temporary), PYTHONUNBUFFERED="1", **variables)
    with subprocess.Popen(
        [COMMAND, "demo", *options],
        cwd=temporary,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def read_until(child: subprocess.Popen[str], words: str) -> str:
    assert child.stdout
    seen = ""
    for line in child.stdout:
        seen += line
        if words in line:
            return seen
    pytest.fail(f"no {words!r} in the output:\n{seen}")


def leftovers(temporary: Path) -> list[str]:
    """Processes that were started with something in this folder, and files in it."""
    running = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    return [words for words in running if str(temporary) in words] + [path.name for path in temporary.iterdir()]


def test_the_demo_proves_that_database_and_files_are_equal_and_leaves_nothing(temporary: Path) -> None:
    with demo(temporary) as child:
        output, _ = child.communicate(timeout=120)
    assert child.returncode == 0, output
    assert "database: equal" in output
    assert "files:    equal (306 files, every byte)" in output
    assert leftovers(temporary) == []


def test_the_demo_minds_no_variables_of_other_servers(temporary: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    variables = {
        "http_proxy": nowhere,
        "HTTPS_PROXY": nowhere,
        "AWS_SESSION_TOKEN": "other",
        "AWS_ENDPOINT_URL": nowhere,
    }
    with demo(temporary, **variables, PGHOST="nowhere.invalid", PGSSLMODE="verify-full") as child:
        output, _ = child.communicate(timeout=120)
    assert child.returncode == 0, output


@pytest.mark.parametrize("moment", ["Making a sample app", "Backing up", "Restoring"])
def test_an_interrupted_demo_stops_everything(temporary: Path, moment: str) -> None:
    with demo(temporary) as child:
        read_until(child, moment)
        child.send_signal(signal.SIGTERM)
        output, _ = child.communicate(timeout=60)
    assert child.returncode == 143, output
    assert leftovers(temporary) == []


def test_a_kept_stack_works_by_hand_until_ctrl_c(temporary: Path) -> None:
    with demo(temporary, "--keep") as child:
        output = read_until(child, "--dry-run")
        lines = [line.strip() for line in output.splitlines()]
        export = next(line for line in lines if line.startswith("export KUBECONFIG="))
        backup = next(line for line in reversed(lines) if line.startswith(f"{COMMAND.name} backup"))
        by_hand = subprocess.run(
            ["/bin/sh", "-c", f"{export}; {backup}"],
            env=clean_environment(temporary),
            cwd=temporary,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        os.killpg(child.pid, signal.SIGINT)
        child.communicate(timeout=60)
    assert by_hand.returncode == 0, by_hand.stderr
    assert child.returncode == 0
    assert leftovers(temporary) == []
