"""Tokens of the Google service account that the tool runs as: GKE workload identity, or the machine's own account."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlencode

from mxpc.adapters.logins.renewal import Renewed
from mxpc.adapters.logins.requests import ON_THIS_MACHINE, Refused, TokenRequest, Unreachable, ask
from mxpc.adapters.logins.tokens import AccessToken, token_from
from mxpc.errors import RequestError

STORAGE_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
DATABASE_SCOPE = "https://www.googleapis.com/auth/sqlservice.login"

METADATA = "the Google metadata service"
_FLAVOR = {"Metadata-Flavor": "Google"}


def is_google_database_user(user: str) -> bool:
    """Whether a role of Cloud SQL logs in by IAM: it is the service account's address without its last part."""
    return "@" in user and user.endswith(".iam")


def google_token(env: Mapping[str, str], scope: str) -> AccessToken:
    """A token that is good for minutes at least; fetched anew before it expires. Any thread.

    Raises RequestError or ServiceError.
    """
    return _renewed(env.get("GCE_METADATA_HOST") or "metadata.google.internal", scope).get()


@lru_cache(maxsize=8)
def _renewed(host: str, scope: str) -> Renewed[AccessToken]:
    return Renewed(lambda: _metadata_token(host, scope))


def _metadata_token(host: str, scope: str) -> AccessToken:
    base = f"http://{host}/computeMetadata/v1/instance/service-accounts/default"
    _check_there(f"{base}/email")
    url = f"{base}/token?{urlencode({'scopes': scope})}"
    return token_from(
        TokenRequest(METADATA, "GET", url, _FLAVOR, patience=ON_THIS_MACHINE),
        "cannot log in to Google as the service account",
        "Check the workload identity of the pod's service account.",
    )


def _check_there(url: str) -> None:
    try:
        ask(TokenRequest(METADATA, "GET", url, _FLAVOR, patience=ON_THIS_MACHINE))
    except Unreachable as cause:
        raise RequestError(
            "there is no Google identity here to log in with",
            evidence=f"{METADATA} does not answer: {cause}",
            hint="Run it in a pod whose service account has the identity (see `jump-pod`).",
        ) from cause
    except Refused:
        return
