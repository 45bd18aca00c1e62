"""The chart as helm renders it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster.api import Manifest

CHART = Path(__file__).resolve().parents[2] / "charts" / "mxpc-backup"
ENVIRONMENT = "app-1b2c3d4e"
KUBERNETES = "1.27.0"
"""The oldest that the chart is for. A helm that Go has built by itself takes a much older one for granted."""
REQUIRED: dict[str, Any] = {"environment": ENVIRONMENT, "image": {"repository": "registry.example.com/mxpc"}}


class Refusal(Exception):
    """What helm says of values that it refuses."""


class Chart:
    """Renders for a namespace; the release is named `nightly`."""

    def __init__(self, helm: Path, namespace: str = "mendix") -> None:
        self._helm = helm
        self._namespace = namespace

    def render(self, values: Mapping[str, Any] = REQUIRED) -> dict[str, Manifest]:
        """The objects by their kinds, of which there is one each."""
        options = ["--namespace", self._namespace, "--kube-version", KUBERNETES, "--values", "-"]
        command = [self._helm, "template", "nightly", CHART, *options]
        ended = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=False)
        if ended.returncode:
            raise Refusal(ended.stderr)
        objects = [one for one in yaml.safe_load_all(ended.stdout) if one]
        assert len(objects) == len({one["kind"] for one in objects})
        return {one["kind"]: one for one in objects}

    def lint(self) -> str:
        """What `helm lint --strict` has to say, which is nothing when it passes."""
        command = [self._helm, "lint", "--strict", "--quiet", CHART, "--kube-version", KUBERNETES, "--values", "-"]
        return subprocess.run(command, input=json.dumps(REQUIRED), capture_output=True, text=True, check=False).stdout


def installable_copy(folder: Path) -> Path:
    """The chart in a new folder, for helm to install: a server that Go has built by itself does not know its version,
    so this copy asks for none."""
    shutil.copytree(CHART, folder)
    facts = (CHART / "Chart.yaml").read_text()
    (folder / "Chart.yaml").write_text(re.sub(r"^kubeVersion: .*$", "", facts, flags=re.MULTILINE))
    return folder


def pod_of(objects: Mapping[str, Manifest]) -> Manifest:
    """What a run of the CronJob starts."""
    template: Manifest = objects["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]
    return template


def container_of(objects: Mapping[str, Manifest]) -> Manifest:
    """Its only container."""
    (container,) = pod_of(objects)["spec"]["containers"]
    return dict(container)
