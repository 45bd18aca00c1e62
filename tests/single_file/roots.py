"""Bare systems to run the single-file program in: as another user, with a read-only root, and only /tmp writable."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from e2e.environment import Ended
from servers import PROJECT

CACHE = Path(os.environ.get("MXPC_DIST_CACHE", PROJECT / ".cache" / "dist"))
SOMEBODY = 65532
"""No name in any user list; distroless images use this number for theirs."""
_ENTER = """
    set -e; root=$1; programs=$2; temporary=$3; shift 3
    mount --bind "$root" "$root"
    mount --bind -o ro "$programs" "$root/mxpc"
    mount --bind "$temporary" "$root/tmp"
    mount -t proc proc "$root/proc"
    mount --bind /dev "$root/dev"
    mount -o remount,bind,ro "$root"
    exec chroot --userspec=%d:%d "$root" "$@"
"""


class RootUnavailable(Exception):
    """A root cannot be made here; the text says why."""


@dataclass(frozen=True)
class Root:
    """A system's folder, and what is /tmp in it."""

    folder: Path
    temporary: Path

    def run(self, program: Path, *arguments: str, seconds: float = 120, **variables: str) -> Ended:
        """Run a program of ours, which is in /mxpc there, with exactly these variables."""
        inside = [f"/mxpc/{program.name}", *arguments]
        words = ["unshare", "--mount", "--propagation=private", "sh", "-c", _ENTER % (SOMEBODY, SOMEBODY), "sh"]
        done = subprocess.run(
            [*words, self.folder, program.parent, self.temporary, *inside],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
        return Ended(tuple(inside), done.returncode, done.stdout, done.stderr)


def debian_11() -> Path:
    """What `debootstrap` leaves: a shell and Perl, and neither Python nor libpq."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise RootUnavailable("a root of another system needs Linux and the user root")
    made = subprocess.run(
        [PROJECT / "standalone" / "debian_root.sh", CACHE / "debian-11"], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise RootUnavailable(f"debootstrap failed: {made.stderr.strip()}")
    return _with_places(CACHE / "debian-11")


def only_libc(debian: Path) -> Path:
    """The files of the package libc6 alone, as in a distroless image: no shell, no user list, no certificates."""
    folder = CACHE / "only-libc"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("lib", "lib64"):
        # Links into /usr, as Debian has them.
        (folder / "usr" / name).mkdir(parents=True)
        (folder / name).symlink_to(f"usr/{name}")
    (listing,) = (debian / "var/lib/dpkg/info").glob("libc6:*.list")
    for name in listing.read_text().splitlines():
        source, target = debian / name[1:], folder / name[1:]
        if not source.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    return _with_places(folder)


def _with_places(folder: Path) -> Path:
    for name in ("mxpc", "proc", "dev", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    return folder


def strangers(folder: Path) -> list[Path]:
    """What of Python and PostgreSQL is in a root after all."""
    names = ("python3", "pg_dump", "pg_restore")
    return [path for path in folder.rglob("*") if path.name in names or path.name.startswith("libpq")]
