"""What an object store said when it did not do what was asked, read out of obstore's errors.

obstore has error classes for half of the cases and its texts for the rest, so the texts are read: the HTTP status, the
code and message of the service's XML, and, where no answer came, the innermost reason of the connection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from obstore.exceptions import BaseError, PreconditionError

OBSTORE_ERRORS = (BaseError, OSError, ValueError)
"""What obstore's calls raise: FileNotFoundError, PermissionError and ValueError besides its own."""


class Kind(Enum):
    """What follows from an answer."""

    NO_BLOB = "no such object"
    NO_BUCKET = "no such bucket"
    FORBIDDEN = "access denied"
    LOGIN = "login refused"
    CLOCK = "clock differs"
    REGION = "wrong region"
    CHANGED = "another version"
    NO_RANGE = "range outside of the object"
    CERTIFICATE = "certificate not trusted"
    NO_TLS = "no TLS"
    PROXY = "refused by the proxy"
    BUSY = "overloaded or too slow"
    BROKEN = "unreachable or failing"
    REFUSED = "refused"


LOGIN_CODES = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "InvalidSecurity",
        "AccountProblem",
        "NotSignedUp",
        # Azure
        "AuthenticationFailed",
        "InvalidAuthenticationInfo",
        "NoAuthenticationInformation",
        "KeyBasedAuthenticationNotPermitted",
        "AccountIsDisabled",
        # Google
        "AuthenticationRequired",
    }
)
CODES = {
    "NoSuchBucket": Kind.NO_BUCKET,
    "ContainerNotFound": Kind.NO_BUCKET,
    "ContainerBeingDeleted": Kind.NO_BUCKET,
    "AccessDenied": Kind.FORBIDDEN,
    "RequestTimeTooSkewed": Kind.CLOCK,
    "AuthorizationHeaderMalformed": Kind.REGION,
    "IllegalLocationConstraintException": Kind.REGION,
    "PermanentRedirect": Kind.REGION,
    "SlowDown": Kind.BUSY,
    "ServiceUnavailable": Kind.BUSY,
    "Throttling": Kind.BUSY,
    "ThrottlingException": Kind.BUSY,
    "RequestLimitExceeded": Kind.BUSY,
    "TooManyRequests": Kind.BUSY,
    "RequestTimeout": Kind.BUSY,
    "ServerBusy": Kind.BUSY,
    "OperationTimedOut": Kind.BUSY,
    # What arrived was not what was sent: damaged on the way, so the same request may work.
    "XAmzContentSHA256Mismatch": Kind.BROKEN,
    "BadDigest": Kind.BROKEN,
    "Md5Mismatch": Kind.BROKEN,
    "IncompleteBody": Kind.BROKEN,
    "InternalError": Kind.BROKEN,
    "OperationAborted": Kind.BROKEN,
    **dict.fromkeys(LOGIN_CODES, Kind.LOGIN),
}
STATUSES = {
    301: Kind.REGION,
    401: Kind.LOGIN,
    403: Kind.FORBIDDEN,
    408: Kind.BUSY,
    412: Kind.CHANGED,
    416: Kind.NO_RANGE,
    429: Kind.BUSY,
    500: Kind.BROKEN,
    502: Kind.BROKEN,
    503: Kind.BUSY,
    504: Kind.BUSY,
}
# In this order: the first words that are found decide.
CONNECTION_WORDS = (
    (re.compile(r"InvalidCertificate\(\s*(\w+)"), Kind.CERTIFICATE, "the certificate is not trusted: {}"),
    (re.compile(r"InvalidMessage\(\s*(\w+)"), Kind.NO_TLS, "the answer is not TLS: {}"),
    (re.compile(r"\b(ProxyAuthRequired)\b"), Kind.PROXY, "the proxy asks who we are, or refuses user and password"),
    (re.compile(r"\b(TunnelUnsuccessful)\b"), Kind.BROKEN, "the proxy does not lead there"),
    (re.compile(r'failed to lookup address information: ([^"]+)'), Kind.BROKEN, "the host name is not known: {}"),
    (re.compile(r"(TimedOut|operation timed out|deadline has elapsed)"), Kind.BUSY, "no answer in time"),
    (re.compile(r'code: \d+,\s*kind: \w+,\s*message: "([^"]+)"'), Kind.BROKEN, "{}"),
    (re.compile(r"(BareRedirect)"), Kind.REGION, "redirected without saying where"),
    (re.compile(r"(IncompleteBody|IncompleteMessage|UnexpectedEof)"), Kind.BROKEN, "the answer broke off"),
    (re.compile(r"(NotPartial)"), Kind.REFUSED, "the server does not know range requests"),
    (re.compile(r"\b(HTTP error|HttpError)"), Kind.BROKEN, "the connection failed"),
)
NO_RANGE_WORDS = re.compile(r'Requested range was invalid|CONTENT_RANGE header: "bytes 0--1/0"')
"""Of a folder; and of Azurite, for the first byte of an empty object."""
EVIDENCE_LIMIT = 300


@dataclass(frozen=True)
class Trouble:
    """Why a request failed: what follows from it, and the service's own words (no secret is in them)."""

    kind: Kind
    evidence: str

    @property
    def passing(self) -> bool:
        """Whether the same request may work a moment later."""
        return self.kind in (Kind.BUSY, Kind.BROKEN)


def trouble_of(error: BaseException) -> Trouble:
    """Read an error of obstore."""
    if isinstance(error, CutShort):
        return Trouble(Kind.BROKEN, str(error))
    text = str(error)
    answered = re.search(r"status code: (\d{3})([^:\n]*)", text)
    if not answered and (named := _named(error)):
        return Trouble(named, text.split("\n", 1)[0][:EVIDENCE_LIMIT])
    if answered:
        return _from_answer(int(answered[1]), answered[0].removeprefix("status code: "), text)
    for pattern, kind, words in CONNECTION_WORDS:
        if found := pattern.search(text):
            return Trouble(kind, words.format(found[1]))
    return Trouble(Kind.REFUSED, text.split("\n", 1)[0][:EVIDENCE_LIMIT])


def _named(error: BaseException) -> Kind | None:
    """What the class says where no answer is quoted: folders, and deleting many at once."""
    if isinstance(error, FileNotFoundError):
        return Kind.NO_BLOB
    if isinstance(error, PreconditionError):
        return Kind.CHANGED
    return Kind.NO_RANGE if NO_RANGE_WORDS.search(str(error)) else None


def _from_answer(status: int, status_line: str, text: str) -> Trouble:
    # Code and Message only: the XML of a refused signature also carries the key id and what was signed.
    code = _xml("Code", text)
    evidence = ": ".join(part for part in (f"HTTP {status_line.strip()}", code, _xml("Message", text)) if part)
    # Azurite has one code for a wrong signature and a missing right.
    unproved = "failed to authenticate" in evidence
    kind = Kind.LOGIN if unproved else _kind(status, code, "Error performing HEAD" in text)
    return Trouble(kind, evidence[:EVIDENCE_LIMIT])


def _kind(status: int, code: str, headless: bool) -> Kind:
    if known := CODES.get(code):
        return known
    if status == 404:
        # A 404 without S3's XML comes from something that is no object store (a HEAD's answer has no body at all).
        return Kind.NO_BLOB if code or headless else Kind.REFUSED
    return STATUSES.get(status, Kind.REFUSED)


def _xml(tag: str, text: str) -> str:
    found = re.search(rf"<{tag}>([^<]*)</{tag}>", text)
    # Azure's messages go on with the request's id and time in further lines.
    return found[1].strip().split("\n", 1)[0] if found else ""


class CutShort(Exception):
    """A body ended before its promised length, or is not what its digest says: asked for again."""
