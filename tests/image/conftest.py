"""The container image as `build.py` left it, and its entry point as `run.sh` starts it. All have the marker `image`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from servers import require

BUILT = Path(__file__).resolve().parents[2] / ".cache" / "image"
RUN = Path(__file__).with_name("run.sh")

NOTHING: Mapping[str, str] = {}
Run = Callable[..., subprocess.CompletedProcess[str]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder has the marker; none can forget it."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.image)


@pytest.fixture(scope="session")
def image_root() -> Path:
    """Its root file system."""
    root = BUILT / "root"
    if not root.is_dir():
        require("no image was built: make test-image")
    return root.resolve()


@pytest.fixture(scope="session")
def image_config(image_root: Path) -> dict[str, Any]:
    """What the image says of itself: User, Entrypoint, Labels."""
    described = json.loads((BUILT / "image.json").read_text())
    config: dict[str, Any] = described["OCIv1"]["config"]
    return config


@pytest.fixture
def run(image_root: Path, tmp_path: Path) -> Run:
    """Runs the entry point over `tmp_path/volume`, which is at /backup; keywords are settings of run.sh."""
    volume = tmp_path / "volume"
    volume.mkdir()

    def start(
        *arguments: str, variables: Mapping[str, str] = NOTHING, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "MXPC_IMAGE_BACKUP": str(volume)}
        environment |= {f"MXPC_IMAGE_{name.upper()}": value for name, value in settings.items()} | variables
        return subprocess.run(
            [RUN, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    return start
