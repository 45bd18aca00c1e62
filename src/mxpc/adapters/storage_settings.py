"""From credentials to the settings of the file storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from mxpc.adapters.azure_settings import azure_settings
from mxpc.adapters.credentials import Credentials, TrustOptions
from mxpc.adapters.endpoint import BucketAddress, bucket_address, layouts
from mxpc.adapters.logins.aws import aws_identity
from mxpc.errors import RequestError
from mxpc.model import AppFacts, GoogleSettings, Login, S3Settings, StoreSettings

S3 = "com.mendix.storage.s3"
AZURE = "com.mendix.storage.azure"


@dataclass(frozen=True)
class StorageAnswer:
    """The settings, and which rule led to what."""

    settings: StoreSettings
    notes: tuple[str, ...]


def storage_settings(
    keys: Credentials, app: AppFacts, trust: TrustOptions, env: Mapping[str, str] | None = None
) -> StorageAnswer:
    """Read the file storage's keys; `env` is the process's environment, for logins by identity. Raises RequestError."""
    service = keys.need("storage-service-name")
    if service == S3:
        return _s3(keys, app, trust, env or {})
    if service == AZURE:
        return StorageAnswer(*azure_settings(keys, app, trust, env or {}))
    raise _no_service(service, keys.place)


def _no_service(service: str, place: str) -> RequestError:
    if "localfilesystem" in service.lower():
        return RequestError(
            f"storage-service-name {service} is ephemeral and cannot be backed up",
            evidence=f"found in {place}",
            hint="files on a pod's own disk are lost with the pod; --only database backs up the database alone",
        )
    return RequestError(
        f"storage-service-name {service} is not supported",
        evidence=f"found in {place}",
        hint=f"{S3} and {AZURE} are supported; --only database backs up the database alone",
    )


def _s3(keys: Credentials, app: AppFacts, trust: TrustOptions, env: Mapping[str, str]) -> StorageAnswer:
    bucket_name = keys.get("storage-bucket-name")
    address = bucket_address(keys.need("storage-endpoint"), bucket_name, keys.place)
    access_keys = _access_keys(keys)
    login = Login.KEYS if access_keys else _login(keys, address, env)
    layout, *others = layouts(address.folder, bucket_name, app.resource_name_prefix, app.resource_name_suffix)
    if login is Login.GOOGLE:
        google = GoogleSettings(
            endpoint=address.endpoint,
            bucket=address.bucket,
            layout=layout,
            other_layouts=tuple(others),
            ca_file=trust.storage_ca_file,
            insecure=trust.storage_insecure,
        )
        return StorageAnswer(google, (_where(google, address), "no access keys: login with a Google service account"))
    access_key_id, secret_access_key = access_keys or (None, None)
    settings = S3Settings(
        endpoint=address.endpoint,
        bucket=address.bucket,
        region=address.region,
        layout=layout,
        other_layouts=tuple(others),
        virtual_host=address.virtual_host,
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        ca_file=trust.storage_ca_file,
        insecure=trust.storage_insecure,
        login=login,
    )
    identity = (f"no access keys: login as {aws_identity(env).name}",) if login is Login.AWS else ()
    return StorageAnswer(settings, (_where(settings, address), _region_note(settings), *identity))


def _access_keys(keys: Credentials) -> tuple[str, str] | None:
    names = ("storage-access-key-id", "storage-secret-access-key")
    access_key_id, secret = keys.get(names[0]), keys.get_exact(names[1])
    if access_key_id and secret:
        return access_key_id, secret.strip()
    if not access_key_id and not secret:
        return None
    absent, present = names if secret else names[::-1]
    raise keys.missing(absent, hint=f"{present} is there: both or none are needed")


def _login(keys: Credentials, address: BucketAddress, env: Mapping[str, str]) -> Login:
    """The login by identity that the endpoint stands for. Raises RequestError when it stands for none."""
    host = urlsplit(address.endpoint).hostname or ""
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return Login.AWS
    if host == "storage.googleapis.com":
        return Login.GOOGLE
    if env.get("AWS_ROLE_ARN") and env.get("AWS_WEB_IDENTITY_TOKEN_FILE") and env.get("AWS_ENDPOINT_URL_STS"):
        # A server with a token service of its own; Amazon's keys are for Amazon's servers.
        return Login.AWS
    raise RequestError(
        f"storage-access-key-id and storage-secret-access-key are missing or empty in {keys.place}",
        evidence=f"{host} is no host of Amazon or Google, where a role or service account could log in without them",
        hint="set both, with --storage-secret or --credentials-dir; a server with a token service of its own needs "
        "AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ENDPOINT_URL_STS",
    )


def _where(settings: S3Settings | GoogleSettings, address: BucketAddress) -> str:
    return f"bucket {settings.bucket} is from {address.rule}, blobs are expected at {settings.layout}"


def _region_note(settings: S3Settings) -> str:
    where = "from the endpoint" if settings.region in settings.endpoint else "the default: the endpoint names none"
    return f"region {settings.region} is {where}"
