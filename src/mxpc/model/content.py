"""What an environment's database and file storage hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mxpc.model.names import KeyLayout


@dataclass(frozen=True, slots=True)
class FileDocument:
    """A row of system$filedocument that has a blob. `size` is None where the database does not know it (NULL, -1)."""

    blob: str
    name: str | None
    size: int | None


@dataclass(frozen=True)
class FileTotals:
    """How many distinct blobs a snapshot names, and their bytes as far as the database knows them."""

    count: int
    byte_count: int


@dataclass(frozen=True)
class DatabaseFacts:
    """What the database says of itself."""

    server_version: str
    """As the server prints it, like `15.18`."""
    server_major: int
    size: int
    """pg_database_size, bytes."""
    app_name: str | None
    """sprintrprojectname; None in a database that no runtime has started on."""
    model_version: str | None
    mendix_version: str | None


class LossKind(StrEnum):
    """Why a blob that the snapshot names is not in the archive."""

    DELETED_MEANWHILE = "deleted during the backup"
    LOST = "missing from the file storage"
    FORBIDDEN = "missing or forbidden"


@dataclass(frozen=True)
class MissingBlob:
    """A file document whose blob could not be read."""

    blob: str
    name: str | None
    kind: LossKind


@dataclass(frozen=True)
class WrongSize:
    """A blob whose size is not the one that the database has."""

    blob: str
    name: str | None
    database_size: int
    blob_size: int


@dataclass(frozen=True, slots=True)
class BlobStat:
    """An object that holds a blob. `md5` is its content's MD5 in hex where the store tells it, else None."""

    blob: str
    size: int
    etag: str | None
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class OpenedBlob:
    """The beginning of a blob: all of it when `len(head) == size`, else the rest is read by ranges with `etag`."""

    blob: str
    size: int
    etag: str | None
    head: bytes = field(repr=False)
    encryption: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The object's metadata where the app encrypted the content (x-amz-key-v2, x-amz-iv…); empty where it did not."""


@dataclass(frozen=True)
class Probe:
    """What looking for a few blobs showed."""

    layout: KeyLayout
    tried: int
    found: int
    forbidden: int
    encrypted: bool
    """An object carries client-side encryption metadata (x-amz-key, x-amz-matdesc…)."""
