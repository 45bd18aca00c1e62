"""The Kubernetes objects of a jump pod and of a nightly backup: values, made without asking anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mxpc.model import Environment
from mxpc.ports import Manifest

COMPONENT = "app.kubernetes.io/component"
RUN = "app.kubernetes.io/instance"
JUMP_POD = {"app.kubernetes.io/managed-by": "mxpc-backup-restore-cli", COMPONENT: "jump-pod"}
"""The labels by which a later run finds what a killed one left."""
BY_HAND = {**JUMP_POD, COMPONENT: "jump-pod-manifest"}
NIGHTLY = {**JUMP_POD, COMPONENT: "nightly-backup"}
ENVIRONMENT = "mxpc-backup-restore-cli/environment"
"""Annotation: whose data it is about."""
KEPT = "mxpc-backup-restore-cli/keep"
"""Label of what was left on purpose."""
READY_BEFORE = "mxpc-backup-restore-cli/ready-before"
"""Annotation: seconds since 1970 after which a pod that does not run is nobody's any more."""

GRACE = 600
"""Seconds between the deletion of the pod and its end by force: a restore puts the old content back meanwhile."""
WORK = "/mxpc"
"""Where the container starts, and where the tool is brought to. Commands use paths relative to it."""
PROGRAM_NAME = "mxpc-backup-restore-cli"
DEFAULT_MAJOR = 18
"""Clients of the newest PostgreSQL read every older server, and what they write is taken to an older version here."""
USER = 999
"""`postgres` of the official image; any other number works too."""

SCRATCH = 1 << 30
"""Bytes: the tool, and what it unpacks itself to, some times over."""

WAIT_FOR_TOOL = """\
trap 'exit 143' TERM INT
seconds=0
until [ -s program ]; do
  [ $seconds -lt {patience} ] || exit 4
  seconds=$((seconds + 1))
  sleep 1 & wait $!
done
program=$(cat program)
exec "$program" jump-pod worker --program "$program" --run {run} --patience {patience} --stall {stall}
"""
"""The main process: becomes the tool once that is there, so that what it runs hangs on no connection."""


@dataclass(frozen=True)
class Amount:
    """Requested and at most, as Kubernetes writes quantities."""

    request: str
    limit: str


CPU = Amount("250m", "2")
MEMORY = Amount("256Mi", "1Gi")
"""Python with pg_dump, 64 MB of files and a window of 32 MB stay below half of it."""


@dataclass(frozen=True)
class PodWishes:
    """How the pod should be. Durations in seconds, sizes in bytes."""

    image: str = f"docker.io/library/postgres:{DEFAULT_MAJOR}"
    service_account: str | None = None
    """An existing one, used as it is: then neither a service account nor a role is made."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Of the service account that is made: how IAM of a cloud knows it."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of the pod: what network policies and identity webhooks choose by."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    pull_secrets: Sequence[str] = ()
    cpu: Amount = CPU
    memory: Amount = MEMORY
    user: int | None = USER
    """None: the cluster chooses, as OpenShift wants it."""
    deadline: int = 12 * 3600
    patience: int = 900
    """So long the pod waits for the tool, and then for a connection, before it ends by itself."""
    stall: float = 30.0
    """After so long without a word a connection counts as dead in the pod."""
    spool_bytes: int | None = None
    """Room for a whole archive on the pod's disk."""
    may_patch: bool = False
    """Whether the tool scales the environment."""


@dataclass(frozen=True)
class Rights:
    """The names of the objects that the tool reads: these and no others may be read in the pod."""

    environment: Environment
    secrets: tuple[str, ...]
    storage_instances: tuple[str, ...]


def pod_objects(
    run: str, rights: Rights, wishes: PodWishes, *, ready_before: int | None = None, keep: bool = False
) -> list[Manifest]:
    """In the order in which they must be made: each needs those before it; the last one is the pod.

    Without `ready_before` they are somebody's own, who applies and removes them: no run takes them for leftovers.
    """
    name = f"mxpc-jump-pod-{run}"
    made_by = JUMP_POD if ready_before else BY_HAND
    limit = {READY_BEFORE: str(ready_before)} if ready_before else {}
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": rights.environment.namespace,
        "labels": {**made_by, RUN: run, **({KEPT: "true"} if keep else {})},
        "annotations": {ENVIRONMENT: rights.environment.name, **limit},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata, "labels": {**wishes.labels, **metadata["labels"]}},
        "spec": pod_spec(wishes.service_account or name, wishes, _waiting(run, wishes), grace=GRACE),
    }
    return [pod] if wishes.service_account else [*access_objects(metadata, rights, wishes), pod]


def owned(manifest: Manifest, owner: Manifest) -> Manifest:
    """The same, to be removed by the cluster when the owner is."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    return {**manifest, "metadata": {**manifest["metadata"], "ownerReferences": [reference]}}


def access_objects(metadata: Mapping[str, Any], rights: Rights, wishes: PodWishes) -> list[Manifest]:
    """Service account, role and binding of one name: `get` of this environment's own objects, and nothing else."""
    name, namespace = metadata["name"], metadata["namespace"]
    annotations = {**metadata.get("annotations", {}), **wishes.annotations}
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {**metadata, "annotations": annotations},
            "automountServiceAccountToken": False,
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": dict(metadata),
            "rules": _rules(rights, may_patch=wishes.may_patch),
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": dict(metadata),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        },
    ]


def _rules(rights: Rights, *, may_patch: bool) -> list[dict[str, Any]]:
    mendix = "privatecloud.mendix.com"
    app_verbs = ["get", "patch"] if may_patch else ["get"]
    named = [
        (mendix, "mendixapps", (rights.environment.name,), app_verbs),
        (mendix, "storageinstances", rights.storage_instances, ["get"]),
        ("", "secrets", rights.secrets, ["get"]),
    ]
    return [
        {"apiGroups": [group], "resources": [resource], "resourceNames": list(names), "verbs": verbs}
        for group, resource, names, verbs in named
    ]


def pod_spec(account: str, wishes: PodWishes, command: Sequence[str], *, grace: int) -> dict[str, Any]:
    """A pod within the standard `restricted`: nothing of it may be written but its two scratch folders."""
    spool = [("spool", f"{WORK}/errand", wishes.spool_bytes)] if wishes.spool_bytes else []
    scratch: list[tuple[str, str, int]] = [("work", WORK, SCRATCH), ("tmp", "/tmp", SCRATCH), *spool]  # noqa: S108
    return {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": wishes.deadline,
        "terminationGracePeriodSeconds": grace,
        "enableServiceLinks": False,
        "serviceAccountName": account,
        # Reading the environment's objects is what the token is for; the account's other pods get none.
        "automountServiceAccountToken": True,
        "nodeSelector": {"kubernetes.io/os": "linux", **wishes.node_selector},
        **({"imagePullSecrets": [{"name": name} for name in wishes.pull_secrets]} if wishes.pull_secrets else {}),
        "securityContext": {
            "runAsNonRoot": True,
            **({} if wishes.user is None else {"runAsUser": wishes.user, "runAsGroup": wishes.user}),
            **({} if wishes.user is None else {"fsGroup": wishes.user}),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(wishes, command, [(name, path) for name, path, _ in scratch])],
        "volumes": [{"name": name, "emptyDir": {"sizeLimit": str(size)}} for name, _, size in scratch],
    }


def _container(wishes: PodWishes, command: Sequence[str], mounts: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "name": "tool",
        "image": wishes.image,
        "command": list(command),
        "workingDir": WORK,
        "env": [{"name": "HOME", "value": WORK}, {"name": "TMPDIR", "value": "/tmp"}],  # noqa: S108
        "resources": {
            "requests": {"cpu": wishes.cpu.request, "memory": wishes.memory.request},
            "limits": {"cpu": wishes.cpu.limit, "memory": wishes.memory.limit},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "privileged": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in mounts],
    }


def _waiting(run: str, wishes: PodWishes) -> list[str]:
    return ["sh", "-c", WAIT_FOR_TOOL.format(run=run, patience=wishes.patience, stall=wishes.stall)]
