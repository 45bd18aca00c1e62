from __future__ import annotations

import contextlib
import json

import pytest

from mxpc.archive.layout import (
    DUMP_NAME,
    METADATA_NAME,
    METADATA_SIZE,
    Metadata,
    Place,
    blob_entry,
    classify,
    decode,
    encode,
)
from mxpc.errors import ArchiveError
from unit.archive.archives import BLOB


def test_blob_lies_in_folders_of_its_first_two_pairs() -> None:
    assert blob_entry(BLOB) == f"tree/0d/3e/{BLOB}"


@pytest.mark.parametrize("dot", ["", "./"])
def test_known_names_are_recognised(dot: str) -> None:
    assert classify(dot + METADATA_NAME).place is Place.METADATA
    assert classify(dot + DUMP_NAME).place is Place.DUMP
    assert classify(f"{dot}tree/0d/3e/{BLOB}") == (Place.BLOB, BLOB, False)
    assert classify(f"{dot}tree/{BLOB}") == (Place.BLOB, BLOB, True)


@pytest.mark.parametrize("name", ["README", "db/other.backup", "tree/0d/notes.txt", "Tree/x", "...", "tree", "a b"])
def test_harmless_other_names_are_extras(name: str) -> None:
    assert classify(name).place is Place.EXTRA


@pytest.mark.parametrize(
    "name",
    [
        "",
        "./",
        "/etc/passwd",
        "/" + DUMP_NAME,
        "..",
        "../db/db.backup",
        "tree/../../x",
        "db/..",
        f"tree/0d/3e/../3e/{BLOB}",
        "a\0b",
        f"tree\\0d\\3e\\{BLOB}",
        "..\\x",
        "C:/x",
        "c:x",
        "a//b",
        "././x",
        "a/./b",
        "a/",
    ],
)
def test_unsafe_names_are_refused_and_named(name: str) -> None:
    with pytest.raises(ArchiveError, match="unsafe name"):
        classify(name)


@pytest.mark.parametrize(
    "name",
    [
        f"tree/0d/3f/{BLOB}",
        f"tree/3e/0d/{BLOB}",
        f"tree/0D/3E/{BLOB}",
        f"tree/0d/{BLOB}",
        f"tree/0d/3e/x/{BLOB}",
        f"files/{BLOB}",
        BLOB,
    ],
)
def test_blob_in_a_wrong_folder_is_refused(name: str) -> None:
    with pytest.raises(ArchiveError, match="wrong folder") as caught:
        classify(name)
    assert BLOB in caught.value.what
    assert blob_entry(BLOB) in caught.value.evidence


def test_names_in_messages_cannot_steer_a_terminal() -> None:
    with pytest.raises(ArchiveError) as caught:
        classify("/\x1b[2Jx")
    assert "\x1b" not in str(caught.value)


def test_metadata_is_padded_json_of_texts_in_the_known_order() -> None:
    data = encode(Metadata(12, 94769, "1.0.0.40", 9730584, 1346575))
    assert len(data) == METADATA_SIZE
    assert data.rstrip() == (
        b'{"duration":"12","dumpSize":"94769","modelVersion":"1.0.0.40","databaseSize":"9730584","filesSize":"1346575"}'
    )


def test_metadata_has_its_size_whatever_the_values() -> None:
    data = encode(Metadata(1 << 62, 1 << 62, "überlang" * 200, 1 << 62, 1 << 62))
    assert len(data) == METADATA_SIZE
    assert json.loads(data)["dumpSize"] == str(1 << 62)


def test_foreign_metadata_keeps_unknown_keys_and_turns_values_into_text() -> None:
    assert decode(b'\xef\xbb\xbf {"dumpSize": 5, "x": null, "y": {"z": [1]}, "modelVersion": "\xc3\xa9"} ') == {
        "dumpSize": "5",
        "x": "null",
        "y": '{"z": [1]}',
        "modelVersion": "é",
    }


@pytest.mark.parametrize("data", [b"", b"no json", b"[]", b'"x"', b"\xff\xfe", b"[" * 60000, b" " * 70000])
def test_metadata_that_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(ArchiveError):
        decode(data)


def test_metadata_nested_to_any_depth_is_read_or_refused() -> None:
    """Reading nests as deep as the stack allows; writing it again as text may need one frame more."""
    for depth in range(900, 1010):
        for start, end in (('{"a":' + "[" * depth, "]" * depth + "}"), ('{"a":' * depth + "1", "}" * depth)):
            with contextlib.suppress(ArchiveError):
                decode((start + end).encode())


def test_metadata_has_no_key_twice_and_nothing_that_a_terminal_obeys() -> None:
    with pytest.raises(ArchiveError, match="not JSON"):
        decode(b'{"a": 1, "a": 1}')
    assert decode(rb'{"a\u001b": "\n\u202ex", "b": ["\u0007"]}') == {r"a\x1b": r"\n\u202ex", "b": r'["\u0007"]'}
