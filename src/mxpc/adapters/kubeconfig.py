"""Which Kubernetes API to call and as whom: kubeconfig files as kubectl reads them, or a pod's service account.

Relative paths in a kubeconfig are relative to the file that has them. Of several files in KUBECONFIG the first one that
has a cluster, user, context or current-context of a name gives it whole.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mxpc.errors import RequestError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Pem:
    """Certificates or a key: as a file, or as base64 of its content."""

    path: Path | None = None
    data: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ExecPlugin:
    """A program that prints a login (client.authentication.k8s.io)."""

    api_version: str
    command: str
    args: tuple[str, ...] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    install_hint: str = ""
    interactive_mode: str = "IfAvailable"
    provide_cluster_info: bool = False


@dataclass(frozen=True)
class Cluster:
    """A server and how to trust it."""

    server: str
    ca: Pem | None = None
    insecure: bool = False
    tls_server_name: str | None = None
    proxy_url: str | None = field(default=None, repr=False)
    exec_config: Any = field(default=None, repr=False)
    """What the cluster's extension client.authentication.k8s.io/exec holds for exec plugins."""


@dataclass(frozen=True)
class User:
    """A login. Of several kinds the first of these counts: token file, token, user name, exec plugin."""

    token_file: Path | None = None
    token: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    certificate: Pem | None = None
    key: Pem | None = None
    exec: ExecPlugin | None = None
    impersonation: tuple[tuple[str, str], ...] = ()
    """Request headers of `as`, `as-uid`, `as-groups` and `as-user-extra`."""


@dataclass(frozen=True)
class ClusterAccess:
    """One context, ready to connect."""

    origin: str
    """Where it was found, for messages: `context prod of /home/me/.kube/config`, `the pod's service account`."""
    cluster: Cluster
    user: User


@dataclass
class _Merged:
    """The entries of all files by kind and name, each with the folder of its file."""

    files: list[Path]
    current_context: str | None = None
    entries: dict[str, dict[str, tuple[Path, Mapping[str, Any]]]] = field(
        default_factory=lambda: {"cluster": {}, "user": {}, "context": {}}
    )

    def names(self, kind: str) -> str:
        return ", ".join(sorted(self.entries[kind])) or "none"


def find_access(
    kubeconfig: str | None,
    context: str | None,
    *,
    env: Mapping[str, str],
    service_account: Path = SERVICE_ACCOUNT,
) -> ClusterAccess:
    """The file given, else the files of KUBECONFIG, else ~/.kube/config, else the pod's service account.

    Raises RequestError when there is none, or when it lacks the context.
    """
    candidates = _candidates(kubeconfig, env)
    merged = _merge([path for path in candidates if path.exists() or kubeconfig])
    if any(merged.entries.values()) or kubeconfig:
        return _select(merged, context)
    if context is None and (access := _service_account(service_account, env)):
        return access
    raise RequestError(
        "no kubeconfig was found, so there is no Kubernetes API to call",
        evidence=f"looked at {', '.join(map(str, candidates)) or 'no home folder'} "
        f"and for a service account in {service_account}",
        hint="give --kubeconfig FILE or set KUBECONFIG; --credentials-dir works without Kubernetes",
    )


def _candidates(kubeconfig: str | None, env: Mapping[str, str]) -> list[Path]:
    if kubeconfig:
        return [Path(kubeconfig)]
    if listed := env.get("KUBECONFIG"):
        return [Path(path) for path in dict.fromkeys(listed.split(os.pathsep)) if path]
    usual = [home / ".kube" / "config" for home in _homes(env)]
    return next(([path] for path in usual if path.exists()), usual[:1])


def _homes(env: Mapping[str, str]) -> list[Path]:
    """Home folders in kubectl's order; the last two names are Windows'. None for a user that no list has."""
    named = [env.get("HOME"), env.get("HOMEDRIVE", "") + env.get("HOMEPATH", ""), env.get("USERPROFILE")]
    if any(named):
        return [Path(home) for home in named if home]
    try:
        return [Path.home()]
    except RuntimeError:  # a pod's user often is a number without an entry
        return []


def _service_account(folder: Path, env: Mapping[str, str]) -> ClusterAccess | None:
    host, port = env.get("KUBERNETES_SERVICE_HOST"), env.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not (folder / "token").is_file():
        return None
    authority = folder / "ca.crt"
    return ClusterAccess(
        origin="the pod's service account",
        cluster=Cluster(
            server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
            ca=Pem(path=authority) if authority.is_file() else None,
        ),
        user=User(token_file=folder / "token"),
    )


def _merge(files: list[Path]) -> _Merged:
    merged = _Merged(files)
    for path in files:
        content = _load(path)
        merged.current_context = merged.current_context or _string(content, "current-context")
        for kind, known in merged.entries.items():
            for entry in _entries(content, kind, path):
                known.setdefault(entry[0], (path.absolute().parent, entry[1]))
    return merged


def _load(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise RequestError(f"cannot read the kubeconfig {path}", evidence=error.strerror or "") from error
    except yaml.YAMLError as error:
        # `from None`: the error quotes the line, which may be a token.
        mark = getattr(error, "problem_mark", None)
        evidence = f"line {mark.line + 1}: {getattr(error, 'problem', '')}" if mark else "not a text"
        raise RequestError(f"the kubeconfig {path} is not valid YAML", evidence=evidence) from None
    if content is not None and not isinstance(content, Mapping):
        raise RequestError(f"the kubeconfig {path} is not a kubeconfig")
    return content or {}


def _entries(content: Mapping[str, Any], kind: str, path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    found = []
    for item in content.get(f"{kind}s") or []:
        if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
            raise RequestError(f"the kubeconfig {path} has an entry without a name under {kind}s")
        value = item.get(kind)
        found.append((item["name"], value if isinstance(value, Mapping) else {}))
    return found


def _select(merged: _Merged, context: str | None) -> ClusterAccess:
    files = ", ".join(map(str, merged.files))
    name = context or merged.current_context
    if not name:
        raise RequestError(
            f"{files} has no current context",
            evidence=f"contexts: {merged.names('context')}",
            hint="choose one with --context NAME",
        )
    if name not in merged.entries["context"]:
        raise RequestError(
            f"there is no context {name} in {files}",
            evidence=f"contexts: {merged.names('context')}",
            hint="choose one of them with --context NAME",
        )
    chosen = merged.entries["context"][name][1]
    return ClusterAccess(
        origin=f"context {name} of {files}",
        cluster=_cluster(*_referred(merged, name, "cluster", chosen)),
        user=_user(*_referred(merged, name, "user", chosen)) if _string(chosen, "user") else User(),
    )


def _referred(merged: _Merged, context: str, kind: str, chosen: Mapping[str, Any]) -> tuple[Path, Mapping[str, Any]]:
    name = _string(chosen, kind) or ""
    if name not in merged.entries[kind]:
        raise RequestError(
            f"context {context} names the {kind} {name or '(none)'}, which the kubeconfig does not have",
            evidence=f"{kind}s: {merged.names(kind)}",
        )
    return merged.entries[kind][name]


def _cluster(folder: Path, entry: Mapping[str, Any]) -> Cluster:
    server = _string(entry, "server")
    if not server:
        raise RequestError("the cluster of this context has no server in the kubeconfig")
    extensions = {item.get("name"): item.get("extension") for item in entry.get("extensions") or []}
    return Cluster(
        server=server if "://" in server else f"https://{server}",
        ca=_pem(folder, entry, "certificate-authority"),
        insecure=entry.get("insecure-skip-tls-verify") is True,
        tls_server_name=_string(entry, "tls-server-name"),
        proxy_url=_string(entry, "proxy-url"),
        exec_config=extensions.get("client.authentication.k8s.io/exec"),
    )


def _user(folder: Path, entry: Mapping[str, Any]) -> User:
    plugin = entry.get("exec")
    if entry.get("auth-provider") and not plugin:
        raise RequestError(
            "the kubeconfig logs in with auth-provider, which Kubernetes removed in 1.26",
            hint="use the exec plugin that replaces it, like kubelogin or gke-gcloud-auth-plugin",
        )
    token_file = _string(entry, "tokenFile")
    return User(
        token_file=folder / token_file if token_file else None,
        token=_string(entry, "token"),
        username=_string(entry, "username"),
        password=_string(entry, "password"),
        certificate=_pem(folder, entry, "client-certificate"),
        key=_pem(folder, entry, "client-key"),
        exec=_exec(folder, plugin) if plugin else None,
        impersonation=tuple(_impersonation(entry)),
    )


def _exec(folder: Path, entry: Mapping[str, Any]) -> ExecPlugin:
    command = _string(entry, "command")
    if not command:
        raise RequestError("an exec plugin of the kubeconfig has no command")
    # As kubectl: a name is looked up in PATH, anything with a separator is a path.
    is_path = "/" in command or os.sep in command
    return ExecPlugin(
        api_version=_string(entry, "apiVersion") or "",
        command=str(folder / command) if is_path else command,
        args=tuple(str(argument) for argument in entry.get("args") or ()),
        env={item["name"]: str(item.get("value", "")) for item in entry.get("env") or ()},
        install_hint=_string(entry, "installHint") or "",
        interactive_mode=_string(entry, "interactiveMode") or "IfAvailable",
        provide_cluster_info=entry.get("provideClusterInfo") is True,
    )


def _impersonation(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    headers = [("Impersonate-User", str(entry["as"]))] if entry.get("as") else []
    headers += [("Impersonate-Uid", str(entry["as-uid"]))] if entry.get("as-uid") else []
    headers += [("Impersonate-Group", str(group)) for group in entry.get("as-groups") or ()]
    for name, values in (entry.get("as-user-extra") or {}).items():
        headers += [(f"Impersonate-Extra-{name}", str(value)) for value in values]
    return headers


def _pem(folder: Path, entry: Mapping[str, Any], key: str) -> Pem | None:
    """Data goes before a file, as in kubectl."""
    data, path = _string(entry, f"{key}-data"), _string(entry, key)
    if data:
        return Pem(data=data)
    return Pem(path=folder / path) if path else None


def _string(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    return value if isinstance(value, str) and value else None
