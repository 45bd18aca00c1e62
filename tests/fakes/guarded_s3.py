"""A gate before an S3 server: it checks who asks, and asks the server itself with keys that the server knows.

So a store that knows only static keys serves temporary keys and bearer tokens. Signatures are checked with botocore.
"""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from mxpc.demo.s3 import REGION, S3Identity

AMAZONS = "x-amz-meta-"

Guard = Callable[["Request"], str | None]
"""The code of the refusal, or None to let it pass."""


class Request:
    """What came: `headers` have names in lower case."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str]) -> None:
        self.method = method
        self.url = url
        self.headers = headers


class GuardedS3:
    """Gives each request that `guard` lets through to the server at `port`, signed as `identity`.

    `metadata` is what the names of metadata begin with on our side of the gate: Google's word is another one.
    """

    def __init__(self, port: int, identity: S3Identity, guard: Guard, *, metadata: str = AMAZONS) -> None:
        self._port = port
        self._keys = Credentials(identity.access_key_id, identity.secret_access_key)
        self.guard = guard
        self._metadata = metadata
        self.passed = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                code = gate.guard(Request(self.command, f"{gate.endpoint}{self.path}", headers))
                if code:
                    self._answer(403, {}, f"<Error><Code>{code}</Code><Message>refused</Message></Error>".encode())
                    return
                gate.passed += 1
                self._answer(*gate.forward(self.command, self.path, headers, body))

            def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "content-length" not in headers and status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def forward(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Ask the server, and give its answer."""
        url = urlsplit(target)
        path = quote(unquote(url.path), safe="/~")
        kept = {name: headers[name] for name in ("range", "if-match", "content-type") if name in headers}
        kept |= {name.replace(self._metadata, AMAZONS): headers[name] for name in headers if self._metadata in name}
        query = url.query if "=" in url.query or not url.query else f"{url.query}="
        address = f"http://127.0.0.1:{self._port}{path}{'?' if query else ''}{query}"
        request = AWSRequest(method, address, headers=kept, data=body)
        request.context["client_config"] = None
        S3SigV4Auth(self._keys, "s3", REGION).add_auth(request)
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request(method, f"{path}{'?' if query else ''}{query}", body or None, dict(request.headers))
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        passed = ("etag", "last-modified", "content-range", "content-type", "content-length")
        answered = {name.lower(): value for name, value in response.getheaders()}
        found = {name: value for name, value in answered.items() if name in passed}
        found |= {name.replace(AMAZONS, self._metadata): answered[name] for name in answered if AMAZONS in name}
        return response.status, found, content


def signed_by(keys: Callable[[str], tuple[str, str] | None]) -> Guard:
    """Lets requests pass that are signed with keys in force: `keys` gives secret and session token of a key id."""

    def guard(request: Request) -> str | None:
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/[^,]+, ?SignedHeaders=([^,]+), ?Signature=(\w+)",
            request.headers.get("authorization", ""),
        )
        known = keys(found[1]) if found else None
        if not found or not known:
            return "InvalidAccessKeyId"
        secret, token = known
        if request.headers.get("x-amz-security-token") != token or "x-amz-security-token" not in found[2].split(";"):
            return "ExpiredToken"
        signed = AWSRequest(
            request.method, request.url, headers={name: request.headers[name] for name in found[2].split(";")}
        )
        signed.context["timestamp"] = request.headers["x-amz-date"]
        auth = S3SigV4Auth(Credentials(found[1], secret, token), "s3", REGION)
        expected = auth.signature(auth.string_to_sign(signed, auth.canonical_request(signed)), signed)
        return None if expected == found[3] else "SignatureDoesNotMatch"

    return guard
