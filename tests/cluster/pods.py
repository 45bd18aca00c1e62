"""What a program sees inside of a pod."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cluster.namespaces import ServiceAccount

_OWN_MOUNTS = ("unshare", "--user", "--map-root-user", "--mount")


def mount_service_account(folder: Path, account: ServiceAccount, token: str) -> dict[str, str]:
    """The files that the kubelet mounts into a pod; returns the variables that it sets."""
    folder.mkdir(exist_ok=True)
    (folder / "token").write_text(token)
    (folder / "ca.crt").write_bytes(account.cluster.authority_pem)
    (folder / "namespace").write_text(account.namespace)
    return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(account.cluster.port)}


def as_in_a_pod(service_account: Path) -> list[str]:
    """The beginning of a command that sees this folder where the kubelet mounts it, while nobody else does."""
    script = """
        mount -t tmpfs none /var/run && mkdir -p /var/run/secrets/kubernetes.io
        cp -r "$1" /var/run/secrets/kubernetes.io/serviceaccount && shift && exec "$@"
    """
    return [*_OWN_MOUNTS, "sh", "-ec", script, "sh", str(service_account)]


def can_mount() -> bool:
    """Whether a process may have a file system view of its own here, be it as the root of a user namespace alone."""
    try:
        return subprocess.run([*_OWN_MOUNTS, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
