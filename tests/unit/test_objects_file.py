"""The file with the keys to encrypted files: what is there serves the archive of its name, at every moment."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from mxpc.adapters.objects_file import ObjectsFile, kept_objects, objects_file_of, read_objects
from mxpc.errors import ArchiveError, RequestError

OLD = "00000000-0000-4000-8000-000000000001"
NEW = "00000000-0000-4000-8000-000000000002"
KEY = {"x-amz-key-v2": "d3JhcHBlZA==", "x-amz-iv": "AAAA"}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "backup.tar.gz"


def published(archive: Path, *blobs: str) -> ObjectsFile:
    kept = ObjectsFile(str(archive))
    for blob in blobs:
        kept.add(blob, KEY)
    kept.publish()
    return kept


def blobs_in(archive: Path) -> set[str]:
    return set(read_objects(objects_file_of(str(archive))).objects)


def test_what_was_added_can_be_read_and_is_its_owners_alone(archive: Path) -> None:
    published(archive, NEW, OLD).finish()
    kept = kept_objects(str(archive), None)
    assert kept is not None
    assert kept.objects == {OLD: KEY, NEW: KEY}
    assert "wrapped" not in repr(kept)
    assert "d3JhcHBlZA" not in repr(kept)
    assert stat.S_IMODE(objects_file_of(str(archive)).stat().st_mode) == 0o600
    assert [path.name for path in archive.parent.iterdir()] == ["backup.tar.gz.objects.json"]


def test_older_archive_keeps_its_keys_until_the_new_one_is_there(archive: Path) -> None:
    published(archive, OLD).finish()
    archive.write_bytes(b"older")
    kept = published(archive, NEW)
    assert blobs_in(archive) == {OLD, NEW}  # a kill here leaves the older archive, which needs its own
    kept.finish()
    assert blobs_in(archive) == {NEW}


def test_older_archive_keeps_its_keys_when_the_backup_fails(archive: Path) -> None:
    published(archive, OLD).finish()
    archive.write_bytes(b"older")
    published(archive, NEW).abort()
    assert OLD in blobs_in(archive)


def test_a_first_backup_that_fails_leaves_nothing(archive: Path) -> None:
    kept = published(archive, NEW)
    kept.abort()
    kept.abort()
    assert list(archive.parent.iterdir()) == []


def test_an_unusable_older_file_is_replaced(archive: Path) -> None:
    objects_file_of(str(archive)).write_text("{")
    published(archive, NEW).finish()
    assert blobs_in(archive) == {NEW}


@pytest.mark.parametrize("name", ["-", "/dev/null"])
def test_a_pipe_has_no_place_beside_it(name: str) -> None:
    with pytest.raises(RequestError, match="--keep-encrypted cannot write to a pipe"):
        ObjectsFile(name)


def test_place_that_is_taken_is_refused(archive: Path) -> None:
    objects_file_of(str(archive)).mkdir()
    with pytest.raises(RequestError, match="is no file"):
        ObjectsFile(str(archive))


def test_nothing_beside_an_archive_is_no_error(archive: Path) -> None:
    assert kept_objects(str(archive), None) is None
    assert kept_objects("-", None) is None


def test_a_file_that_is_named_has_to_be_there(archive: Path) -> None:
    with pytest.raises(RequestError, match="cannot read"):
        kept_objects(str(archive), str(archive.with_name("nowhere.json")))


def changed(archive: Path, **changes: Any) -> bytes:
    published(archive, NEW).finish()
    value = json.loads(objects_file_of(str(archive)).read_text())
    return json.dumps(value | changes).encode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "mxpc-objects-2"}, "does not hold"),
        ({"objects": [NEW]}, "damaged"),
        ({"objects": {"../etc/passwd": KEY}}, "damaged"),
        ({"objects": {NEW: {}}}, "damaged"),
        ({"objects": {NEW: {"x-amz-iv": 1}}}, "damaged"),
        ({"objects": {NEW: {"x-amz-iv": "a\r\nHost: b"}}}, "damaged"),
        ({"objects": {NEW: {"x amz": "a"}}}, "damaged"),
        ({"objects": {NEW: {**KEY, "x-amz-iv": "AAAB"}}}, "checksum"),
        ({"objects": {}}, "checksum"),
        ({"sha256": None}, "checksum"),
    ],
)
def test_a_file_that_was_changed_is_refused(archive: Path, changes: dict[str, Any], words: str) -> None:
    objects_file_of(str(archive)).write_bytes(changed(archive, **changes))
    with pytest.raises(ArchiveError, match=words) as refused:
        kept_objects(str(archive), None)
    assert refused.value.hint


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b"[" * 100_000, b"[]", b"null"])
def test_a_file_that_is_something_else_is_refused(archive: Path, content: bytes) -> None:
    objects_file_of(str(archive)).write_bytes(content)
    with pytest.raises(ArchiveError):
        kept_objects(str(archive), None)


def test_the_form_of_the_json_does_not_matter(archive: Path) -> None:
    published(archive, NEW).finish()
    path = objects_file_of(str(archive))
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4))
    assert blobs_in(archive) == {NEW}
