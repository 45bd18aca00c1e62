"""What every FileStore keeps to: the one in memory, and the one over a real S3 server."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Callable, Iterator

import pytest

from fakes.file_store import MemoryFileStore
from mxpc.adapters.s3 import S3FileStore
from mxpc.demo.s3 import S3Server
from mxpc.errors import ArchiveError, BlobChanged, BlobForbidden, BlobNotFound, FileStoreError
from mxpc.model import BlobStat
from mxpc.ports import FileStore
from surroundings import new_bucket

MakeStore = Callable[..., FileStore]
MIB = 1 << 20


def memory_store(_: pytest.FixtureRequest) -> MakeStore:
    return lambda *, may_list=True: MemoryFileStore(may_list=may_list)


def s3_store(request: pytest.FixtureRequest) -> MakeStore:
    server: S3Server = request.getfixturevalue("s3")

    def make(*, may_list: bool = True) -> FileStore:
        bucket, identity = new_bucket(server, may_list=may_list)
        return S3FileStore(server.settings_for(bucket, identity))

    return make


@pytest.fixture(params=[memory_store, s3_store], ids=["memory", "s3"])
def make_store(request: pytest.FixtureRequest) -> MakeStore:
    maker: MakeStore = request.param(request)
    return maker


@pytest.fixture
def store(make_store: MakeStore) -> FileStore:
    return make_store()


@pytest.fixture
def blob() -> str:
    return str(uuid.uuid4())


def content_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def put(store: FileStore, blob: str, content: bytes, chunk: int = 1_000_003) -> None:
    store.put(blob, len(content), (content[at : at + chunk] for at in range(0, len(content), chunk)))


@pytest.mark.parametrize("size", [0, 1, 5_000, MIB, MIB + 1, 9 * MIB])
def test_what_was_put_can_be_read(store: FileStore, blob: str, size: int) -> None:
    content = content_of(size)
    put(store, blob, content)
    opened = store.open(blob, 16 * MIB)
    assert (opened.blob, opened.size) == (blob, size)
    assert opened.head == content


def test_opening_gives_no_more_than_the_limit(store: FileStore, blob: str) -> None:
    put(store, blob, content_of(5000))
    opened = store.open(blob, 4096)
    assert opened.size == 5000
    assert opened.head == content_of(5000)[:4096]


def test_ranges_continue_what_was_opened(store: FileStore, blob: str) -> None:
    content = content_of(9 * MIB)
    put(store, blob, content)
    opened = store.open(blob, 4 * MIB)
    rest = [store.read_range(blob, opened.etag, at, min(4 * MIB, 9 * MIB - at)) for at in (4 * MIB, 8 * MIB)]
    assert opened.head + b"".join(rest) == content


def test_a_range_of_another_version_is_refused(store: FileStore, blob: str) -> None:
    put(store, blob, content_of(100))
    etag = store.open(blob, 10).etag
    put(store, blob, content_of(101))
    with pytest.raises(BlobChanged, match=blob):
        store.read_range(blob, etag, 10, 50)


@pytest.mark.parametrize(("start", "length"), [(90, 20), (200, 10)])
def test_a_range_behind_the_end_means_that_the_blob_changed(
    store: FileStore, blob: str, start: int, length: int
) -> None:
    put(store, blob, content_of(100))
    with pytest.raises(BlobChanged, match=blob):
        store.read_range(blob, store.open(blob, 10).etag, start, length)


def test_a_missing_blob_is_not_found(store: FileStore, blob: str) -> None:
    with pytest.raises(BlobNotFound, match=blob):
        store.open(blob, 10)
    with pytest.raises(BlobNotFound, match=blob):
        store.read_range(blob, None, 0, 10)
    assert store.stat(blob) is None


def test_stat_tells_size_and_digest(store: FileStore, blob: str) -> None:
    content = content_of(3000)
    put(store, blob, content)
    stat = store.stat(blob)
    assert stat is not None
    assert (stat.blob, stat.size, stat.md5) == (blob, 3000, hashlib.md5(content).hexdigest())


def test_a_second_put_replaces_the_first(store: FileStore, blob: str) -> None:
    put(store, blob, b"old")
    put(store, blob, b"newer")
    assert store.open(blob, 10).head == b"newer"


@pytest.mark.parametrize("size", [100, 9 * MIB])
@pytest.mark.parametrize("wrong_by", [-1, 1])
def test_chunks_that_are_not_as_long_as_announced_store_nothing(
    store: FileStore, blob: str, size: int, wrong_by: int
) -> None:
    with pytest.raises(FileStoreError, match=blob):
        store.put(blob, size + wrong_by, iter([content_of(size)]))
    assert store.stat(blob) is None


@pytest.mark.parametrize("size", [100, 9 * MIB])
def test_an_error_of_the_chunks_is_passed_on_and_stores_nothing(store: FileStore, blob: str, size: int) -> None:
    def chunks() -> Iterator[bytes]:
        yield content_of(size)
        raise ArchiveError("the archive is damaged")

    with pytest.raises(ArchiveError, match="damaged"):
        store.put(blob, size + 1, chunks())
    assert store.stat(blob) is None


def test_deleting_may_be_repeated(store: FileStore, blob: str) -> None:
    put(store, blob, b"x")
    store.delete(blob)
    store.delete(blob)
    assert store.stat(blob) is None


def test_list_gives_every_blob_once(store: FileStore) -> None:
    blobs = {str(uuid.uuid4()): content_of(size) for size in range(30)}
    for name, content in blobs.items():
        put(store, name, content)
    listed = list(store.list())
    assert len(listed) == 30
    assert {stat.blob: (stat.size, stat.md5) for stat in listed} == {
        name: (len(content), hashlib.md5(content).hexdigest()) for name, content in blobs.items()
    }
    assert all(isinstance(stat, BlobStat) for stat in listed)


def test_list_without_the_right_is_forbidden(make_store: MakeStore) -> None:
    with pytest.raises(BlobForbidden, match="list"):
        list(make_store(may_list=False).list())


def test_the_probe_counts_what_it_finds(store: FileStore, blob: str) -> None:
    put(store, blob, b"")
    probe = store.probe([blob, str(uuid.uuid4())])
    assert (probe.tried, probe.found, probe.forbidden, probe.encrypted) == (2, 1, 0, False)


def test_the_probe_works_without_blobs_and_without_the_right_to_list(make_store: MakeStore) -> None:
    probe = make_store(may_list=False).probe([])
    assert (probe.tried, probe.found, probe.encrypted) == (0, 0, False)
