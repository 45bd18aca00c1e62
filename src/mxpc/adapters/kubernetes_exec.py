"""Logins from exec plugins: client.authentication.k8s.io in its versions v1 and v1beta1."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mxpc.adapters.kubeconfig import Cluster, ExecPlugin
from mxpc.errors import KubernetesError, RequestError

_GROUP = "client.authentication.k8s.io"
_VERSIONS = (f"{_GROUP}/v1", f"{_GROUP}/v1beta1")
_SECONDS = 60
_SECONDS_WITH_A_PERSON = 600
"""Time to type a code into a browser."""


@dataclass(frozen=True)
class PluginLogin:
    """What a plugin printed; PEM texts."""

    token: str | None = field(repr=False)
    certificate: str | None = field(repr=False)
    key: str | None = field(repr=False)


def run_plugin(plugin: ExecPlugin, cluster: Cluster, authority: bytes | None, env: Mapping[str, str]) -> PluginLogin:
    """Run the plugin once. `authority` is the cluster's PEM of certificate authorities, in base64.

    With a terminal as standard input the plugin may talk to the person there through it and standard error.
    Raises RequestError (no such program, unknown version), KubernetesError (it failed).
    """
    if plugin.api_version not in _VERSIONS:
        raise RequestError(
            f"login plugin {plugin.command}: apiVersion {plugin.api_version or '(none)'} is not supported",
            hint=f"supported are {' and '.join(_VERSIONS)}: update the plugin and the kubeconfig",
        )
    interactive = _is_interactive(plugin)
    info = _exec_info(plugin, cluster, authority, interactive)
    result = _run(plugin, {**env, **plugin.env, "KUBERNETES_EXEC_INFO": json.dumps(info)}, interactive)
    if result.returncode != 0:
        raise KubernetesError(
            f"login plugin {plugin.command} failed with exit code {result.returncode}",
            evidence=(result.stderr or b"").decode(errors="replace").strip()[-2000:],
            hint="run the same kubectl command by hand: it logs in with the same plugin",
        )
    return _read_login(plugin, result.stdout)


def _is_interactive(plugin: ExecPlugin) -> bool:
    terminal = sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
    if plugin.interactive_mode == "Always" and not terminal:
        raise RequestError(
            f"login plugin {plugin.command} needs a terminal, and standard input is none",
            hint="log in by hand first, or use a kubeconfig with a token or a certificate",
        )
    return terminal and plugin.interactive_mode != "Never"


def _exec_info(plugin: ExecPlugin, cluster: Cluster, authority: bytes | None, interactive: bool) -> dict[str, Any]:
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.provide_cluster_info:
        known = {
            "server": cluster.server,
            "tls-server-name": cluster.tls_server_name,
            "insecure-skip-tls-verify": cluster.insecure,
            "certificate-authority-data": authority.decode("ascii") if authority else None,
            "proxy-url": cluster.proxy_url,
            "config": cluster.exec_config,
        }
        spec["cluster"] = {name: value for name, value in known.items() if value}
    return {"kind": "ExecCredential", "apiVersion": plugin.api_version, "spec": spec}


def _run(plugin: ExecPlugin, env: Mapping[str, str], interactive: bool) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which(plugin.command, path=env.get("PATH", ""))
    if program is None:
        raise RequestError(
            f"login plugin {plugin.command} of the kubeconfig was not found",
            evidence="not on PATH" if Path(plugin.command).name == plugin.command else "no such program",
            hint=plugin.install_hint.strip() or "install it, or use a kubeconfig with another login",
        )
    try:
        return subprocess.run(
            [program, *plugin.args],
            env=env,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if interactive else subprocess.PIPE,
            timeout=_SECONDS_WITH_A_PERSON if interactive else _SECONDS,
            check=False,
        )
    except OSError as error:
        raise RequestError(f"cannot start login plugin {plugin.command}", evidence=error.strerror or "") from error
    except subprocess.TimeoutExpired as error:
        # `from None`: the error has the arguments and what was printed so far, perhaps a token.
        raise KubernetesError(f"login plugin {plugin.command} did not end within {error.timeout:.0f} s") from None


def _read_login(plugin: ExecPlugin, output: bytes) -> PluginLogin:
    """No error quotes the output, which has the token."""
    try:
        credential = json.loads(output)
        status = credential.get("status") or {}
        login = PluginLogin(status.get("token"), status.get("clientCertificateData"), status.get("clientKeyData"))
        version = credential.get("apiVersion")
    except (ValueError, AttributeError):
        raise KubernetesError(f"login plugin {plugin.command} did not print an ExecCredential") from None
    if version != plugin.api_version:
        raise KubernetesError(
            f"login plugin {plugin.command} answers in another version than the kubeconfig asks for",
            evidence=f"asked for {plugin.api_version}, got {version}",
        )
    if bool(login.certificate) != bool(login.key) or not (login.token or login.certificate):
        raise KubernetesError(f"login plugin {plugin.command} printed no token and no certificate with its key")
    return login
