"""`verify`."""

from __future__ import annotations

import click

from mxpc.cli.options import Common, common_options, file_option, objects_option
from mxpc.cli.session import Session


@click.command("verify", short_help="Check a backup.")
@common_options(connection=False)
@file_option("The backup file to check; - is standard input.")
@objects_option
def command(session: Session, common: Common, *, file: str, objects_file: str | None) -> int:
    """Read a whole backup as a restore would, and say what that proved. Needs no environment."""
    from mxpc.cli.progress import shown
    from mxpc.cli.render import show_verification
    from mxpc.workflows.verify import check_keys, read_archive

    with shown(session) as progress:
        from mxpc.adapters.archive_files import open_input
        from mxpc.adapters.objects_file import kept_objects

        archive = open_input(file)
        summary = read_archive(archive, progress, kept_objects(file, objects_file))
        if archive.repeatable or objects_file:
            check_keys(summary)
    return show_verification(session, file, summary)
