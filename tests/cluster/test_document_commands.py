"""The lines for kubectl and helm that the documents show, before the real API server."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.charts import installable_copy
from cluster.environments import StoredEnvironment
from cluster.mendix import VERSION
from documents.commands import PAGES, command_lines

SHOWN = ("helm install", "kubectl -n mendix create job", "kubectl -n mendix patch", "kubectl get mendixapps")
Run = Callable[[str], str]


def shown(beginning: str) -> list[str]:
    """The lines of all documents that begin so."""
    return sorted({line.text for page in PAGES for line in command_lines(page) if line.text.startswith(beginning)})


@pytest.fixture
def run(stored: StoredEnvironment, helm: Path, admin_kubeconfig: Path, tmp_path: Path) -> Run:
    """Runs a line with the names of a namespace and an environment that are there, as the administrator."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(stored.namespace.cluster.binaries.kubectl)
    (programs / "helm").symlink_to(helm)
    installable_copy(tmp_path / "charts" / "mxpc-backup")
    surroundings = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path), "KUBECONFIG": str(admin_kubeconfig)}

    def run(line: str) -> str:
        for name in ("-n", "--namespace"):
            line = line.replace(f"{name} mendix ", f"{name} {stored.namespace.name} ")
        line = line.replace("sample-dev-1b2c3d4e", stored.name)
        ended = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, f"{line}\n{ended.stderr}"
        return ended.stdout

    return run


@pytest.mark.parametrize("beginning", SHOWN)
def test_each_is_shown_once_or_always_alike(beginning: str) -> None:
    assert len(shown(beginning)) == 1


def test_the_chart_is_installed_and_makes_a_backup_now(run: Run, stored: StoredEnvironment) -> None:
    run(shown("helm install")[0])
    run(shown("kubectl -n mendix create job")[0])
    (job,) = stored.namespace.admin.list("batch/v1", "Job", stored.namespace.name)
    assert job["metadata"]["name"] == "backup-now"


def test_the_app_is_stopped_by_hand(run: Run, stored: StoredEnvironment) -> None:
    name, namespace = stored.name, stored.namespace
    namespace.admin.patch(VERSION, "MendixApp", name, {"spec": {"replicas": 2}}, namespace.name)
    run(shown("kubectl -n mendix patch")[0])
    assert stored.app()["spec"]["replicas"] == 0


def test_environments_are_listed_with_their_internal_names(run: Run, stored: StoredEnvironment) -> None:
    header, *rows = run(shown("kubectl get mendixapps")[0]).splitlines()
    assert "NAME" in header.split()
    assert [stored.namespace.name, stored.name] in [row.split()[:2] for row in rows]
