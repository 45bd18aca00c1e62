"""The blobs of an environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Protocol

from mxpc.model import BlobStat, OpenedBlob, Probe


class FileStore(Protocol):
    """The blobs of one environment, by their names. Which keys they have is the adapter's business (`use_layout`)."""

    def probe(self, blobs: Sequence[str]) -> Probe:
        """Look for some of these blobs under each known layout; the first layout that holds one is used from here on.

        Proves that the bucket exists and that the login works even when `blobs` is empty.
        Raises FileStoreError naming bucket and server (unreachable, wrong credentials, no such bucket).
        """

    @property
    def keeps_metadata(self) -> bool:
        """Whether `put` can store metadata beside the content."""

    def open(self, blob: str, limit: int) -> OpenedBlob:
        """Size, version and at most the first `limit` bytes of a blob, in one request; and its `encryption`.

        Raises BlobNotFound, BlobForbidden, or FileStoreError for everything else.
        """

    def read_range(self, blob: str, etag: str | None, start: int, length: int) -> bytes:
        """Exactly `length` bytes of this version of the blob. Raises BlobChanged when it is another one now."""

    def stat(self, blob: str) -> BlobStat | None:
        """Size and digest of a blob; None when there is none. Raises BlobForbidden where the store does not tell."""

    def put(self, blob: str, size: int, chunks: Iterable[bytes], encryption: Mapping[str, str] | None = None) -> None:
        """Store a blob and check that what was stored is what was sent. `chunks` is read once and sums up to `size`.

        `encryption` becomes the object's metadata: the app finds the key to an encrypted file there.
        """

    def delete(self, blob: str) -> None:
        """Remove a blob; nothing happens when it is not there."""

    def present(self, most: int) -> Set[bytes] | None:
        """Short names of the blobs that are there, in the layout in use; by listing, at most so many objects.

        None when there are more, or the identity may not list: ask for each blob then.
        """

    def list(self) -> Iterator[BlobStat]:
        """Every blob of the layout in use, in the store's order, in constant memory. Needs the right to list."""
