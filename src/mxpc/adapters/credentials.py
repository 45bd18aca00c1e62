"""The values of one Secret, or of one folder of files, under the keys that Mendix documents; and the user's choices."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, quote_plus

from mxpc.errors import RequestError

AZURE_SIGNATURE_KEY = "mx-runtime-com.mendix.storage.azure.SharedAccessSignature"
"""A setting of the runtime, under the name that secret stores give to such settings: it has no key of its own."""
ENCRYPTION_KEYS_KEY = "mx-runtime-com.mendix.storage.s3.EncryptionKeys"
"""The same: with it the app encrypts its files. Elsewhere it is in the custom configuration of the MendixApp."""

SECRET_KEYS = (
    *("database-password", "storage-secret-access-key", "storage-azure-account-key"),
    AZURE_SIGNATURE_KEY,
    ENCRYPTION_KEYS_KEY,
)
"""Keys whose whole value must never be printed; a JDBC URL may hold a password as well."""


@dataclass(frozen=True)
class TrustOptions:
    """What the command line says about TLS; None and False where it says nothing."""

    db_sslmode: str | None = None
    db_sslrootcert: str | None = None
    storage_ca_file: str | None = None
    storage_insecure: bool = False


@dataclass(frozen=True)
class SecretOverrides:
    """Names of Secrets to take instead of those that the StorageInstances lead to."""

    database: str | None = None
    storage: str | None = None


@dataclass(frozen=True)
class Credentials:
    """The values of one place. A key that is present but empty, or only blanks, counts as absent."""

    place: str
    """The place for messages, like `Secret app-database in namespace mendix`."""
    values: Mapping[str, str] = field(repr=False)

    def get(self, key: str) -> str | None:
        """The value without blanks at its ends."""
        return self.values.get(key, "").strip() or None

    def get_exact(self, key: str) -> str | None:
        """The value as it is, for passwords and keys: a blank may be part of one."""
        value = self.values.get(key, "")
        return value if value.strip() else None

    def need(self, key: str) -> str:
        """The value without blanks at its ends. Raises RequestError when it is absent."""
        value = self.get(key)
        if value is None:
            raise self.missing(key)
        return value

    def switch(self, key: str, *, default: bool) -> bool:
        """A value that is true or false. Raises RequestError when it is neither."""
        value = self.get(key)
        if value is None:
            return default
        if value.lower() not in ("true", "false"):
            raise RequestError(f"{key} in {self.place} is neither true nor false", evidence=f"it is {value[:20]!r}")
        return value.lower() == "true"

    def missing(self, key: str, hint: str = "") -> RequestError:
        """The error for a key that is needed and absent."""
        state = "is empty" if key in self.values else "is missing"
        have = ", ".join(sorted(name for name in self.values if self.get(name))) or "none"
        return RequestError(f"{key} {state} in {self.place}", evidence=f"keys that have a value: {have}", hint=hint)

    def secrets(self) -> tuple[str, ...]:
        """Values of the secret keys, as they are and as they may appear in texts."""
        signature = parse_qs((self.get(AZURE_SIGNATURE_KEY) or "").lstrip("?")).get("sig", [])
        return all_forms(*(value for key in SECRET_KEYS if (value := self.get_exact(key))), *signature)


def all_forms(*secrets: str | None) -> tuple[str, ...]:
    """The secrets as they are, percent-encoded and as in JSON; longest first, so that none hides part of another."""
    forms = {form for secret in secrets if secret for form in _forms(secret)}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _forms(secret: str) -> Iterator[str]:
    for text in {secret, secret.strip()}:
        yield from (text, quote(text), quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1])
        yield json.dumps(text, ensure_ascii=False)[1:-1]
