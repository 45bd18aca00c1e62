"""What the command needs to run: everything in requirements/runtime.txt, with versions, hashes and licences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

PROJECT = Path(__file__).resolve().parent.parent

SYSTEMS = ("linux", "darwin", "win32")
PYTHONS = ("3.11", "3.12", "3.13")
NOT_INSTALLED_HERE = {"tzdata": "Apache-2.0"}
"""Packages of other systems, whose metadata cannot be read on Linux."""

LONG_NAMES = {
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "BSD-3-Clause License": "BSD-3-Clause",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}
"""How older metadata says what a short name says."""


@dataclass(frozen=True)
class Dependency:
    """A package as it is pinned; `hashes` are the SHA-256 of all its files."""

    name: str
    version: str
    licence: str
    hashes: tuple[str, ...]


def dependencies(pins: Path = PROJECT / "requirements/runtime.txt") -> list[Dependency]:
    """Those that a supported system installs, by name. Raises LookupError for one without a known licence."""
    found = []
    for requirement, hashes in pinned(pins.read_text()):
        if any(applies(requirement, system, python) for system in SYSTEMS for python in PYTHONS):
            version = str(requirement.specifier).removeprefix("==")
            found.append(Dependency(requirement.name, version, licence(requirement.name), hashes))
    return sorted(found, key=lambda one: one.name)


def pinned(text: str) -> Iterator[tuple[Requirement, tuple[str, ...]]]:
    """Each requirement with its hashes."""
    for line in text.replace("\\\n", " ").splitlines():
        if line and not line.startswith("#"):
            words = line.partition(" --hash")[0]
            yield Requirement(words.strip()), tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))


def applies(requirement: Requirement, system: str, python: str) -> bool:
    """Whether pip would install it there."""
    there = {"sys_platform": system, "python_version": python, "python_full_version": f"{python}.0"}
    return requirement.marker is None or requirement.marker.evaluate(there)


def licence(name: str) -> str:
    """The short name of its licence."""
    if name in NOT_INSTALLED_HERE:
        return NOT_INSTALLED_HERE[name]
    said: dict[str, Any] = dict(metadata.metadata(name).json)
    if expression := said.get("license_expression"):
        return str(expression)
    classified = [one.rpartition(" :: ")[2] for one in said.get("classifier", ()) if one.startswith("License ::")]
    names = [LONG_NAMES[one] for one in classified if one in LONG_NAMES]
    short = str(said.get("license") or "")
    if names:
        return " OR ".join(names)
    if short and "\n" not in short and len(short) < 40:
        return LONG_NAMES.get(short, short)
    raise LookupError(f"{name} does not tell its licence: look it up and write it into release/dependencies.py")
