"""Wheel and sdist: the same bytes from every clone, and in them what belongs there and nothing else."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from packaging.metadata import Metadata
from packaging.requirements import Requirement

from release.trouble import Wrong
from release.versions import version_of


def check(project: Path, work: Path) -> str:
    """Build in two clones at paths and under file modes of their own, and the wheel from the sdist once more."""
    first = build(clone(project, work / "a", 0o022), work / "dist")
    second = build(clone(project, work / "another-path", 0o077), work / "dist-2")
    for name, digest in first.items():
        if second.get(name) != digest:
            raise Wrong(f"{name} differs between two clones")
    sdist = next((work / "dist").glob("*.tar.gz"))
    with tarfile.open(sdist) as tar:
        tar.extractall(work / "unpacked", filter="data")
    from_sdist = build(next((work / "unpacked").iterdir()), work / "dist-3", "wheel")
    name = next(iter(from_sdist))
    if from_sdist[name] != first[name]:
        raise Wrong("the wheel that is built from the sdist is another than the one from a clone")
    return ", ".join(f"{name} {digest[:12]}" for name, digest in first.items())


def clone(project: Path, target: Path, mask: int) -> Path:
    """The files that git knows, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=project, check=True, capture_output=True, text=True)
    before = os.umask(mask)
    try:
        for name in filter(None, listed.stdout.split("\0")):
            if (project / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(project / name, target / name)
    finally:
        os.umask(before)
    return target


def build(folder: Path, target: Path, *kinds: str) -> dict[str, str]:
    """SHA-256 of each file that is built, by its name. The clock is that of the last commit, as in the workflow."""
    options = [word for kind in kinds for word in ("-t", kind)]
    environment = os.environ | {"SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", "1577836800")}
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", *options, "-d", target],
        cwd=folder, env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(target.iterdir())}


def check_contents(project: Path, work: Path) -> str:
    """Names in the wheel, and metadata by the rules of the package index."""
    version = version_of(project)
    wheel = work / "dist" / f"mxpc_backup_restore_cli-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        information = f"mxpc_backup_restore_cli-{version}.dist-info"
        metadata = Metadata.from_email(archive.read(f"{information}/METADATA"), validate=True)
        scripts = archive.read(f"{information}/entry_points.txt").decode()
    check_names(project, names, information)
    check_metadata(metadata, version)
    if "mxpc-backup-restore-cli = mxpc.cli:main" not in scripts:
        raise Wrong(f"the entry points are {scripts!r}")
    return f"{len(names)} files, {wheel.stat().st_size:,} bytes"


def check_names(project: Path, names: set[str], information: str) -> None:
    """Every file of src that git knows, the licence, and nothing else."""
    listed = subprocess.run(["git", "ls-files", "src"], cwd=project, check=True, capture_output=True, text=True)
    wanted = {name.removeprefix("src/") for name in listed.stdout.split() if (project / name).exists()}
    wanted |= {f"{information}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")}
    wanted.add(f"{information}/licenses/LICENSE")
    if names != wanted:
        raise Wrong(f"missing: {sorted(wanted - names)}; should not be there: {sorted(names - wanted)}")


def check_metadata(metadata: Metadata, version: str) -> None:
    """What the index shows, and what pip installs along."""
    if (metadata.name, str(metadata.version)) != ("mxpc-backup-restore-cli", version):
        raise Wrong(f"the wheel is of {metadata.name} {metadata.version}")
    if metadata.license_expression != "Apache-2.0" or metadata.description_content_type != "text/markdown":
        raise Wrong("licence or kind of description is not what pyproject.toml says")
    loose = [str(one) for one in needed(metadata) if not one.specifier]
    if loose:
        raise Wrong(f"requirements without a lowest version: {loose}")


def needed(metadata: Metadata) -> list[Requirement]:
    """What is installed along without any extra."""
    return [one for one in metadata.requires_dist or [] if "extra" not in str(one.marker or "")]
