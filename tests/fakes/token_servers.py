"""Servers that give away tokens and check who asks: AWS STS, EKS pod identity, EC2 metadata, Entra, Azure and Google.

What is wrong with a request is kept in `complaints` and answered as the real service would; tests assert that there are
none. Lifetimes are the test's; each answer is another one.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, parse_qsl, urlsplit

Answer = tuple[int, str]


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    form: Mapping[str, str]


@dataclass
class TokenServer:
    """A server on loopback; `behave` is what a fake service does. `faults` are answered first, then it behaves."""

    lifetime: timedelta = timedelta(hours=1)
    tls: ssl.SSLContext | None = None
    faults: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    """Every secret that was given away."""

    def __post_init__(self) -> None:
        self._server: ThreadingHTTPServer | None = None
        self._lock = threading.Lock()

    def behave(self, asked: Asked) -> Answer:
        raise NotImplementedError

    def check(self, expected: object, found: object, what: str) -> bool:
        """Whether both are the same; a complaint when not."""
        if expected != found:
            self.complaints.append(f"{what}: {found!r} instead of {expected!r}")
        return expected == found

    def next(self, kind: str) -> str:
        """A secret that nobody had before."""
        self.given.append(f"{kind}{len(self.given)}/s3cr+t=")
        return self.given[-1]

    @property
    def expiration(self) -> str:
        """As AWS writes moments."""
        return f"{datetime.now(UTC) + self.lifetime:%Y-%m-%dT%H:%M:%S}Z"

    @property
    def url(self) -> str:
        assert self._server
        return f"{'https' if self.tls else 'http'}://localhost:{self._server.server_port}"

    @property
    def host(self) -> str:
        return self.url.partition("//")[2]

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            return self.faults.pop(0) if self.faults else self.behave(asked)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.answer))
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if self.tls:
            self._server.socket = self.tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server
        self._server.shutdown()
        self._server.server_close()


def _handler(answer: Callable[[Asked], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, url.path, dict(parse_qsl(url.query)), headers, dict(parse_qsl(body)))
            status, text = answer(asked)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_PUT = do_POST = _serve

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def sts_error(code: str, message: str, status: int = 400) -> Answer:
    """As AWS STS refuses."""
    return status, (
        f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )


@dataclass
class Sts(TokenServer):
    """AssumeRoleWithWebIdentity."""

    role: str = "arn:aws:iam::123456789012:role/my-app"
    token: str = "web-identity-token"
    session: str | None = None
    keys: Callable[[], tuple[str, str, str]] | None = None
    """Makes access key id, secret and session token; for stores that must know them."""

    def behave(self, asked: Asked) -> Answer:
        self.check(("POST", "/"), (asked.method, asked.path), "request")
        self.check("application/x-www-form-urlencoded", asked.headers.get("content-type"), "content type")
        self.check("AssumeRoleWithWebIdentity", asked.form.get("Action"), "Action")
        self.check("2011-06-15", asked.form.get("Version"), "Version")
        self.check(False, "authorization" in asked.headers, "a signature")
        name = asked.form.get("RoleSessionName", "")
        if self.session:
            self.check(self.session, name, "RoleSessionName")
        self.check(True, 2 <= len(name) <= 64, "length of RoleSessionName")
        if asked.form.get("WebIdentityToken") != self.token:
            return sts_error("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider")
        if asked.form.get("RoleArn") != self.role:
            return sts_error("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
        key, secret, token = self.keys() if self.keys else ("ASIAKEY", self.next("secret"), self.next("session"))
        fields = {"AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": token, "Expiration": self.expiration}
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
        return 200, (
            '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<AssumeRoleWithWebIdentityResult><Audience>sts.amazonaws.com</Audience><Credentials>{inner}</Credentials>"
            "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
        )


@dataclass
class PodIdentity(TokenServer):
    """The agent on an EKS node."""

    token: str = "pod-token"

    @property
    def uri(self) -> str:
        return f"{self.url}/v1/credentials"

    def behave(self, asked: Asked) -> Answer:
        self.check(("GET", "/v1/credentials"), (asked.method, asked.path), "request")
        if asked.headers.get("authorization") != self.token:
            return 400, "[9a1b]: (InvalidTokenException): the token is not valid, fault: client"
        return 200, json.dumps(
            {
                "AccessKeyId": "ASIAPOD",
                "SecretAccessKey": self.next("secret"),
                "Token": self.next("session"),
                "AccountId": "123456789012",
                "Expiration": self.expiration,
            }
        )


@dataclass
class InstanceMetadata(TokenServer):
    """EC2's, which knows the second version of the protocol only."""

    role: str | None = "node-role"

    def behave(self, asked: Asked) -> Answer:
        base = "/latest/meta-data/iam/security-credentials/"
        if asked.path == "/latest/api/token":
            self.check("PUT", asked.method, "method")
            self.check(True, 1 <= int(asked.headers["x-aws-ec2-metadata-token-ttl-seconds"]) <= 21600, "ttl")
            return 200, "session-of-metadata"
        self.check("GET", asked.method, "method")
        if asked.headers.get("x-aws-ec2-metadata-token") != "session-of-metadata":
            return 401, "<html>Unauthorized</html>"
        if self.role is None:
            return 404, "<html>Not Found</html>"
        if asked.path == base:
            return 200, self.role
        self.check(f"{base}{self.role}", asked.path, "path")
        keys = {"AccessKeyId": "ASIANODE", "SecretAccessKey": self.next("secret"), "Token": self.next("session")}
        return 200, json.dumps({"Code": "Success", "Type": "AWS-HMAC", **keys, "Expiration": self.expiration})


def jwt(audience: str, lifetime: timedelta) -> str:
    """A token as Entra's look; its signature is none."""
    now = datetime.now(UTC)
    claims = {
        "aud": audience,
        "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000000/",
        "iat": int(now.timestamp()) - 60,
        "nbf": int(now.timestamp()) - 60,
        "exp": int((now + lifetime).timestamp()),
        "oid": now.isoformat(),
    }
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts), "c2ln"]
    )


@dataclass
class Entra(TokenServer):
    """The OAuth endpoint of a tenant: workload identity, or a client secret."""

    tenant: str = "my-tenant"
    client: str = "my-client"
    assertion: str | None = "federated-token"
    secret: str | None = None
    scope: str = "https://storage.azure.com/.default"

    def behave(self, asked: Asked) -> Answer:
        self.check(("POST", f"/{self.tenant}/oauth2/v2.0/token"), (asked.method, asked.path), "request")
        self.check("client_credentials", asked.form.get("grant_type"), "grant_type")
        self.check(self.scope, asked.form.get("scope"), "scope")
        if self.assertion:
            kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            self.check(kind, asked.form.get("client_assertion_type"), "client_assertion_type")
        proof = (asked.form.get("client_id"), asked.form.get("client_assertion"), asked.form.get("client_secret"))
        if proof != (self.client, self.assertion, self.secret):
            said = "AADSTS70021: No matching federated identity record found.\r\nTrace ID: 1\r\nTimestamp: now"
            return 401, json.dumps({"error": "invalid_client", "error_description": said})
        token = jwt(self.scope.removesuffix("/.default"), self.lifetime)
        self.given.append(token)
        seconds = int(self.lifetime.total_seconds())
        return 200, json.dumps({"token_type": "Bearer", "expires_in": seconds, "access_token": token})


@dataclass
class AzureMetadata(TokenServer):
    """The metadata service of an Azure machine with managed identities."""

    client: str | None = None
    resource: str = "https://storage.azure.com"

    def behave(self, asked: Asked) -> Answer:
        self.check("GET", asked.method, "method")
        if asked.headers.get("metadata") != "true":
            return 400, json.dumps(
                {"error": "bad_request", "error_description": "Required metadata header not specified"}
            )
        if asked.path == "/metadata/versions":
            return 200, '{"apiVersions": ["2018-02-01"]}'
        self.check("/metadata/identity/oauth2/token", asked.path, "path")
        self.check("2018-02-01", asked.query.get("api-version"), "api-version")
        self.check(self.resource, asked.query.get("resource"), "resource")
        if asked.query.get("client_id") != self.client:
            return 400, json.dumps({"error": "invalid_request", "error_description": "Identity not found"})
        seconds = str(int(self.lifetime.total_seconds()))
        token = jwt(self.resource, self.lifetime)
        self.given.append(token)
        return 200, json.dumps({"access_token": token, "expires_in": seconds, "token_type": "Bearer"})


@dataclass
class GoogleMetadata(TokenServer):
    """The metadata service of a Google machine, or of GKE's workload identity."""

    scope: str = "https://www.googleapis.com/auth/devstorage.read_write"

    def behave(self, asked: Asked) -> Answer:
        self.check(("GET", "Google"), (asked.method, asked.headers.get("metadata-flavor")), "request")
        base = "/computeMetadata/v1/instance/service-accounts/default"
        if asked.path == f"{base}/email":
            return 200, "app@project.iam.gserviceaccount.com"
        self.check(f"{base}/token", asked.path, "path")
        self.check([self.scope], parse_qs(f"s={asked.query.get('scopes', '')}")["s"], "scopes")
        seconds = int(self.lifetime.total_seconds())
        return 200, json.dumps({"access_token": self.next("ya29."), "expires_in": seconds, "token_type": "Bearer"})
