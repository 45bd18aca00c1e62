"""Backup and restore with credentials from the real API server, against real PostgreSQL and S3 servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.conftest import KubeconfigFor
from cluster.mendix import VERSION
from cluster.namespaces import Namespace
from e2e.environment import Content, LiveEnvironment
from mxpc.demo.data import Sample
from mxpc.demo.postgres import PostgresServer
from mxpc.demo.s3 import S3Server


class Login:
    """In the place of the small API that the other end-to-end tests use."""

    def __init__(self, kubeconfig: Path, token: str) -> None:
        self.kubeconfig_path = kubeconfig
        self.token = token
        self.objects: list[dict[str, Any]] = []


@pytest.fixture
def live(
    namespace: Namespace, kubeconfig_for: KubeconfigFor, postgres_15: PostgresServer, s3: S3Server, tmp_path: Path
) -> LiveEnvironment:
    """An empty environment; the login has exactly the documented role."""
    token = namespace.login().token()
    login: Any = Login(kubeconfig_for({"token": token}), token)
    environment = LiveEnvironment(postgres_15, s3, login, tmp_path, namespace=namespace.name)
    namespace.put(environment.objects)
    return environment


def test_everything_comes_back_after_everything_was_lost(live: LiveEnvironment) -> None:
    sample: Sample = live.fill(documents=30)
    before = live.content()
    path = live.home / "backup.tar.gz"
    made = live.run("backup", "-f", path, "-o", "json").expect(0).json()
    assert made["file_count"] == len(sample.blobs)
    live.destroy()

    live.run("restore", "-f", path).expect(0)

    wanted = {live.layout.key(blob): digest for blob, digest in sample.blobs.items()}
    assert Content(before.database, wanted).changes(live.content()) == []


def test_restore_is_refused_while_the_app_runs(live: LiveEnvironment, namespace: Namespace) -> None:
    live.fill()
    path = live.home / "backup.tar.gz"
    live.run("backup", "-f", path).expect(0)
    before = live.content()
    namespace.admin.patch(VERSION, "MendixApp", live.name, {"spec": {"replicas": 2}}, namespace.name)

    live.run("restore", "-f", path).expect(5, "replicas")

    assert before.changes(live.content()) == []
    live.run("restore", "-f", path, "--allow-running").expect(0)


def test_credentials_that_were_written_serve_where_there_is_no_kubernetes(live: LiveEnvironment) -> None:
    live.fill()
    live.run("credentials", "-n", live.namespace, "-e", live.name, "--to", live.home / "keys").expect(0)
    nowhere = {"KUBECONFIG": "/nonexistent/kubeconfig"}
    path = live.home / "backup.tar.gz"
    live.run("backup", "--credentials-dir", live.home / "keys", "-f", path, env=nowhere).expect(0)
    live.run("verify", "-f", path).expect(0)
