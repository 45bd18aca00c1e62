"""Keys of the AWS identity that the tool runs as, in the order in which Amazon's own libraries look for it."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from mxpc.adapters.logins.renewal import Renewed, now
from mxpc.adapters.logins.requests import (
    ON_THIS_MACHINE,
    Refused,
    TokenRequest,
    Unreachable,
    ask,
    json_object,
    not_understood,
    read_token_file,
    text_of,
    unreachable_hint,
    words_of,
    xml_text,
)
from mxpc.errors import RequestError, ServiceError

STS = "the AWS token service"
POD_IDENTITY = "the agent for AWS container credentials"
METADATA = "the AWS instance metadata service"

METADATA_ENDPOINT = "http://169.254.169.254"
TASK_ENDPOINT = "http://169.254.170.2"
_CONTAINER_HOSTS = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23"})
"""Amazon's agents on a node; a plain http address elsewhere would give the token to whoever listens."""

NO_IDENTITY_HINT = (
    "Run it in a pod whose service account has the environment's role (see `jump-pod`), or set AWS_ACCESS_KEY_ID, "
    "AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN (`aws configure export-credentials --format env` prints them)."
)

_VARIABLES = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"),
    *("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_SESSION_NAME", "AWS_ENDPOINT_URL_STS"),
    *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    *("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    *("AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT"),
)


@dataclass(frozen=True)
class AwsKeys:
    """What requests are signed with."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires: datetime | None = None


@dataclass(frozen=True)
class AwsIdentity:
    """Who the tool is for AWS. `name` is for messages; `fetch` asks for keys, and may raise ToolError."""

    name: str
    fetch: Callable[[], AwsKeys]


def aws_identity(env: Mapping[str, str], region: str | None = None, ca_file: str | None = None) -> AwsIdentity:
    """The identity that the environment variables lead to; nothing is asked yet.

    `region` says where the token service is asked when no variable does, `ca_file` which further roots are trusted.
    Raises RequestError for half a pair of keys.
    """
    if env.get("AWS_ACCESS_KEY_ID") or env.get("AWS_SECRET_ACCESS_KEY"):
        return _keys_of_environment(env)
    if (role := env.get("AWS_ROLE_ARN")) and env.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        name = f"role {role} by web identity (AWS_WEB_IDENTITY_TOKEN_FILE)"
        return AwsIdentity(name, lambda: _web_identity(env, role, region, ca_file))
    if uri := _container_uri(env):
        return AwsIdentity(f"the pod's role from {uri}", lambda: _container(env, uri, ca_file))
    return AwsIdentity("the role of this machine (instance metadata)", lambda: _instance(env))


def aws_keys(env: Mapping[str, str], region: str | None = None, ca_file: str | None = None) -> AwsKeys:
    """Keys of that identity that are good for minutes at least; fetched anew before they expire. Any thread.

    Raises RequestError or ServiceError.
    """
    known = tuple((name, env[name]) for name in _VARIABLES if env.get(name))
    return _renewed(known, region, ca_file).get()


@lru_cache(maxsize=8)
def _renewed(known: tuple[tuple[str, str], ...], region: str | None, ca_file: str | None) -> Renewed[AwsKeys]:
    return Renewed(aws_identity(dict(known), region, ca_file).fetch)


def _keys_of_environment(env: Mapping[str, str]) -> AwsIdentity:
    key, secret = env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY")
    if not (key and secret):
        missing = "AWS_SECRET_ACCESS_KEY" if key else "AWS_ACCESS_KEY_ID"
        raise RequestError(f"{missing} is not set, its other half is", hint="Set both, or none.")
    keys = AwsKeys(key, secret, env.get("AWS_SESSION_TOKEN") or None)
    return AwsIdentity("the keys in AWS_ACCESS_KEY_ID", lambda: keys)


# -------------------------------------------------------------------------------------------------------- web identity


def _web_identity(env: Mapping[str, str], role: str, region: str | None, ca_file: str | None) -> AwsKeys:
    """IRSA: the pod's token for the role's keys."""
    request = TokenRequest(
        STS,
        "POST",
        _sts_endpoint(env, region),
        form={
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": role,
            "RoleSessionName": env.get("AWS_ROLE_SESSION_NAME") or f"mxpc-backup-restore-cli-{now():%Y%m%dT%H%M%S}",
            "WebIdentityToken": read_token_file(env["AWS_WEB_IDENTITY_TOKEN_FILE"], "AWS_WEB_IDENTITY_TOKEN_FILE"),
        },
    )
    body = _ask(request, f"cannot take the AWS role {role}", ca_file)
    fields = {tag: xml_text(body, tag) for tag in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")}
    for tag, value in fields.items():
        if not value:
            raise not_understood(request, f"it has no {tag}")
    expires = _moment(request, fields["Expiration"])
    return AwsKeys(fields["AccessKeyId"], fields["SecretAccessKey"], fields["SessionToken"], expires)


def _sts_endpoint(env: Mapping[str, str], region: str | None) -> str:
    """The regional service: its tokens are good everywhere, and it is what a private endpoint in a VPC answers for."""
    if endpoint := env.get("AWS_ENDPOINT_URL_STS"):
        return f"{endpoint.rstrip('/')}/"
    region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or region
    if not region:
        return "https://sts.amazonaws.com/"
    return f"https://sts.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}/"


# ----------------------------------------------------------------------------------------------------- container roles


def _container_uri(env: Mapping[str, str]) -> str | None:
    if relative := env.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        return f"{TASK_ENDPOINT}{relative}"
    return env.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")


def _container(env: Mapping[str, str], uri: str, ca_file: str | None) -> AwsKeys:
    """EKS pod identity, and ECS tasks."""
    if not _may_have_the_token(uri):
        raise RequestError(
            f"AWS_CONTAINER_CREDENTIALS_FULL_URI {uri} is neither https nor an address of this machine",
            hint="The pod's token would be sent to somebody else.",
        )
    token = env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    if path := env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
        token = read_token_file(path, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    headers = {"Accept": "application/json"} | ({"Authorization": token} if token else {})
    request = TokenRequest(POD_IDENTITY, "GET", uri, headers, patience=ON_THIS_MACHINE)
    return _keys_of_json(request, _ask(request, "cannot take the pod's AWS role", ca_file))


def _may_have_the_token(uri: str) -> bool:
    url = urlsplit(uri)
    if url.scheme == "https":
        return True
    host = url.hostname or ""
    try:
        return host in _CONTAINER_HOSTS or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# ------------------------------------------------------------------------------------------------------ instance roles


def _instance(env: Mapping[str, str]) -> AwsKeys:
    """The machine's own role, by the second version of the protocol: a token first, so that no proxy can ask."""
    if env.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise _no_identity("AWS_EC2_METADATA_DISABLED is set, and no other variable names an identity")
    base = (env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or METADATA_ENDPOINT).rstrip("/")
    lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}
    token_request = TokenRequest(METADATA, "PUT", f"{base}/latest/api/token", lifetime, patience=ON_THIS_MACHINE)
    try:
        session = {"X-aws-ec2-metadata-token": ask(token_request).strip()}
        role_request = _metadata_request(base, "", session)
        role = ask(role_request).strip()
    except Unreachable as cause:
        raise _no_identity(f"no variable names an identity, and {METADATA} does not answer: {cause}") from cause
    except Refused as cause:
        raise _no_identity(f"{METADATA} knows no role: {words_of(cause)}") from cause
    if not re.fullmatch(r"[\w+=,.@-]+", role):
        raise _no_identity(f"{METADATA} names no role")
    request = _metadata_request(base, role, session)
    return _keys_of_json(request, _ask(request, f"cannot take the machine's AWS role {role}"))


def _metadata_request(base: str, role: str, session: Mapping[str, str]) -> TokenRequest:
    url = f"{base}/latest/meta-data/iam/security-credentials/{role}"
    return TokenRequest(METADATA, "GET", url, session, patience=ON_THIS_MACHINE)


def _no_identity(evidence: str) -> RequestError:
    return RequestError("there is no AWS identity here to log in with", evidence=evidence, hint=NO_IDENTITY_HINT)


# ------------------------------------------------------------------------------------------------------------- answers


def _ask(request: TokenRequest, what: str, ca_file: str | None = None) -> str:
    try:
        return ask(request, ca_file)
    except Refused as refusal:
        said = words_of(refusal)
        raise ServiceError(f"{what}: {request.service} refused", evidence=said, hint=_hint(said)) from refusal
    except Unreachable as cause:
        raise ServiceError(
            f"{what}: {request.service} at {request.url} cannot be reached",
            evidence=str(cause),
            hint=unreachable_hint(cause, "AWS_ENDPOINT_URL_STS names a private endpoint of the token service."),
        ) from cause


def _hint(said: str) -> str:
    if "ExpiredToken" in said:
        return "The service account's token has expired: kubelet keeps the mounted file fresh, a copy grows old."
    if "AccessDenied" in said or "InvalidIdentityToken" in said:
        return "The role's trust policy must name this cluster's OIDC provider, namespace and service account."
    return ""


def _keys_of_json(request: TokenRequest, body: str) -> AwsKeys:
    answer = json_object(request, body)
    if answer.get("Code", "Success") != "Success":
        said = ": ".join(str(answer[key]) for key in ("Code", "Message") if key in answer)
        raise ServiceError(f"{request.service} gives no keys", evidence=said)
    token = text_of(request, answer, "Token")
    expires = _moment(request, text_of(request, answer, "Expiration"))
    key, secret = text_of(request, answer, "AccessKeyId"), text_of(request, answer, "SecretAccessKey")
    return AwsKeys(key, secret, token, expires)


def _moment(request: TokenRequest, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise not_understood(request, f"{json.dumps(text[:40])} is no moment") from None
    if moment.tzinfo is None:
        raise not_understood(request, "a moment has no time zone")
    return moment
