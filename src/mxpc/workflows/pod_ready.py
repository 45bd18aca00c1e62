"""Waiting for a pod, and saying why it does not come."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from mxpc.errors import KubernetesError
from mxpc.ports import Cluster, Manifest
from mxpc.progress import Progress

POLL_SECONDS = 0.5
PULL_SECONDS = 45
"""The node tries to pull an image again and again; after so long of failing another try will not help."""

_HOPELESS = {
    "InvalidImageName": "check --image",
    "ErrImageNeverPull": "check --image",
    "CreateContainerConfigError": "check --image, --run-as-user and --service-account",
    "CreateContainerError": "the image must have `sh`: check --image",
    "RunContainerError": "the image must have `sh`: check --image",
}
_PULL = ("ErrImagePull", "ImagePullBackOff")
_PULL_HINT = (
    "can the cluster's nodes reach the registry, and is the login right? --image names an image of a registry that "
    "they reach (any with sh and PostgreSQL's client programs), --image-pull-secret a login"
)


def wait_until_ready(cluster: Cluster, pod: str, progress: Progress, *, seconds: float) -> None:
    """Returns when the pod runs and is ready. Raises KubernetesError with the events when it never will be, or is not
    after `seconds`. Warnings of the cluster are passed on as they come."""
    waiting = _Waiting(cluster, pod, progress)
    deadline = time.monotonic() + seconds
    while not waiting.is_ready():
        if time.monotonic() > deadline:
            raise waiting.error(f"pod {pod} is not ready after {seconds:.0f} seconds", _hint(waiting.state))
        time.sleep(POLL_SECONDS)


def check_running(pod: str, manifest: Manifest | None) -> None:
    """Raise KubernetesError when the pod is gone, or has ended."""
    if manifest is None:
        raise KubernetesError(f"pod {pod} is gone", hint="somebody or something deleted it while it worked")
    phase = _phase(manifest)
    if phase in ("Succeeded", "Failed") or manifest["metadata"].get("deletionTimestamp"):
        raise KubernetesError(
            f"pod {pod} has ended while it was needed", evidence=_state(manifest), hint=_end(manifest)
        )


class _Waiting:
    def __init__(self, cluster: Cluster, pod: str, progress: Progress) -> None:
        self._cluster = cluster
        self._pod = pod
        self._progress = progress
        self._told: set[str] = set()
        self._pull_failed_at: float | None = None
        self.state = ""

    def is_ready(self) -> bool:
        manifest = self._cluster.get("Pod", self._pod)
        if manifest is None:
            raise KubernetesError(f"pod {self._pod} is gone before it was ready")
        self.state = _state(manifest)
        if _phase(manifest) in ("Succeeded", "Failed"):
            raise self.error(f"pod {self._pod} has ended before it was ready", _end(manifest))
        if _phase(manifest) == "Running" and _condition(manifest, "Ready") == "True":
            return True
        self._tell_warnings()
        self._give_up_early(manifest)
        return False

    def error(self, what: str, hint: str) -> KubernetesError:
        evidence = [self.state, *(_event_line(one) for one in self._events()[-8:])]
        return KubernetesError(what, evidence="\n".join(line for line in evidence if line), hint=hint)

    def _events(self) -> list[Manifest]:
        with suppress(KubernetesError):  # the right to list them is good to have, and not needed
            return self._cluster.events(self._pod)
        return []

    def _tell_warnings(self) -> None:
        for event in self._events():
            line = _event_line(event)
            if event.get("type") == "Warning" and line not in self._told:
                self._told.add(line)
                self._progress.warned(f"pod {self._pod}: {line}")

    def _give_up_early(self, manifest: Manifest) -> None:
        reasons = {reason for reason, _ in _waits(manifest)}
        for reason in reasons & _HOPELESS.keys():
            raise self.error(f"pod {self._pod} cannot start: {reason}", _HOPELESS[reason])
        if not reasons & set(_PULL):
            self._pull_failed_at = None
            return
        now = time.monotonic()
        self._pull_failed_at = self._pull_failed_at or now
        if now - self._pull_failed_at > PULL_SECONDS:
            raise self.error(f"the image of pod {self._pod} cannot be pulled", _PULL_HINT)


def _phase(manifest: Manifest) -> str:
    return str(manifest.get("status", {}).get("phase", ""))


def _condition(manifest: Manifest, name: str) -> str:
    conditions = manifest.get("status", {}).get("conditions") or []
    return next((str(one.get("status")) for one in conditions if one.get("type") == name), "")


def _containers(manifest: Manifest) -> list[dict[str, Any]]:
    return manifest.get("status", {}).get("containerStatuses") or []


def _waits(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for container in _containers(manifest):
        waiting = container.get("state", {}).get("waiting") or {}
        if waiting.get("reason"):
            yield str(waiting["reason"]), str(waiting.get("message", ""))


def _state(manifest: Manifest) -> str:
    """All reasons that the pod's status gives, in one line."""
    status = manifest.get("status", {})
    parts = [f"phase {_phase(manifest) or 'unknown'}"]
    parts += [str(status[key]) for key in ("reason", "message") if status.get(key)]
    for one in status.get("conditions") or []:
        if one.get("status") == "False" and one.get("message"):
            parts.append(f"{one['type']}: {one['message']}")
    parts += [": ".join(filter(None, pair)) for pair in _waits(manifest)]
    for container in _containers(manifest):
        if ended := container.get("state", {}).get("terminated"):
            parts.append(f"container ended: {ended.get('reason', '')}, exit code {ended.get('exitCode')}")
    return "; ".join(parts)


def _event_line(event: Manifest) -> str:
    return f"{event.get('type', '')} {event.get('reason', '')}: {event.get('message', '')}".strip()


def _hint(state: str) -> str:
    if "PodScheduled" in state or "nsufficient" in state:
        return (
            "no node takes it: ask for less with --resources, check --node-selector, or wait longer with --ready-within"
        )
    if any(reason in state for reason in _PULL):
        return _PULL_HINT
    return "look at `kubectl describe pod`; --ready-within waits longer, --keep leaves the pod for a look"


def _end(manifest: Manifest) -> str:
    state = _state(manifest)
    if "OOMKilled" in state:
        return "give it more memory: --resources memory=256Mi/2Gi"
    if "Evicted" in state:
        return "the node ran out of something, or the archive is larger than --spool: see the reason"
    if "DeadlineExceeded" in state:
        return "give it more time: --deadline"
    return "its log says more: run again with --keep, and look at `kubectl logs`"
