"""One blob on its way: read in as many tries as it takes, written with the digests that prove it arrived."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import obstore

from mxpc.adapters.object_store_trouble import OBSTORE_ERRORS, CutShort, Kind, trouble_of

if TYPE_CHECKING:
    from obstore.store import ObjectStore

READ_CHUNK = 1 << 20
ENCRYPTION_METADATA = frozenset(
    {"x-amz-key", "x-amz-key-v2", "x-amz-3", "x-amz-iv", "x-amz-matdesc", "x-amz-cek-alg", "x-amz-wrap-alg", "x-amz-w"}
)
"""User metadata that Amazon's encryption clients (versions 1 to 3) put on an object."""
NO_METADATA = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "storage-class",
    }
)
"""Attributes in obstore's sense that are not the user's own."""


class Download:
    """A range of an object that is read in as many tries as it takes: each goes on where the last one broke off."""

    def __init__(self, store: ObjectStore, key: str, start: int, length: int, etag: str | None = None) -> None:
        self._store = store
        self._key = key
        self._start = start
        self._length = max(length, 1)
        self._parts: list[bytes] = []
        self._got = 0
        self.etag = etag
        self.size = 0
        self.encryption: dict[str, str] = {}
        """The object's metadata where the app encrypted the content, else nothing."""

    def content(self) -> bytes:
        """What was read, once `attempt` returned."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def attempt(self) -> None:
        """Read what is still missing; raises obstore's errors or CutShort when it is not all."""
        result = self._get()
        if result is None:
            return
        self.etag = result.meta["e_tag"]
        self.size = result.meta["size"]
        self.encryption = _encryption(result)
        wanted = min(self._length, self.size - self._start)
        self._receive(result, wanted)
        if self._got < wanted:
            raise CutShort(f"the body ended after {self._got} of {wanted} bytes")

    def _get(self) -> obstore.GetResult | None:
        """The answer to a request for the rest; None when the object is empty."""
        same: obstore.GetOptions = {"if_match": self.etag} if self.etag else {}
        first, end = self._start + self._got, self._start + self._length
        try:
            return obstore.get(self._store, self._key, options={"range": (first, end), **same})
        except OBSTORE_ERRORS as error:
            if first or trouble_of(error).kind is not Kind.NO_RANGE:
                raise
        # No range fits an empty object: S3 answers 416, so it is asked for as a whole.
        result = obstore.get(self._store, self._key, options=same)
        if result.meta["size"]:
            return result
        self.etag, self.size = result.meta["e_tag"], 0
        self.encryption = _encryption(result)
        return None

    def _receive(self, result: obstore.GetResult, wanted: int) -> None:
        if wanted <= READ_CHUNK:
            self._keep(bytes(result.bytes()), wanted)
            return
        for chunk in result.stream(min_chunk_size=READ_CHUNK):
            self._keep(bytes(chunk), wanted)
            if self._got == wanted:
                break

    def _keep(self, data: bytes, wanted: int) -> None:
        data = data[: wanted - self._got]
        self._parts.append(data)
        self._got += len(data)


def _encryption(result: obstore.GetResult) -> dict[str, str]:
    attributes = {key.lower(): value for key, value in result.attributes.items()}
    if ENCRYPTION_METADATA.isdisjoint(attributes):
        return {}
    return {key: value for key, value in attributes.items() if key not in NO_METADATA}


class ETagTrust:
    """Whether the ETags of a bucket are MD5s. They are not under SSE-KMS or SSE-C, though they look the same."""

    def __init__(self, are_md5: bool | None = None) -> None:
        self.are_md5 = are_md5

    def agreed(self) -> None:
        """One was the MD5 of its content."""
        self.are_md5 = True

    def disagreed(self) -> None:
        """One was not, though the content is right. Not believed of a bucket where others were: it may be mixed."""
        self.are_md5 = self.are_md5 or False


class SentParts:
    """The MD5s of a stream's parts, from which S3 makes its ETag: of the one part, or of all parts' MD5s."""

    def __init__(self, part_size: int) -> None:
        self.part_size = part_size
        self.size = 0
        self._digests: list[bytes] = []
        self._part = hashlib.md5(usedforsecurity=False)
        self._filled = 0

    def passing(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks, digested on their way."""
        for chunk in chunks:
            self.add(chunk)
            yield chunk

    def add(self, chunk: bytes) -> None:
        """Digest what comes next."""
        self.size += len(chunk)
        rest = memoryview(chunk)
        while rest:
            room = self.part_size - self._filled
            self._fill(rest[:room])
            rest = rest[room:]

    def _fill(self, data: memoryview) -> None:
        self._part.update(data)
        self._filled += len(data)
        if self._filled == self.part_size:
            self._digests.append(self._part.digest())
            self._part = hashlib.md5(usedforsecurity=False)
            self._filled = 0

    @property
    def digests(self) -> list[bytes]:
        """The MD5 of each part so far; of nothing, one of the empty part."""
        return [*self._digests, self._part.digest()] if self._filled or not self._digests else self._digests

    def is_proved_by(self, etag: str | None) -> bool:
        """Whether an ETag says that exactly this was stored."""
        digests = self.digests
        of_parts = f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"
        plain = digests[0].hex() if len(digests) == 1 else None
        return (etag or "").strip('"') in (of_parts, plain)


class KeepsError(Iterator[bytes]):
    """An iterator that remembers the error it raised, which obstore would pass on indistinguishable from its own."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.error: BaseException | None = None

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except StopIteration:
            raise
        except BaseException as error:
            self.error = error
            raise


def md5_of(etag: str | None) -> str | None:
    """The MD5 that a plain ETag looks like; None for the ETag of an upload in parts, and for others."""
    found = re.fullmatch(r'"?([0-9a-f]{32})"?', etag or "")
    return found[1] if found else None
