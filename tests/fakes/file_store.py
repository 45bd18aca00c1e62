"""A FileStore in memory."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mxpc.errors import BlobChanged, BlobForbidden, BlobNotFound, FileStoreError
from mxpc.model import BlobStat, KeyLayout, OpenedBlob, Probe, short_name

Hook = Callable[[str, str], None]
"""Called with the method's name and the blob before anything happens, in the caller's thread: may raise or wait."""


@dataclass
class MemoryFileStore:
    """What a bucket holds, in plain sight. Threads as the port promises.

    `contents` may be changed by the test at any time; `forbidden` names are refused; without `may_list` missing names
    are refused too, as S3 does it. `hooks` are the faults; `fail` makes the usual one. `calls` counts the methods.
    """

    contents: dict[str, bytes] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    encryption: dict[str, Mapping[str, str]] = field(default_factory=dict)
    keeps_metadata: bool = True
    may_list: bool = True
    layout: KeyLayout = field(default_factory=KeyLayout)
    hooks: list[Hook] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def fail(self, method: str, error: Exception, *, blob: str | None = None, after: int = 0, times: int = 1) -> None:
        """Let a method raise `error`: `times` times, once it went well `after` times; for one blob, or for any."""
        seen = Counter[str]()

        def hook(called: str, name: str) -> None:
            if called != method or blob not in (None, name):
                return
            with self._lock:
                seen[method] += 1
                due = after < seen[method] <= after + times
            if due:
                raise error

        self.hooks.append(hook)

    def probe(self, blobs: Sequence[str]) -> Probe:
        self._called("probe", "")
        refused = [blob for blob in blobs if self._refused(blob)]
        if blobs and len(refused) == len(blobs):
            raise FileStoreError("the file storage refuses every file that was asked for", evidence="HTTP 403")
        found = [blob for blob in blobs if blob in self.contents and blob not in refused]
        encrypted = any(self.encryption.get(blob) for blob in found)
        return Probe(self.layout, len(blobs), len(found), len(refused), encrypted)

    def open(self, blob: str, limit: int) -> OpenedBlob:
        self._called("open", blob)
        content = self._content(blob)
        return OpenedBlob(blob, len(content), etag_of(content), content[: max(limit, 1)], self.encryption.get(blob, {}))

    def read_range(self, blob: str, etag: str | None, start: int, length: int) -> bytes:
        self._called("read_range", blob)
        content = self._content(blob)
        part = content[start : start + length]
        if etag not in (None, etag_of(content)) or len(part) != length:
            raise BlobChanged(f"the file {blob} changed while it was read")
        return part

    def stat(self, blob: str) -> BlobStat | None:
        self._called("stat", blob)
        try:
            return stat_of(blob, self._content(blob))
        except BlobNotFound:
            return None

    def put(self, blob: str, size: int, chunks: Iterable[bytes], encryption: Mapping[str, str] | None = None) -> None:
        self._called("put", blob)
        content = b"".join(chunks)
        if len(content) != size:
            raise FileStoreError(f"the file {blob} is not as long as announced", evidence=f"{size}, {len(content)}")
        with self._lock:
            self.contents[blob] = content
            self.encryption[blob] = dict(encryption or {})

    def delete(self, blob: str) -> None:
        self._called("delete", blob)
        with self._lock:
            self.contents.pop(blob, None)
            self.encryption.pop(blob, None)

    def present(self, most: int) -> set[bytes] | None:
        self._called("present", "")
        if not self.may_list or len(self.contents) > most:
            return None
        return {short_name(blob) for blob in self.contents}

    def list(self) -> Iterator[BlobStat]:
        self._called("list", "")
        if not self.may_list:
            raise BlobForbidden("the identity may not list")
        for blob in sorted(self.contents):
            yield stat_of(blob, self.contents[blob])

    def _called(self, method: str, blob: str) -> None:
        with self._lock:
            self.calls[method] += 1
        for hook in self.hooks:
            hook(method, blob)

    def _refused(self, blob: str) -> bool:
        return blob in self.forbidden or (blob not in self.contents and not self.may_list)

    def _content(self, blob: str) -> bytes:
        if self._refused(blob):
            raise BlobForbidden(f"cannot read the file {blob}", evidence="HTTP 403")
        with self._lock:
            if blob not in self.contents:
                raise BlobNotFound(f"cannot read the file {blob}", evidence="HTTP 404")
            return self.contents[blob]


def etag_of(content: bytes) -> str:
    """The ETag of an object that came in one request."""
    return f'"{hashlib.md5(content).hexdigest()}"'


def stat_of(blob: str, content: bytes) -> BlobStat:
    """What a store says of a blob."""
    return BlobStat(blob, len(content), etag_of(content), etag_of(content).strip('"'))
