"""One version: src/mxpc/__init__.py has it, and what has to repeat it says the same."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from release.trouble import Wrong


def version_of(project: Path) -> str:
    """The version, read as the build reads it: without an import."""
    found = re.search(r'^__version__ = "([^"]+)"$', (project / "src/mxpc/__init__.py").read_text(), re.MULTILINE)
    if not found:
        raise Wrong("src/mxpc/__init__.py has no line __version__ = …")
    return found[1]


def check(project: Path, tag: str | None) -> str:
    """Chart and changelog; for a tag, that it is this version's and that the changelog no longer says unreleased."""
    version = version_of(project)
    chart = yaml.safe_load((project / "charts/mxpc-backup/Chart.yaml").read_text())
    for key in ("version", "appVersion"):
        if chart[key] != version:
            raise Wrong(f"{key} in charts/mxpc-backup/Chart.yaml is {chart[key]}, the version is {version}")
    title = re.search(rf"^## {re.escape(version)}( .*)?$", (project / "CHANGELOG.md").read_text(), re.MULTILINE)
    if not title:
        raise Wrong(f"CHANGELOG.md has no section {version}")
    if tag is not None:
        check_tag(version, tag, title[0])
    return version if tag is None else f"{version}, tag {tag}"


def check_tag(version: str, tag: str, title: str) -> None:
    """A tag is a promise: it names the version, and the changelog has its date."""
    if tag != f"v{version}":
        raise Wrong(f"the tag is {tag}, the version {version}: it must be v{version}")
    if not re.fullmatch(rf"## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", title):
        raise Wrong(f"CHANGELOG.md says {title!r}: a release says its day, ## {version} (2026-01-31)")
