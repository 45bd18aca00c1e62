"""Tokens of the Azure identity that the tool runs as: service principal, workload identity, managed identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urlencode

from mxpc.adapters.logins.renewal import Renewed
from mxpc.adapters.logins.requests import ON_THIS_MACHINE, Refused, TokenRequest, Unreachable, ask, read_token_file
from mxpc.adapters.logins.tokens import AccessToken, token_from
from mxpc.errors import RequestError

STORAGE_SCOPE = "https://storage.azure.com/.default"

_DATABASE_CLOUDS = {
    ".postgres.database.azure.com": "https://ossrdbms-aad.database.windows.net/.default",
    ".postgres.database.usgovcloudapi.net": "https://ossrdbms-aad.database.usgovcloudapi.net/.default",
    ".postgres.database.chinacloudapi.cn": "https://ossrdbms-aad.database.chinacloudapi.cn/.default",
}

AUTHORITY = "https://login.microsoftonline.com"
METADATA_ENDPOINT = "http://169.254.169.254"
ENTRA = "Microsoft Entra"
METADATA = "the Azure instance metadata service"

_VARIABLES = (
    *("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"),
    *("AZURE_AUTHORITY_HOST", "AZURE_POD_IDENTITY_AUTHORITY_HOST"),
)


@dataclass(frozen=True)
class AzureIdentity:
    """Who the tool is for Azure. `name` is for messages; `fetch` asks for a scope's token, and may raise ToolError."""

    name: str
    fetch: Callable[[str], AccessToken]


def azure_database_scope(host: str) -> str | None:
    """The scope for tokens of an Azure Database for PostgreSQL; None for other hosts."""
    name = host.lower().rstrip(".")
    return next((scope for suffix, scope in _DATABASE_CLOUDS.items() if name.endswith(suffix)), None)


def azure_identity(env: Mapping[str, str], ca_file: str | None = None) -> AzureIdentity:
    """The identity that the environment variables lead to, in the order of Azure's own libraries; asks nothing yet."""
    client, tenant = env.get("AZURE_CLIENT_ID"), env.get("AZURE_TENANT_ID")
    if client and tenant and env.get("AZURE_CLIENT_SECRET"):
        name = f"service principal {client} of tenant {tenant}"
        return AzureIdentity(
            name, lambda scope: _entra(env, {"client_secret": env["AZURE_CLIENT_SECRET"]}, scope, ca_file)
        )
    if client and tenant and (path := env.get("AZURE_FEDERATED_TOKEN_FILE")):
        name = f"workload identity {client} of tenant {tenant}"
        return AzureIdentity(name, lambda scope: _entra(env, _assertion(path), scope, ca_file))
    name = f"managed identity {client}" if client else "the managed identity of this machine"
    return AzureIdentity(name, lambda scope: _managed(env, client, scope))


def azure_token(env: Mapping[str, str], scope: str, ca_file: str | None = None) -> AccessToken:
    """A token that is good for minutes at least; fetched anew before it expires. Any thread.

    Raises RequestError or ServiceError.
    """
    known = tuple((name, env[name]) for name in _VARIABLES if env.get(name))
    return _renewed(known, scope, ca_file).get()


@lru_cache(maxsize=8)
def _renewed(known: tuple[tuple[str, str], ...], scope: str, ca_file: str | None) -> Renewed[AccessToken]:
    fetch = azure_identity(dict(known), ca_file).fetch
    return Renewed(lambda: fetch(scope))


def _assertion(path: str) -> dict[str, str]:
    return {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": read_token_file(path, "AZURE_FEDERATED_TOKEN_FILE"),
    }


def _entra(env: Mapping[str, str], proof: Mapping[str, str], scope: str, ca_file: str | None) -> AccessToken:
    host = env.get("AZURE_AUTHORITY_HOST") or AUTHORITY
    authority = (host if "://" in host else f"https://{host}").rstrip("/")
    tenant, client = env["AZURE_TENANT_ID"], env["AZURE_CLIENT_ID"]
    request = TokenRequest(
        ENTRA,
        "POST",
        f"{authority}/{quote(tenant, safe='')}/oauth2/v2.0/token",
        {"Accept": "application/json"},
        {"grant_type": "client_credentials", "client_id": client, "scope": scope, **proof},
    )
    return token_from(
        request,
        f"cannot log in to Azure as {client}",
        "Check the identity's federated credential: issuer of the cluster, namespace and service account.",
        ca_file,
    )


def _managed(env: Mapping[str, str], client: str | None, scope: str) -> AccessToken:
    base = (env.get("AZURE_POD_IDENTITY_AUTHORITY_HOST") or METADATA_ENDPOINT).rstrip("/")
    query = {"api-version": "2018-02-01", "resource": scope.removesuffix("/.default")}
    query |= {"client_id": client} if client else {}
    url = f"{base}/metadata/identity/oauth2/token"
    _check_there(base)
    request = TokenRequest(METADATA, "GET", f"{url}?{urlencode(query)}", {"Metadata": "true"}, patience=ON_THIS_MACHINE)
    return token_from(
        request,
        f"cannot log in to Azure as {f'managed identity {client}' if client else 'the managed identity'}",
        "Assign a managed identity to the node, or use workload identity; AZURE_CLIENT_ID chooses among several.",
    )


def _check_there(base: str) -> None:
    """A laptop, or another cloud: said before anything is asked for."""
    try:
        ask(TokenRequest(METADATA, "GET", f"{base}/metadata/versions", {"Metadata": "true"}, patience=ON_THIS_MACHINE))
    except Unreachable as cause:
        raise RequestError(
            "there is no Azure identity here to log in with",
            evidence=f"no variable names an identity, and {METADATA} does not answer: {cause}",
            hint="Run it in a pod whose service account has the environment's identity (see `jump-pod`), or set "
            "AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET.",
        ) from cause
    except Refused:
        return
