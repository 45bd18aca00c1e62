"""Reads archives in a process of its own, and says of each what came of it, how long it took and what memory.

    python -m hostile.reading FOLDER

For every file of the folder one line of JSON. The process may not have more than `LIMIT` of address space.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from mxpc.archive.layout import Place
from mxpc.archive.reader import ArchiveReader
from mxpc.archive.scan import scan
from mxpc.errors import ArchiveError
from mxpc.ports import ByteReader

LIMIT = 4 << 30


def main(folder: Path) -> None:
    """See above."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    for path in sorted(folder.iterdir()):
        print(json.dumps({"name": path.name, **outcome(path)}), flush=True)


def outcome(path: Path) -> dict[str, Any]:
    """What `scan` said, seconds, and mebibytes above what the process had before."""
    before, begun = _reset_peak(), time.monotonic()
    result = _scanned(path)
    seconds = time.monotonic() - begun
    return {**result, "seconds": round(seconds, 2), "mebibytes": (_status("VmHWM") - before) >> 10}


def _scanned(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            summary = scan(stream)
    except ArchiveError as error:
        return {"error": f"{error.what}\n{error.evidence}", "hint": error.hint}
    except BaseException as error:
        return {"escaped": f"{type(error).__name__}: {error}"}
    return {
        "notes": summary.notes,
        "extra_count": summary.extra_count,
        "extras": summary.extra_entries[:10],
        "metadata": summary.metadata,
        "content": _content(path) if summary.extra_count < 1000 else None,
    }


def _content(path: Path) -> dict[str, str]:
    with path.open("rb") as stream, ArchiveReader(stream) as reader:
        return {entry.blob or "dump": _digest(entry) for entry in reader if entry.place in (Place.DUMP, Place.BLOB)}


def _digest(stream: ByteReader) -> str:
    digest = hashlib.sha256()
    while data := stream.read(1 << 18):
        digest.update(data)
    return digest.hexdigest()


def _reset_peak() -> int:
    """Kilobytes now; the peak begins here."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise AssertionError(key)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
