"""The file beside an archive that keeps the metadata of encrypted objects: docs/archive-format.md describes it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from mxpc.adapters.archive_files import FileSink
from mxpc.errors import ArchiveError, RequestError, ToolError
from mxpc.model import BLOB_NAME, KeptObjects

FORMAT = "mxpc-objects-1"
SUFFIX = ".objects.json"
MOST_BYTES = 2 << 30
"""Half a kilobyte an object: four million encrypted files. It is read into memory whole."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
"""What HTTP takes as the name of a header."""
_LONGEST_VALUE = 8 << 10
"""S3 takes 2 KiB of metadata for one object, others more."""
_HINT = "Use the file that the backup wrote beside its archive, as it was."


def objects_file_of(archive: str) -> Path:
    """Where the metadata of an archive's objects is kept."""
    return Path(f"{archive}{SUFFIX}")


class ObjectsFile:
    """An ObjectsSink over a file beside an archive that is a regular file."""

    def __init__(self, archive: str) -> None:
        """Raises RequestError when the archive goes into a pipe, or the place is taken by something else."""
        self._archive = Path(archive).resolve()
        self._path = objects_file_of(str(self._archive))
        if archive == "-" or (self._archive.exists() and not self._archive.is_file()):
            raise RequestError(
                "--keep-encrypted cannot write to a pipe",
                evidence="the keys to the files are in a file beside the archive, and a pipe has no place beside it",
                hint="Name the backup file to write: -f FILE.",
            )
        if self._path.exists() and not self._path.is_file():
            raise RequestError(f"{self._path} is no file", hint="The keys to the encrypted files go there.")
        self._lines: dict[str, str] = {}
        self._older: dict[str, str] = {}
        self._made = False

    @property
    def name(self) -> str:
        """Where the metadata goes, for messages."""
        return str(self._path)

    def add(self, blob: str, encryption: Mapping[str, str]) -> None:
        self._lines[blob] = _canonical(encryption)

    def publish(self) -> None:
        if not self._lines:
            return
        self._older = self._read_older()
        self._made = not self._path.exists()
        self._write({**self._older, **self._lines})

    def finish(self) -> None:
        if self._older.keys() - self._lines.keys():
            with suppress(ToolError):
                self._write(self._lines)

    def abort(self) -> None:
        if self._made and not self._archive.exists():
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _read_older(self) -> dict[str, str]:
        """What an older archive of this name may need; nothing of a file that nobody can use."""
        try:
            older = read_objects(self._path).objects
        except ToolError:
            return {}
        return {blob: _canonical(encryption) for blob, encryption in older.items()}

    def _write(self, lines: Mapping[str, str]) -> None:
        sink = FileSink(self._path)
        try:
            for piece in _document(lines):
                sink.write(piece.encode())
            sink.commit()
        except BaseException:
            sink.abort()
            raise


def _document(lines: Mapping[str, str]) -> Iterable[str]:
    digest = hashlib.sha256()
    yield f'{{"format":"{FORMAT}","objects":{{\n'
    for number, blob in enumerate(sorted(lines)):
        line = f'"{blob}":{lines[blob]}'
        digest.update(f"{line}\n".encode())
        yield line if number == 0 else f",\n{line}"
    yield f'\n}},"sha256":"{digest.hexdigest()}"}}\n'


def _canonical(encryption: Mapping[str, str]) -> str:
    return json.dumps(dict(encryption), sort_keys=True, separators=(",", ":"))


def kept_objects(archive: str, named: str | None) -> KeptObjects | None:
    """The file that is named, else the one beside the archive, if there is one. Raises as `read_objects`."""
    if named:
        return read_objects(Path(named))
    beside = objects_file_of(archive)
    return read_objects(beside) if archive != "-" and beside.is_file() else None


def read_objects(path: Path) -> KeptObjects:
    """Read such a file, of any origin. Raises RequestError when it cannot be read, ArchiveError when it is unsound."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ArchiveError(f"{path} is above {MOST_BYTES} bytes", hint=_HINT)
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RequestError(f"cannot read {path}", evidence=error.strerror or "") from error
    except UnicodeDecodeError as error:
        raise ArchiveError(f"{path} is not a text in UTF-8", hint=_HINT) from error
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"{path} is damaged: it is not JSON", evidence=str(error), hint=_HINT) from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ArchiveError(f"{path} does not hold the metadata of objects", hint=_HINT)
    objects = value.get("objects")
    if not isinstance(objects, dict) or not all(_sound(blob, one) for blob, one in objects.items()):
        raise ArchiveError(f"{path} is damaged: not every object has a name and metadata", hint=_HINT)
    if value.get("sha256") != _digest(objects):
        raise ArchiveError(f"{path} is damaged: its checksum is another one", hint=_HINT)
    return KeptObjects(str(path), objects)


def _sound(blob: str, encryption: object) -> bool:
    return (
        bool(BLOB_NAME.fullmatch(blob))
        and isinstance(encryption, dict)
        and bool(encryption)
        and all(_NAME.fullmatch(name) and _is_value(value) for name, value in encryption.items())
    )


def _is_value(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value) <= _LONGEST_VALUE


def _digest(objects: Mapping[str, Mapping[str, str]]) -> str:
    digest = hashlib.sha256()
    for blob in sorted(objects):
        digest.update(f'"{blob}":{_canonical(objects[blob])}\n'.encode())
    return digest.hexdigest()
