"""Names inside an archive, spelled here alone, and `.metadata`: of a fixed size, so that it can be filled in later."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from mxpc.archive.trouble import damaged, suspicious
from mxpc.errors import ArchiveError
from mxpc.model import BLOB_NAME

METADATA_NAME = ".metadata"
DUMP_NAME = "db/db.backup"
METADATA_SIZE = 512
"""Bytes of `.metadata` in our archives, padded with spaces: one tar block, known before its values are."""
MAX_METADATA_SIZE = 1 << 16
"""Foreign `.metadata` above this is no metadata."""

_TREE = "tree/"
_DRIVE = re.compile(r"[A-Za-z]:")


class Place(Enum):
    """What an entry is, by its name."""

    METADATA = "metadata"
    DUMP = "dump"
    BLOB = "blob"
    EXTRA = "extra"


class Location(NamedTuple):
    """Where an entry belongs. `blob` is set for blobs; `flat` marks one directly under tree/."""

    place: Place
    blob: str | None = None
    flat: bool = False


def blob_entry(blob: str) -> str:
    """The name of the entry that holds a blob."""
    return f"{_TREE}{blob[0:2]}/{blob[2:4]}/{blob}"


def classify(name: str) -> Location:
    """Where a file of this name belongs. A leading `./` is taken away first.

    Raises ArchiveError for names that no honest archive has, and for a blob that is not where its name says.
    """
    plain = safe_name(name)
    if plain == METADATA_NAME:
        return Location(Place.METADATA)
    if plain == DUMP_NAME:
        return Location(Place.DUMP)
    last = plain.rpartition("/")[2]
    if not BLOB_NAME.match(last):
        return Location(Place.EXTRA)
    if plain == blob_entry(last):
        return Location(Place.BLOB, last)
    if plain == _TREE + last:
        return Location(Place.BLOB, last, flat=True)
    raise ArchiveError(
        f"The archive holds a file in a wrong folder: {shown(name)}",
        evidence=f"It belongs to {blob_entry(last)}.",
        hint="Use an archive that was not edited by hand.",
    )


def safe_name(name: str) -> str:
    """The name without a leading `./`. Raises ArchiveError when it could mean something outside, or two things."""
    plain = name.removeprefix("./")
    parts = plain.split("/")
    if reason := _unsafe(plain, parts):
        raise suspicious(f"The archive holds an unsafe name: {shown(name)}", f"The name {reason}.")
    return plain


def _unsafe(plain: str, parts: list[str]) -> str | None:
    reasons = {
        "is empty": not plain,
        "has a NUL byte": "\0" in plain,
        "has a backslash": "\\" in plain,
        "is an absolute path": plain.startswith("/") or _DRIVE.match(plain),
        "leads out of the archive": ".." in parts,
        "has an empty part": "" in parts or "." in parts,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def printable(text: str) -> str:
    """A text from outside on one line, with escapes for what a terminal would obey; else as it is."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def shown(name: str) -> str:
    """A name from outside for messages: quoted, at most 200 characters, nothing that a terminal would obey."""
    return ascii(name[:200]) if not name.isprintable() else repr(name[:200])


@dataclass(frozen=True)
class Metadata:
    """What we write into `.metadata`. None of it is needed for a restore."""

    duration: int = 0
    """Seconds that the backup took."""
    dump_size: int = 0
    """Bytes of the dump entry."""
    model_version: str = ""
    database_size: int = 0
    """pg_database_size, bytes."""
    files_size: int = 0
    """Sum of the blobs' bytes."""
    encrypted_files: int = 0
    """Blobs that the app encrypted: useless without the keys that are kept beside the archive."""


def encode(metadata: Metadata) -> bytes:
    """METADATA_SIZE bytes: JSON with text values, filled up with spaces. A model version too long for it is cut."""
    text = _json(metadata, metadata.model_version)
    if len(text) > METADATA_SIZE:
        text = _json(metadata, metadata.model_version[:40])
    return text.ljust(METADATA_SIZE)


def _json(metadata: Metadata, model_version: str) -> bytes:
    values = {
        "duration": metadata.duration,
        "dumpSize": metadata.dump_size,
        "modelVersion": model_version,
        "databaseSize": metadata.database_size,
        "filesSize": metadata.files_size,
        **({"encryptedFiles": metadata.encrypted_files} if metadata.encrypted_files else {}),
    }
    return json.dumps({key: str(value) for key, value in values.items()}, separators=(",", ":")).encode()


def decode(data: bytes) -> dict[str, str]:
    """Read `.metadata` of any origin: keys may be missing or unknown, values of any kind become text on one line.

    Raises ArchiveError for what is no JSON object, has a key twice, is nested deeply, or is above MAX_METADATA_SIZE.
    """
    if len(data) > MAX_METADATA_SIZE:
        raise suspicious(f"{METADATA_NAME} in the archive is above {MAX_METADATA_SIZE} bytes")
    try:
        parsed = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_once)
        if isinstance(parsed, dict):
            return {printable(key): _text(value) for key, value in parsed.items()}
    except (ValueError, RecursionError) as error:
        raise damaged(f"{METADATA_NAME} is not JSON", printable(str(error))) from error
    raise damaged(f"{METADATA_NAME} is not a JSON object", ascii(data[:40])[1:])


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of JSON; which of two values counts would be a guess."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")
    return found


def _text(value: object) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value))
