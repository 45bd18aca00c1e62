"""How blobs are called, in the database and as object keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

BLOB_NAME = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z")
"""A blob is named by a uuid in its 36-character form; the case is kept as it is."""


def short_name(blob: str) -> bytes:
    """A blob's name in 16 bytes: millions of them fit into memory."""
    return bytes.fromhex(blob.replace("-", ""))


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
