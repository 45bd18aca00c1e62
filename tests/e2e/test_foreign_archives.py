"""Backups that others made: GNU tar in its dialects, several gzip members, any order, dumps with inner compression."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from e2e.environment import LiveEnvironment
from e2e.sample import Restorable
from e2e.test_bad_archives import entries_of
from servers import postgres_bin, require


class Folder:
    """A backup unpacked, to be packed again by other programs."""

    def __init__(self, path: Path, archive: Path) -> None:
        self.path = path
        if not shutil.which("tar"):
            require("GNU tar is not installed")
        for entry in entries_of(archive):
            (path / entry.name).parent.mkdir(parents=True, exist_ok=True)
            (path / entry.name).write_bytes(entry.content)

    def tar(self, *arguments: str) -> bytes:
        """What GNU tar writes to its standard output."""
        return subprocess.run(
            ["tar", *arguments], cwd=self.path, env={"PATH": "/usr/bin:/bin"}, check=True, capture_output=True
        ).stdout

    def blobs(self) -> list[Path]:
        """The blobs' files."""
        return [path for path in (self.path / "tree").rglob("*") if path.is_file()]


def _flat(folder: Folder) -> bytes:
    for blob in folder.blobs():
        blob.rename(folder.path / "tree" / blob.name)
    return folder.tar("-cz", "--exclude=tree/??", ".metadata", "db", "tree")


def _members(folder: Folder) -> bytes:
    """As pigz --independent writes: each block of the tar is a gzip member of its own."""
    tar = folder.tar("-c", ".metadata", "db", "tree")
    return b"".join(gzip.compress(tar[start : start + 10_000]) for start in range(0, len(tar), 10_000))


def _only(*names: str) -> Callable[[Folder], bytes]:
    return lambda folder: folder.tar("-cz", *names)


ARCHIVES: dict[str, Callable[[Folder], bytes]] = {
    "tar -czf of the folder, with ./ and directories": _only("."),
    "ustar": _only("--format=ustar", ".metadata", "db", "tree"),
    "gnu": _only("--format=gnu", ".metadata", "db", "tree"),
    "pax": _only("--format=pax", ".metadata", "db", "tree"),
    "pax with times and owners": _only("--format=pax", "--pax-option=comment=hello", "--owner=юзер:1000", "."),
    "not compressed": lambda folder: folder.tar("-c", ".metadata", "db", "tree"),
    "several gzip members": _members,
    "tree before database, metadata last": _only("tree", "db", ".metadata"),
    "no metadata": _only("db", "tree"),
    "flat tree": _flat,
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_foreign_archive_is_restored(restorable: Restorable, sample_archive: Path, kind: str, tmp_path: Path) -> None:
    (tmp_path / "unpacked").mkdir()
    # The name says nothing: the input is recognised by its content.
    path = tmp_path / "foreign"
    path.write_bytes(ARCHIVES[kind](Folder(tmp_path / "unpacked", sample_archive)))
    restorable.environment.run("restore", "-f", path).expect(0)
    assert restorable.differences() == []


@pytest.mark.parametrize("kind", ["tree before database, metadata last", "flat tree", "several gzip members"])
def test_foreign_archive_is_restored_from_standard_input(
    restorable: Restorable, sample_archive: Path, kind: str, tmp_path: Path
) -> None:
    data = ARCHIVES[kind](Folder(tmp_path, sample_archive))
    restorable.environment.run("restore", "-f", "-", feed=data).expect(0)
    assert restorable.differences() == []


def test_archive_without_any_file_restores_the_database(
    restorable: Restorable, sample_archive: Path, tmp_path: Path
) -> None:
    (tmp_path / "unpacked").mkdir()
    path = tmp_path / "foreign.tar.gz"
    path.write_bytes(Folder(tmp_path / "unpacked", sample_archive).tar("-cz", ".metadata", "db"))
    restorable.environment.run("restore", "-f", path).expect(0)
    assert restorable.differences(files=False) == []


def pg_dump(environment: LiveEnvironment, *options: str) -> bytes:
    """What the server's own pg_dump writes, as an administrator would call it."""
    database = environment.database
    login = {
        "PGHOST": database.host,
        "PGPORT": str(database.port),
        "PGUSER": database.user,
        "PGDATABASE": database.name,
        "PGPASSWORD": database.password or "",
        "PATH": "/usr/bin:/bin",
    }
    program = postgres_bin(environment.postgres.major) / "pg_dump"
    return subprocess.run([program, *options], env=login, check=True, capture_output=True).stdout


@pytest.mark.parametrize("options", [("-Fc", "-Z9"), ("-Fc", "-Z0"), ("-O", "-x", "-Fc")], ids=" ".join)
def test_dump_of_pg_dump_in_an_archive(
    untouchable: LiveEnvironment, restorable: Restorable, sample_archive: Path, options: Sequence[str], tmp_path: Path
) -> None:
    (tmp_path / "unpacked").mkdir()
    folder = Folder(tmp_path / "unpacked", sample_archive)
    (folder.path / "db" / "db.backup").write_bytes(pg_dump(untouchable, *options))
    path = tmp_path / "backup.tar.gz"
    path.write_bytes(folder.tar("-cz", ".metadata", "db", "tree"))
    restorable.environment.run("restore", "-f", path).expect(0)
    assert restorable.differences() == []


@pytest.mark.parametrize("level", ["-Z9", "-Z0"])
def test_bare_dump_of_pg_dump(untouchable: LiveEnvironment, restorable: Restorable, level: str, tmp_path: Path) -> None:
    path = tmp_path / "app.backup"
    path.write_bytes(pg_dump(untouchable, "-Fc", level))
    restorable.environment.run("restore", "-f", path).expect(0)
    assert restorable.differences(files=False) == []


def test_our_own_archive_is_read_by_gnu_tar_and_gzip(sample_archive: Path, tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin"}
    subprocess.run(["gzip", "-t", sample_archive], env=environment, check=True)
    subprocess.run(["tar", "-xzf", sample_archive], cwd=tmp_path, env=environment, check=True)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {
        entry.name for entry in entries_of(sample_archive)
    }
