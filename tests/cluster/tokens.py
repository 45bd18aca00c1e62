"""Tokens of service accounts that the API server would not give: it signs none for less than ten minutes."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cluster.namespaces import ServiceAccount


def expired_token(account: ServiceAccount) -> str:
    """One whose end was ten minutes ago; signed with the server's own key."""
    now = int(time.time())
    return resigned(
        account.token(), account.cluster.signing_key_pem, {"exp": now - 600, "iat": now - 4200, "nbf": now - 4200}
    )


def resigned(token: str, key_pem: bytes, claims: Mapping[str, object]) -> str:
    """A token with other claims, signed with this key (ES256)."""
    header, payload, _ = token.split(".")
    changed = {**json.loads(_decoded(payload)), **claims}
    signed = f"{header}.{_encoded(json.dumps(changed).encode())}"
    key = load_pem_private_key(key_pem, None)
    assert isinstance(key, EllipticCurvePrivateKey)
    r, s = decode_dss_signature(key.sign(signed.encode(), ECDSA(SHA256())))
    return f"{signed}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
