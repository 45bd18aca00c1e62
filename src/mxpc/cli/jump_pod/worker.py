"""`jump-pod worker`: the main process of the pod. Started by the pod's own script, and by nobody else."""

from __future__ import annotations

import click


@click.command("worker", hidden=True)
@click.option("--program", required=True)
@click.option("--run", required=True)
@click.option("--patience", type=float, required=True)
@click.option("--stall", type=float, required=True)
def command(program: str, run: str, patience: float, stall: float) -> int:
    """Wait for an errand, run it, and hand over what comes of it, over whatever connections come."""
    from mxpc.adapters.pod_worker import PodWorker
    from mxpc.courier.endpoint import Pace

    pace = Pace(ping=min(Pace.ping, stall / 6), stall=stall)
    PodWorker(program, run, patience=patience, pace=pace).work()
    return 0
