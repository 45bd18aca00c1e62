"""The demo: a round trip of a sample app with the real command, from nothing to the proof that nothing was lost."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from mxpc.demo.data import Sample, load_sample
from mxpc.demo.digest import Digest, bucket_digest, database_digest, differences
from mxpc.demo.postgres import connect
from mxpc.demo.stack import DemoEnvironment, Stack, empty_bucket
from mxpc.errors import Interrupted

COMMAND = "mxpc-backup-restore-cli"
ENVIRONMENT = "sample-dev-1b2c3d4e"
PASSWORD = "p@ss/w:rd %20 \"x'"  # noqa: S105 - of a server that lives for a minute on loopback
ARCHIVE = "sample.tar.gz"

Connection = psycopg.Connection[tuple[Any, ...]]
Say = Callable[[str], None]
Run = Callable[[Sequence[str], Path], int]
"""Runs our command with these arguments in this folder, and returns its exit code."""


class _Failed(Exception):
    """A command of the demo ended with another code than 0; it has said why."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"exit code {exit_code}")
        self.exit_code = exit_code


def run_demo(say: Say, *, keep: bool = False, run: Run | None = None) -> int:
    """Run the demo and stop everything that it started; the exit code: 0, or that of a command that failed, or 1 when
    the restored content is not the same.

    With `keep` the servers stay up at the end until SIGINT, SIGTERM or KeyboardInterrupt. Call it in the main thread,
    with signals turned into `Interrupted`.
    """
    with _plain_surroundings():
        say("Starting PostgreSQL, an S3 server and a Kubernetes API on this machine (loopback only)")
        with Stack(log=lambda text: say(f"  {text}")) as stack:
            os.environ["KUBECONFIG"] = str(stack.kubeconfig)
            exit_code = _round_trip(stack, run or run_installed, say)
            if keep and exit_code == 0:
                _keep(stack, say)
        say("Everything is stopped and removed.")
        return exit_code


def run_installed(arguments: Sequence[str], folder: Path) -> int:
    """The command as a child that shares our terminal; it is asked to end when we are interrupted."""
    child = subprocess.Popen([sys.executable, "-m", "mxpc", *arguments], cwd=folder)
    try:
        return child.wait()
    except BaseException:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(20)
        child.kill()
        raise
    finally:
        child.wait()


# --------------------------------------------------------------------------------------------------------- the story


def _round_trip(stack: Stack, run: Run, say: Say) -> int:
    say("\nMaking a sample app: one database, one bucket")
    environment = stack.add_environment(ENVIRONMENT, password=PASSWORD)
    sample = load_sample(environment.database, environment.store)
    before = database_digest(environment.database)
    _describe(sample, before, say)

    def call(title: str, *arguments: str) -> None:
        say(f"\n{title}\n  $ {COMMAND} {shlex.join(arguments)}")
        if exit_code := run(arguments, stack.workplace):
            raise _Failed(exit_code)

    target = ("-n", environment.environment.namespace, "-e", environment.environment.name, "-f", ARCHIVE)
    try:
        call("Backing up", "backup", *target)
        call("Looking into the backup", "inspect", "-f", ARCHIVE)
        _list_archive(stack.workplace / ARCHIVE, say)
        _destroy(environment, say)
        call("Restoring", "restore", *target)
    except _Failed as failure:
        say(f"\nThe demo ends here: the command ended with exit code {failure.exit_code}.")
        return failure.exit_code
    return _prove(environment, sample, before, say)


def _describe(sample: Sample, digest: Digest, say: Say) -> None:
    rows = sum(int(value.split()[0]) for value in digest["rows"].values())
    say(f"  database: {len(digest['rows'])} tables, {rows} rows, {len(digest['indexes'])} indexes")
    say(f"  bucket:   {len(sample.blobs)} files of the app, {sample.byte_count / 1e6:.1f} MB")
    say(f"            {len(sample.orphans)} files that no row names any more: a backup leaves them out")
    say(f"            {len(sample.missing)} file that a row names is lost: the backup will say so")


def _list_archive(archive: Path, say: Say) -> None:
    say(f"\nAny tar reads it\n  $ tar tzf {ARCHIVE} | head -5")
    with tarfile.open(archive) as tar:
        for entry in islice(tar, 5):
            say(entry.name)


def _destroy(environment: DemoEnvironment, say: Say) -> None:
    say("\nDestroying the app's data")
    with connect(environment.database) as connection:
        tables = [_drop(connection, "TABLE", name) for name in _names(connection, "r")]
        for name in _names(connection, "S"):
            _drop(connection, "SEQUENCE", name)
    say(f"  dropped {len(tables)} tables, deleted {empty_bucket(environment.store)} files")


def _names(connection: Connection, kind: str) -> list[str]:
    query = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = %s"
    return [name for (name,) in connection.execute(query, [kind])]


def _drop(connection: Connection, kind: str, name: str) -> str:
    connection.execute(sql.SQL("DROP {} public.{} CASCADE").format(sql.SQL(kind), sql.Identifier(name)))
    return name


def _prove(environment: DemoEnvironment, sample: Sample, before: Digest, say: Say) -> int:
    say("\nComparing with what there was")
    wrong = [*differences(before, database_digest(environment.database), "database: ")]
    wrong += differences(sample.blobs, bucket_digest(environment.store), "files: ")
    for line in wrong:
        say(f"  DIFFERENT: {line}")
    if wrong:
        return 1
    say("  database: equal (rows, sequences, columns, constraints, indexes)")
    say(f"  files:    equal ({len(sample.blobs)} files, every byte)\n")
    return 0


def _keep(stack: Stack, say: Say) -> None:
    target = f"-n mendix -e {ENVIRONMENT}"
    backup = stack.workplace / "mine.tar.gz"
    say("The servers stay up until you press Ctrl-C. Try in another terminal:\n")
    say(f"  export KUBECONFIG={shlex.quote(str(stack.kubeconfig))}")
    for words in (
        f"backup {target} -f {backup}",
        f"verify -f {backup}",
        f"restore {target} -f {backup} --dry-run",
        f"restore {target} -f {backup}",
    ):
        say(f"  {COMMAND} {words}")
    with contextlib.suppress(KeyboardInterrupt, Interrupted):
        threading.Event().wait()
    say("")


# ------------------------------------------------------------------------------------------------------ surroundings


@contextlib.contextmanager
def _plain_surroundings() -> Iterator[None]:
    """The user's own proxies, AWS login and PostgreSQL defaults have no say in the demo; they come back at its end."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("AWS_", "PG")) or name.lower().endswith("_proxy") or name == "KUBECONFIG":
            del os.environ[name]
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
