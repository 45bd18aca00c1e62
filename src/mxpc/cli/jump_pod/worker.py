"""`jump-pod worker`: the main process of the pod. Started by the pod's own script, and by nobody else."""

from __future__ import annotations

import sys

import click


@click.command("worker", hidden=True)
@click.option("--run", required=True)
@click.option("--patience", type=float, required=True)
def command(run: str, patience: float) -> int:
    """Wait for an errand, run it, and hand over what comes of it, over whatever connections come."""
    from mxpc.adapters.pod_worker import PodWorker

    PodWorker(sys.argv[0], run, patience=patience).work()
    return 0
