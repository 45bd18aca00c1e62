"""`jump-pod`: the group, with a module for each of its commands."""

from __future__ import annotations

import click

from mxpc.cli.late import LateCommands

JUMP_POD_COMMANDS = {
    "backup": "Write a backup, made in a pod beside the environment.",
    "restore": "Restore a backup, by a pod beside the environment.",
    "manifest": "Print the objects of a jump pod, for those who apply them by themselves.",
    "cronjob": "Print the objects of a nightly backup into a volume.",
}


@click.group(
    "jump-pod",
    cls=LateCommands,
    package="mxpc.cli.jump_pod",
    overview=JUMP_POD_COMMANDS,
    hidden=("worker", "attach"),
)
def command() -> None:
    """Work in a pod beside the environment, from a machine that reaches only the Kubernetes API.

    Makes a service account that may read this environment's objects and nothing else, and a pod within the pod security
    standard "restricted"; brings this tool into it, runs it there, brings the backup out or in, checks it, and removes
    everything, however it ends. Needs kubectl. The rights that it needs are in docs/jump-pod.md.
    """
