"""A dump on disk, for a pg_restore with several workers: each opens it by itself and jumps about in it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mxpc.archive.dumpindex import index_dump
from mxpc.errors import ServiceError
from mxpc.ports import ByteReader

CHUNK = 1 << 20


@contextlib.contextmanager
def unpacked(dump: ByteReader, folder: str | None) -> Iterator[str]:
    """The path under which other processes find the whole dump while the context lasts.

    It takes as much disk as the dump is big, in `folder` or else the system's temporary folder. On Linux the file has
    no name there, so that even kill -9 leaves nothing. Raises ServiceError when the disk does not take it.
    """
    with _nameless_or_private(folder) as (file, path):
        try:
            while data := dump.read(CHUNK):
                file.write(data)
            file.flush()
            index_dump(file)
        except OSError as cause:
            raise ServiceError(
                f"cannot unpack the dump into {folder or tempfile.gettempdir()}",
                evidence=cause.strerror or str(cause),
                hint="Name a folder with more room (--temp-dir), or restore with --jobs 1, which needs none.",
            ) from cause
        yield path


@contextlib.contextmanager
def _nameless_or_private(folder: str | None) -> Iterator[tuple[IO[bytes], str]]:
    with contextlib.ExitStack() as stack:
        try:
            file, path = _open(folder, stack)
        except OSError as cause:
            raise ServiceError(
                f"cannot make a temporary file in {folder or tempfile.gettempdir()}",
                evidence=cause.strerror or str(cause),
                hint="Name another folder (--temp-dir), or restore with --jobs 1, which needs none.",
            ) from cause
        yield file, path


def _open(folder: str | None, stack: contextlib.ExitStack) -> tuple[IO[bytes], str]:
    # Has no name where the system can do that (O_TMPFILE).
    nameless = stack.enter_context(tempfile.TemporaryFile(dir=folder, prefix="mxpc-"))  # noqa: SIM115 - the stack has it
    path = f"/proc/{os.getpid()}/fd/{nameless.fileno()}"
    if Path(path).is_file():
        return nameless, path
    private = stack.enter_context(tempfile.TemporaryDirectory(dir=folder, prefix="mxpc-"))
    named = Path(private) / "dump.backup"
    return stack.enter_context(named.open("w+b")), str(named)
