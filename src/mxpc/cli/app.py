"""The group of commands. Each lives in a module of its own, imported when it is called or its help is asked for."""

from __future__ import annotations

import click

from mxpc.cli.late import LateCommands

EXIT_CODES = """\b
Exit codes:
  0    done; warnings, if any, were printed
  1    a bug in the tool
  2    the request or the environment's settings are wrong
  3    Kubernetes, the database or the file storage refused or failed,
       retries included; a restore target is as it was
  4    the archive is damaged, incomplete, unsafe or of an unknown format;
       a restore target is as it was
  5    a check before the restore said no; nothing was changed
  6    the target was changed and the restore is not finished: the message
       says how to finish or to go back
  7    done, with warnings, under --strict
  130  interrupted (SIGINT); what was begun was cleaned up
  143  interrupted (SIGTERM); what was begun was cleaned up
"""

COMMANDS = {
    "backup": "Write an environment's database and files into one backup file.",
    "restore": "Put a backup into an environment, or leave it as it was.",
    "verify": "Read a whole backup as a restore would, and say what that proved.",
    "inspect": "Print what is in a backup.",
    "files": "Compare the files that the database names with those in the storage.",
    "credentials": "Write an environment's credentials into a folder, for use without Kubernetes.",
    "completion": "Print what makes bash, zsh or fish complete the command.",
    "jump-pod": "Back up and restore from afar, in a pod beside the environment.",
    "demo": "Back up and restore a sample app on servers of its own, on this machine.",
}
"""Every command with its line in the overview; the modules are imported late so that --help stays quick."""


@click.group(
    cls=LateCommands,
    package="mxpc.cli",
    overview=COMMANDS,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(None, "--version", package_name="mxpc-backup-restore-cli", message="%(prog)s %(version)s")
def app() -> None:
    """Backup and restore of Mendix for Private Cloud environments, in Mendix Cloud's V4 format."""
