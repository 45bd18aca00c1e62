"""Make a virtual environment, also where Python comes without ensurepip (Debian without python3-venv).

Usage: make_venv.py FOLDER. Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

ADVICE = """\
This Python ({python}) cannot make a virtual environment: it has neither ensurepip, pip nor virtualenv.
Install one of them and run make again, for example
    apt-get install python3-venv        (Debian, Ubuntu)
or name another Python: make PYTHON=/path/to/python3.12
"""


def main(folder: Path) -> int:
    """Make the environment with the first of ensurepip, pip and virtualenv that there is; one that works stays."""
    if works(folder):
        return 0
    shutil.rmtree(folder, ignore_errors=True)
    for module, make in (("ensurepip", with_ensurepip), ("pip", with_pip), ("virtualenv", with_virtualenv)):
        if importlib.util.find_spec(module) and importlib.util.find_spec("venv") and make(folder):
            return 0
        shutil.rmtree(folder, ignore_errors=True)
    sys.stderr.write(ADVICE.format(python=sys.executable))
    return 1


def works(folder: Path) -> bool:
    """Whether there is an environment with pip and a Python that is new enough."""
    python = folder / "bin" / "python"
    check = "import pip, sys; sys.exit(sys.version_info < (3, 11))"
    return python.exists() and subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0


def with_ensurepip(folder: Path) -> bool:
    """The ordinary way."""
    return run("-m", "venv", str(folder))


def with_pip(folder: Path) -> bool:
    """Let the outer pip put a pip into an environment without one."""
    inner = str(folder / "bin" / "python")
    return run("-m", "venv", "--without-pip", str(folder)) and run("-m", "pip", "--python", inner, "install", "pip")


def with_virtualenv(folder: Path) -> bool:
    """virtualenv carries a pip of its own."""
    return run("-m", "virtualenv", "--quiet", str(folder))


def run(*arguments: str) -> bool:
    """Run this Python; whether it ended well."""
    return subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
