"""What every FileStore keeps to: the one in memory, and those over real servers, emulators and folders."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from azurite import Azurite
from fakes.file_store import MemoryFileStore
from fakes.guarded_s3 import GuardedS3, Request
from fakes.token_servers import Entra, GoogleMetadata
from minio import Minio
from mxpc.adapters.azure import AzureFileStore
from mxpc.adapters.folder import FolderFileStore
from mxpc.adapters.google import GoogleFileStore
from mxpc.adapters.s3 import S3FileStore
from mxpc.demo.s3 import S3Server
from mxpc.errors import ArchiveError, BlobChanged, BlobForbidden, BlobNotFound, FileStoreError
from mxpc.model import BlobStat, GoogleSettings, KeyLayout, Login, short_name
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


def minio_store(request: pytest.FixtureRequest) -> MakeStore:
    server: Minio = request.getfixturevalue("minio")
    return lambda *, may_list=True: _minio_store(server, ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"), may_list)


def _minio_store(server: Minio, actions: tuple[str, ...], may_list: bool) -> FileStore:
    bucket = server.new_bucket()
    if may_list:
        return S3FileStore(server.settings_for(bucket))
    return S3FileStore(server.keyless_settings_for(bucket), env=server.session(bucket, actions))


def azure_store(request: pytest.FixtureRequest) -> MakeStore:
    """Over plain http, with a signature: rights can be taken from it."""
    server: Azurite = request.getfixturevalue("azurite")

    def make(*, may_list: bool = True) -> FileStore:
        settings = server.settings_for(server.new_container())
        signature = server.signature(settings.container, "rwdl" if may_list else "rwd")
        return AzureFileStore(dataclasses.replace(settings, account_key=None, shared_access_signature=signature))

    return make


def azure_identity_store(request: pytest.FixtureRequest) -> MakeStore:
    """Over https, as a workload identity, whose rights are the emulator's: all."""
    server: Azurite = request.getfixturevalue("azurite_https")
    folder: Path = request.getfixturevalue("tmp_path")
    entra = Entra()
    entra.__enter__()
    request.addfinalizer(entra.__exit__)
    (folder / "token").write_text("federated-token")
    env = {
        "AZURE_CLIENT_ID": "my-client",
        "AZURE_TENANT_ID": "my-tenant",
        "AZURE_FEDERATED_TOKEN_FILE": str(folder / "token"),
        "AZURE_AUTHORITY_HOST": entra.url,
    }

    def make(*, may_list: bool = True) -> FileStore:
        if not may_list:
            pytest.skip("the emulator knows no rights of identities")
        return AzureFileStore(server.settings_for(server.new_container(), login=Login.AZURE), env=env)

    return make


def google_store(request: pytest.FixtureRequest) -> MakeStore:
    """As a service account, through a gate that takes its tokens only."""
    server: S3Server = request.getfixturevalue("s3")
    machine = GoogleMetadata()
    machine.__enter__()
    request.addfinalizer(machine.__exit__)

    def make(*, may_list: bool = True) -> FileStore:
        bucket, identity = new_bucket(server, may_list=may_list)

        def guard(request: Request) -> str | None:
            bearers = {f"Bearer {token}" for token in machine.given}
            return None if request.headers.get("authorization") in bearers else "AccessDenied"

        gate = GuardedS3(server.port, identity, guard, metadata="x-goog-meta-")
        gate.__enter__()
        request.addfinalizer(gate.__exit__)
        settings = GoogleSettings(gate.endpoint, bucket, KeyLayout())
        return GoogleFileStore(settings, env={"GCE_METADATA_HOST": machine.host})

    return make


def folder_store(request: pytest.FixtureRequest) -> MakeStore:
    folder: Path = request.getfixturevalue("tmp_path")

    def make(*, may_list: bool = True) -> FileStore:
        if not may_list:
            pytest.skip("a folder that may be read may be listed")
        return FolderFileStore(folder)

    return make


MAKERS = {
    "memory": memory_store,
    "s3": s3_store,
    "minio": minio_store,
    "azure": azure_store,
    "azure-identity": azure_identity_store,
    "google": google_store,
    "folder": folder_store,
}
WITHOUT_METADATA = ("azure", "azure-identity", "folder")
ENCRYPTION = {
    "x-amz-key-v2": "d3JhcHBlZCBrZXk=",
    "x-amz-iv": "AAAA",
    "x-amz-matdesc": '{"id":"1"}',
    "x-amz-tag-len": "128",
}
WITHOUT_DIGESTS = ("azure", "azure-identity", "folder")


@pytest.fixture(params=MAKERS)
def make_store(request: pytest.FixtureRequest) -> MakeStore:
    return MAKERS[request.param](request)


@pytest.fixture
def digest(request: pytest.FixtureRequest, make_store: MakeStore) -> Callable[[bytes], str | None]:
    """What `stat` tells of a content: its MD5, or nothing where the store does not know it."""
    tells = request.node.callspec.params["make_store"] not in WITHOUT_DIGESTS
    return lambda content: hashlib.md5(content).hexdigest() if tells else None


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


def test_stat_tells_size_and_digest(store: FileStore, blob: str, digest: Callable[[bytes], str | None]) -> None:
    content = content_of(3000)
    put(store, blob, content)
    stat = store.stat(blob)
    assert stat is not None
    assert (stat.blob, stat.size, stat.md5) == (blob, 3000, digest(content))


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


def test_list_gives_every_blob_once(store: FileStore, digest: Callable[[bytes], str | None]) -> None:
    blobs = {str(uuid.uuid4()): content_of(size) for size in range(30)}
    for name, content in blobs.items():
        put(store, name, content)
    listed = list(store.list())
    assert len(listed) == 30
    assert {stat.blob: (stat.size, stat.md5) for stat in listed} == {
        name: (len(content), digest(content)) for name, content in blobs.items()
    }
    assert all(isinstance(stat, BlobStat) for stat in listed)


def test_list_without_the_right_is_forbidden(make_store: MakeStore) -> None:
    with pytest.raises(BlobForbidden, match="list"):
        list(make_store(may_list=False).list())


def test_present_names_what_is_there_unless_it_is_too_much(store: FileStore) -> None:
    blobs = [str(uuid.uuid4()) for _ in range(5)]
    for name in blobs:
        put(store, name, b"x")
    there = {short_name(name) for name in blobs}
    assert store.present(5) == there
    assert store.present(4) is None


def test_present_is_unknown_without_the_right_to_list(make_store: MakeStore) -> None:
    assert make_store(may_list=False).present(5) is None


def test_the_probe_counts_what_it_finds(store: FileStore, blob: str) -> None:
    put(store, blob, b"")
    probe = store.probe([blob, str(uuid.uuid4())])
    assert (probe.tried, probe.found, probe.forbidden, probe.encrypted) == (2, 1, 0, False)


def test_the_probe_works_without_blobs_and_without_the_right_to_list(make_store: MakeStore) -> None:
    probe = make_store(may_list=False).probe([])
    assert (probe.tried, probe.found, probe.encrypted) == (0, 0, False)


@pytest.mark.parametrize("size", [0, 100, 9 * MIB])
def test_the_key_to_an_encrypted_blob_is_stored_with_it(store: FileStore, blob: str, size: int) -> None:
    if not store.keeps_metadata:
        pytest.skip("the runtime encrypts no blobs in such a store")
    content = content_of(size)
    store.put(blob, size, iter([content]), ENCRYPTION)
    opened = store.open(blob, 16 * MIB)
    assert (opened.head, opened.encryption) == (content, ENCRYPTION)
    assert store.probe([blob]).encrypted
    put(store, blob, content)
    assert store.open(blob, 1).encryption == {}


def test_a_store_says_whether_it_keeps_metadata(request: pytest.FixtureRequest, store: FileStore) -> None:
    kind = request.node.callspec.params["make_store"]
    assert store.keeps_metadata is (kind not in WITHOUT_METADATA)
