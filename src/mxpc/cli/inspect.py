"""`inspect`."""

from __future__ import annotations

import click

from mxpc.cli.options import Common, common_options, file_option
from mxpc.cli.session import Session


@click.command("inspect", short_help="Show what is in a backup.")
@common_options(connection=False)
@file_option("The backup file to look into; - is standard input.")
def command(session: Session, common: Common, *, file: str) -> int:
    """Print what is in a backup: metadata, dump, files, entries that do not belong. Needs no environment."""
    from mxpc.adapters.archive_files import open_input
    from mxpc.cli.progress import shown
    from mxpc.cli.render import show_inspection
    from mxpc.workflows.verify import read_archive

    with shown(session) as progress:
        summary = read_archive(open_input(file), progress)
    return show_inspection(session, file, summary)
