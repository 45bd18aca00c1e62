"""One small request to a service that gives away tokens: patient, bounded, and silent about what it carries."""

from __future__ import annotations

import html
import json
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mxpc.errors import RequestError, ServiceError

if TYPE_CHECKING:
    import ssl

    import httpx2

PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
LONGEST_ANSWER = 1 << 20
EVIDENCE_LIMIT = 300


@dataclass(frozen=True)
class Patience:
    """How long one request is tried: `tries`, each with so many seconds to connect and between two bytes."""

    tries: int = 4
    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    first_pause: float = 0.3


OUT_THERE = Patience()
"""A service of the cloud: given up after about 3 s (refused) to a minute."""
ON_THIS_MACHINE = Patience(tries=3, connect_seconds=1.0, read_seconds=5.0)
"""The node's own metadata service answers at once or is not there at all: elsewhere the address leads nowhere."""


@dataclass(frozen=True)
class TokenRequest:
    """What is asked. The URL has no secret; headers and form may have."""

    service: str
    """Who is asked, for messages, like `the AWS token service`."""
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    patience: Patience = OUT_THERE

    @property
    def nearby(self) -> bool:
        """Whether it is for this machine: never through a proxy."""
        return self.patience is ON_THIS_MACHINE


class Refused(Exception):
    """The service answered, and not with what was asked for. Never leaves the package."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body


class Unreachable(Exception):
    """Nobody answered. Never leaves the package."""


def ask(request: TokenRequest, ca_file: str | None = None) -> str:
    """The body of a good answer. `ca_file` is a PEM of further roots. Raises Refused, Unreachable or RequestError."""
    for left in reversed(range(request.patience.tries)):
        try:
            return _ask_once(request, ca_file)
        except Refused as refusal:
            if refusal.status not in PASSING_STATUSES or not left:
                raise
        except Unreachable as failure:
            if not left or "CERTIFICATE_VERIFY_FAILED" in str(failure):
                raise
        tried = request.patience.tries - left
        time.sleep(request.patience.first_pause * 2.0 ** (tried - 1) * random.uniform(0.5, 1.5))  # noqa: S311
    raise AssertionError


def _ask_once(request: TokenRequest, ca_file: str | None) -> str:
    import httpx2

    timeout = httpx2.Timeout(request.patience.read_seconds, connect=request.patience.connect_seconds)
    try:
        with (
            httpx2.Client(verify=_trust(request.url, ca_file), trust_env=not request.nearby, timeout=timeout) as client,
            client.stream(request.method, request.url, headers=dict(request.headers), data=request.form) as response,
        ):
            body = _read(response)
    except httpx2.InvalidURL:
        raise RequestError(f"the address of {request.service} is none: {request.url}") from None
    except httpx2.TransportError as error:
        # The cause is not kept: its request carries the token.
        raise Unreachable(f"{type(error).__name__}: {error}".removesuffix(": ")) from None
    if response.status_code != 200:
        raise Refused(response.status_code, body)
    return body


def _read(response: httpx2.Response) -> str:
    parts, size = [], 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > LONGEST_ANSWER:
            break
    return b"".join(parts).decode("utf-8", "replace")


def _trust(url: str, ca_file: str | None) -> ssl.SSLContext | bool:
    import httpx2

    if url.startswith("http://"):
        return False
    context = httpx2.create_ssl_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ValueError) as error:
            raise RequestError(f"cannot use the CA file {ca_file}", evidence=str(error)) from error
    return context


# ------------------------------------------------------------------------------------------------------ what came back


def unreachable_hint(cause: Unreachable, more: str = "") -> str:
    """What to do about it."""
    if "CERTIFICATE_VERIFY_FAILED" in str(cause):
        return "Name the CA with SSL_CERT_FILE, or with --storage-ca-file when it is for the file storage."
    return f"Check network and proxy. {more}".strip()


def json_object(request: TokenRequest, body: str) -> Mapping[str, Any]:
    """The answer as a JSON object. Raises ServiceError when it is none."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise not_understood(request, "it is no JSON object")
    return value


def text_of(request: TokenRequest, answer: Mapping[str, Any], key: str) -> str:
    """A text of the answer. Raises ServiceError when it is not there."""
    value = answer.get(key)
    if not isinstance(value, str) or not value:
        raise not_understood(request, f"it has no {key}")
    return value


def xml_text(body: str, tag: str) -> str:
    """The content of the first element of this name; "" without one."""
    found = re.search(rf"<{tag}>([^<]*)</{tag}>", body)
    return html.unescape(found[1]).strip() if found else ""


def words_of(refusal: Refused) -> str:
    """What the service said, in one line: code and message of XML or JSON; never more of the body."""
    said = [xml_text(refusal.body, "Code"), xml_text(refusal.body, "Message")]
    if not any(said):
        said = _json_words(refusal.body)
    line = " ".join(": ".join(part for part in (f"HTTP {refusal.status}", *said) if part).split())
    return line[:EVIDENCE_LIMIT]


def _json_words(body: str) -> list[str]:
    try:
        value = json.loads(body)
    except ValueError:
        return []
    if not isinstance(value, dict):
        return []
    keys = ("code", "Code", "error", "error_description", "message", "Message")
    # Microsoft's descriptions go on with ids and times in further lines.
    return [str(value[key]).splitlines()[0] for key in keys if isinstance(value.get(key), str) and value[key]]


def not_understood(request: TokenRequest, why: str) -> ServiceError:
    """The error for an answer that is not what the service's documentation promises."""
    return ServiceError(
        f"{request.service} at {request.url} gave an answer that is not understood",
        evidence=why,
        hint="Is this the right address, or does a proxy answer?",
    )


def read_token_file(path: str, variable: str) -> str:
    """A token that somebody keeps fresh in a file, so it is read each time. Raises RequestError."""
    hint = f"{variable} names it; in a pod its service account mounts it."
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(
            f"cannot read the token file {path}", evidence=getattr(error, "strerror", "") or "", hint=hint
        ) from None
    if not token or not token.isprintable():
        raise RequestError(f"the token file {path} has no token", hint=hint)
    return token
