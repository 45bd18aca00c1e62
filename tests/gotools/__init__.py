"""helm and actionlint, built once with Go at pinned versions, shared by all runs."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from servers import ServerUnavailable, fetched

MODULE = Path(__file__).parent / "module"
"""A Go module that names both as its tools; go.sum has the hashes of everything below them."""

PACKAGES = {"helm": "helm.sh/helm/v3/cmd/helm", "actionlint": "github.com/rhysd/actionlint/cmd/actionlint"}
BUILD_SECONDS = 20 * 60
"""Ten times what two cores need."""


def go_tool(name: str) -> Path:
    """The program. Raises ServerUnavailable where there is no Go."""
    digest = hashlib.sha256((MODULE / "go.mod").read_bytes() + (MODULE / "go.sum").read_bytes()).hexdigest()[:12]
    return fetched(f"{name}-{digest}", lambda work: _build(name, work / "bin")) / name


def _build(name: str, target: Path) -> Path:
    """Go needs the surroundings of whoever started us: proxies, certificates, module proxy. Two packages at a time."""
    if not (go := shutil.which("go")):
        raise ServerUnavailable(f"{name} is built with Go, which is not installed")
    target.mkdir()
    options = ["-p", "2", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"]
    try:
        subprocess.run(
            [go, "build", *options, "-o", f"{target}/", PACKAGES[name]],
            cwd=MODULE, check=True, capture_output=True, text=True, timeout=BUILD_SECONDS,
        )  # fmt: skip
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        lines = str(error.stderr or error).strip().splitlines()
        raise ServerUnavailable(f"go could not build {name}: {lines[-1] if lines else ''}") from error
    return target
