"""Passwords of the moment for PostgreSQL on Amazon RDS and Aurora."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime
from urllib.parse import quote, urlencode

from mxpc.adapters.logins.aws import AwsKeys

LIFETIME_SECONDS = 900
"""RDS takes no longer one. It counts when a session begins; a session that has begun may last."""

_HOST = re.compile(r".+\.(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d+)\.rds\.amazonaws\.com(?:\.cn)?", re.IGNORECASE)


def rds_region(host: str) -> str | None:
    """The region in the name of an RDS host: instances, clusters, custom endpoints and proxies; None for others."""
    found = _HOST.fullmatch(host.rstrip("."))
    return found["region"].lower() if found else None


def rds_token(keys: AwsKeys, *, host: str, port: int, user: str, region: str, moment: datetime) -> str:
    """A request to connect, signed in its query (Signature Version 4) and without its scheme: that is the password.

    `moment` is in UTC. Nothing is sent to AWS: whether the identity may connect, the server decides.
    """
    day, second = f"{moment:%Y%m%d}", f"{moment:%Y%m%dT%H%M%SZ}"
    scope = f"{day}/{region}/rds-db/aws4_request"
    query = {
        "Action": "connect",
        "DBUser": user,
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{keys.access_key_id}/{scope}",
        "X-Amz-Date": second,
        "X-Amz-Expires": str(LIFETIME_SECONDS),
        "X-Amz-SignedHeaders": "host",
    }
    if keys.session_token:
        query["X-Amz-Security-Token"] = keys.session_token
    address = f"{host}:{port}"
    sent = urlencode(sorted(query.items()), quote_via=quote, safe="~")
    empty = hashlib.sha256(b"").hexdigest()
    request = f"GET\n/\n{sent}\nhost:{address}\n\nhost\n{empty}"
    signed = f"AWS4-HMAC-SHA256\n{second}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(_signing_key(keys, day, region), signed.encode(), hashlib.sha256).hexdigest()
    return f"{address}/?{sent}&X-Amz-Signature={signature}"


def _signing_key(keys: AwsKeys, day: str, region: str) -> bytes:
    key = f"AWS4{keys.secret_access_key}".encode()
    for part in (day, region, "rds-db", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
