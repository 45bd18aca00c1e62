"""`verify`."""

from __future__ import annotations

import click

from mxpc.cli.options import Common, common_options, file_option
from mxpc.cli.session import Session


@click.command("verify", short_help="Check a backup.")
@common_options(connection=False)
@file_option("The backup file to check; - is standard input.")
def command(session: Session, common: Common, *, file: str) -> int:
    """Read a whole backup as a restore would, and say what that proved. Needs no environment."""
    from mxpc.cli.progress import shown
    from mxpc.cli.render import show_verification
    from mxpc.workflows.verify import read_archive

    with shown(session) as progress:
        from mxpc.adapters.archive_files import open_input

        summary = read_archive(open_input(file), progress)
    return show_verification(session, file, summary)
