"""`inspect`."""

from __future__ import annotations

import click

from mxpc.cli.options import Common, common_options, file_option, objects_option
from mxpc.cli.session import Session


@click.command("inspect", short_help="Show what is in a backup.")
@common_options(connection=False)
@file_option("The backup file to look into; - is standard input.")
@objects_option
def command(session: Session, common: Common, *, file: str, objects_file: str | None) -> int:
    """Print what is in a backup: metadata, dump, files, entries that do not belong. Needs no environment."""
    from mxpc.adapters.archive_files import open_input
    from mxpc.adapters.objects_file import kept_objects
    from mxpc.cli.progress import shown
    from mxpc.cli.render import show_inspection
    from mxpc.workflows.verify import read_archive

    with shown(session) as progress:
        summary = read_archive(open_input(file), progress, kept_objects(file, objects_file))
    return show_inspection(session, file, summary)
