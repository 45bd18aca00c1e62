"""What runs that were killed have left in a namespace, and its removal; what a living run uses is left alone."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from mxpc.errors import KubernetesError, ToolError
from mxpc.ports import Cluster, Life, Manifest, RunRegister
from mxpc.progress import Progress
from mxpc.workflows.pod_objects import JUMP_POD, KEPT, READY_BEFORE, RUN

KINDS = ("Pod", "RoleBinding", "Role", "ServiceAccount")
"""In the order in which they are removed: first what runs, then its rights."""
ENDED = ("Succeeded", "Failed")
GONE_SECONDS = 660
"""A pod has ten minutes to put a half-way restore back; then the cluster kills it."""


def remove_leftovers(cluster: Cluster, register: RunRegister, progress: Progress) -> int:
    """Remove what dead runs left; how many runs. What cannot be listed or removed is a warning, no failure."""
    try:
        runs = _runs(cluster)
    except KubernetesError as error:
        progress.noted(f"leftovers of earlier runs were not looked for: {error.what}")
        return 0
    dead = [
        run for run, found in runs.items() if is_dead(found, register.life(run), now=time.time())
    ]  # fmt: skip
    for run in dead:
        progress.warned(f"removing what an earlier run that was killed left behind: {_names(runs[run])}")
        remove(cluster, [(one["kind"], one["metadata"]["name"]) for one in runs[run]], progress)
        register.forget(run)
    return len(dead)


def is_dead(objects: Sequence[Manifest], life: Life, *, now: float) -> bool:
    """Whether nobody needs these objects of one run any more; `now` in seconds since 1970.

    On this machine it is known which processes live. Of others only the pod tells: a running one ends by itself when
    its maker is not heard any more, so it is only dead once it has ended; one that never ran is dead after the time
    that its maker would have waited.
    """
    if any(one["metadata"].get("labels", {}).get(KEPT) for one in objects):
        return False
    if life is not Life.UNKNOWN:
        return life is Life.DEAD
    phases = [one.get("status", {}).get("phase", "") for one in objects if one["kind"] == "Pod"]
    if any(phase in ENDED for phase in phases):
        return True
    return "Running" not in phases and now > max(_ready_before(one) for one in objects)


def remove(cluster: Cluster, objects: Sequence[tuple[str, str]], progress: Progress) -> bool:
    """Delete objects (kind and name) and wait until the pods are gone; whether it worked. Says how to do it by hand."""
    failed = []
    for kind, name in sorted(objects, key=lambda one: KINDS.index(one[0])):
        try:
            cluster.delete(kind, name)
            if kind == "Pod":
                _wait_until_gone(cluster, name)
        except ToolError as error:
            failed.append(f"{kind.lower()}/{name}")
            progress.warned(f"{kind} {name} could not be removed: {error.what} ({error.evidence})")
    if failed:
        progress.warned(f"remove by hand, or let the next run do it: kubectl delete {' '.join(failed)}")
    return not failed


def _wait_until_gone(cluster: Cluster, pod: str) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    pause = 0.1
    while cluster.get("Pod", pod) is not None:
        if time.monotonic() > deadline:
            raise KubernetesError(
                f"pod {pod} is still there after {GONE_SECONDS} seconds", evidence="its node is gone?"
            )
        time.sleep(pause)
        pause = min(2 * pause, 2.0)


def _runs(cluster: Cluster) -> Mapping[str, list[Manifest]]:
    found: dict[str, list[Manifest]] = defaultdict(list)
    for kind in KINDS:
        for one in cluster.labelled(kind, JUMP_POD):
            # In a list the objects do not name their kind.
            found[one["metadata"].get("labels", {}).get(RUN, "")].append({**one, "kind": kind})
    found.pop("", None)
    return found


def _ready_before(one: Manifest) -> float:
    try:
        return float(one["metadata"].get("annotations", {}).get(READY_BEFORE, ""))
    except ValueError:
        return float("inf")


def _names(objects: Sequence[Manifest]) -> str:
    return ", ".join(f"{one['kind']} {one['metadata']['name']}" for one in objects)
