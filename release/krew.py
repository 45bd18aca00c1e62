"""The kubectl plugin of a release: `python -m release.krew URL FOLDER`.

Krew unpacks .tar.gz and .zip, not .tar.bz2: so each single-file program of FOLDER that is there is packed once more,
with the licence, and `mxpc.yaml` gets its address below URL and its SHA-256. Standard library only.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import sys
import tarfile
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
NAME = "mxpc-backup-restore-cli"
PLATFORMS = {
    f"{NAME}-linux.tar.bz2": ("linux", "amd64"),
    f"{NAME}-linux-arm64.tar.bz2": ("linux", "arm64"),
    f"{NAME}-macos.tar.bz2": ("darwin", "arm64"),
    f"{NAME}-windows.zip": ("windows", "amd64"),
}
"""The program for macOS runs on the processors of its build machine, which are arm64."""

HEAD = """\
# Made by `python -m release.krew`.
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: mxpc
spec:
  version: v{version}
  homepage: {homepage}
  shortDescription: Back up and restore Mendix environments
  description: |
    Backup and restore of Mendix for Private Cloud environments: database and files of
    one moment into one archive in Mendix Cloud's format, and back.
  platforms:
"""
PLATFORM = """\
  - selector:
      matchLabels:
        os: {system}
        arch: {processor}
    uri: {url}/{file}
    sha256: {digest}
    bin: {program}
    files:
    - from: {program}
      to: .
    - from: LICENSE
      to: .
"""


def main(url: str, folder: Path) -> Path:
    """Write archives and manifest; raises SystemExit when there is no program at all."""
    text = HEAD.format(version=_version(), homepage=url.partition("/releases/")[0])
    found = [(name, where) for name, where in PLATFORMS.items() if (folder / name).exists()]
    if not found:
        raise SystemExit(f"{folder} has no single-file program")
    for name, (system, processor) in found:
        program = "kubectl-mxpc.exe" if system == "windows" else "kubectl-mxpc"
        archive = folder / f"kubectl-mxpc-{system}-{processor}.{'zip' if system == 'windows' else 'tar.gz'}"
        pack(archive, program, content_of(folder / name))
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        text += PLATFORM.format(
            system=system, processor=processor, url=url, file=archive.name, digest=digest, program=program
        )
    manifest = folder / "mxpc.yaml"
    manifest.write_text(text)
    return manifest


def _version() -> str:
    found = re.search(r'^__version__ = "([^"]+)"$', (PROJECT / "src/mxpc/__init__.py").read_text(), re.MULTILINE)
    assert found, "the package has a version"
    return found[1]


def content_of(archive: Path) -> bytes:
    """The program in it; there is nothing else."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            return packed.read(packed.namelist()[0])
    with tarfile.open(archive) as tar:
        stream = tar.extractfile(tar.getmembers()[0])
        assert stream is not None, "it is a file"
        return stream.read()


def pack(archive: Path, program: str, content: bytes) -> None:
    """The same bytes for the same program: no times, no users."""
    files = {program: (content, 0o755), "LICENSE": ((PROJECT / "LICENSE").read_bytes(), 0o644)}
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, (data, _) in files.items():
                packed.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
        return
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w") as tar,
    ):
        for name, (data, mode) in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), mode
            tar.addfile(member, io.BytesIO(data))


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), Path(sys.argv[2]))
