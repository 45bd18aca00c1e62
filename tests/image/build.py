"""Build the Dockerfile with buildah on a bare Debian, and leave the result's root file system in FOLDER/root.

Usage: build.py FOLDER. For `make test-image`: ends with 3 where that is impossible and CI is not set. No daemon and no
image registry are needed: the base image is made from Debian's packages.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SUITE = "trixie"
BASE = f"docker.io/library/debian:{SUITE}-slim"
IMAGE = "localhost/mxpc-backup-restore-cli"
PACKAGES = ("buildah", "mmdebstrap")
PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host")
"""What the build takes over from this machine's pip; the certificates come as a file of their own."""

SKIPPED = 3


class Impossible(Exception):
    """This machine cannot build; the text says what is missing."""


def main(folder: Path) -> int:
    """Build anew, but for the base, which is made once."""
    try:
        require_tools()
    except Impossible as reason:
        print(f"make: no image is built: {reason}", file=sys.stderr)
        return 1 if os.environ.get("CI") else SKIPPED
    folder.mkdir(parents=True, exist_ok=True)
    buildah = Buildah(folder)
    if not buildah.has(BASE):
        make_base(buildah, folder)
    with secrets_for_pip() as secrets:
        buildah("bud", "--pull-never", "--isolation", "chroot", "--tag", IMAGE, *secrets, *stamps(), str(PROJECT))
    container = buildah("from", "--pull-never", IMAGE)
    root = buildah("mount", container)
    link = folder / "root"
    link.unlink(missing_ok=True)
    link.symlink_to(root)
    (folder / "image.json").write_text(buildah("inspect", "--type", "image", IMAGE))
    return 0


class Buildah:
    """buildah with a store of its own, which needs neither overlay file systems nor user namespaces."""

    def __init__(self, folder: Path) -> None:
        store = folder / "store"
        self._command = ["buildah", "--storage-driver", "vfs", "--root", str(store), "--runroot", f"{store}-run"]

    def __call__(self, *arguments: str) -> str:
        """Standard output; what goes wrong ends the program with buildah's own words above."""
        result = subprocess.run([*self._command, *arguments], stdout=subprocess.PIPE, text=True, check=True)
        return result.stdout.strip()

    def has(self, image: str) -> bool:
        return bool(json.loads(self("images", "--json", "--filter", f"reference={image}") or "[]"))


def require_tools() -> None:
    """Root on Debian or Ubuntu gets them from there."""
    if os.geteuid() != 0:
        raise Impossible("it takes root (buildah's chroot isolation, mounts)")
    if all(map(shutil.which, PACKAGES)):
        return
    if not (apt := shutil.which("apt-get")):
        raise Impossible(f"{' and '.join(PACKAGES)} are not installed")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        if subprocess.run([apt, "-qq", *words], env=environment, stdout=subprocess.DEVNULL, check=False).returncode:
            raise Impossible(f"apt-get could not install {' and '.join(PACKAGES)}")


def make_base(buildah: Buildah, folder: Path) -> None:
    """What the base image holds, made the way its makers do it: a minimal Debian."""
    tar = folder / "base.tar"
    # Without a mirror it takes its own for the suite, updates and security included.
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", SUITE, tar], check=True)
    container = buildah("from", "scratch")
    buildah("add", "-q", container, str(tar), "/")
    buildah("commit", "-q", container, BASE)
    buildah("rm", container)
    tar.unlink()


def stamps() -> Iterator[str]:
    """The build arguments that a release gives."""
    sys.path.insert(0, str(PROJECT / "src"))
    from mxpc import __version__

    yield from ("--build-arg", f"VERSION={__version__}")


@contextlib.contextmanager
def secrets_for_pip() -> Iterator[list[str]]:
    """This machine's own ways to a package index: as build secrets they are in no layer."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], stdout=subprocess.PIPE, text=True, check=True
    )
    found = dict(line.split("=", 1) for line in listed.stdout.splitlines() if "=" in line)
    settings = {name.rpartition(".")[2]: value.strip("'") for name, value in found.items()}
    certificates = settings.get("cert") or "/etc/ssl/certs/ca-certificates.crt"
    lines = ["[global]", "cert = /run/secrets/ca.pem"]
    lines += [f"{name} = {settings[name]}" for name in PIP_SETTINGS if name in settings]
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as configuration:
        configuration.write("\n".join(lines) + "\n")
        configuration.flush()
        yield ["--secret", f"id=pip,src={configuration.name}", "--secret", f"id=ca,src={certificates}"]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
