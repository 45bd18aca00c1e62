"""`credentials`."""

from __future__ import annotations

from pathlib import Path

import click

from mxpc.cli import candidates
from mxpc.cli.options import Common, common_options, environment_options
from mxpc.cli.session import Session


@click.command("credentials", short_help="Write an environment's credentials into a folder.")
@common_options()
@environment_options
@click.option(
    "--to",
    "folder",
    metavar="DIR",
    required=True,
    help="The folder to make, or an empty one.",
    shell_complete=candidates.folders,
)
def command(session: Session, common: Common, *, namespace: str | None, environment: str | None, folder: str) -> int:
    """Write the credentials of an environment into a folder that only you can read, for --credentials-dir later or
    elsewhere: where the Kubernetes API cannot be reached, or must not be."""
    from mxpc.adapters.credentials_dir import write_credentials
    from mxpc.cli.assemble import kubernetes_source

    keys = kubernetes_source(common, namespace, environment).credentials()
    session.console.hide(keys.secrets())
    write_credentials(Path(folder), keys.values)
    if session.as_json:
        session.console.result_json(
            {"command": "credentials", "status": "done", "folder": folder, "keys": sorted(keys.values)}
        )
    elif not session.quiet:
        session.console.result(f"{len(keys.values)} keys are in {folder}; use them with --credentials-dir {folder}")
    return 0
