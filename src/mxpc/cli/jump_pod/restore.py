"""`jump-pod restore`."""

from __future__ import annotations

from mxpc.cli.jump_pod.running import Given, jump_pod_command, run
from mxpc.cli.restore import command as inner
from mxpc.errors import RequestError
from mxpc.ports import ArchiveInput

HELP = """Put a backup from here into an environment, by a pod beside it, or leave the environment as it was.

All options of `restore` go on to the tool in the pod. A file is read whole and checked here before anything is made. It
streams into the pod in checksummed chunks; with --spool (which --dry-run implies) it lies on the pod's disk first, and
every check is made there before anything is touched.
"""


def _work(given: Given) -> int:
    from mxpc.adapters.archive_files import open_input
    from mxpc.courier.agreement import Carries

    undo, dry_run = given.inner.get("undo"), given.inner.get("dry_run")
    if undo and (given.file or dry_run):
        raise RequestError("--undo goes alone", hint="It only puts back what is half-way: leave out -f and --dry-run.")
    if undo:
        return run(given, Carries.NOTHING, lambda pod: pod.restore(None))
    if not given.file:
        raise RequestError("-f FILE is missing", hint="Name the backup file to restore; - is standard input.")
    archive = open_input(given.file)
    return run(given, Carries.IN, lambda pod: pod.restore(archive), spool=_spool(given, archive, dry_run=bool(dry_run)))


def _spool(given: Given, archive: ArchiveInput, *, dry_run: bool) -> int | None:
    spool: int | None = given.life["spool"]
    if spool is None and dry_run:
        if archive.size is None:
            raise RequestError("--dry-run cannot read a pipe without --spool", hint="Give the backup as a file.")
        return archive.size
    if spool is not None and archive.size is not None and archive.size > spool:
        raise RequestError(
            f"the backup has {archive.size:,} bytes, more than --spool", hint="Allow more, or leave --spool out."
        )
    return spool


command = jump_pod_command(inner, HELP, _work)
