"""The objects of a nightly backup into a volume: a CronJob with a service account of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mxpc.ports import Manifest
from mxpc.workflows.pod_objects import (
    ENVIRONMENT,
    NIGHTLY,
    PodWishes,
    Rights,
    access_objects,
    pod_spec,
)

BACKUPS = "/backup"
LATEST_START = 3600
"""Seconds: a backup that could not begin within an hour waits for the next night."""
RETRIES = 2

SCRIPT = """\
# The shell is process 1 of the pod, which no signal ends by itself: it hands SIGTERM on, and the command cleans up.
run() {
  mxpc-backup-restore-cli "$@" &
  child=$!
  trap 'kill -TERM "$child"; wait "$child"; exit 143' TERM
  wait "$child"
}
file="/backup/$ENVIRONMENT-$(date -u +%Y%m%dT%H%M%SZ)$ENDING"
run backup "$@" -f "$file" && run verify -f "$file" || exit
# Older backups go only now. Their names sort by time; the eight digits keep those of app-2 out of what belongs to app.
set -- "/backup/$ENVIRONMENT"-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T*Z"$ENDING"
while [ $# -gt "$RETAIN" ]; do
  rm -- "$1"
  shift
done
"""
"""Equal to nightly.sh of the Helm chart: one script for both, and a test compares them."""


@dataclass(frozen=True)
class Nightly:
    """When, where to, and how much is kept. Durations in seconds."""

    schedule: str
    claim: str
    """The PersistentVolumeClaim that the backups go to."""
    retain: int
    """So many backups stay in the volume."""
    history: int
    """So many finished jobs stay to be looked at."""
    time_zone: str | None = None
    ending: str = ".tar.gz"


def nightly_objects(rights: Rights, wishes: PodWishes, nightly: Nightly, arguments: Sequence[str]) -> list[Manifest]:
    """Service account, role, binding and CronJob; `arguments` are the tool's, without the file."""
    name = _name(rights.environment.name)
    metadata = {
        "name": name,
        "namespace": rights.environment.namespace,
        "labels": dict(NIGHTLY),
        "annotations": {ENVIRONMENT: rights.environment.name},
    }
    job = {
        "backoffLimit": RETRIES,
        "activeDeadlineSeconds": wishes.deadline,
        "template": {
            "metadata": {"labels": {**wishes.labels, **NIGHTLY}, "annotations": metadata["annotations"]},
            "spec": _spec(name, rights, wishes, nightly, arguments),
        },
    }
    cron_job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata,
        "spec": {
            "schedule": nightly.schedule,
            **({"timeZone": nightly.time_zone} if nightly.time_zone else {}),
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": LATEST_START,
            "successfulJobsHistoryLimit": nightly.history,
            "failedJobsHistoryLimit": nightly.history,
            "jobTemplate": {"metadata": {"labels": dict(NIGHTLY)}, "spec": job},
        },
    }
    return [cron_job] if wishes.service_account else [*access_objects(metadata, rights, wishes), cron_job]


def _spec(name: str, rights: Rights, wishes: PodWishes, nightly: Nightly, arguments: Sequence[str]) -> Manifest:
    command = ["sh", "-c", SCRIPT, "nightly", *arguments]
    spec = pod_spec(wishes.service_account or name, wishes, command, grace=30)
    # The job's own deadline counts all its tries.
    del spec["activeDeadlineSeconds"]
    spec["volumes"].append({"name": "backups", "persistentVolumeClaim": {"claimName": nightly.claim}})
    told = {"ENVIRONMENT": rights.environment.name, "RETAIN": str(nightly.retain), "ENDING": nightly.ending}
    spec["containers"][0]["env"] += [{"name": key, "value": value} for key, value in told.items()]
    spec["containers"][0]["volumeMounts"].append({"name": "backups", "mountPath": BACKUPS})
    return spec


def _name(environment: str) -> str:
    """The controller adds up to eleven characters for each job, and a name may have 63."""
    return f"mxpc-backup-{environment}"[:52].rstrip("-.")
