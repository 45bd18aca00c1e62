"""`restore`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from mxpc.cli.options import (
    Common,
    common_options,
    environment_options,
    file_option,
    gathered,
    halves,
    objects_option,
    only_option,
    work_options,
)
from mxpc.cli.session import Session
from mxpc.errors import Interrupted, RequestError
from mxpc.model import Half

if TYPE_CHECKING:
    from mxpc.cli.progress import ShownProgress
    from mxpc.streams import Concurrency
    from mxpc.workflows.plan import RestoreOptions
    from mxpc.workflows.restore import Restore


@dataclass(frozen=True)
class Request:
    """What was asked for; each field is an option."""

    namespace: str | None
    environment: str | None
    file: str | None
    only: str | None
    objects_file: str | None
    jobs: int | None
    transfers: int | None
    buffer: int
    dry_run: bool
    undo: bool
    stop_app: bool
    stop_timeout: int
    allow_running: bool
    allow_other_app: bool
    skip: tuple[str, ...]
    prune_files: bool

    def check(self) -> None:
        """Raises RequestError for what does not go together."""
        if self.undo and (self.file or self.dry_run):
            raise RequestError(
                "--undo goes alone", hint="It only puts back what is half-way: leave out -f and --dry-run."
            )
        if not self.undo and not self.file:
            raise RequestError("-f FILE is missing", hint="Name the backup file to restore; - is standard input.")
        if self.dry_run and self.file == "-":
            raise RequestError(
                "--dry-run cannot read standard input", hint="Checking would use the archive up: give it as a file."
            )

    def options(self, transfers: Concurrency) -> RestoreOptions:
        """As the workflow has them."""
        from mxpc.workflows.plan import RestoreOptions

        return RestoreOptions(
            halves=halves(self.only),
            allow_running=self.allow_running,
            allow_other_app=self.allow_other_app,
            skip=frozenset(self.skip),
            prune_files=self.prune_files,
            jobs=self.jobs,
            transfers=transfers,
            max_held_bytes=self.buffer,
            stop_app=self.stop_app,
            stop_timeout=self.stop_timeout,
        )


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
    hidden=True,  # no restore needs temporary disk any more; scripts that name a folder go on working
    expose_value=False,
)
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.option("--undo", is_flag=True, help="Only put back what an interrupted restore left half-way (no -f).")
@click.option(
    "--stop-app",
    is_flag=True,
    help="Scale the environment to 0 replicas for the restore, and back afterwards. Needs the right to patch it.",
)
@click.option(
    "--stop-timeout",
    metavar="SECONDS",
    type=click.IntRange(1, 86400),
    default=300,
    show_default=True,
    help="How long --stop-app waits until no session is left in the database.",
)
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
@gathered(Request)
def command(session: Session, common: Common, request: Request) -> int:
    """Put a backup into an environment, or leave it as it was.

    The whole archive is read and checked before anything is touched. The old database content is kept aside until the
    new one is complete; on any failure it comes back.
    """
    from mxpc.adapters.archive_files import open_input
    from mxpc.cli.progress import shown
    from mxpc.cli.render import show_plan, show_restore, show_undo

    request.check()
    archive = open_input(request.file) if request.file else None
    with shown(session) as progress:
        restore = _restore(session, common, request, progress)
        if archive is None:
            undone = restore.undo()
        else:
            plan = restore.plan(archive) if request.dry_run else None
            report = None if plan else restore.run(archive)
    if archive is None:
        return show_undo(session, restore.environment, undone=undone, scaled_back_to=restore.scaled_back_to)
    if plan:
        return show_plan(session, plan)
    assert report
    try:
        return show_restore(session, report, progress.warnings)
    except Interrupted:
        # Too late: all is done, and an exit code that says something else would be a lie.
        return show_restore(session, report, progress.warnings)


def _restore(session: Session, common: Common, request: Request, progress: ShownProgress) -> Restore:
    from mxpc.adapters.objects_file import kept_objects
    from mxpc.cli.assemble import app_control, transfer_limit, wire
    from mxpc.workflows.restore import Restore

    limit = transfer_limit(request.transfers)
    options = request.options(limit)
    with_files = Half.FILES in options.halves
    kept = kept_objects(request.file, request.objects_file) if request.file and with_files else None
    control = app_control(common, request.namespace, request.environment, needed=request.stop_app)
    wiring = wire(
        session,
        common,
        request.namespace,
        request.environment,
        progress,
        storage=with_files,
        transfers=limit,
    )
    settings = wiring.settings
    return Restore(
        settings.environment,
        settings.app,
        settings.database.user,
        wiring.target_database(),
        wiring.file_store(),
        options,
        progress,
        control=control,
        kept=kept,
    )
