"""Runs the installed command many times, each in a process of its own, without importing everything each time.

    python -m hostile.commands

reads jobs from standard input, a line of JSON each: `arguments`, `stdin` (a path or null), `out` and `err` (paths). It
forks for each, calls the console script's function, and answers with a line: `code`, `seconds`, `mebibytes`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

PRELOADED = (
    "mxpc.cli.app",
    "mxpc.cli.assemble",
    "mxpc.cli.render",
    "mxpc.cli.restore",
    "mxpc.cli.verify",
    "mxpc.cli.inspect",
    "mxpc.cli.progress",
    "mxpc.workflows.restore",
    "mxpc.workflows.verify",
    "mxpc.adapters.archive_files",
    "mxpc.adapters.kubernetes",
    "mxpc.adapters.object_store",
    "mxpc.adapters.s3",
    "mxpc.adapters.postgres.target",
    "lightkube",
    "psycopg",
    "obstore",
)
ADDRESS_SPACE = 8 << 30


def main() -> None:
    """See above."""
    (script,) = entry_points(group="console_scripts", name="mxpc-backup-restore-cli")
    command = script.load()
    for name in PRELOADED:
        import_module(name)
    while line := sys.stdin.readline():
        job = json.loads(line)
        begun = time.monotonic()
        child = os.fork()
        if child == 0:
            _run(command, job)
        _, status, usage = os.wait4(child, 0)
        code = os.waitstatus_to_exitcode(status)
        print(
            json.dumps({"code": code, "seconds": time.monotonic() - begun, "mebibytes": usage.ru_maxrss >> 10}),
            flush=True,
        )


def _run(command: Any, job: dict[str, Any]) -> None:
    """Becomes the command, and never returns."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    os.setsid()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for descriptor, path, mode in (
        (0, job["stdin"] or os.devnull, os.O_RDONLY),
        (1, job["out"], flags),
        (2, job["err"], flags),
    ):
        os.dup2(os.open(path, mode, 0o600), descriptor)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - the old one has read the next job already
    sys.argv = ["mxpc-backup-restore-cli", *job["arguments"]]
    code: Any = 1
    try:
        code = command()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


if __name__ == "__main__":
    main()
