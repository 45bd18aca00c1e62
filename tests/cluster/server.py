"""A real kube-apiserver with etcd on loopback: RBAC, pod security admission and service account tokens are on.

There is nothing else of a cluster: no controllers, no scheduler, no kubelet. So a namespace has no `default` service
account until a test makes one, a deleted namespace stays, owner references are stored and not followed, and a pod stays
Pending until a test writes its status (`api.patch(…, part="status")`) or has a node (`cluster.node`).
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trustme

from cluster.api import Api, Refused, wait_until
from cluster.binaries import Binaries
from cluster.mendix import CUSTOM_RESOURCES, VERSION
from mxpc.demo.processes import ServerProcess, free_ports, private_file

ISSUER = "https://kubernetes.default.svc.cluster.local"
MASTERS = "system:masters"
"""The group that may do everything."""


class Cluster:
    """The server, and logins of every kind for it. `admin` may do everything."""

    def __init__(self, work: Path, binaries: Binaries) -> None:
        self.binaries = binaries
        self._folder = work
        self.authority = trustme.CA(organization_name="mxpc tests")
        """Of the server's certificate, and of its clients'."""
        self._etcd = ServerProcess("etcd", work / "etcd.log")
        self._apiserver = ServerProcess("kube-apiserver", work / "kube-apiserver.log")
        self._client_port, self._peer_port, self.port = free_ports(3)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def authority_pem(self) -> bytes:
        """The certificate of `authority`."""
        return self.authority.cert_pem.bytes()

    @property
    def signing_key_pem(self) -> bytes:
        """The private key that signs tokens of service accounts: with it a test makes a token of its own kind."""
        return (self._folder / "service-accounts.pem").read_bytes()

    def __enter__(self) -> Self:
        try:
            self._start_etcd()
            self._start_apiserver()
            self.admin = self.api(self.client_certificate("admin", MASTERS))
            self._apiserver.wait_until(self.admin.is_ready)
            self._define_custom_resources()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.admin.close()
        self._stop()

    # ---------------------------------------------------------------------------------------------------------- logins

    def client_certificate(self, user: str, *groups: str) -> tuple[bytes, bytes]:
        """Certificate and key (PEM) that log in as this user, of at most one group."""
        issued = self.authority.issue_cert(
            "client.example", common_name=user, organization_name=groups[0] if groups else None
        )
        return issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()

    def token(self, namespace: str, service_account: str, *, seconds: int = 3600, audience: str | None = None) -> str:
        """A token of a service account, as `kubectl create token` gets it; the server wants 600 seconds at least."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        spec = {"expirationSeconds": seconds, "audiences": [audience] if audience else []}
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return str(self.admin.request("POST", path, asked)["status"]["token"])

    def api(self, login: tuple[bytes, bytes] | str) -> Api:
        """Requests with a client certificate and its key, or with a token; the caller closes it."""
        tls = ssl.create_default_context(cadata=self.authority_pem.decode())
        if isinstance(login, str):
            return Api(self.url, tls, {"Authorization": f"Bearer {login}"})
        chain = self._folder / "client.pem"
        private_file(chain, (login[0] + login[1]).decode())
        tls.load_cert_chain(chain)
        chain.unlink()
        return Api(self.url, tls)

    def kubeconfig(self, user: Mapping[str, Any], **cluster: object) -> dict[str, Any]:
        """A kubeconfig with one context; `user` as its field has it, `cluster` replaces (None: takes away) fields."""
        trusted = {"server": self.url, "certificate-authority-data": encoded(self.authority_pem), **cluster}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "real", "cluster": {name: value for name, value in trusted.items() if value}}],
            "users": [{"name": "user", "user": dict(user)}],
            "contexts": [{"name": "test", "context": {"cluster": "real", "user": "user"}}],
            "current-context": "test",
        }

    def admin_kubeconfig(self) -> dict[str, Any]:
        """For kubectl as the administrator."""
        return self.kubeconfig(certificate_user(*self.client_certificate("admin", MASTERS)))

    # ----------------------------------------------------------------------------------------------------- inner works

    def _start_etcd(self) -> None:
        client, peer = (f"http://127.0.0.1:{port}" for port in (self._client_port, self._peer_port))
        options = {
            "data-dir": self._folder / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "unsafe-no-fsync": "true",  # nothing here has to survive a power cut
            "log-level": "warn",
        }
        self._start(self._etcd, self.binaries.etcd, options)

    def _start_apiserver(self) -> None:
        identity = self.authority.issue_cert("127.0.0.1", "localhost")
        private_file(self._folder / "server.key", identity.private_key_pem.bytes().decode())
        (self._folder / "server.pem").write_bytes(identity.cert_chain_pems[0].bytes())
        (self._folder / "ca.pem").write_bytes(self.authority_pem)
        chain, private = self.client_certificate("kube-apiserver")
        client = private_file(self._folder / "kubelet-client.pem", (chain + private).decode())
        signer = self.authority.issue_cert("service-accounts").private_key_pem.bytes().decode()
        key = private_file(self._folder / "service-accounts.pem", signer)
        options = {
            "etcd-servers": f"http://127.0.0.1:{self._client_port}",
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "secure-port": self.port,
            "tls-cert-file": self._folder / "server.pem",
            "tls-private-key-file": self._folder / "server.key",
            "client-ca-file": self._folder / "ca.pem",
            "authorization-mode": "RBAC",
            "enable-admission-plugins": "PodSecurity,ServiceAccount,ResourceQuota,LimitRanger",
            "service-account-issuer": ISSUER,
            "service-account-signing-key-file": key,
            "service-account-key-file": key,
            "kubelet-certificate-authority": self._folder / "ca.pem",
            "kubelet-client-certificate": client,
            "kubelet-client-key": client,
            "kubelet-preferred-address-types": "InternalIP",
            "service-cluster-ip-range": "10.0.0.0/24",
            "endpoint-reconciler-type": "none",  # with one it wants an address that is not loopback
            "cert-dir": self._folder / "certificates",
        }
        self._start(self._apiserver, self.binaries.apiserver, options)

    def _start(self, process: ServerProcess, program: Path, options: Mapping[str, object]) -> None:
        words: Sequence[str | Path] = [program, *(f"--{name}={value}" for name, value in options.items())]
        process.start(words, folder=self._folder, environment={"PATH": "/usr/bin:/bin", "HOME": str(self._folder)})

    def _define_custom_resources(self) -> None:
        for definition in CUSTOM_RESOURCES:
            self.admin.create(definition)
        kinds = [definition["spec"]["names"]["kind"] for definition in CUSTOM_RESOURCES]
        wait_until("custom resources", lambda: all(self._serves(kind) for kind in kinds))

    def _serves(self, kind: str) -> bool:
        try:
            self.admin.list(VERSION, kind)
        except (Refused, KeyError):
            return False
        return True

    def _stop(self) -> None:
        """Nothing in it is worth a graceful end."""
        self._apiserver.kill()
        self._etcd.kill()


def encoded(pem: bytes) -> str:
    """As the `…-data` fields of a kubeconfig have it."""
    return base64.b64encode(pem).decode()


def certificate_user(certificate: bytes, key: bytes) -> dict[str, str]:
    """The user of a kubeconfig that logs in with a client certificate."""
    return {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}


def save(path: Path, kubeconfig: Mapping[str, Any]) -> Path:
    """Write a kubeconfig (JSON is YAML) that only we can read."""
    return private_file(path, json.dumps(kubeconfig, indent=2))
