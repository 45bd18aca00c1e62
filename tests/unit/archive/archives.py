"""Archives, sinks and readers made for the tests of this folder."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from mxpc.archive import deflate
from mxpc.archive.layout import Metadata
from mxpc.archive.reader import ArchiveReader
from mxpc.archive.writer import ArchiveWriter

ASSETS = Path(__file__).parents[2] / "assets"
DUMP = (ASSETS / "dumps" / "pg15-Z0.backup").read_bytes()
BLOB = "0d3e301f-5551-46f8-ad44-8de2be084c95"
OTHER_BLOB = "a1b2c3d4-1111-4222-8333-444455556666"
MOMENT = 1_715_544_000
ENGINES = [engine for engine in (deflate.ISAL, deflate.ZLIB) if engine]


class MemorySink:
    """A destination in memory; as a pipe it cannot patch."""

    def __init__(self, *, can_patch: bool = True) -> None:
        self.data = bytearray()
        self.can_patch = can_patch

    def write(self, data: bytes | memoryview) -> None:
        self.data += data

    def patch(self, offset: int, data: bytes) -> None:
        assert self.can_patch
        assert offset + len(data) <= len(self.data)
        self.data[offset : offset + len(data)] = data

    def commit(self) -> None: ...

    def abort(self) -> None: ...


class Trickle:
    """A reader that gives odd small pieces, as a pipe may."""

    def __init__(self, data: bytes, most: int = 7) -> None:
        self._stream = io.BytesIO(data)
        self._most = most

    def read(self, size: int, /) -> bytes:
        return self._stream.read(min(size, self._most))


class Zeros:
    """So many zero bytes, made when they are asked for."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._piece = bytes(1 << 20)

    def read(self, size: int, /) -> bytes:
        count = min(size, self._left, len(self._piece))
        self._left -= count
        return self._piece[:count]


def written(
    dump: bytes | None,
    blobs: Mapping[str, bytes],
    *,
    can_patch: bool = True,
    engine: deflate.Engine = deflate.DEFAULT,
    level: int = 1,
    threads: int = 2,
) -> bytes:
    """An archive as our writer makes it."""
    sink = MemorySink(can_patch=can_patch)
    metadata = Metadata(3, len(dump or b""), "1.0.0.40", 9730584, sum(map(len, blobs.values())))
    with ArchiveWriter(sink, moment=MOMENT, level=level, threads=threads, engine=engine) as writer:
        writer.begin(Metadata() if can_patch else metadata)
        if dump is not None:
            writer.add_dump(io.BytesIO(dump), size=None if can_patch else len(dump))
        for blob, content in blobs.items():
            writer.add_blob(blob, len(content), [content])
        writer.finish(metadata)
    return bytes(sink.data)


def contents(archive: bytes, *, engine: deflate.Engine = deflate.DEFAULT) -> dict[str, bytes]:
    """Everything that our reader finds, by name. Its errors pass."""
    return {entry.name: everything(entry) for entry in ArchiveReader(io.BytesIO(archive), engine=engine)}


def everything(reader: object) -> bytes:
    """All that a ByteReader has."""
    parts = []
    while part := reader.read(100_000):  # type: ignore[attr-defined]
        parts.append(part)
    return b"".join(parts)


def foreign(entries: Iterable[tuple[tarfile.TarInfo | str, bytes]], *, format: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar.gz made by Python."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=format) as tar:
        for entry, content in entries:
            info = entry if isinstance(entry, tarfile.TarInfo) else tarfile.TarInfo(entry)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), 1, mtime=0)


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A link, device or the like."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info
