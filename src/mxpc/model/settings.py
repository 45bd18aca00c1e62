"""An environment, and all that is known of it before the first connection. No secret shows in a repr."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mxpc.model.names import KeyLayout
from mxpc.model.scale import Replicas


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
    before_stop: Replicas | None = None
    """What it had before a restore stopped it, where that was not scaled back yet."""


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
