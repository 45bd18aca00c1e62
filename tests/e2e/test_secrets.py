"""No password and no key is ever in a process's arguments, in the output, or in a file that others can read."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from pathlib import Path
from typing import Self

import pytest

from e2e.environment import LiveEnvironment
from e2e.sample import Restorable
from surroundings import COMMAND


class Watch:
    """Looks at every process's arguments and at the temporary files, as quickly as it can, while its context lasts."""

    def __init__(self, environment: LiveEnvironment) -> None:
        self.programs: set[str] = set()
        """Names of the programs that were seen."""
        self.told: set[bytes] = set()
        """Arguments that have a secret."""
        self.password_files: set[int] = set()
        """Modes of the password files that the command held open; on Linux they are in no folder."""
        self.temporary_modes: set[tuple[str, int]] = set()
        """What came and went in the temporary folder: `file` or `folder`, and its mode."""
        self._secrets = {form.encode() for form in environment.secret_forms()}
        self._temporary = environment.temporary
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.is_set():
            for process in Path("/proc").iterdir():
                if process.name.isdigit():
                    with contextlib.suppress(OSError):
                        self._look_at(process)
            # The single-file program unpacks itself into a folder _MEI…, which is closed to others.
            for top in self._temporary.iterdir():
                for path in (top, *([] if top.name.startswith("_MEI") else _within(top))):
                    with contextlib.suppress(OSError):
                        kind = "folder" if path.is_dir() else "file"
                        self.temporary_modes.add((kind, stat.S_IMODE(path.lstat().st_mode)))

    def _look_at(self, process: Path) -> None:
        arguments = (process / "cmdline").read_bytes()
        self.programs.add(Path(arguments.split(b"\0")[0].decode(errors="replace")).name)
        self.told |= {arguments for secret in self._secrets if secret in arguments}
        if str(COMMAND).encode() in arguments:
            for descriptor in (process / "fd").iterdir():
                if "pgpass" in str(descriptor.readlink()):
                    self.password_files.add(stat.S_IMODE(descriptor.stat().st_mode))


def _within(folder: Path) -> list[Path]:
    """What is in it; os.walk does not mind what vanishes meanwhile."""
    return [Path(place) / name for place, folders, files in os.walk(folder) for name in (*folders, *files)]


@pytest.mark.parametrize("verbose", [(), ("-v",)], ids=["", "-v"])
def test_no_process_and_no_open_file_tells_a_secret(
    untouchable: LiveEnvironment, restorable: Restorable, verbose: tuple[str, ...]
) -> None:
    path = untouchable.home / "watched.tar.gz"
    with Watch(untouchable) as backup:
        untouchable.run("backup", "-f", path, *verbose).expect(0)
    with Watch(restorable.environment) as restore:
        restorable.environment.run("restore", "-f", path, *verbose).expect(0)
    assert "pg_dump" in backup.programs  # else the watch proves nothing
    assert "pg_restore" in restore.programs
    assert backup.told == restore.told == set()
    assert backup.password_files == restore.password_files == {0o600}
    assert backup.temporary_modes | restore.temporary_modes <= {("folder", 0o700), ("file", 0o600)}


def test_watch_would_see_a_secret(untouchable: LiveEnvironment) -> None:
    leaky = ["/bin/sh", "-c", 'sleep 0.3; exec "$@"', untouchable.secrets[0]]
    with Watch(untouchable) as watch:
        untouchable.run("inspect", "-f", "/nonexistent", wrapper=leaky)
    assert watch.told


def test_password_in_a_jdbc_url_is_not_printed_either(untouchable: LiveEnvironment) -> None:
    database = untouchable.database
    untouchable.secrets = (*untouchable.secrets, "jdbc secret+word")
    address = f"{database.host}:{database.port}/{database.name}"
    url = f"jdbc:postgresql://{address}?user={database.user}&password=jdbc%20secret%2Bword"
    untouchable.database_secret["database-jdbc-url"] = url
    # `run` looks for every secret in everything that was printed.
    for option in ("-v", "-q"):
        untouchable.run("backup", "-f", untouchable.home / "jdbc.tar.gz", option).expect(3, "authentication failed")


def test_secrets_of_what_cannot_be_understood_are_not_printed(untouchable: LiveEnvironment) -> None:
    password = untouchable.secrets[0]
    for url in (f"jdbc:postgresql://user:{password}@host/name", f"postgres://user:{password}@host:x/name"):
        untouchable.database_secret["database-jdbc-url"] = url
        untouchable.run("backup", "-f", untouchable.home / "jdbc.tar.gz", "-v").expect(2, "database-jdbc-url")
    untouchable.storage_secret["storage-endpoint"] = f"https://{untouchable.secrets[1]}@host"
    untouchable.database_secret.pop("database-jdbc-url")
    untouchable.run("backup", "-f", untouchable.home / "jdbc.tar.gz", "-v").expect(2, "storage-endpoint")


def test_traceback_of_an_error_has_no_secret(untouchable: LiveEnvironment) -> None:
    untouchable.storage_secret["storage-bucket-name"] = "no-such-bucket"
    ended = untouchable.run("backup", "-f", untouchable.home / "traceback.tar.gz", "-v").expect(3)
    assert "Traceback" in ended.err
