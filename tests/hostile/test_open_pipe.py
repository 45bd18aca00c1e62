"""A pipe whose other end stays open, as under `ssh` or `kubectl exec`: a refusal must not wait for it, nor crash."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from hostile.corpus import ASSETS, Good
from hostile.making import BLOB, END, file, member
from surroundings import COMMAND, clean_environment

GOOD = Good((ASSETS / "dumps" / "pg15-Z0.backup").read_bytes(), {BLOB: b"content"})
NOISE = random.Random(1).randbytes(1 << 20)


@pytest.mark.parametrize("command", ["verify", "inspect"])
@pytest.mark.parametrize("size", [5_000, 70_000])
def test_refusal_ends_the_command_while_the_pipe_is_open(command: str, size: int, tmp_path: Path) -> None:
    archive = member(file("../evil") + file("noise", NOISE) + GOOD.tar + END)
    with subprocess.Popen(
        [COMMAND, command, "-f", "-"],
        env=clean_environment(tmp_path),
        stdin=subprocess.PIPE,
        bufsize=0,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(archive[:size])
        assert process.wait(30) == 4
        said = process.stderr.read().decode()
    assert "unsafe name: '../evil'" in said
    assert "Fatal" not in said
