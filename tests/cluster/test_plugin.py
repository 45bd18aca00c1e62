"""`kubectl mxpc`: a real kubectl finds the command, passes on what was typed, and completes it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cluster.conftest import KubeconfigFor
from cluster.environments import StoredEnvironment
from cluster.mendix import DOCUMENTED_ROLE
from cluster.namespaces import Namespace
from cluster.server import Cluster
from mxpc.demo.kubernetes_objects import GROUP
from surroundings import clean_environment

LIST_APPS = {"apiGroups": [GROUP], "resources": ["mendixapps"], "verbs": ["list"]}


class Kubectl:
    """With a kubeconfig, and the installed command on its PATH."""

    def __init__(self, program: Path, kubeconfig: Path, home: Path) -> None:
        self._program = program
        self._environment = clean_environment(home, KUBECONFIG=str(kubeconfig))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """To its end."""
        command = [self._program, *words]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False, timeout=60)

    def completed(self, *words: str) -> list[str]:
        """What a shell is offered behind `kubectl WORDS`, the last of which is unfinished; at the end the directive."""
        lines = self.run("__complete", *words).stdout.splitlines()
        return [line.partition("\t")[0] for line in lines]


@pytest.fixture
def stored(namespace: Namespace) -> StoredEnvironment:
    """An environment in Kubernetes alone."""
    return StoredEnvironment(namespace)


@pytest.fixture
def kubectl(cluster: Cluster, stored: StoredEnvironment, kubeconfig_for: KubeconfigFor, tmp_path: Path) -> Kubectl:
    """As a login with the documented role, which may list the environments besides."""
    kubeconfig = kubeconfig_for(stored.namespace.login([*DOCUMENTED_ROLE, LIST_APPS]))
    return Kubectl(cluster.binaries.kubectl, kubeconfig, tmp_path)


def test_kubectl_runs_the_plugin(kubectl: Kubectl, stored: StoredEnvironment, tmp_path: Path) -> None:
    assert kubectl.run("mxpc", "backup", "--help").stdout.startswith("Usage: kubectl mxpc backup ")
    done = kubectl.run("mxpc", "credentials", *stored.names, "--to", str(tmp_path / "keys"))
    assert done.returncode == 0, done.stderr
    assert kubectl.run("mxpc", "verify", "-f", str(tmp_path / "none")).returncode == 2


def test_kubectl_completes_commands_options_and_files(kubectl: Kubectl) -> None:
    assert kubectl.completed("mxpc", "rest") == ["restore", ":4"]
    assert kubectl.completed("mxpc", "restore", "--stop-a") == ["--stop-app", ":4"]
    assert kubectl.completed("mxpc", "verify", "-f", "") == [":0"]


def test_kubectl_completes_environments(kubectl: Kubectl, stored: StoredEnvironment) -> None:
    namespace = stored.namespace.name
    assert kubectl.completed("mxpc", "backup", "-n", namespace, "-e", "app-") == [stored.name, ":4"]


def test_namespaces_that_may_not_be_listed_are_not_offered(kubectl: Kubectl, stored: StoredEnvironment) -> None:
    assert kubectl.completed("mxpc", "backup", "-n", "men") == [":4"]
