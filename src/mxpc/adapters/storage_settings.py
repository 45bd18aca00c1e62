"""From credentials to the settings of the file storage."""

from __future__ import annotations

from dataclasses import dataclass

from mxpc.adapters.credentials import Credentials, TrustOptions
from mxpc.adapters.endpoint import BucketAddress, bucket_address, layouts
from mxpc.errors import RequestError
from mxpc.model import AppFacts, S3Settings

S3 = "com.mendix.storage.s3"


@dataclass(frozen=True)
class StorageAnswer:
    """The settings, and which rule led to what."""

    settings: S3Settings
    notes: tuple[str, ...]


def storage_settings(keys: Credentials, app: AppFacts, trust: TrustOptions) -> StorageAnswer:
    """Read the file storage's keys. Raises RequestError."""
    _check_service(keys)
    bucket_name = keys.get("storage-bucket-name")
    address = bucket_address(keys.need("storage-endpoint"), bucket_name, keys.place)
    access_key_id, secret_access_key = _access_keys(keys)
    layout, *others = layouts(address.folder, bucket_name, app.resource_name_prefix, app.resource_name_suffix)
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
    )
    return StorageAnswer(settings, _notes(settings, address))


def _check_service(keys: Credentials) -> None:
    service = keys.need("storage-service-name")
    if service == S3:
        return
    if "localfilesystem" in service.lower():
        raise RequestError(
            f"storage-service-name {service} is ephemeral and cannot be backed up",
            evidence=f"found in {keys.place}",
            hint="files on a pod's own disk are lost with the pod; --only database backs up the database alone",
        )
    raise RequestError(
        f"storage-service-name {service} is not supported",
        evidence=f"found in {keys.place}",
        hint=f"{S3} is supported; --only database backs up the database alone",
    )


def _access_keys(keys: Credentials) -> tuple[str, str]:
    names = ("storage-access-key-id", "storage-secret-access-key")
    access_key_id, secret = keys.get(names[0]), keys.get_exact(names[1])
    if access_key_id and secret:
        return access_key_id, secret.strip()
    if not access_key_id and not secret:
        raise _no_access_keys(keys)
    absent, present = names if secret else names[::-1]
    raise keys.missing(absent, hint=f"{present} is there: both or none are needed")


def _no_access_keys(keys: Credentials) -> RequestError:
    """Where a login by identity will be chosen instead, once there is one."""
    return RequestError(
        f"storage-access-key-id and storage-secret-access-key are missing or empty in {keys.place}",
        evidence="without them the app uses an AWS role (IRSA)",
        hint="this login is not supported yet: for the backup use an identity that has access keys, "
        "with --storage-secret or --credentials-dir",
    )


def _notes(settings: S3Settings, address: BucketAddress) -> tuple[str, ...]:
    where = "from the endpoint" if settings.region in settings.endpoint else "the default: the endpoint names none"
    return (
        f"bucket {settings.bucket} is from {address.rule}, blobs are expected at {settings.layout}",
        f"region {settings.region} is {where}",
    )
