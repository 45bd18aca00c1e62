"""Archives on the file system and on pipes: where they are written to and read from.

A file has no name, or one that nobody takes for a backup, until it is complete: `commit` is the one call that puts it
under its name, after its bytes are on the disk.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from mxpc.adapters.passing_files import EVERYWHERE, PassingFile, remove_abandoned
from mxpc.adapters.paths import absolute, readable
from mxpc.errors import ArchiveError, DestinationError, RequestError
from mxpc.ports import ArchiveInput, ArchiveSink, ByteReader


def open_destination(name: str) -> ArchiveSink:
    """The sink for `-f name`; `-` is standard output.

    Raises RequestError when the folder is missing, may not be written to, or the name is a folder's.
    """
    if name == "-":
        return PipeSink(sys.stdout.fileno())
    path = Path(name)
    if path.is_dir():
        raise RequestError(f"{name} is a folder", hint="Name the backup file to write.")
    if path.exists() and not path.is_file():
        return PipeSink(os.open(path, os.O_WRONLY | EVERYWHERE), close=True)
    return FileSink(absolute(path))


def check_destination(name: str) -> None:
    """Say early what would make `open_destination` fail, before any service is asked. Raises RequestError."""
    if name == "-" or (Path(name).exists() and not Path(name).is_file() and not Path(name).is_dir()):
        return
    if Path(name).is_dir():
        raise RequestError(f"{name} is a folder", hint="Name the backup file to write.")
    _open_new(absolute(Path(name))).drop()


def open_input(name: str) -> ArchiveInput:
    """The archive for `-f name`; `-` is standard input. Raises RequestError when there is no such file."""
    if name == "-":
        # Unbuffered: a thread that waits inside of a BufferedReader holds its lock, and Python aborts at its exit.
        return PipeInput("standard input", getattr(sys.stdin.buffer, "raw", sys.stdin.buffer))
    try:
        descriptor = os.open(readable(Path(name)), os.O_RDONLY | EVERYWHERE)
    except OSError as cause:
        raise RequestError(
            f"cannot open the backup file {name}", evidence=_words(cause), hint="Check the path and your rights to it."
        ) from cause
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RequestError(f"{name} is a folder", hint="Name the backup file to read.")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return PipeInput(name, os.fdopen(descriptor, "rb", buffering=0))
    return FileInput(name, descriptor)


class FileSink:
    """A regular file that appears under its name when it is complete."""

    can_patch = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _open_new(path)
        remove_abandoned(path.parent)

    def write(self, data: bytes | memoryview) -> None:
        try:
            _write_all(self._file.descriptor, data)
        except OSError as cause:
            raise self._failed(cause) from cause

    def patch(self, offset: int, data: bytes) -> None:
        descriptor = self._file.descriptor
        end = os.lseek(descriptor, 0, os.SEEK_CUR)
        try:
            os.lseek(descriptor, offset, os.SEEK_SET)
            self.write(data)
        finally:
            os.lseek(descriptor, end, os.SEEK_SET)

    def commit(self) -> None:
        try:
            _sync(self._file.descriptor)
            self._file.put_in_place()
            _sync_folder(self._path.parent)
        except OSError as cause:
            raise self._failed(cause) from cause

    def abort(self) -> None:
        self._file.drop()

    def _failed(self, cause: OSError) -> DestinationError:
        hint = "Free some space or choose another folder." if cause.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        return DestinationError(
            f"cannot write the backup file {self._path}",
            evidence=_words(cause),
            hint=f"{hint} Nothing was left behind; an older backup of that name is untouched.".strip(),
        )


def _open_new(path: Path) -> PassingFile:
    try:
        return PassingFile(path)
    except OSError as cause:
        raise RequestError(
            f"cannot write into the folder {path.parent or Path()}",
            evidence=_words(cause),
            hint="Choose a folder that exists and that you may write to.",
        ) from cause


def _sync(descriptor: int) -> None:
    """Bring what was written onto the disk."""
    if sys.platform == "darwin":
        import fcntl

        # fsync(2) of macOS leaves it in the drive's own memory; not every file system knows the other call.
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; systems that cannot open folders (Windows) do it by themselves."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


class PipeSink:
    """Standard output, a pipe or a device: written once, in order, without a buffer that could fail after the end."""

    can_patch = False

    def __init__(self, descriptor: int, *, close: bool = False) -> None:
        self._descriptor = descriptor
        self._close = close

    def write(self, data: bytes | memoryview) -> None:
        try:
            _write_all(self._descriptor, data)
        except OSError as cause:
            raise self._failed(cause) from cause

    def patch(self, offset: int, data: bytes) -> None:
        raise AssertionError("a pipe cannot be patched")

    def commit(self) -> None:
        try:
            if self._close:
                os.close(self._descriptor)
        except OSError as cause:
            raise self._failed(cause) from cause

    def abort(self) -> None:
        """What was written is out: the reader sees an archive without an end."""
        if self._close:
            with suppress(OSError):
                os.close(self._descriptor)

    @staticmethod
    def _failed(cause: OSError) -> DestinationError:
        return DestinationError(
            "cannot write the backup to the pipe",
            evidence=_words(cause),
            hint="The program that reads it ended early: look at its messages. What it got is not a backup.",
        )


class FileInput:
    """A regular file, opened once: all readings see the same file even when another one gets its name."""

    repeatable = True

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        self._seek = threading.Lock()

    def open(self) -> ByteReader:
        return _Reading(self)

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes at `offset`, from any thread."""
        try:
            if sys.platform != "win32":
                return os.pread(self._descriptor, size, offset)
            with self._seek:
                os.lseek(self._descriptor, offset, os.SEEK_SET)
                return os.read(self._descriptor, size)
        except OSError as cause:
            raise ArchiveError(f"cannot read the backup file {self.name}", evidence=_words(cause)) from cause


class _Reading:
    def __init__(self, source: FileInput) -> None:
        self._source = source
        self._offset = 0

    def read(self, size: int, /) -> bytes:
        data = self._source.read_at(self._offset, size)
        self._offset += len(data)
        return data


class PipeInput:
    """Standard input or another pipe: read once."""

    repeatable = False
    size = None

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self.name = name
        self._stream = stream

    def open(self) -> ByteReader:
        return _PipeReading(self.name, self._stream)


class _PipeReading:
    def __init__(self, name: str, stream: BinaryIO) -> None:
        self._name = name
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        try:
            return self._stream.read(size) or b""
        except OSError as cause:
            raise ArchiveError(f"cannot read the backup from {self._name}", evidence=_words(cause)) from cause


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _words(cause: OSError) -> str:
    return cause.strerror or str(cause)
