"""Archives that are damaged, foreign or hostile: refused by name, and the target is as it was."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.environment import Ended, LiveEnvironment
from e2e.sample import Untouchable

UUID = "0d3e301f-5a0c-4b1e-9d57-3f1f0f6a4b01"
"""A blob that the sample's archive has."""
NEW_UUID = "abcdef00-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Entry:
    """One member of a tar to be made."""

    name: str
    content: bytes = b"content"
    type: bytes = tarfile.REGTYPE
    link: str = ""


def entries_of(archive: Path) -> list[Entry]:
    """The members of a good archive."""
    with tarfile.open(archive) as tar:
        return [Entry(member.name, _content(tar, member)) for member in tar]


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    assert stream
    return stream.read()


def packed(entries: list[Entry]) -> bytes:
    """A tar.gz of these members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for entry in entries:
            info = tarfile.TarInfo(entry.name)
            info.type, info.linkname = entry.type, entry.link
            info.size = len(entry.content) if entry.type == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(entry.content))
    return out.getvalue()


@pytest.fixture(scope="module")
def good(sample_archive: Path) -> list[Entry]:
    """The members of a good archive."""
    return entries_of(sample_archive)


def _flipped(data: bytes, place: float) -> bytes:
    spoiled = bytearray(data)
    spoiled[int(len(data) * place)] ^= 0x04
    return bytes(spoiled)


def _with_dump(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """The archive, its dump changed."""

    def make(archive: bytes) -> bytes:
        entries = entries_of_bytes(archive)
        return packed([Entry(e.name, change(e.content)) if e.name == "db/db.backup" else e for e in entries])

    return make


def entries_of_bytes(archive: bytes) -> list[Entry]:
    """The members of a good archive that is in memory."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return [Entry(member.name, _content(tar, member)) for member in tar]


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "empty"),
    "only the beginning": (lambda data: data[: len(data) // 2], ""),
    "without its last bytes": (lambda data: data[:-4], ""),
    "without its last block": (lambda data: data[:-600], ""),
    "a bit in the front": (lambda data: _flipped(data, 0.1), ""),
    "a bit in the middle": (lambda data: _flipped(data, 0.5), ""),
    "a bit in the checksum": (lambda data: data[:-8] + _flipped(data[-8:], 0), ""),
    "text": (lambda _: b"not an archive at all\n" * 100, "neither a Mendix Cloud V4 archive nor a dump"),
    "text in gzip": (lambda _: gzip.compress(b"not an archive at all\n" * 100), "neither"),
    "a zip": (lambda _: b"PK\x03\x04" + b"\0" * 100, "zip"),
    "garbage behind it": (lambda data: data + b"garbage", ""),
    "a tar of something else": (lambda _: packed([Entry("etc/motd")]), "db/db.backup"),
    "a plain SQL dump": (_with_dump(lambda _: b"--\n-- PostgreSQL database dump\n--\n" * 50), "custom format"),
    "a dump in tar format": (_with_dump(lambda _: gzip.decompress(packed([Entry("toc.dat")]))), "custom format"),
    "a dump cut short": (_with_dump(lambda dump: dump[: len(dump) // 2]), "dump"),
    "an empty dump": (_with_dump(lambda _: b""), "dump"),
    "bare dump cut short": (
        lambda data: next(e.content[:-100] for e in entries_of_bytes(data) if e.name == "db/db.backup"),
        "dump",
    ),
}


HOSTILE: dict[str, list[Entry]] = {
    "tree/../../etc/cron.d/evil": [Entry("tree/../../etc/cron.d/evil")],
    "/etc/passwd": [Entry("/etc/passwd")],
    "tree/link": [Entry("tree/link", type=tarfile.SYMTYPE, link="/etc/passwd")],
    "tree/hard": [Entry("tree/hard", type=tarfile.LNKTYPE, link="db/db.backup")],
    "tree/device": [Entry("tree/device", type=tarfile.CHRTYPE)],
    "tree/pipe": [Entry("tree/pipe", type=tarfile.FIFOTYPE)],
    f"tree/0d/3e/{UUID}": [Entry(f"tree/0d/3e/{UUID}")],
    f"tree/{UUID.upper()}": [Entry(f"tree/{UUID.upper()}")],
    "db/db.backup": [Entry("./db/db.backup")],
    f"tree/00/00/{NEW_UUID}": [Entry(f"tree/00/00/{NEW_UUID}")],
}


Ends = dict[tuple[str, str], Ended]
READ_ALONE = ("only the beginning", "a bit in the middle", "a plain SQL dump")


@pytest.fixture(scope="module")
def ends(
    untouchable_state: Untouchable, sample_archive: Path, good: list[Entry], tmp_path_factory: pytest.TempPathFactory
) -> Ends:
    """How the command ended with each of these archives as a file, by command and kind of archive.

    Several run at a time, in half the time: none may get as far as the database. The target is as it was after all.
    """
    folder = tmp_path_factory.mktemp("archives")
    archive = sample_archive.read_bytes()
    spoiled = {kind: spoil(archive) for kind, (spoil, _) in DAMAGES.items()}
    spoiled |= {name: packed([*good, *entries]) for name, entries in HOSTILE.items()}
    paths = {kind: folder / f"{number}.tar.gz" for number, kind in enumerate(spoiled)}
    for kind, path in paths.items():
        path.write_bytes(spoiled[kind])
    keys = [("restore", kind) for kind in spoiled]
    keys += [(command, kind) for command in ("verify", "inspect") for kind in READ_ALONE]
    untouchable_state.reset()
    ended = untouchable_state.environment.run_all([(command, "-f", paths[kind]) for command, kind in keys])
    assert untouchable_state.changes() == []
    return dict(zip(keys, ended, strict=True))


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_archive_is_refused_and_the_target_is_untouched(ends: Ends, damage: str) -> None:
    ends["restore", damage].expect(4, "error:", DAMAGES[damage][1])


@pytest.mark.parametrize("damage", ["only the beginning", "a bit in the middle", "without its last bytes", "empty"])
def test_damaged_archive_from_standard_input_is_put_back(
    untouchable: LiveEnvironment, sample_archive: Path, damage: str
) -> None:
    spoil, words = DAMAGES[damage]
    untouchable.run("restore", "-f", "-", feed=spoil(sample_archive.read_bytes())).expect(4, "error:", words)


@pytest.mark.parametrize("command", ["verify", "inspect"])
@pytest.mark.parametrize("damage", READ_ALONE)
def test_verify_and_inspect_refuse_a_damaged_archive(ends: Ends, damage: str, command: str) -> None:
    assert ends[command, damage].expect(4).out == ""


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_entry_is_named_and_the_target_is_untouched(ends: Ends, name: str) -> None:
    ends["restore", name].expect(4, name)


@pytest.mark.parametrize("name", ["tree/../../etc/cron.d/evil", "tree/link", f"tree/00/00/{NEW_UUID}"])
def test_hostile_entry_from_standard_input_is_named_and_everything_is_put_back(
    untouchable: LiveEnvironment, good: list[Entry], name: str
) -> None:
    new_blob = Entry(f"tree/{NEW_UUID[:2]}/{NEW_UUID[2:4]}/{NEW_UUID}")
    untouchable.run("restore", "-f", "-", feed=packed([*good, new_blob, *HOSTILE[name]])).expect(4, name)


def test_unknown_entries_are_a_warning_and_the_restore_goes_on(
    untouchable: LiveEnvironment, good: list[Entry], tmp_path: Path
) -> None:
    path = tmp_path / "extra.tar.gz"
    path.write_bytes(packed([Entry("README.txt"), *good, Entry("tree/notes/why.txt")]))
    content = untouchable.content().database
    result = untouchable.run("restore", "-f", path, "-o", "json").expect(0).json()
    assert [one["code"] for one in result["findings"]] == ["extra-entries"]
    assert "README.txt, tree/notes/why.txt" in result["findings"][0]["what"]
    assert untouchable.content().database == content
    untouchable.run("restore", "-f", path).expect(0, "warning:", "README.txt", "tree/notes/why.txt")
    untouchable.run("verify", "-f", path).expect(0, "README.txt")


def test_file_that_the_storage_has_with_other_content_is_not_overwritten(
    untouchable: LiveEnvironment, good: list[Entry], tmp_path: Path
) -> None:
    path = tmp_path / "other.tar.gz"
    other = [Entry(e.name, b"something else") if e.name.endswith(UUID) else e for e in good]
    path.write_bytes(packed(other))
    untouchable.run("restore", "-f", path).expect(3, UUID, "holds another file")
