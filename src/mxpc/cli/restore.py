"""`restore`."""

from __future__ import annotations

import click

from mxpc.cli.options import (
    Common,
    common_options,
    environment_options,
    file_option,
    halves,
    objects_option,
    only_option,
    work_options,
)
from mxpc.cli.session import Session
from mxpc.errors import Interrupted, RequestError
from mxpc.model import Half


@click.command("restore", short_help="Restore a backup.")
@common_options()
@environment_options
@file_option("The backup file to restore; - is standard input.", required=False)
@only_option
@objects_option
@work_options
@click.option(
    "--temp-dir",
    metavar="DIR",
    help="Where a dump is unpacked for --jobs above 1, which takes its size of disk; else TMPDIR.",
)
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.option("--undo", is_flag=True, help="Only put back what an interrupted restore left half-way (no -f).")
@click.option("--allow-running", is_flag=True, help="Restore although the environment is not scaled to 0 replicas.")
@click.option("--allow-other-app", is_flag=True, help="Restore although the backup is of another app.")
@click.option(
    "--skip",
    metavar="TOPIC",
    multiple=True,
    help="Restore without something that cannot come along, as the refusal names it (extensions, publications…).",
)
@click.option(
    "--prune-files", is_flag=True, help="After a restore that worked, delete the files that the database does not name."
)
def command(
    session: Session,
    common: Common,
    *,
    namespace: str | None,
    environment: str | None,
    file: str | None,
    only: str | None,
    objects_file: str | None,
    jobs: int,
    transfers: int | None,
    buffer: int,
    temp_dir: str | None,
    dry_run: bool,
    undo: bool,
    allow_running: bool,
    allow_other_app: bool,
    skip: tuple[str, ...],
    prune_files: bool,
) -> int:
    """Put a backup into an environment, or leave it as it was.

    The whole archive is read and checked before anything is touched. The old database content is kept aside until the
    new one is complete; on any failure it comes back.
    """
    from mxpc.adapters.archive_files import open_input
    from mxpc.adapters.objects_file import kept_objects
    from mxpc.cli.assemble import transfer_limit, wire
    from mxpc.cli.progress import shown
    from mxpc.cli.render import show_plan, show_restore, show_undo
    from mxpc.workflows.plan import RestoreOptions
    from mxpc.workflows.restore import Restore

    _check_request(file, undo=undo, dry_run=dry_run)
    limit = transfer_limit(transfers)
    options = RestoreOptions(
        halves=halves(only),
        allow_running=allow_running,
        allow_other_app=allow_other_app,
        skip=frozenset(skip),
        prune_files=prune_files,
        jobs=jobs,
        transfers=limit,
        max_held_bytes=buffer,
    )
    archive = open_input(file) if file else None
    wanted = archive is not None and Half.FILES in options.halves
    kept = kept_objects(file or "", objects_file) if wanted else None
    with shown(session) as progress:
        wiring = wire(
            session, common, namespace, environment, progress, storage=Half.FILES in options.halves, transfers=limit
        )
        settings = wiring.settings
        restore = Restore(
            settings.environment,
            settings.app,
            settings.database.user,
            wiring.target_database(temp_dir),
            wiring.file_store(),
            options,
            progress,
            kept=kept,
        )
        if undo:
            undone = restore.undo()
        else:
            assert archive
            plan = restore.plan(archive) if dry_run else None
            report = None if dry_run else restore.run(archive)
    if undo:
        return show_undo(session, settings.environment, undone=undone)
    if plan:
        return show_plan(session, plan)
    assert report
    try:
        return show_restore(session, report, progress.warnings)
    except Interrupted:
        # Too late: all is done, and an exit code that says something else would be a lie.
        return show_restore(session, report, progress.warnings)


def _check_request(file: str | None, *, undo: bool, dry_run: bool) -> None:
    if undo and (file or dry_run):
        raise RequestError("--undo goes alone", hint="It only puts back what is half-way: leave out -f and --dry-run.")
    if not undo and not file:
        raise RequestError("-f FILE is missing", hint="Name the backup file to restore; - is standard input.")
    if dry_run and file == "-":
        raise RequestError(
            "--dry-run cannot read standard input", hint="Checking would use the archive up: give it as a file."
        )
