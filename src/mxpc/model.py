"""The nouns: frozen values without I/O. Sizes are bytes, durations seconds, moments UTC. No secret shows in a repr."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

BLOB_NAME = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z")
"""A blob is named by a uuid in its 36-character form; the case is kept as it is."""


def short_name(blob: str) -> bytes:
    """A blob's name in 16 bytes: millions of them fit into memory."""
    return bytes.fromhex(blob.replace("-", ""))


# ------------------------------------------------------------------------------------------- environment and settings


@dataclass(frozen=True)
class Environment:
    """One deployed app: the namespace it runs in, and the name of its MendixApp object (its internal name)."""

    namespace: str
    name: str


@dataclass(frozen=True)
class AppFacts:
    """What the MendixApp object says; every field is None when it could not be read (no Kubernetes API)."""

    replicas: int | None = None
    model_version: str | None = None
    runtime_version: str | None = None
    resource_name_prefix: str = ""
    resource_name_suffix: str = ""
    encrypts_blobs: bool = False


class TlsMode(StrEnum):
    """libpq's sslmode."""

    DISABLE = "disable"
    ALLOW = "allow"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


class Login(StrEnum):
    """How the tool proves who it is."""

    KEYS = "keys"
    """With the password, the keys or the signature that the settings have."""
    AWS = "AWS identity"
    """With what AWS gives to whom the tool runs as: IRSA, EKS pod identity, instance role, keys of the environment."""
    AZURE = "Azure identity"
    """With a token of the workload or managed identity that the tool runs as."""
    GOOGLE = "Google identity"
    """With a token of the service account that the tool runs as."""


@dataclass(frozen=True)
class DatabaseSettings:
    """How to reach the environment's PostgreSQL database."""

    host: str
    port: int
    name: str
    user: str
    password: str | None = field(default=None, repr=False)
    tls_mode: TlsMode = TlsMode.PREFER
    tls_root_cert: str | None = None
    """Path of a PEM file, or libpq's word `system`; None leaves libpq's default."""
    login: Login = Login.KEYS
    """Other than KEYS: there is no password, each new connection gets a fresh token, and only over TLS."""
    region: str | None = None
    """AWS region of the server, where the login is AWS."""


class KeyPattern(StrEnum):
    """How a blob's uuid becomes the last part of its object key."""

    FLAT = "<uuid>"
    SHARDED = "xx/yy/<uuid>"


@dataclass(frozen=True)
class KeyLayout:
    """Where the blobs are inside the bucket: `folder/` + `prefix` + uuid + `suffix`, perhaps below xx/yy/.

    `folder` has no slash at its ends ("" for the bucket's root); prefix and suffix are the runtime's
    ResourceNamePrefix and ResourceNameSuffix.
    """

    folder: str = ""
    prefix: str = ""
    suffix: str = ""
    pattern: KeyPattern = KeyPattern.FLAT

    def key(self, blob: str) -> str:
        """The object key of a blob."""
        shard = f"{blob[0:2]}/{blob[2:4]}/" if self.pattern is KeyPattern.SHARDED else ""
        return f"{self.list_prefix}{shard}{self.prefix}{blob}{self.suffix}"

    def blob(self, key: str) -> str | None:
        """The blob that an object key names, or None when the key is not one of this layout."""
        end = len(key) - len(self.suffix)
        name = key[max(end - 36, 0) : end]
        return name if BLOB_NAME.match(name) and self.key(name) == key else None

    @property
    def list_prefix(self) -> str:
        """What the keys of all blobs begin with."""
        return f"{self.folder}/" if self.folder else ""

    def __str__(self) -> str:
        shard = "xx/yy/" if self.pattern is KeyPattern.SHARDED else ""
        return f"{self.list_prefix}{shard}{self.prefix}<uuid>{self.suffix}"


@dataclass(frozen=True)
class S3Settings:
    """An S3 bucket and how to reach it."""

    endpoint: str
    """URL of the server without bucket: scheme, host, port; a path only where the server itself lives under one."""
    bucket: str
    region: str
    layout: KeyLayout
    other_layouts: tuple[KeyLayout, ...] = ()
    """Layouts to try, in this order, when the probe finds nothing under `layout`."""
    virtual_host: bool = False
    """True: the bucket is part of the host name (Amazon); False: path style, `endpoint/bucket/key`."""
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    """PEM file of further trusted roots."""
    insecure: bool = False
    """True: certificates are not checked."""
    login: Login = Login.KEYS

    @property
    def place(self) -> str:
        """Bucket and server for messages."""
        return f"bucket {self.bucket} at {self.endpoint}"


@dataclass(frozen=True)
class AzureSettings:
    """A container of Azure Blob Storage and how to reach it."""

    endpoint: str
    """URL of the account's blob service, without container: `https://account.blob.core.windows.net`."""
    account: str
    container: str
    layout: KeyLayout
    other_layouts: tuple[KeyLayout, ...] = ()
    account_key: str | None = field(default=None, repr=False)
    shared_access_signature: str | None = field(default=None, repr=False)
    """`sv=…&sig=…`, percent-encoded, without a question mark."""
    ca_file: str | None = None
    insecure: bool = False
    login: Login = Login.KEYS

    @property
    def place(self) -> str:
        """Container and server for messages."""
        return f"container {self.container} at {self.endpoint}"


@dataclass(frozen=True)
class GoogleSettings:
    """A bucket of Google Cloud Storage that is reached as a service account, not with keys of the S3 dialect."""

    endpoint: str
    bucket: str
    layout: KeyLayout
    other_layouts: tuple[KeyLayout, ...] = ()
    ca_file: str | None = None
    insecure: bool = False

    @property
    def place(self) -> str:
        """Bucket and server for messages."""
        return f"bucket {self.bucket} at {self.endpoint}"


StoreSettings = S3Settings | AzureSettings | GoogleSettings


@dataclass(frozen=True)
class EnvironmentSettings:
    """All that is known of an environment before the first connection to its services."""

    environment: Environment
    app: AppFacts
    database: DatabaseSettings
    storage: StoreSettings | None
    """None where only the database was asked for."""
    notes: tuple[str, ...] = ()
    """Which rule led to what, one sentence each."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Values that must never be printed."""


# -------------------------------------------------------------------------------------------------- database and files


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


# ------------------------------------------------------------------------------------------------------------- archive


class ArchiveKind(StrEnum):
    """What an input turned out to be, by its content."""

    TAR_GZ = "Mendix Cloud V4 archive"
    TAR = "uncompressed Mendix Cloud V4 archive"
    DUMP = "database dump in custom format"


@dataclass(frozen=True)
class DumpEntry:
    """One entry of a custom-format dump's table of contents."""

    dump_id: int
    kind: str
    """pg_dump's description: TABLE, TABLE DATA, INDEX, EXTENSION, COMMENT…"""
    schema: str | None
    name: str
    owner: str
    has_data: bool
    dependencies: tuple[int, ...] = ()
    """Dump ids of the entries that this one needs."""
    definition: str = field(default="", repr=False)
    """The beginning of the statement that creates it, a few thousand characters."""


@dataclass(frozen=True)
class DumpFacts:
    """Header and table of contents of a custom-format dump."""

    archive_version: tuple[int, int, int]
    compression: str
    """`none`, `gzip`, `lz4` or `zstd`."""
    created: str
    """The dumping machine's local time, `YYYY-MM-DD HH:MM:SS`; the format has no time zone."""
    database: str
    server_version: str
    dump_version: str
    """Version of the pg_dump that wrote it."""
    entries: tuple[DumpEntry, ...]
    app_name: str | None = None
    """sprintrprojectname out of the dump's own data; None where it was not read or not there."""
    model_version: str | None = None
    mendix_version: str | None = None
    row_counts: Mapping[int, int] = field(default_factory=dict)
    """Rows of each table by the dump id of its TABLE DATA, where the data were read and the rows could be counted."""

    @property
    def extensions(self) -> tuple[str, ...]:
        """Names of the extensions that the dump creates."""
        return tuple(entry.name for entry in self.entries if entry.kind == "EXTENSION")

    @property
    def schemas(self) -> frozenset[str]:
        """Names of the schemas that the dump creates, `public` left out."""
        return frozenset(entry.name for entry in self.entries if entry.kind == "SCHEMA") - {"public"}

    @property
    def table_count(self) -> int:
        """Number of tables, partitions included."""
        return sum(entry.kind == "TABLE" for entry in self.entries)


@dataclass(frozen=True)
class ArchiveSummary:
    """What reading a whole archive proved and found."""

    kind: ArchiveKind
    compressed_size: int
    metadata: Mapping[str, str] | None
    dump: DumpFacts | None
    dump_size: int
    blob_count: int
    blob_bytes: int
    extra_entries: tuple[str, ...] = ()
    """Names of entries that belong to no known place; the first hundred."""
    extra_count: int = 0
    notes: tuple[str, ...] = ()
    """Oddities that are tolerated: flat tree, several gzip members, zero padding…"""


# ------------------------------------------------------------------------------------------------------ plan and report


class Severity(StrEnum):
    """Whether a finding stops a restore."""

    REFUSE = "refuse"
    WARN = "warn"


@dataclass(frozen=True)
class Finding:
    """What a check saw. `code` is stable and short (`environment-running`); `hint` says what to do."""

    severity: Severity
    code: str
    what: str
    hint: str = ""


class Half(StrEnum):
    """The halves of an environment that `--only` knows."""

    DATABASE = "database"
    FILES = "files"


@dataclass(frozen=True)
class InterruptedRestore:
    """A restore that was begun in this database and not finished, as its journal tells."""

    phase: str
    since: str
    """Moment in UTC, ISO 8601."""
    archive: str
    """What was being restored: the file's name as the user gave it."""
    accepted: bool = False
    """True: the new content is complete and is the environment's; only the removal of the old one is unfinished."""


@dataclass(frozen=True)
class TargetFacts:
    """What a restore has to know of the database that it would write into."""

    database: DatabaseFacts
    empty: bool
    """True when schema public has no table, view or sequence of ours or of anybody else's."""
    may_create_schema: bool
    """The role has CREATE on the database: needed for the parked schema."""
    may_create_in_public: bool
    foreign_objects: tuple[str, ...]
    """Objects in schema public that belong to another role (extension members left out), the first hundred."""
    other_sessions: tuple[str, ...]
    """One text for each other client in the database: user, application and address."""
    installed_extensions: Mapping[str, str]
    """Name to schema."""
    creatable_extensions: frozenset[str]
    """Extensions that are not installed, and that the role may create."""
    schemas: frozenset[str]
    """Schemas besides public and PostgreSQL's own."""
    large_object_count: int
    interrupted: InterruptedRestore | None
    restore_program: str
    """Path and version of the pg_restore that will be used, for messages."""
    restore_program_major: int
    superuser: bool = False
    """The role may do everything."""
    foreign_large_object_count: int = 0
    """Large objects of other roles."""


# -------------------------------------------------------------------------------------------------------- file storage


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


@dataclass(frozen=True)
class Probe:
    """What looking for a few blobs showed."""

    layout: KeyLayout
    tried: int
    found: int
    forbidden: int
    encrypted: bool
    """An object carries client-side encryption metadata (x-amz-key, x-amz-matdesc…)."""
