"""From `storage-endpoint` and `storage-bucket-name` to server, bucket, folder and region.

The runtime's address of a blob is always `endpoint / storage-bucket-name / key`. So the path of that address, split at
its slashes, begins with the bucket unless the host name has it, and what follows is the folder of the blobs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from mxpc.errors import RequestError
from mxpc.model import KeyLayout, KeyPattern

DEFAULT_REGION = "us-east-1"

_AMAZON = re.compile(
    r"""
    (?: (?P<bucket> .+? ) \. )??
    (?P<server>
      (?:
        (?: bucket\. )? vpce-[a-z0-9-]+ \. s3 \. (?P<vpce_region> [a-z0-9-]+ ) \. vpce
      | s3-accelerate (?: \.dualstack )?
      | s3-external-1
      | s3 (?: -fips )? (?: \.dualstack )? (?: [.-] (?P<region> [a-z]{2,4} (?: -[a-z]+ )+ -\d+ ) )?
      | s3-accesspoint (?: -fips )? (?: \.dualstack )? \. (?P<accesspoint_region> [a-z0-9-]+ )
      )
      \. amazonaws\.com (?: \.cn )?
    )
    """,
    re.VERBOSE,
)
_GOOGLE = re.compile(r"(?:(?P<bucket>.+)\.)?(?P<server>storage\.googleapis\.com)")
_DNS_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]\Z")


@dataclass(frozen=True)
class BucketAddress:
    """Where the blobs of an environment are."""

    endpoint: str
    """Scheme, host and port, without bucket."""
    bucket: str
    folder: str
    """Without slashes at its ends; empty for the bucket's root."""
    region: str
    virtual_host: bool
    rule: str
    """The rule that led here, for notes."""


@dataclass(frozen=True)
class _Host:
    server: str
    bucket: str | None
    region: str
    virtual_host: bool


def bucket_address(endpoint: str, bucket_name: str | None, place: str) -> BucketAddress:
    """Apply the rules of docs/environments.md. Raises RequestError naming `place` when there is no bucket."""
    parts = _split(endpoint, place)
    host = _read_host(parts.hostname or "")
    path = _segments(unquote(parts.path))
    segments = path + _segments(bucket_name or "")
    bucket = host.bucket or (segments.pop(0) if segments else None)
    if bucket is None:
        raise RequestError(
            f"storage-bucket-name is missing or empty in {place}",
            evidence=f"storage-endpoint names the server {parts.hostname} and no bucket",
            hint="set storage-bucket-name, or an endpoint that has the bucket in its host name or path",
        )
    rule = "the endpoint's host name" if host.bucket else "the endpoint's path" if path else "storage-bucket-name"
    return BucketAddress(
        endpoint=f"{parts.scheme}://{_netloc(host.server, parts.port)}",
        bucket=bucket,
        folder="/".join(segments),
        region=host.region,
        virtual_host=host.virtual_host,
        rule=rule,
    )


def layouts(folder: str, bucket_name: str | None, prefix: str, suffix: str) -> tuple[KeyLayout, ...]:
    """The layout of the rules first, then the others that were met, each once."""
    folders = dict.fromkeys((folder, "", "/".join(_segments(bucket_name or ""))))
    return tuple(KeyLayout(place, prefix, suffix, pattern) for pattern in KeyPattern for place in folders)


def _split(endpoint: str, place: str) -> SplitResult:
    """Raises RequestError; the endpoint is not quoted where it may hold a login."""
    try:
        parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
        valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        valid = False
    if not valid or parts.username or parts.password:
        raise RequestError(
            f"storage-endpoint in {place} is not the address of a server",
            hint="expected is http:// or https://, a host, perhaps a port and a path, and no login",
        )
    return parts


def _read_host(name: str) -> _Host:
    if found := _AMAZON.fullmatch(name):
        region = found["region"] or found["vpce_region"] or found["accesspoint_region"] or DEFAULT_REGION
        bucket = found["bucket"]
        # Amazon's wildcard certificates cover one label: a bucket with dots is addressed in the path.
        accelerated = "s3-accelerate" in found["server"]
        return _Host(found["server"], bucket, region, accelerated or bool(bucket and _DNS_LABEL.match(bucket)))
    if found := _GOOGLE.fullmatch(name):
        return _Host(found["server"], found["bucket"], DEFAULT_REGION, virtual_host=False)
    return _Host(name, None, DEFAULT_REGION, virtual_host=False)


def _netloc(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]
