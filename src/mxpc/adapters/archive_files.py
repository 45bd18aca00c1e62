"""Archives on the file system and on pipes: where they are written to and read from.

A file has no name, or one that nobody takes for a backup, until it is complete: `commit` is the one call that puts it
under its name, after its bytes are on the disk.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from mxpc.adapters.paths import absolute, readable
from mxpc.errors import ArchiveError, DestinationError, RequestError
from mxpc.ports import ArchiveInput, ArchiveSink, ByteReader

_EVERYWHERE = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
"""Windows has the first of these flags, the others the second."""
PRIVATE = 0o600
"""A backup holds everything that the app knows: it is its owner's alone."""


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
        return PipeSink(os.open(path, os.O_WRONLY | _EVERYWHERE), close=True)
    return FileSink(absolute(path))


def check_destination(name: str) -> None:
    """Say early what would make `open_destination` fail, before any service is asked. Raises RequestError."""
    if name == "-" or (Path(name).exists() and not Path(name).is_file() and not Path(name).is_dir()):
        return
    if Path(name).is_dir():
        raise RequestError(f"{name} is a folder", hint="Name the backup file to write.")
    _open_partial_and_drop(absolute(Path(name)))


def _open_partial_and_drop(path: Path) -> None:
    descriptor, unnamed, partial = _open_partial(path)
    os.close(descriptor)
    if not unnamed:
        partial.unlink()


def open_input(name: str) -> ArchiveInput:
    """The archive for `-f name`; `-` is standard input. Raises RequestError when there is no such file."""
    if name == "-":
        # Unbuffered: a thread that waits inside of a BufferedReader holds its lock, and Python aborts at its exit.
        return PipeInput("standard input", getattr(sys.stdin.buffer, "raw", sys.stdin.buffer))
    try:
        descriptor = os.open(readable(Path(name)), os.O_RDONLY | _EVERYWHERE)
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
        self._folder = path.parent
        self._descriptor, self._unnamed, self._partial = _open_partial(path)
        self._file = os.fdopen(self._descriptor, "wb", buffering=0)

    def write(self, data: bytes | memoryview) -> None:
        try:
            _write_all(self._descriptor, data)
        except OSError as cause:
            raise self._failed(cause) from cause

    def patch(self, offset: int, data: bytes) -> None:
        end = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        try:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            self.write(data)
        finally:
            os.lseek(self._descriptor, end, os.SEEK_SET)

    def commit(self) -> None:
        try:
            _sync(self._descriptor)
            if self._unnamed:
                # A rename replaces an older backup in one step, a link cannot: so the file gets a passing name first.
                _give_name(self._descriptor, self._partial)
                self._unnamed = False
            self._file.close()
            self._partial.replace(self._path)
            _sync_folder(self._folder)
        except OSError as cause:
            raise self._failed(cause) from cause

    def abort(self) -> None:
        with suppress(OSError):
            self._file.close()
        if not self._unnamed:
            with suppress(OSError):
                self._partial.unlink(missing_ok=True)

    def _failed(self, cause: OSError) -> DestinationError:
        hint = "Free some space or choose another folder." if cause.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        return DestinationError(
            f"cannot write the backup file {self._path}",
            evidence=_words(cause),
            hint=f"{hint} Nothing was left behind; an older backup of that name is untouched.".strip(),
        )


def _open_partial(path: Path) -> tuple[int, bool, Path]:
    """Descriptor, whether the file has no name yet, and the name it has or will pass through.

    Linux can make a file without a name (O_TMPFILE): then even kill -9 leaves nothing behind.
    """
    partial = path.parent / f".{path.name}.{secrets.token_hex(4)}.partial"
    try:
        if sys.platform == "linux" and Path("/proc/self/fd").exists():
            with suppress(OSError):
                return os.open(path.parent, os.O_TMPFILE | os.O_RDWR | _EVERYWHERE, PRIVATE), True, partial
        return os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | _EVERYWHERE, PRIVATE), False, partial
    except OSError as cause:
        raise RequestError(
            f"cannot write into the folder {path.parent or Path()}",
            evidence=_words(cause),
            hint="Choose a folder that exists and that you may write to.",
        ) from cause


def _give_name(descriptor: int, path: Path) -> None:
    """linkat(2) with AT_SYMLINK_FOLLOW: Python calls it, not link(2), only when it is given a folder's descriptor."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.link(f"/proc/self/fd/{descriptor}", path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


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
