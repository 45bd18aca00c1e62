"""`jump-pod attach`: what `kubectl exec` runs in the pod, once for each connection."""

from __future__ import annotations

import click


@click.command("attach", hidden=True)
def command() -> int:
    """Join standard input and output with the worker of this pod."""
    from mxpc.adapters.pod_worker import attach

    attach()
    return 0
