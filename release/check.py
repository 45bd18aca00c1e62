"""What can be known of a release before it is one. `make release-check`; `TAG=v1.2.3 make release-check` for a tag.

Each check is a function that raises Wrong, which says what is wrong. Run by the Python of the virtual environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from release import built, installed, versions, workflows  # noqa: E402
from release.trouble import Wrong  # noqa: E402


def main() -> int:
    """Run all of them, also after one failed; the exit code says whether one did."""
    with tempfile.TemporaryDirectory(prefix="release-check-") as folder:
        work = Path(folder)
        checks: dict[str, Callable[[], str]] = {
            "version, changelog, chart": lambda: versions.check(PROJECT, os.environ.get("TAG") or None),
            "workflows": lambda: workflows.check(PROJECT),
            "wheel and sdist are reproducible": lambda: built.check(PROJECT, work),
            "wheel's contents and metadata": lambda: built.check_contents(PROJECT, work),
            "installed without anything of development": lambda: installed.check(PROJECT, work),
        }
        return 1 if [name for name, check in checks.items() if not passed(name, check)] else 0


def passed(name: str, check: Callable[[], str]) -> bool:
    """Print what came of it."""
    begun = time.monotonic()
    try:
        said = check()
    except Wrong as wrong:
        print(f"WRONG  {name}: {wrong}", file=sys.stderr)
        return False
    except subprocess.CalledProcessError as error:
        command = " ".join(map(str, error.cmd))
        print(f"WRONG  {name}: {command} ended with {error.returncode}\n{error.stderr or ''}", file=sys.stderr)
        return False
    print(f"ok     {name} ({time.monotonic() - begun:.0f} s): {said}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
