"""The blobs of an environment in an object store: everything that S3, Azure and Google have in common.

All retrying is done here and not by obstore, in one loop with one bound, so that each slow-down is seen and lowers the
concurrency. Only uploads in parts and listings leave it to obstore: they are several requests in one call.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import obstore

from mxpc.adapters.object_store_client import Clients, StoreLogin
from mxpc.adapters.object_store_patience import PROBE_PATIENCE, TRANSFER_PATIENCE, GaveUp, Patience, persist
from mxpc.adapters.object_store_trouble import OBSTORE_ERRORS, CutShort, Kind, Trouble, trouble_of
from mxpc.adapters.object_transfer import Download, ETagTrust, KeepsError, SentParts, md5_of
from mxpc.adapters.proxies import proxy_hint
from mxpc.errors import BlobChanged, BlobForbidden, BlobNotFound, FileStoreError
from mxpc.held_signals import HELD
from mxpc.model import BlobStat, KeyLayout, OpenedBlob, Probe, short_name
from mxpc.streams import Concurrency

R = TypeVar("R")

MIB = 1 << 20


SINGLE_PUT = 8 * MIB
"""Up to this size a blob is held in memory and sent in one request; above, in parts."""
PART_SIZE = 8 * MIB
PARTS_AT_ONCE = 3
EQUAL_READS = 3
"""Damage on the way is not the same so many times: reads that agree are the content, and the ETag is no MD5 of it."""
MOST_PARTS = 9_000
"""S3 takes 10,000 parts."""


class ObjectFileStore:
    """A FileStore over the clients of one bucket.

    Any number of threads. `concurrency` hears of slow-downs. `place` is bucket and server for messages, `endpoint` the
    server's address. `login` knows why a login failed. `etags_are_md5` is what is known beforehand; with `reads_back`
    every upload that no ETag proves is read back.
    """

    keeps_metadata: ClassVar[bool] = True
    hints: ClassVar[Mapping[Kind, str]] = {}
    """What to do about what; each service has its own words."""

    def __init__(
        self,
        clients: Clients,
        *,
        place: str,
        layouts: Sequence[KeyLayout],
        endpoint: str = "",
        concurrency: Concurrency | None = None,
        login: StoreLogin[Any] | None = None,
        etags_are_md5: bool | None = None,
        reads_back: bool = False,
    ) -> None:
        self._reading = clients.reading
        self._writing = clients.writing
        self._patient = clients.patient
        self._place = place
        self._endpoint = endpoint
        self._layouts = tuple(layouts)
        self._layout = self._layouts[0]
        self._concurrency = concurrency or Concurrency(1)
        self._etags = ETagTrust(etags_are_md5)
        self._login = login
        self._reads_back = reads_back

    # ------------------------------------------------------------------------------------------------------- looking

    def probe(self, blobs: Sequence[str]) -> Probe:
        """See FileStore. One small GET a blob and layout; without blobs one GET of a name that cannot exist."""
        if not blobs:
            self._look(self._layout, str(uuid.uuid4()))
            return Probe(self._layout, tried=0, found=0, forbidden=0, encrypted=False)
        probes = []
        for layout in self._layouts:
            probes.append(self._probe_layout(layout, blobs))
            if probes[-1].found:
                self._layout = layout
                return probes[-1]
        if all(probe.forbidden == probe.tried for probe in probes):
            raise FileStoreError(
                f"the file storage refuses every file that was asked for, in {self._place}",
                evidence=f"HTTP 403 for {len(blobs)} files under {len(probes)} kinds of key",
                hint="The identity may not read this bucket or prefix, or the bucket belongs to somebody else.",
            )
        return probes[0]

    def _probe_layout(self, layout: KeyLayout, blobs: Sequence[str]) -> Probe:
        looks = [self._look(layout, blob) for blob in blobs]
        return Probe(
            layout,
            tried=len(blobs),
            found=sum(isinstance(look, Found) for look in looks),
            forbidden=sum(look is Kind.FORBIDDEN for look in looks),
            encrypted=any(isinstance(look, Found) and look.encrypted for look in looks),
        )

    def _look(self, layout: KeyLayout, blob: str) -> Found | Kind:
        """One byte of a blob: what is known of it, or NO_BLOB or FORBIDDEN."""
        download = Download(self._reading, layout.key(blob), 0, 1)
        try:
            self._persist(download.attempt, PROBE_PATIENCE)
        except GaveUp as gave_up:
            if gave_up.trouble.kind in (Kind.NO_BLOB, Kind.FORBIDDEN):
                return gave_up.trouble.kind
            raise self._error("cannot use", gave_up.trouble) from gave_up.__cause__
        return Found(bool(download.encryption))

    def stat(self, blob: str) -> BlobStat | None:
        """See FileStore. One HEAD request."""
        try:
            meta = self._persist(lambda: obstore.head(self._reading, self._layout.key(blob)))
        except GaveUp as gave_up:
            if gave_up.trouble.kind is Kind.NO_BLOB:
                return None
            raise self._blob_error("cannot look at", blob, gave_up.trouble) from gave_up.__cause__
        return self._stat(blob, meta)

    def list(self) -> Iterator[BlobStat]:
        """See FileStore. Keys that are not of the layout in use are passed over."""
        try:
            for page in self._pages():
                for meta in page:
                    if blob := self._layout.blob(meta["path"]):
                        yield self._stat(blob, meta)
        except OBSTORE_ERRORS as error:
            trouble = self._heard(error)
            if trouble.kind is Kind.FORBIDDEN:
                raise BlobForbidden(
                    f"the identity may not list {self._place}",
                    evidence=trouble.evidence,
                    hint="Give it the right to list (s3:ListBucket), or go without what needs the list.",
                ) from error
            raise self._error("cannot list", trouble) from error

    def _pages(self) -> Iterator[Sequence[obstore.ObjectMeta]]:
        with HELD.hold():
            pages = iter(obstore.list(self._patient, self._layout.list_prefix or None, chunk_size=1000))
        while True:
            with HELD.hold():
                page = next(pages, None)
            if page is None:
                return
            yield page

    def present(self, most: int) -> set[bytes] | None:
        """See FileStore. One request for a thousand objects, where asking for each takes one for each."""
        found: set[bytes] = set()
        count = 0
        try:
            for page in self._pages():
                count += len(page)
                if count > most:
                    return None
                found.update(short_name(blob) for meta in page if (blob := self._layout.blob(meta["path"])))
        except OBSTORE_ERRORS as error:
            # Whatever it is, asking for each blob meets it too, and says it better.
            self._heard(error)
            return None
        return found

    def _stat(self, blob: str, meta: Mapping[str, Any]) -> BlobStat:
        etag = meta["e_tag"]
        return BlobStat(blob, meta["size"], etag, md5_of(etag) if self._etags.are_md5 is not False else None)

    # ------------------------------------------------------------------------------------------------------- reading

    def open(self, blob: str, limit: int) -> OpenedBlob:
        """See FileStore. A blob that comes whole is compared with its ETag where that is an MD5."""
        seen: Counter[str] = Counter()
        for _ in range(TRANSFER_PATIENCE.tries):
            opened = self._open(blob, limit)
            digest = self._suspicious(opened)
            if digest is None:
                return opened
            seen[digest] += 1
            if seen[digest] == EQUAL_READS:
                self._etags.disagreed()
                return opened
        raise FileStoreError(
            f"cannot read the file {blob} in {self._place}: it arrives with other content each time",
            evidence=f"{TRANSFER_PATIENCE.tries} reads, and none is what its ETag says",
            hint="Something between here and the file storage damages data.",
        )

    def _open(self, blob: str, limit: int) -> OpenedBlob:
        download = Download(self._reading, self._layout.key(blob), 0, limit)
        self._read(blob, download)
        return OpenedBlob(blob, download.size, download.etag, download.content(), download.encryption)

    def _suspicious(self, opened: OpenedBlob) -> str | None:
        """The MD5 of a whole blob when its ETag looks like an MD5 and is another one."""
        promised = md5_of(opened.etag)
        if not promised or len(opened.head) < opened.size or self._etags.are_md5 is False:
            return None
        digest = hashlib.md5(opened.head, usedforsecurity=False).hexdigest()
        if digest == promised:
            self._etags.agreed()
            return None
        return digest

    def read_range(self, blob: str, etag: str | None, start: int, length: int) -> bytes:
        """See FileStore. Goes on where a body broke off, with If-Match."""
        download = Download(self._reading, self._layout.key(blob), start, length, etag)
        self._read(blob, download)
        content = download.content()
        if len(content) != length:
            raise BlobChanged(
                f"the file {blob} changed while it was read, in {self._place}",
                evidence=f"{length} bytes from {start} were asked for, there are {len(content)}",
            )
        return content

    def _read(self, blob: str, download: Download) -> None:
        try:
            self._persist(download.attempt)
        except GaveUp as gave_up:
            raise self._blob_error("cannot read", blob, gave_up.trouble) from gave_up.__cause__

    # ------------------------------------------------------------------------------------------------------- writing

    def put(self, blob: str, size: int, chunks: Iterable[bytes], encryption: Mapping[str, str] | None = None) -> None:
        """See FileStore. One request up to SINGLE_PUT, else in parts: at most 32 MiB of them in memory.

        The request's signature covers the content's SHA-256, so a server refuses damage on the way; the ETag that it
        answers is compared besides, and where the ETag is no MD5 the content is read back.
        """
        key = self._layout.key(blob)
        try:
            if size > SINGLE_PUT:
                self._put_parts(key, size, self._exactly(blob, size, chunks), encryption)
            else:
                self._put_whole(key, b"".join(self._exactly(blob, size, chunks)), encryption)
            if encryption:
                self._confirm_encryption(key, encryption)
        except GaveUp as gave_up:
            raise self._blob_error("cannot write", blob, gave_up.trouble) from gave_up.__cause__

    def _put_whole(self, key: str, content: bytes, encryption: Mapping[str, str] | None) -> None:
        sent = SentParts(SINGLE_PUT)
        sent.add(content)

        def attempt() -> None:
            result = obstore.put(self._writing, key, content, use_multipart=False, **_attributes(encryption))
            self._confirm(key, sent, result["e_tag"])

        self._persist(attempt)

    def _put_parts(self, key: str, size: int, chunks: Iterator[bytes], encryption: Mapping[str, str] | None) -> None:
        sent = SentParts(max(PART_SIZE, -(-size // MOST_PARTS)))
        source = KeepsError(sent.passing(chunks))
        try:
            result = obstore.put(
                self._patient,
                key,
                source,
                use_multipart=True,
                chunk_size=sent.part_size,
                max_concurrency=PARTS_AT_ONCE,
                **_attributes(encryption),
            )
            self._confirm(key, sent, result["e_tag"])
        except (*OBSTORE_ERRORS, CutShort) as error:
            if source.error is not None:
                raise source.error from None
            raise GaveUp(self._heard(error), 1) from error

    def _exactly(self, blob: str, size: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
        given = 0
        for chunk in chunks:
            given += len(chunk)
            if given > size:
                break
            yield chunk
        if given != size:
            raise FileStoreError(
                f"the file {blob} is not as long as announced, it was not written to {self._place}",
                evidence=f"{size} bytes were announced, {'more' if given > size else given} came",
            )

    def _confirm(self, key: str, sent: SentParts, etag: str | None) -> None:
        """Raise CutShort, and take the object away, unless what is stored is what was sent."""
        if sent.is_proved_by(etag):
            return
        stored = self._persist(lambda: obstore.head(self._reading, key))
        same = stored["size"] == sent.size
        doubtful = self._reads_back or self._etags.are_md5 is not False
        if same and doubtful and not sent.is_proved_by(stored["e_tag"]):
            same = self._read_back(key, sent).digests == sent.digests
            if same:
                self._etags.disagreed()
        if not same:
            self._remove(key)
            raise CutShort("what was stored is not what was sent; it was removed")

    def _confirm_encryption(self, key: str, encryption: Mapping[str, str]) -> None:
        """Some servers drop metadata without a word; the file would be lost with its key."""
        stored = Download(self._reading, key, 0, 1)
        self._persist(stored.attempt)
        if stored.encryption != {name.lower(): value for name, value in encryption.items()}:
            self._remove(key)
            raise GaveUp(Trouble(Kind.REFUSED, "the metadata were not stored as they were sent; it was removed"), 1)

    def _remove(self, key: str) -> None:
        with suppress(*OBSTORE_ERRORS):
            obstore.delete(self._writing, [key])

    def _read_back(self, key: str, sent: SentParts) -> SentParts:
        stored = SentParts(sent.part_size)
        for start in range(0, sent.size, PART_SIZE):
            download = Download(self._reading, key, start, PART_SIZE)
            self._persist(download.attempt)
            stored.add(download.content())
        return stored

    def delete(self, blob: str) -> None:
        """See FileStore."""
        try:
            self._persist(lambda: obstore.delete(self._writing, [self._layout.key(blob)]))
        except GaveUp as gave_up:
            if gave_up.trouble.kind is not Kind.NO_BLOB:
                raise self._blob_error("cannot delete", blob, gave_up.trouble) from gave_up.__cause__

    # ------------------------------------------------------------------------------------------------------- failing

    def _persist(self, attempt: Callable[[], R], patience: Patience = TRANSFER_PATIENCE) -> R:
        """Try until it works, or raise GaveUp. Each try must be harmless to repeat."""
        return persist(attempt, patience, self._heard)

    def _heard(self, error: BaseException) -> Trouble:
        """Read obstore's error. Raises RequestError or FileStoreError when there were no credentials to ask with."""
        if self._login:
            self._login.check()
        trouble = trouble_of(error)
        if trouble.kind is Kind.BUSY:
            self._concurrency.slowed()
        return trouble

    def _blob_error(self, doing: str, blob: str, trouble: Trouble) -> FileStoreError:
        what = f"{doing} the file {blob} in {self._place}"
        match trouble.kind:
            case Kind.NO_BLOB:
                return BlobNotFound(what, evidence=trouble.evidence)
            case Kind.FORBIDDEN:
                return BlobForbidden(what, evidence=trouble.evidence, hint=self.hints.get(Kind.FORBIDDEN, ""))
            case Kind.CHANGED | Kind.NO_RANGE:
                return BlobChanged(
                    f"the file {blob} changed while it was read, in {self._place}", evidence=trouble.evidence
                )
            case _:
                return self._error(doing, trouble, blob)

    def _error(self, doing: str, trouble: Trouble, blob: str = "") -> FileStoreError:
        thing = f"the file {blob} in {self._place}" if blob else f"the file storage: {self._place}"
        hint = self.hints.get(trouble.kind, "")
        if trouble.kind in (Kind.PROXY, Kind.BROKEN, Kind.BUSY):
            hint = f"{hint} {proxy_hint(self._endpoint, os.environ)}".strip()
        return FileStoreError(f"{doing} {thing}: {trouble.kind.value}", evidence=trouble.evidence, hint=hint)


def _attributes(encryption: Mapping[str, str] | None) -> dict[str, Any]:
    """Stores that know no metadata refuse even empty ones."""
    return {"attributes": dict(encryption)} if encryption else {}


@dataclass(frozen=True)
class Found:
    """An object that the probe saw."""

    encrypted: bool
