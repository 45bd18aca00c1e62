"""A small Kubernetes API on loopback over HTTPS: it gives single named objects to who logs in, and refuses all else.

Where a test allows it, it lists them, and takes merge patches with the real server's rule: a patch that names another
resourceVersion than the object has is a conflict.

For the demo, and for tests that need a server to fail on demand. Needs the package trustme.
"""

from __future__ import annotations

import base64
import copy
import json
import secrets
import shutil
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import trustme

from mxpc.demo.kubernetes_objects import GROUP, as_stored, environment_objects, merge_patch

__all__ = ["Fault", "KubernetesApi", "environment_objects"]

_KINDS = {"mendixapps": "MendixApp", "storageinstances": "StorageInstance", "secrets": "Secret"}
_READABLE = frozenset({("", "secrets"), (GROUP, "mendixapps"), (GROUP, "storageinstances")})
_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_REASONS = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    429: "TooManyRequests",
    500: "InternalError",
}


@dataclass
class Fault:
    """What to do to the next requests instead of, or before, answering."""

    status: int | None = None
    """Answer with this status; None: answer as usual after the delay."""
    times: int = 1
    delay: float = 0.0
    """Seconds to wait before the answer."""
    retry_after: int | None = None
    resource: str | None = None
    """Only requests for this resource, like `secrets`; None: any."""
    verb: str | None = None
    """Only requests with this verb, like `patch`; None: any."""
    drop: bool = False
    """Close the connection without an answer."""
    body: str | None = None
    """A text/html body instead of a Kubernetes Status, as a proxy sends it."""


@dataclass(frozen=True)
class _Target:
    """What a request asks for, as the API server's authorizer sees it."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str


class KubernetesApi:
    """The server. `objects`, `readable`, `patchable`, `listable` and `tokens` may be changed while it runs."""

    def __init__(self, objects: list[dict[str, Any]] | None = None) -> None:
        self.objects: list[dict[str, Any]] = objects or []
        self.readable: set[tuple[str, str]] = set(_READABLE)
        """(API group, resource) that everybody who logged in may `get`."""
        self.patchable: set[tuple[str, str]] = set()
        """Those that everybody who logged in may `patch`."""
        self.listable: set[tuple[str, str]] = set()
        """Those that everybody who logged in may `list`; the resource `namespaces` lists those of the objects."""
        self.token = secrets.token_urlsafe(24)
        self.tokens = {self.token}
        self.requests: list[tuple[str, str]] = []
        """(verb, path) of every request, refused ones included; the verb is Kubernetes' word, like `get` or `list`."""
        self.headers: list[Mapping[str, str]] = []
        """The headers of every request."""
        self.server_name: str | None = None
        """The name that the last TLS client asked for (None for a bare address)."""
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._authority = trustme.CA(organization_name="mxpc demo")
        self._folder = Path()
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen on a free port of 127.0.0.1 and write the kubeconfig."""
        self._folder = Path(tempfile.mkdtemp(prefix="mxpc-kubernetes-"))
        self._server = _Server(self, self._tls())
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.kubeconfig_path.touch(0o600)
        self.kubeconfig_path.write_text(json.dumps(self.kubeconfig(), indent=2))

    def stop(self) -> None:
        """May be repeated."""
        server, self._server = self._server, None
        if server:
            server.shutdown()
            server.server_close()
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def kubeconfig_path(self) -> Path:
        """A private file (JSON, which is YAML) that logs in with `token`."""
        return self._folder / "kubeconfig"

    @property
    def port(self) -> int:
        assert self._server, "not started"
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def authority_pem(self) -> bytes:
        """The certificate authority that signed the server's certificate, and clients' certificates too."""
        return self._authority.cert_pem.bytes()

    def kubeconfig(self, user: Mapping[str, Any] | None = None, **cluster: object) -> dict[str, Any]:
        """A kubeconfig with one context `demo`; `user` replaces the token, `cluster` adds to the cluster's fields."""
        authority = base64.b64encode(self.authority_pem).decode()
        trusted = {"server": self.url, "certificate-authority-data": authority, **cluster}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "demo", "cluster": {name: value for name, value in trusted.items() if value}}],
            "users": [{"name": "demo", "user": {"token": self.token} if user is None else dict(user)}],
            "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "demo"}}],
            "current-context": "demo",
        }

    def client_certificate(self, name: str = "demo") -> tuple[bytes, bytes]:
        """Certificate and key (PEM) that log in as user `name`."""
        issued = self._authority.issue_cert(f"{name}.users.example", common_name=name)
        return issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()

    def inject(self, fault: Fault) -> None:
        """Faults are used up in the order in which they came, each `times` times."""
        with self._lock:
            self._faults.append(fault)

    def answer(self, verb: str, path: str, body: Callable[[], bytes]) -> tuple[int, Mapping[str, Any]] | None:
        """For servers that can do more than this one: status and object; None where this one shall answer."""
        return None

    def find(self, target: _Target) -> dict[str, Any] | None:
        """The object as the API would send it."""
        item = self._item(target)
        return as_stored(item) if item else None

    def patch(self, target: _Target, patch: dict[str, Any], *, dry_run: bool) -> dict[str, Any] | None:
        """The object as it is afterwards; None for a conflict."""
        with self._lock:
            item = self._item(target)
            assert item
            wanted = patch.get("metadata", {}).pop("resourceVersion", None)
            if wanted not in (None, as_stored(item)["metadata"]["resourceVersion"]):
                return None
            patched = copy.deepcopy(item)
            merge_patch(patched, patch)
            if not dry_run:
                for part in ("metadata", "spec"):
                    # Tests hold on to these.
                    item[part].clear()
                    item[part].update(patched[part])
            return as_stored(patched)

    def _item(self, target: _Target) -> dict[str, Any] | None:
        for item in self.objects:
            metadata = item["metadata"]
            if (item["kind"], metadata["namespace"], metadata["name"]) == (
                _KINDS.get(target.resource),
                target.namespace,
                target.name,
            ):
                return item
        return None

    def allows(self, target: _Target) -> bool:
        """Whether who logged in may do this."""
        rights = {"get": self.readable, "patch": self.patchable, "list": self.listable}
        return (target.group, target.resource) in rights.get(target.verb, set())

    def listed(self, target: _Target) -> dict[str, Any]:
        """What the API would send for a whole kind of objects."""
        if target.resource == "namespaces":
            names = dict.fromkeys(item["metadata"]["namespace"] for item in self.objects)
            items: list[dict[str, Any]] = [{"metadata": {"name": name}} for name in names]
            return {"kind": "NamespaceList", "apiVersion": "v1", "metadata": {}, "items": items}
        kind = _KINDS[target.resource]
        found = [one for one in self.objects if (one["kind"], one["metadata"]["namespace"]) == (kind, target.namespace)]
        return {"kind": f"{kind}List", "apiVersion": "v1", "metadata": {}, "items": [as_stored(one) for one in found]}

    def note(self, handler: BaseHTTPRequestHandler, target: _Target) -> Fault | None:
        """Log a request; returns the fault that it gets."""
        with self._lock:
            self.requests.append((target.verb, handler.path))
            self.headers.append(dict(handler.headers))
            for fault in self._faults:
                if fault.times > 0 and fault.resource in (None, target.resource) and fault.verb in (None, target.verb):
                    fault.times -= 1
                    return fault
        return None

    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("127.0.0.1", "localhost", "kubernetes.demo.example").configure_cert(context)
        context.verify_mode = ssl.CERT_OPTIONAL
        self._authority.configure_trust(context)
        context.sni_callback = self._note_server_name
        return context

    def _note_server_name(self, _socket: object, name: str | None, _context: object) -> None:
        self.server_name = name


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: KubernetesApi, tls: ssl.SSLContext) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Handler)
        # The handshake happens in the handler's thread: a client that never finishes it blocks nobody else.
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is its own business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True  # else each answer waits 40 ms for the client's acknowledgement of its headers
    server: _Server

    def answer(self) -> None:
        target = _target(self.command, self.path)
        fault = self.server.api.note(self, target)
        if fault:
            time.sleep(fault.delay)
            if fault.drop:
                self.close_connection = True
                return
            if fault.status:
                self._send_fault(fault)
                return
        self._send_object(target)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, format: str, *args: object) -> None:
        """The requests are kept in KubernetesApi.requests."""

    def _send_object(self, target: _Target) -> None:
        api = self.server.api
        user = self._user()
        if user is None:
            self._send_status(401, "Unauthorized", target)
        elif answer := api.answer(target.verb, self.path, self._body):
            self._send(answer[0], json.dumps(answer[1]).encode())
        elif not api.allows(target):
            self._send_status(403, _forbidden(user, target), target)
        elif target.verb == "list":
            self._send(200, json.dumps(api.listed(target)).encode())
        elif (found := api.find(target)) is None:
            kind = f"{target.resource}.{target.group}".rstrip(".")
            self._send_status(404, f'{kind} "{target.name}" not found', target)
        elif target.verb == "patch":
            self._send_patched(target)
        else:
            self._send(200, json.dumps(found).encode())

    def _send_patched(self, target: _Target) -> None:
        patch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Content-Type"] == "application/merge-patch+json"
        patched = self.server.api.patch(target, patch, dry_run="dryRun=All" in self.path)
        if patched is None:
            changed = "the object has been modified; please apply your changes to the latest version and try again"
            kind = f"{target.resource}.{target.group}"
            self._send_status(409, f'Operation cannot be fulfilled on {kind} "{target.name}": {changed}', target)
        else:
            self._send(200, json.dumps(patched).encode())

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _user(self) -> str | None:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and token in self.server.api.tokens:
            return "demo"
        certificate: Any = self.connection.getpeercert()
        subject = certificate.get("subject", ()) if certificate else ()
        return dict(pair for part in subject for pair in part).get("commonName")

    def _send_fault(self, fault: Fault) -> None:
        assert fault.status
        after = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        if fault.body is not None:
            self._send(fault.status, fault.body.encode(), {"Content-Type": "text/html", **after})
        else:
            self._send_status(fault.status, "injected fault", None, after)

    def _send_status(
        self, code: int, message: str, target: _Target | None, headers: Mapping[str, str] | None = None
    ) -> None:
        details = {"name": target.name, "group": target.group, "kind": target.resource} if target else {}
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": _REASONS.get(code, "Unknown"),
            "details": {key: value for key, value in details.items() if value},
            "code": code,
        }
        self._send(code, json.dumps(status).encode(), headers)

    def _send(self, code: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(code)
        sent = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        for name, value in sent.items():
            self.send_header(name, value)
        if self.command not in ("GET", "HEAD"):  # the request's body was not read
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _target(method: str, url: str) -> _Target:
    parts = urlsplit(url)
    segments = [unquote(segment) for segment in parts.path.split("/") if segment]
    group = segments[1] if segments[:1] == ["apis"] and len(segments) > 1 else ""
    rest = segments[3:] if group else segments[2:]
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource, name = "/".join([*rest[:1], *rest[2:]]), rest[1] if len(rest) > 1 else ""
    verb = _VERBS.get(method, method.lower())
    if verb == "get" and not name:
        verb = "watch" if "watch=" in parts.query else "list"
    return _Target(verb, group, resource, namespace, name)


def _forbidden(user: str, target: _Target) -> str:
    """The words of the real API server."""
    kind = f"{target.resource}.{target.group}".rstrip(".")
    named = f' "{target.name}"' if target.name else ""
    where = f' in the namespace "{target.namespace}"' if target.namespace else " at the cluster scope"
    return (
        f'{kind}{named} is forbidden: User "{user}" cannot {target.verb} resource "{target.resource}" '
        f'in API group "{target.group}"{where}'
    )
