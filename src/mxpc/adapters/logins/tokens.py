"""A bearer token and until when it is good; what Azure and Google have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mxpc.adapters.logins.renewal import now
from mxpc.adapters.logins.requests import (
    Refused,
    TokenRequest,
    Unreachable,
    ask,
    json_object,
    not_understood,
    text_of,
    unreachable_hint,
    words_of,
)
from mxpc.errors import ServiceError


@dataclass(frozen=True)
class AccessToken:
    """What an OAuth server gives."""

    text: str = field(repr=False)
    expires: datetime


def token_from(request: TokenRequest, what: str, hint: str, ca_file: str | None = None) -> AccessToken:
    """Ask for a token. Raises ServiceError that begins with `what`, or RequestError."""
    began = now()
    try:
        answer = json_object(request, ask(request, ca_file))
    except Refused as refusal:
        raise ServiceError(f"{what}: {request.service} refused", evidence=words_of(refusal), hint=hint) from refusal
    except Unreachable as cause:
        raise ServiceError(
            f"{what}: {request.service} at {request.url} cannot be reached",
            evidence=str(cause),
            hint=unreachable_hint(cause),
        ) from cause
    return AccessToken(text_of(request, answer, "access_token"), began + _lifetime(request, answer))


def _lifetime(request: TokenRequest, answer: Mapping[str, object]) -> timedelta:
    """Microsoft's metadata service gives the seconds as a text."""
    seconds = str(answer.get("expires_in", ""))
    if not seconds.isascii() or not seconds.isdigit():
        raise not_understood(request, "it has no expires_in")
    return timedelta(seconds=int(seconds))
