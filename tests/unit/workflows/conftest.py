"""A small app in memory: what it stores, an archive of it, and a place to write archives to."""

from __future__ import annotations

import io
import uuid
from pathlib import Path

import pytest

from fakes.database import MemorySource
from fakes.file_store import MemoryFileStore
from mxpc.adapters.archive_files import FileInput, open_destination, open_input
from mxpc.adapters.objects_file import ObjectsFile
from mxpc.model import AppFacts, Environment, FileDocument
from mxpc.workflows.backup import BackupOptions, BackupReport, back_up

ENVIRONMENT = Environment("mendix", "sample-dev-1b2c3d4e")
APP = AppFacts(replicas=0, model_version="1.0.0.40")
DUMPS = Path(__file__).parents[2] / "assets" / "dumps"


def some_dump() -> bytes:
    """A real custom-format dump of the sample app, without inner compression."""
    return next(iter(sorted(DUMPS.glob("*15*none*")) or sorted(DUMPS.glob("*15*")))).read_bytes()


def blob_name(number: int) -> str:
    """A uuid that depends on the number alone."""
    return str(uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128), version=4))


class SmallApp:
    """Forty blobs of 0 B to 40 KB and the documents that name them."""

    def __init__(self) -> None:
        self.contents = {blob_name(number): bytes([number % 251]) * (number * 1021) for number in range(40)}
        self.documents = [
            FileDocument(blob, f"file {size}" if size % 3 else None, len(content))
            for size, (blob, content) in enumerate(self.contents.items())
        ]
        self.store = MemoryFileStore(dict(self.contents))
        self.source = MemorySource(some_dump(), list(self.documents))

    def encrypt(self, *numbers: int) -> dict[str, dict[str, str]]:
        """Let the app have encrypted these documents: their blobs are longer, and have a key. Its metadata by blob."""
        for number in numbers:
            document = self.documents[number]
            content = self.contents[document.blob] + b"sixteen byte tag"
            self.contents[document.blob] = self.store.contents[document.blob] = content
            self.store.encryption[document.blob] = {"x-amz-key-v2": f"wrapped {number}", "x-amz-iv": "AAAA"}
        return {blob: dict(one) for blob, one in self.store.encryption.items()}

    def back_up(
        self, file: Path, options: BackupOptions | None = None, *, keep_encrypted: bool = False
    ) -> BackupReport:
        return back_up(
            ENVIRONMENT,
            APP,
            self.source,
            self.store,
            lambda: open_destination(str(file)),
            options or BackupOptions(),
            keep_encrypted=ObjectsFile(str(file)) if keep_encrypted else None,
        )


@pytest.fixture
def app() -> SmallApp:
    return SmallApp()


@pytest.fixture
def archive(app: SmallApp, tmp_path: Path) -> FileInput:
    """A sound archive of the app."""
    file = tmp_path / "backup.tar.gz"
    app.back_up(file)
    opened = open_input(str(file))
    assert isinstance(opened, FileInput)
    return opened


class PipeOf:
    """An ArchiveInput that can be read once."""

    name = "standard input"
    size = None
    repeatable = False

    def __init__(self, content: bytes) -> None:
        self._content = content

    def open(self) -> io.BytesIO:
        return io.BytesIO(self._content)
