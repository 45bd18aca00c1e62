"""What is in a release, as CycloneDX 1.6 in JSON. Usage: python -m release.sbom FILE."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from release.dependencies import PROJECT, Dependency, dependencies
from release.versions import version_of

NAME = "mxpc-backup-restore-cli"


def document() -> dict[str, Any]:
    """The package and everything that pip installs along."""
    version = version_of(PROJECT)
    ours = f"pkg:pypi/{NAME}@{version}"
    parts = [component(one) for one in dependencies()]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": ours,
                "name": NAME,
                "version": version,
                "purl": ours,
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": parts,
        "dependencies": [{"ref": ours, "dependsOn": [part["bom-ref"] for part in parts]}],
    }


def component(one: Dependency) -> dict[str, Any]:
    """Its hashes are of the files on the index, one for each system and Python."""
    address = f"pkg:pypi/{one.name}@{one.version}"
    files = [
        {"type": "distribution", "url": address, "hashes": [{"alg": "SHA-256", "content": digest}]}
        for digest in one.hashes
    ]
    return {
        "type": "library",
        "bom-ref": address,
        "name": one.name,
        "version": one.version,
        "purl": address,
        "licenses": [{"expression": one.licence}],
        "externalReferences": files,
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(document(), indent=2) + "\n")
