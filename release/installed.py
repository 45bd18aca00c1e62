"""The wheel in an empty virtual environment: what runs there runs for those who install it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from release.trouble import Wrong
from release.versions import version_of

IMPORT_ALL = """
import importlib, pkgutil, mxpc
names = [one.name for one in pkgutil.walk_packages(mxpc.__path__, "mxpc.") if not one.name.startswith("mxpc.demo")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names))
"""
"""The demo is left out: its servers come with the extra `demo`, and it says so when they are missing."""


def check(project: Path, work: Path) -> str:
    """Install the pinned requirements and the wheel, import every module, start every command."""
    python = work / "venv" / "bin" / "python"
    subprocess.run([sys.executable, project / "requirements/make_venv.py", work / "venv"], check=True)
    pip: list[Path | str] = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run([*pip, "install", "--require-hashes", "-r", project / "requirements/runtime.txt"], work)
    run([*pip, "install", "--no-deps", "--no-index", next((work / "dist").glob("*.whl"))], work)
    run([*pip, "check"], work)
    modules = run([python, "-W", "error", "-c", IMPORT_ALL], work).strip()
    commands = check_command(python.with_name("mxpc-backup-restore-cli"), project, work)
    check_demo(python.with_name("mxpc-backup-restore-cli"), work)
    return f"{modules} modules imported, {commands} commands answer"


def check_command(program: Path, project: Path, work: Path) -> int:
    """The version, every command's help, and one that does its work."""
    if run([program, "--version"], work) != f"mxpc-backup-restore-cli {version_of(project)}\n":
        raise Wrong("--version does not tell the version")
    overview = run([program, "--help"], work)
    listed = overview.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    commands = [line.split()[0] for line in listed if line.startswith("  ") and not line.startswith("   ")]
    if "backup" not in commands:
        raise Wrong(f"--help lists {commands}")
    for command in commands:
        run([program, command, "--help"], work)
    run([program, "verify", "-f", project / "tests/assets/archives/python-pax.tar.gz"], work)
    return len(commands)


def check_demo(program: Path, work: Path) -> None:
    """Without its extra it says what to install, and is no bug."""
    ended = subprocess.run([program, "demo"], cwd=work, env={}, capture_output=True, text=True, check=False)
    if ended.returncode != 2 or "demo" not in ended.stderr:
        raise Wrong(f"demo without its extra ends with {ended.returncode}: {ended.stderr.strip()[-300:]}")


def run(command: list[Path | str], work: Path) -> str:
    """Standard output of a program without anything of ours in its surroundings but how pip finds packages."""
    result = subprocess.run(command, cwd=work, check=True, capture_output=True, text=True)
    return result.stdout
