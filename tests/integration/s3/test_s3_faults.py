"""A file storage that misbehaves: what was asked for arrives, or an error says what failed. Never wrong bytes."""

from __future__ import annotations

import hashlib
import random
import uuid

import pytest

from fakes.s3_faults import Fault, by_chance, scripted
from mxpc.adapters.s3 import S3FileStore
from mxpc.errors import FileStoreError
from mxpc.streams import Concurrency, ordered_map, unordered_map

from .conftest import Bucket

MIB = 1 << 20
READ_FAULTS = [Fault.SLOW_DOWN, Fault.REFUSE, Fault.RESET, Fault.SHORT, Fault.FLIP, Fault.LOST_ANSWER]
WRITE_FAULTS = [Fault.SLOW_DOWN, Fault.REFUSE, Fault.FLIP_UPLOAD, Fault.LOST_ANSWER]


@pytest.fixture
def blob() -> str:
    return str(uuid.uuid4())


def content_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("fault", READ_FAULTS)
@pytest.mark.parametrize("size", [2000, 3 * MIB])
def test_a_spoiled_read_is_repeated(bucket: Bucket, blob: str, fault: Fault, size: int) -> None:
    bucket.direct.put(blob, size, [content_of(size)])
    bucket.proxy.plan = scripted(fault, fault)
    assert bucket.store.open(blob, 4 * MIB).head == content_of(size)
    assert bucket.proxy.spoiled[fault] == 2


def test_a_stalled_read_goes_on(bucket: Bucket, blob: str) -> None:
    bucket.direct.put(blob, 4 * MIB, [content_of(4 * MIB)])
    bucket.proxy.plan = scripted(Fault.STALL)
    assert bucket.store.open(blob, 8 * MIB).head == content_of(4 * MIB)


def test_a_read_that_broke_off_goes_on_from_there(bucket: Bucket, blob: str) -> None:
    bucket.direct.put(blob, 8 * MIB, [content_of(8 * MIB)])
    asked: list[Fault | None] = []
    plan = scripted(Fault.RESET, Fault.RESET, Fault.RESET)
    bucket.proxy.plan = lambda request: asked.append(plan(request)) or asked[-1]
    assert bucket.store.read_range(blob, bucket.direct.open(blob, 1).etag, 0, 8 * MIB) == content_of(8 * MIB)
    assert asked == [Fault.RESET] * 3 + [None]


@pytest.mark.parametrize("fault", WRITE_FAULTS)
@pytest.mark.parametrize("size", [0, 2000, 3 * MIB])
def test_a_spoiled_upload_is_repeated(bucket: Bucket, blob: str, fault: Fault, size: int) -> None:
    bucket.proxy.plan = scripted(fault, fault, method="PUT")
    bucket.store.put(blob, size, iter([content_of(size)]))
    assert bucket.direct.open(blob, 4 * MIB).head == content_of(size)


@pytest.mark.parametrize("fault", [Fault.SLOW_DOWN, Fault.REFUSE, Fault.LOST_ANSWER])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_spoiled_upload_in_parts_is_repeated(bucket: Bucket, blob: str, fault: Fault, method: str) -> None:
    size = 20 * MIB
    bucket.proxy.plan = scripted(fault, method=method)
    bucket.store.put(blob, size, (content_of(MIB) for _ in range(20)))
    opened = bucket.direct.open(blob, size)
    assert opened.head == content_of(MIB) * 20


def test_damage_in_a_part_is_never_stored(bucket: Bucket, blob: str) -> None:
    bucket.proxy.plan = scripted(Fault.FLIP_UPLOAD, method="PUT")
    with pytest.raises(FileStoreError, match=blob):
        bucket.store.put(blob, 20 * MIB, (content_of(MIB) for _ in range(20)))
    assert bucket.direct.stat(blob) is None


def test_everything_arrives_when_three_requests_in_ten_fail(bucket: Bucket) -> None:
    sizes = random.Random(7)
    blobs = {str(uuid.uuid4()): content_of(sizes.choice([0, 10, 1000, 70_000, 2 * MIB])) for _ in range(100)}
    bucket.proxy.plan = by_chance(seed=11, rate=0.3)
    store = bucket.store
    window = {"workers": 8, "max_ahead": 16}
    list(unordered_map(blobs.items(), lambda one: store.put(one[0], len(one[1]), [one[1]]), **window))
    assert [one.head for one in ordered_map(blobs, lambda blob: store.open(blob, 4 * MIB), **window)] == [
        *blobs.values()
    ]
    for blob, content in blobs.items():
        stat = store.stat(blob)
        assert stat is not None
        assert (stat.size, stat.md5) == (len(content), hashlib.md5(content).hexdigest())
    assert sum(bucket.proxy.spoiled.values()) > 50


def test_slow_downs_lower_the_concurrency(bucket: Bucket, blob: str) -> None:
    bucket.direct.put(blob, 4, [b"here"])
    concurrency = Concurrency(32)
    bucket.proxy.plan = scripted(Fault.SLOW_DOWN)
    assert S3FileStore(bucket.proxied, concurrency=concurrency).open(blob, 10).head == b"here"
    assert concurrency.limit == 16


def test_an_etag_that_is_no_md5_is_known_by_equal_reads(bucket: Bucket, blob: str) -> None:
    """As under SSE-KMS: looks like an MD5, and is none."""
    bucket.direct.put(blob, 1000, [content_of(1000)])
    bucket.proxy.plan = lambda _: Fault.FLIP
    bucket.proxy.flip_at = lambda: 0.5
    store = bucket.store
    first = store.open(blob, 4096).head
    before = bucket.proxy.requests.total()
    assert store.open(blob, 4096).head == first
    assert bucket.proxy.requests.total() == before + 1
    stat = store.stat(blob)
    assert stat is not None
    assert stat.md5 is None


def test_content_that_changes_with_each_read_is_an_error(bucket: Bucket, blob: str) -> None:
    bucket.direct.put(blob, 1000, [content_of(1000)])
    bucket.proxy.plan = lambda _: Fault.FLIP
    with pytest.raises(FileStoreError, match=f"{blob}.*other content each time"):
        bucket.store.open(blob, 4096)


def test_a_body_that_is_always_cut_is_an_error_in_the_end(bucket: Bucket, blob: str) -> None:
    bucket.direct.put(blob, 4, [b"here"])
    bucket.proxy.plan = lambda _: Fault.SLOW_DOWN
    with pytest.raises(FileStoreError, match=bucket.settings.bucket) as caught:
        bucket.store.probe([blob])
    assert "SlowDown" in caught.value.evidence
    assert "4 tries" in caught.value.evidence
